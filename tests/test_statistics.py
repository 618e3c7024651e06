"""What a number of samples can claim."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from mt5canary.measurement import Outcome
from mt5canary.statistics import (
    binomial_tail,
    claim_p99,
    f_quantile,
    incomplete_beta,
    lower_bound,
    quantile,
    samples_for_p99,
    upper_bound,
)

trials = st.integers(1, 400)
confidences = st.sampled_from([0.9, 0.95, 0.99])


@pytest.mark.parametrize(("exceedances", "needed"), [(0, 299), (1, 473), (2, 628), (3, 773), (4, 913), (5, 1049)])
def test_known_sample_sizes_of_the_p99_claim(exceedances: int, needed: int) -> None:
    """At 95 % confidence the claim needs exactly the known number of samples for so many values above the limit."""
    assert claim_p99(exceedances, needed, 0.95) is Outcome.PASS
    assert claim_p99(exceedances, needed - 1, 0.95) is Outcome.UNPROVEN


@pytest.mark.parametrize(("confidence", "needed"), [(0.95, 299), (0.99, 459), (0.9, 230)])
def test_samples_needed_without_any_above_the_limit(confidence: float, needed: int) -> None:
    """The number of samples is the smallest that lets the claim pass."""
    assert samples_for_p99(confidence) == needed
    assert claim_p99(0, needed, confidence) is Outcome.PASS
    assert claim_p99(0, needed - 1, confidence) is Outcome.UNPROVEN


def test_no_samples_claim_nothing() -> None:
    """Without samples the bounds are the whole range and the claim is open."""
    assert upper_bound(0, 0, 0.95) == 1.0
    assert lower_bound(0, 0, 0.95) == 0.0
    assert claim_p99(0, 0, 0.95) is Outcome.UNPROVEN
    assert quantile([], 0.99) is None


@pytest.mark.parametrize(
    ("exceedances", "count", "upper", "lower"),
    [(0, 10, 0.258866, 0.0), (1, 10, 0.394163, 0.005116), (5, 10, 0.777559, 0.222441), (10, 10, 1.0, 0.741134)],
)
def test_bounds_against_published_values(exceedances: int, count: int, upper: float, lower: float) -> None:
    """One-sided 95 % bounds of Clopper and Pearson, as tables have them."""
    assert upper_bound(exceedances, count, 0.95) == pytest.approx(upper, abs=2e-6)
    assert lower_bound(exceedances, count, 0.95) == pytest.approx(lower, abs=2e-6)


@given(st.data(), st.integers(1, 60), st.fractions(0, 1, max_denominator=50))
def test_binomial_tail_is_the_exact_sum(data: st.DataObject, count: int, probability: Fraction) -> None:
    """The tail in logarithms agrees with exact arithmetic."""
    successes = data.draw(st.integers(0, count))
    exact = sum(math.comb(count, k) * probability**k * (1 - probability) ** (count - k) for k in range(successes + 1))
    assert binomial_tail(successes, count, float(probability)) == pytest.approx(float(exact), abs=1e-9)


@given(st.data(), trials, confidences)
def test_bounds_enclose_the_share(data: st.DataObject, count: int, confidence: float) -> None:
    """The share seen lies between its bounds, and the bounds between 0 and 1."""
    exceedances = data.draw(st.integers(0, count))
    low, high = lower_bound(exceedances, count, confidence), upper_bound(exceedances, count, confidence)
    assert 0.0 <= low <= exceedances / count <= high <= 1.0


@given(st.data(), trials, confidences)
def test_more_values_above_the_limit_never_help(data: st.DataObject, count: int, confidence: float) -> None:
    """A further value above the limit only ever makes the claim worse."""
    ranking = [Outcome.PASS, Outcome.UNPROVEN, Outcome.FAIL]
    exceedances = data.draw(st.integers(0, count - 1))
    better, worse = claim_p99(exceedances, count, confidence), claim_p99(exceedances + 1, count, confidence)
    assert ranking.index(better) <= ranking.index(worse)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1.0))
def test_quantile_covers_its_share(values: list[float], share: float) -> None:
    """The quantile is one of the values, and at least the share of them do not pass it."""
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in values
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("count", [1, 2, 10, 299, 3_000, 864_000])
def test_bounds_are_scipy_s(count: int, confidence: float) -> None:
    """Clopper and Pearson's bounds are quantiles of the beta distribution."""
    for exceedances in sorted({0, 1, min(5, count), count // 100, count // 3, count - 1, count}):
        upper = stats.beta.ppf(confidence, exceedances + 1, count - exceedances) if exceedances < count else 1.0
        lower = stats.beta.ppf(1 - confidence, exceedances, count - exceedances + 1) if exceedances else 0.0
        assert upper_bound(exceedances, count, confidence) == pytest.approx(upper, rel=1e-6, abs=1e-12)
        assert lower_bound(exceedances, count, confidence) == pytest.approx(lower, rel=1e-6, abs=1e-12)


@given(st.data(), st.integers(1, 5_000), st.floats(1e-6, 1 - 1e-6))
def test_binomial_tail_is_scipy_s(data: st.DataObject, count: int, probability: float) -> None:
    """The tail agrees over the whole range."""
    successes = data.draw(st.integers(0, count))
    expected = stats.binom.cdf(successes, count, probability)
    assert binomial_tail(successes, count, probability) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@given(
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 1 - 0.05 / 72, 1 - 0.05 / 1_200]),
    st.floats(1, 40),
    st.floats(3, 2_000),
)
def test_f_quantile_is_scipy_s(share: float, above: float, below: float) -> None:
    """The point of F agrees, for degrees that are no whole numbers too."""
    assert f_quantile(share, above, below) == pytest.approx(stats.f.ppf(share, above, below), rel=1e-7)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0, 1))
def test_incomplete_beta_is_scipy_s(a: float, b: float, x: float) -> None:
    """The incomplete beta function agrees over its whole range."""
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)
