"""The watch on the terminal: a live table where there is a person's terminal, a plain line a minute where not."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from mt5canary.errors import UsageProblem

if TYPE_CHECKING:  # the guardian loads when there is something to watch
    from mt5canary.guardian.status import Status
    from mt5canary.operation import Operation

PLAIN_SECONDS = 60.0
LIVE_SECONDS = 1.0


def facts(status: Status) -> dict[str, str]:
    """How the watch stands, by name."""
    psi = ", ".join(f"{name} {value:.3f}" for name, value in status.psi.items())
    p99 = "unproven (n=0)" if status.p99_ms is None else f"{status.p99_ms:.1f} ms"
    return {
        "left": str(datetime.timedelta(seconds=round(status.left_seconds))),
        "position": status.position or "NO POSITION",
        "P&L": "unknown" if status.profit is None else f"{status.profit:+.2f} {status.currency}",
        "P99": f"{p99} ({status.p99_claim}, n={status.probes}, over {status.probes_over}, share <= "
        f"{status.p99_bound:.2%})",
        "PSI": psi or "no check yet",
        "errors": str(status.errors),
        "breaker": "open" if status.breach else "closed",
    }


def summary(status: Status) -> str:
    """How the watch stands, in one line."""
    return "watch: " + ", ".join(f"{name} {value}" for name, value in facts(status).items())


class PlainDisplay:
    """A line a minute."""

    every = PLAIN_SECONDS

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def show(self, status: Status) -> None:
        """Write one line."""
        write(self._config, summary(status))

    def close(self) -> None:
        """Nothing to be undone."""


class LiveDisplay:
    """A table that stays where it is, over the latest events."""

    every = LIVE_SECONDS

    def __init__(self, config: pytest.Config, file: Any) -> None:
        from rich.console import Console
        from rich.live import Live

        self._config = config
        with _past_capture(config):  # whether it can draw on a terminal is settled here
            console = Console(file=file)
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        config.stash[LIVE] = self

    def show(self, status: Status) -> None:
        """Draw it anew."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title="the watch", show_header=False)
        for name, value in facts(status).items():
            table.add_row(name, Text(value))
        for event in status.events:
            table.add_row("event", Text(event), style="yellow")
        with _past_capture(self._config):
            self._live.start()
            self._live.update(table, refresh=True)

    def write(self, text: str) -> None:
        """Write a line above the table."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._config.stash[LIVE] = None
        with _past_capture(self._config):
            self._live.stop()


LIVE: pytest.StashKey[LiveDisplay | None] = pytest.StashKey()
"""The table on the terminal, while there is one."""


def _past_capture(config: pytest.Config) -> Any:
    capture = config.pluginmanager.get_plugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture is not None else nullcontext()


def write(config: pytest.Config, text: str) -> None:
    """Write one line to the terminal, past pytest's capture and above the table."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    live = config.stash.get(LIVE, None)
    with _past_capture(config):
        if live is not None:
            live.write(text)
            return
        reporter.ensure_newline()
        reporter.write_line(text)


def display_for(config: pytest.Config) -> PlainDisplay | LiveDisplay | None:
    """What this run's terminal can show; nothing with ``-q``."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("verbose") < 0:
        return None
    return LiveDisplay(config, reporter._tw._file) if reporter.isatty else PlainDisplay(config)


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as its parts; raises UsageProblem."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageProblem(f"--metrics {text!r}: must be HOST:PORT, such as 127.0.0.1:9464")
    return host.strip("[]"), int(port)


def surroundings(config: pytest.Config, operation: Operation) -> dict[str, Any]:
    """What a guardian shows itself by, as the command line asks: display, metrics, alerts."""
    from mt5canary.guardian.alert import Alert, words

    found: dict[str, Any] = {"display": display_for(config)}
    command, metrics = config.getoption("alert"), config.getoption("metrics")
    if command:
        failed: Callable[[str], object] = partial(operation.log, "alert", level="WARNING")
        found["alert"] = Alert(words(command), operation.id, failed)
    if metrics:
        from mt5canary.guardian.metrics import serve

        found["metrics"] = partial(serve, address(metrics))
    return found
