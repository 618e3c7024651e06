"""Stage 5, evidence: it runs whatever happened before, and only reads."""

import pytest


@pytest.mark.criterion("E1")
def test_position_is_closed(canary, measure):
    """The position is closed (or kept, as planned), shown by position list, orders and history."""
    measure(canary.is_closed_or_kept())


@pytest.mark.criterion("E2")
def test_ledger_balances(canary, measure):
    """The account's ledger balances to the cent over the run."""
    measure(canary.ledger_balances())


@pytest.mark.criterion("E3")
def test_every_exchange_is_recorded(evidence, measure):
    """Every exchange, ticket and deal of the run is in the evidence, and nothing there is out of order."""
    measure(evidence.every_exchange_is_recorded())


@pytest.mark.criterion("E4")
def test_times_agree(evidence, measure):
    """All times agree with each other, after the offsets."""
    measure(evidence.times_agree())


@pytest.mark.criterion("E5")
def test_chain_is_whole(evidence, measure):
    """The chain is whole up to its seal, and every document written before it matches."""
    measure(evidence.chain_is_whole())
