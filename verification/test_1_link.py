"""Stage 1, link: a remote, living, expected gateway."""

import pytest


@pytest.mark.criterion("L1")
def test_address_is_remote(link, measure):
    """No address the gateway resolves to is this host, its networks' broadcast, or unroutable."""
    measure(link.address_is_remote())


@pytest.mark.criterion("L2")
def test_connection_and_handshake_completed(link, measure):
    """The TCP connection and the ZMTP handshake completed, and who is at both ends."""
    measure(link.connection_is_complete())


@pytest.mark.criterion("L3")
def test_gateway_answers_this_client(link, measure):
    """Nonce and uuid come back, and the status is no error."""
    measure(link.answers_this_client())


@pytest.mark.criterion("L4")
def test_gateway_terminal_and_account_are_expected(link, measure):
    """Gateway, terminal and account are the plan's, connected, allowed to trade, in a market that moves."""
    measure(link.is_the_expected_one())


@pytest.mark.criterion("L5")
def test_clock_offsets_are_known(link, measure):
    """The gateway's and the trade server's offsets are known and within limits."""
    measure(link.clocks_agree())


@pytest.mark.criterion("L6")
def test_first_latency_figure(link, measure):
    """Enough round trips for a first latency figure, within limits, of a plausible shape."""
    measure(link.latency_is_plausible())
