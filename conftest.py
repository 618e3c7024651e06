"""The plugins and fixtures of this repository, by name and in order."""

pytest_plugins = [
    "plugins.options",
    "plugins.stages",
    "plugins.outcomes",
    "plugins.completion_report",
    "fixtures.run",
    "fixtures.link",
    "fixtures.order",
    "fixtures.guardian",
]
