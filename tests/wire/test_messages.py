"""The messages: strict on what is needed, tolerant of the rest."""

import re
from pathlib import Path

import msgspec
import pytest

from mt5canary.wire import replies, requests
from mt5canary.wire.replies import REPLIES, AccountReply, OpenReply, PingReply, Reply
from mt5canary.wire.requests import REQUESTS, SIGNED_ACTIONS

PAGE = Path(__file__).parents[2] / "docs" / "wire-protocol.md"
ACCOUNT = {
    "uuid": "u",
    "status": "ok",
    "balance": 200,
    "equity": 200,
    "margin": 0,
    "free_margin": 200,
    "margin_level": 0,
    "currency": "USD",
}


def test_every_action_of_the_page_has_a_model() -> None:
    """The tables of the protocol's page and the models name the same actions."""
    rows = re.findall(r"^\| (`[A-Z_]+`(?: / `[A-Z_]+`)?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {action for row in rows for action in re.findall(r"[A-Z_]+", row)}

    assert named == set(REQUESTS)
    assert set(REPLIES) == set(REQUESTS.values())
    assert set(REQUESTS) > SIGNED_ACTIONS


def test_integers_stand_for_numbers_with_a_fraction() -> None:
    """A balance of 200 is a balance of 200.0."""
    assert isinstance(msgspec.convert(ACCOUNT, AccountReply).balance, float)


def test_unknown_fields_are_ignored() -> None:
    """A newer gateway may say more."""
    reply = msgspec.convert({**ACCOUNT, "weather": "fine", "extra": {"deep": [1]}}, AccountReply)

    assert reply.currency == "USD"


@pytest.mark.parametrize("name", [name for name in ACCOUNT if name != "uuid"])
def test_a_missing_field_is_named(name: str) -> None:
    """What we need and do not get is refused by name."""
    rest = {key: value for key, value in ACCOUNT.items() if key != name}

    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(rest, AccountReply)


@pytest.mark.parametrize(("name", "value"), [("balance", "200"), ("currency", 5), ("balance", None), ("balance", True)])
def test_an_ill_typed_field_is_named(name: str, value: object) -> None:
    """A number as text is no number."""
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({**ACCOUNT, name: value}, AccountReply)


@pytest.mark.parametrize(
    ("status", "success"),
    [("ok", True), ("FILLED", True), ("OK", True), ("error", False), ("ERROR", False), ("REJECTED", False)],
)
def test_only_the_protocols_words_are_a_status(status: str, success: bool) -> None:
    """Each status is a success or a refusal, and no other word is a status."""
    assert success == msgspec.convert({"uuid": "u", "status": status}, Reply).is_success
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"uuid": "u", "status": status + "!"}, Reply)


def test_a_fill_without_a_ticket_is_no_fill() -> None:
    """FILLED alone does not make an OpenReply."""
    with pytest.raises(msgspec.ValidationError, match="ticket"):
        msgspec.convert({"uuid": "u", "status": "FILLED", "symbol": "EURUSD", "volume": 0.001}, OpenReply)


def test_a_ping_without_a_clock_is_no_sign_of_life() -> None:
    """Part A requires server_time of PING."""
    with pytest.raises(msgspec.ValidationError, match="server_time"):
        msgspec.convert({"uuid": "u", "status": "ok"}, PingReply)


def test_models_are_immutable() -> None:
    """Nobody changes a message after it was read."""
    for module in (requests, replies):
        structs = [
            kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        ]
        assert all(kind.__struct_config__.frozen for kind in structs if kind is not msgspec.Struct)
