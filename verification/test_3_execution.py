"""Stage 3, execution: one order, and what the broker's own books show of it."""

import pytest


@pytest.mark.criterion("X1")
def test_symbol_may_be_traded(proposal, measure):
    """The symbol may be traded and its session is open."""
    measure(proposal.may_be_traded())


@pytest.mark.criterion("X2")
def test_volume_is_legal(proposal, measure):
    """The volume is the plan's, and legal for the symbol; nothing is rounded up."""
    measure(proposal.volume_is_legal())


@pytest.mark.criterion("X3")
def test_risk_is_inside_limits(proposal, measure):
    """Margin, leverage and worst loss are inside the plan's limits."""
    measure(proposal.risk_is_inside_limits())


@pytest.mark.criterion("X4")
def test_terminal_agrees(proposal, measure):
    """The terminal accepts this order in check, and refuses the impossible ones with the predicted retcodes."""
    measure(proposal.terminal_agrees())


@pytest.mark.criterion("X5")
def test_nothing_stands_in_the_way(proposal, measure):
    """The breaker is closed, the gateway is not halted, no orphan is left from an earlier run."""
    measure(proposal.nothing_stands_in_the_way())


@pytest.mark.criterion("X6")
def test_refusals_are_real(canary, trading_session, measure):
    """Halted, the gateway refuses; resumed, the terminal refuses 10014; nothing of either is in the books."""
    measure(canary.refusals_are_real(trading_session))


@pytest.mark.criterion("X7")
def test_order_is_sent_once_and_filled_with_a_ticket(canary, trading_session, measure):
    """The order was sent once and filled: ticket above zero, within the deadline."""
    measure(canary.fly(trading_session))


@pytest.mark.criterion("X8")
def test_history_holds_the_deal(canary, measure):
    """The history holds this run's deal, for this order, symbol, side, volume, magic and nonce."""
    measure(canary.history_holds_the_deal())


@pytest.mark.criterion("X9")
def test_price_is_the_markets(canary, measure):
    """The deal's price lies within the quotes around it, on the tick grid."""
    measure(canary.price_is_the_markets())


@pytest.mark.criterion("X10")
def test_one_position_belongs_to_the_order(canary, measure):
    """Exactly one new position and one opening deal belong to the order."""
    measure(canary.one_position_belongs_to_it())


@pytest.mark.criterion("X11")
def test_account_moved_as_it_must(canary, measure):
    """Margin, equity and balance moved as the contract says."""
    measure(canary.account_moved_as_it_must())
