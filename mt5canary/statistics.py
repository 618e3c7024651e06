"""What a number of samples can claim, and no more.

The share of round trips above a limit is a binomial proportion. "P99 is under the limit" is claimed only when
the upper confidence bound of that share is under 1 %; it is refused only when the lower bound is over 1 %.
Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934): the bounds are exact, so they hold for any distribution of the latency itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mt5canary.measurement import Outcome


def quantile(sorted_values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of the values do not pass; None without values."""
    if not sorted_values:
        return None
    rank = max(1, math.ceil(share * len(sorted_values)))
    return sorted_values[rank - 1]


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """P(X <= successes) of a binomial, from the incomplete beta function (DLMF 8.17.5)."""
    if successes >= trials:
        return 1.0
    return incomplete_beta(trials - successes, successes + 1, 1.0 - probability)


def upper_bound(exceedances: int, trials: int, confidence: float) -> float:
    """The one-sided upper bound of the share above the limit; 1.0 without samples."""
    if trials == 0 or exceedances >= trials:
        return 1.0
    return _solve(lambda p: binomial_tail(exceedances, trials, p) > 1.0 - confidence)


def lower_bound(exceedances: int, trials: int, confidence: float) -> float:
    """The one-sided lower bound of the share above the limit; 0.0 without samples."""
    if trials == 0 or exceedances == 0:
        return 0.0
    return _solve(lambda p: 1.0 - binomial_tail(exceedances - 1, trials, p) < 1.0 - confidence)


def _solve(holds_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if holds_below(middle):
            low = middle
        else:
            high = middle
    return high


def claim_p99(exceedances: int, trials: int, confidence: float) -> Outcome:
    """Whether "the 99th percentile is under the limit" is shown, refuted or open at this confidence."""
    if not trials:
        return Outcome.UNPROVEN
    if exceedances < trials and binomial_tail(exceedances, trials, 0.01) < 1.0 - confidence:
        return Outcome.PASS  # as few would be this unlikely at 1 %, so the upper bound lies under it
    if exceedances and 1.0 - binomial_tail(exceedances - 1, trials, 0.01) < 1.0 - confidence:
        return Outcome.FAIL
    return Outcome.UNPROVEN


def samples_for_p99(confidence: float) -> int:
    """How many round trips, none above the limit, the claim needs: 299 at 95 %, 459 at 99 %."""
    return math.floor(math.log(1.0 - confidence) / math.log(0.99)) + 1


def f_quantile(share: float, above: float, below: float) -> float:
    """The value that F with so many degrees of freedom above and below does not pass with this probability."""
    low, high = 0.0, 1.0
    while f_probability(high, above, below) < share:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if f_probability(middle, above, below) < share:
            low = middle
        else:
            high = middle
    return high


def f_probability(value: float, above: float, below: float) -> float:
    """P(F <= value), from the incomplete beta function (NIST Digital Library of Mathematical Functions 8.17)."""
    x = above * value / (above * value + below)
    return incomplete_beta(above / 2, below / 2, x)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on one side alone
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / a * _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The fraction of DLMF 8.17.22, by Lentz's method (W. J. Lentz, Applied Optics 15, 1976)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _not_zero(1.0 + term * d, tiny)
            c = _not_zero(1.0 + term / c, tiny)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _not_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
