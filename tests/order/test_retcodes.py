"""The table of retcodes: whole, and of one mind with what the gateway and the harness make of each."""

from __future__ import annotations

import pytest

from mt5canary.gateway import constants
from mt5canary.order.retcodes import RETCODES, explain, leaves_open

NAMED = {
    name: value
    for name, value in vars(constants).items()
    if name.startswith(("TRADE_RETCODE_", "RES_E_")) and isinstance(value, int)
}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_constant_of_the_package_is_in_the_table(name: str) -> None:
    """Each number of the MetaTrader5 package has its own name, a meaning, a kind and a next step."""
    entry = RETCODES[NAMED[name]]
    assert entry.name == name.removeprefix("TRADE_RETCODE_")
    assert entry.meaning
    assert entry.next_step


def test_what_the_documentation_alone_has_is_in_the_table() -> None:
    """10046 is documented and has no constant; 0 is what a passed check answers; 10005 and 10037 are not used."""
    assert {0, 10046} <= set(RETCODES)
    assert not {10005, 10037} & set(RETCODES)


@pytest.mark.parametrize("number", [10008, 10011, 10012, 10023, 10031, 10036, 10039, -1, -10001, -10002, -10005, 12345])
def test_outcomes_that_stay_open(number: int) -> None:
    """The ambiguous ones, those that need a look into the books, and a number that nobody knows."""
    assert leaves_open(number)
    assert "never send it again" in explain(number)


@pytest.mark.parametrize("number", [None, 0, 10004, 10006, 10009, 10010, 10014, 10016, 10018, 10019, 10027, -2, -8])
def test_outcomes_that_are_known(number: int | None) -> None:
    """A fill, and every refusal that came before anything was executed."""
    assert not leaves_open(number)


@pytest.mark.parametrize("number", [code for code, entry in RETCODES.items() if entry.kind == "retry"])
def test_what_may_be_tried_again_is_tried_in_another_run(number: int) -> None:
    """No next step tells anybody to send the same order again."""
    assert any(word in RETCODES[number].next_step for word in ("new run", "start anew", "then wait"))
