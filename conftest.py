"""The plugins and fixtures of this repository, by name; each after those that it imports."""

pytest_plugins = [
    "plugins.completion_report",
    "plugins.options",
    "plugins.stages",
    "plugins.outcomes",
    "fixtures.run",
    "fixtures.link",
    "fixtures.order",
    "fixtures.guardian",
]
