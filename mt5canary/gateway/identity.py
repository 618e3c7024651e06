"""Who the gateway, its terminal and its account are: what ``HELLO`` says."""

from __future__ import annotations

import time
import uuid
from typing import Any, NamedTuple

from mt5canary import __version__
from mt5canary.gateway import reads, words
from mt5canary.gateway.results import AccountInfo, TerminalInfo
from mt5canary.gateway.terminal import AttachedTerminal

PROTOCOL = "4.3"


class Sighting(NamedTuple):
    """What the terminal said about itself and its account, the last time that it answered."""

    terminal: TerminalInfo
    account: AccountInfo


class Identity:
    """Knows who is there; ``sighting`` is kept for the time when the terminal does not answer."""

    def __init__(self, attached: AttachedTerminal) -> None:
        self._attached = attached
        self._instance = str(uuid.uuid4())
        self._started_at = time.time()
        self.sighting: Sighting | None = None

    def look(self) -> Sighting:
        """Ask the terminal. Raises Refusal."""
        account = reads.account_info(self._attached.interface)
        terminal = self._attached.interface.terminal_info()
        if terminal is None:
            raise reads.not_answered(self._attached.interface, "MT5_NOT_CONNECTED", "no terminal information")
        self.sighting = Sighting(terminal, account)
        return self.sighting

    def reconnect(self) -> None:
        """Try to attach to the terminal again."""
        self._attached.reconnect()

    def told(self, sighting: Sighting, connected: bool, capabilities: list[str]) -> dict[str, Any]:
        """The fields of ``HELLO``, without the halt."""
        terminal, account = sighting
        return {
            "protocol": PROTOCOL,
            "gateway": {
                "name": "mt5canary", "version": __version__, "instance": self._instance,
                "started_at": words.rfc3339(self._started_at),
            },
            "capabilities": capabilities,
            "terminal": {
                "kind": self._attached.kind, "name": terminal.name, "company": terminal.company,
                "build": terminal.build, "connected": connected, "trade_allowed": terminal.trade_allowed,
                "tradeapi_disabled": terminal.tradeapi_disabled, "ping_last_us": terminal.ping_last,
            },
            "account": {
                "login": account.login, "server": account.server, "company": account.company,
                "trade_mode": words.word(words.TRADE_MODES, account.trade_mode),
                "margin_mode": words.word(words.MARGIN_MODES, account.margin_mode),
                "leverage": account.leverage, "currency": account.currency,
                "trade_allowed": account.trade_allowed, "trade_expert": account.trade_expert,
            },
        }  # fmt: skip
