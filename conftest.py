"""The plugins and fixtures of this repository, registered under their names; each after those that it imports."""

from __future__ import annotations

from importlib import import_module

import pytest

PLUGINS = (
    "plugins.completion_report",
    "plugins.options",
    "plugins.stages",
    "plugins.outcomes",
    "fixtures.run",
    "fixtures.link",
    "fixtures.order",
    "fixtures.guardian",
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register them; ``pytest_plugins`` would look for each among the entry points of everything that is installed."""
    for name in PLUGINS:
        pluginmanager.register(import_module(name), name)
