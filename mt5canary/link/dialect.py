"""What may be said to one gateway, by what is known of it so far.

Some deployed expert advisors take any message that holds ``"action"`` for a market order, others one that holds the
word ``TRADE``. So without a declared protocol nothing is said; with one, ``HELLO`` goes first and alone; and to a
gateway that does not know ``HELLO`` only the base protocol's questions go, in frames without the dangerous words.
"""

from __future__ import annotations

from mt5canary.errors import Unproven

BASE_READS = frozenset({"PING", "GET_ACCOUNT", "GET_POSITIONS"})
"""The questions of the base protocol that hold no dangerous word (``SYNC_ALL`` does)."""

DANGEROUS_WORDS = (b"trade", b"execution", b"magic")

NO_PROTOCOL = (
    "the plan's target declares no protocol, so not one byte was sent: some deployed expert advisors take any message "
    'for an order. Say protocol: "4.3" where the gateway is known to speak it'
)
UPGRADE = "a gateway with the evidence profile (`mt5canary serve` beside the terminal) would show it"


class Dialect:
    """What one gateway has been found to speak; shared by every session to it."""

    def __init__(self, protocol: str | None) -> None:
        self._declared = protocol is not None
        self._hello_answered = False
        self.base_only = False

    def require(self, action: str, frame: bytes) -> None:
        """Raise Unproven, saying why, where a request may not be sent to this gateway."""
        if not self._declared:
            raise Unproven(NO_PROTOCOL)
        if self.base_only:
            self._require_base(action, frame)
        elif not self._hello_answered and action != "HELLO":
            raise Unproven(f"{action} was not sent: HELLO goes first and alone, and it was not answered")

    def _require_base(self, action: str, frame: bytes) -> None:
        if action not in BASE_READS:
            raise Unproven(f"{action} was not sent: the gateway answers HELLO with UNKNOWN_ACTION; {UPGRADE}")
        found = [word.decode() for word in DANGEROUS_WORDS if word in frame.lower()]
        if found:
            raise Unproven(f"{action} was not sent: it holds {', '.join(found)}, which some gateways take for an order")

    def answered(self, action: str) -> None:
        """Note a request that the gateway answered with a success."""
        self._hello_answered = self._hello_answered or action == "HELLO"

    def refused(self, action: str, code: str | None) -> None:
        """Note a request that the gateway refused: one that does not know ``HELLO`` speaks the base protocol."""
        if action == "HELLO" and code == "UNKNOWN_ACTION" and not self._hello_answered:
            self.base_only = True
