"""Stage 2, decision: the strategy's own record says GO, and it is the record that the plan means."""

import pytest


@pytest.mark.criterion("D1")
def test_decision_record_parses(decision, measure):
    """The decision record exists and parses."""
    measure(decision.parses())


@pytest.mark.criterion("D2")
def test_hash_recomputes(decision, measure):
    """The hash over the record as it stands is the plan's."""
    measure(decision.hash_is_the_plans())


@pytest.mark.criterion("D3")
def test_decision_is_go(decision, measure):
    """The record says GO."""
    measure(decision.says_go())


@pytest.mark.criterion("D4")
def test_confidence_age_and_limits(decision, measure):
    """Confidence, age and error count are inside the plan's limits."""
    measure(decision.is_inside_limits())


@pytest.mark.criterion("D5")
def test_figures_are_examined(decision, measure):
    """The record's own figures were examined, and what they leave unproven is listed as findings."""
    measure(decision.figures_are_examined())
