"""What is known about the position, and what a person must do."""

from __future__ import annotations

from mt5canary.evidence.position import report_position

ORDER = {"type": "BUY", "symbol": "EURUSD", "magic": 1196, "comment": "NONCE"}


def test_a_flat_run_asks_nothing_of_a_person(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """Flat is said plainly, with the last close behind it."""
    records.canary()

    position = report_position(records.all, verdict(order=order, flat=True))

    assert (position.needs_a_person, position.to_do) == (False, ())
    assert position.summary.startswith("Flat:")
    assert any(fact.startswith("last CLOSE_ALL") for fact in position.known)


def test_no_order_leaves_no_position(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """A run that sent no OPEN left nothing."""
    assert report_position(records.all, verdict()).summary.startswith("No order was sent")


def test_refused_orders_leave_no_position(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """REJECTED is an answer: nothing was executed."""
    records.exchange("OPEN", ORDER, {"status": "REJECTED", "error_code": "HALTED"})

    assert report_position(records.all, verdict()).summary.startswith("No order was filled")


def test_a_lost_reply_is_not_known_to_be_flat(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """An OPEN without an answer needs a person, who is told what to look for."""
    records.exchange("OPEN", ORDER, {"status": "REJECTED", "error_code": "HALTED"})
    records.exchange("OPEN", ORDER, None, failure="no reply within 15 s")

    position = report_position(records.all, verdict())

    assert position.needs_a_person
    assert position.summary.startswith("NOT KNOWN TO BE FLAT")
    assert "EURUSD with magic 1196 and comment NONCE" in position.to_do[0]


def test_an_error_is_not_a_refusal(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """``error`` leaves the outcome open, as the protocol has it."""
    records.exchange("OPEN", ORDER, {"status": "error", "error_code": "MT5_TIMEOUT"})

    assert report_position(records.all, verdict()).needs_a_person


def test_an_open_position_needs_a_person(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """Not flat is said as such, with the order and the last position list."""
    records.exchange("OPEN", ORDER, {"status": "FILLED", "ticket": 7})
    records.exchange("GET_POSITIONS", {}, {"status": "ok", "positions": [{"ticket": 7, "magic": 1196}]})

    position = report_position(records.all, verdict(order=order, flat=False))

    assert position.needs_a_person
    assert position.summary.startswith("NOT FLAT")
    assert "1 listed: 7 (magic 1196)" in position.known[-1]


def test_a_kept_position_is_as_planned(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """With hold: keep an open position is no alarm."""
    records.add("settings", values={"order.hold": {"value": "keep", "source": "canary.yaml:9"}})
    records.exchange("OPEN", ORDER, {"status": "FILLED", "ticket": 7})

    assert not report_position(records.all, verdict(order=order, flat=False)).needs_a_person


def test_a_rehearsal_says_that_nothing_real_is_at_risk(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The steps are shown as an exercise where the terminal is simulated, and without that where it is not."""
    records.exchange("OPEN", ORDER, None, failure="no reply within 15 s")

    assert "nothing real is at risk" in report_position(records.all, verdict(rehearsal=True)).summary
    assert "nothing real" not in report_position(records.all, verdict(rehearsal=False)).summary
