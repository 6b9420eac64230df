"""Means with honest 95% intervals, by Student's t: over independent networks, or over the layers of one.

One network's increments are correlated: theory knows the independent parts that they add up from; where it
does not, a prewhitened Newey-West estimate stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import copysign, exp, inf, isnan, lgamma, log, log1p, sqrt
from statistics import NormalDist

import numpy as np

from gradflow.arrays import Array

OVER_NETWORKS, OVER_LAYERS, PREWHITENED = "t over seeds", "t over layers", "newey-west"
SMALLEST_TAIL = 1e-300
LEAST = -500.0  # ln of a density beyond which no float tells a tail from 0
FEWEST = 6  # values whose correlation with their neighbours is looked at
LARGEST_MEMORY = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, None where one value alone gives none, and the degrees of freedom.

    An error of no more than `rounding` is that of numbers which are all the same but for it.
    """

    mean: float
    error: float | None = None
    dof: int = 0
    method: str | None = None
    rounding: float = field(default=0.0, compare=False)

    @property
    def half(self) -> float | None:
        """The half of the 95% interval."""
        return None if self.error is None else t_quantile(0.975, self.dof) * self.error

    @property
    def low(self) -> float | None:
        """The lower end of the 95% interval."""
        return None if self.half is None else self.mean - self.half

    @property
    def high(self) -> float | None:
        """The upper end of the 95% interval."""
        return None if self.half is None else self.mean + self.half

    @property
    def spread(self) -> float | None:
        """The standard deviation between independent networks, 0 if it is rounding's; None of one alone."""
        if self.method != OVER_NETWORKS or self.error is None:
            return None
        return 0.0 if self.error <= self.rounding else self.error * sqrt(self.dof + 1)

    def scaled(self, factor: float) -> Estimate:
        """The estimate of `factor` > 0 times the quantity."""
        error = None if self.error is None else factor * self.error
        return replace(self, mean=factor * self.mean, error=error, rounding=factor * self.rounding)

    def at_least(self, rounding: float) -> Estimate:
        """The estimate with no less an error than rounding makes, so that no interval misses by that."""
        error = None if self.error is None else max(self.error, rounding)
        return replace(self, error=error, rounding=rounding)

    def sigmas_from(self, expected: float) -> float | None:
        """How far the mean is from `expected`, as the normal quantile of the t probability.

        So 3 standard errors from the mean of four networks count as 1.9, not as 3. None without an error.
        """
        if self.error is None or self.error == 0:
            return None
        t = (self.mean - expected) / self.error
        tail = max(t_tail(abs(t), self.dof), SMALLEST_TAIL)
        return copysign(NormalDist().inv_cdf(tail), t) if tail < 0.5 else 0.0


def mean_of_known(values: Array, axis: int | None = None) -> Array:
    """The mean without what is nan, as a factor is where a branch passes nothing; nan where all is."""
    known = ~np.isnan(values)
    if known.all():
        return np.asarray(values.mean(axis=axis))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis))


def over_networks(values: Array) -> Estimate:
    """The mean of one value per independent network (R,), with the t interval of R - 1 degrees of freedom."""
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean)
    return Estimate(mean, float(np.std(values, ddof=1)) / sqrt(count), count - 1, OVER_NETWORKS)


def over_parts(mean: float, before: Array, within: Array) -> Estimate:
    """A mean of T values with the error of the independent parts that their sum strays by.

    `within` are those of the T values themselves, which may have a mean, `before` those that add to it.
    """
    count = len(within)
    if count < 2:
        return Estimate(mean)
    strays = float(np.var(within, ddof=1)) * count + float(before @ before)
    return Estimate(mean, sqrt(strays) / count, count - 1, OVER_LAYERS)


def along_series(values: Array, expected: Array | None = None) -> Estimate:
    """The mean of a series (T,) of layers, its error robust to autocorrelation, t of T / 2 - 1 degrees.

    Newey & West 1987, eq. 5, lag floor(4 (T / 100)^(2/9)), of what is left when each value is told by the one
    before (Andrews & Monahan 1992). `expected` (T,) is a shape known beforehand, which is no noise: its mean
    has no influence, and where it explains nothing it is not used, so that a wrong one costs nothing.
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean)
    off = _unexplained(values - mean, expected)
    if count < FEWEST or not off @ off > 0:
        return Estimate(mean, float(np.std(off)) / sqrt(count - 1), count - 1, PREWHITENED)
    memory = _memory(off)
    spread = _long_run_variance(off[1:] - memory * off[:-1]) / (1 - memory) ** 2
    return Estimate(mean, sqrt(spread / count), count // 2 - 1, PREWHITENED)


def _unexplained(off: Array, expected: Array | None) -> Array:
    """The series, or what a shape leaves of it if that is less."""
    if expected is None or not np.isfinite(expected).all():
        return off
    left = off - (expected - expected.mean())
    return left if left @ left < off @ off else off


def _memory(off: Array) -> float:
    """The correlation of neighbours, its bias -(1 + 4 r) / T in a short series added back.

    Kendall 1954 has 1 + 3 r where both sums are means; T - 1 products over T squares lose r / T more. To
    first order: solved for r, it would be divided by T - 4, and of six or seven values many a half width
    be twenty times what it should.
    """
    count = len(off)
    found = float(off[1:] @ off[:-1]) / float(off @ off)
    return min(max(found + (1 + 4 * found) / count, -LARGEST_MEMORY / 2), LARGEST_MEMORY)


def _long_run_variance(left: Array) -> float:
    """Newey-West of a series about 0, from which a mean and a slope were taken, which costs lag / T more."""
    count, lag = len(left), newey_west_lag(len(left))
    covariances = [float(left[j:] @ left[: count - j]) / (count - 2) for j in range(lag + 1)]
    total = covariances[0] + 2 * sum((1 - j / (lag + 1)) * g for j, g in enumerate(covariances) if j)
    return max(total, 0.0) / (1 - lag / count)


def mean_increment(rising: Array, expected: Array | None = None) -> Estimate:
    """The mean of increments (layers, networks): over networks if there are several, else along the one."""
    if rising.shape[1] > 1:
        return over_networks(rising.mean(axis=0))
    return along_series(rising[:, 0], expected)


def exp_or_none(value: float | None) -> float | None:
    """e^value; None where a float cannot hold it."""
    return None if value is None or value > 709 else exp(value)


def newey_west_lag(count: int) -> int:
    """floor(4 (T / 100)^(2/9)): how many neighbours of T values are taken to be correlated."""
    return int(4 * (count / 100) ** (2 / 9))


def of_variance(variance: float, count: int) -> tuple[float, float]:
    """The ends of the 95% interval of the variance s^2 of `count` >= 2 values of a normal distribution.

    (n - 1) s^2 / sigma^2 is chi squared of n - 1 degrees of freedom (Cochran 1934).
    """
    total = (count - 1) * variance
    low, high = (total / chi_squared_quantile(at, count - 1) for at in (0.975, 0.025))
    return low, high


@lru_cache
def t_quantile(probability: float, dof: int) -> float:
    """The quantile of Student's t at a probability above 1/2, by bisection to the last digits."""
    return _bisected(lambda t: t_tail(t, dof) > 1 - probability)


@lru_cache
def chi_squared_quantile(probability: float, dof: int) -> float:
    """The quantile of chi squared, by bisection to the last digits."""
    return 2 * _bisected(lambda x: _gamma_regularized(dof / 2, x) < probability)


def _bisected(is_below: Callable[[float], bool]) -> float:
    """The positive number up to which this holds."""
    low, high = 0.0, 1.0
    while is_below(high):
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def t_tail(t: float, dof: int) -> float:
    """P(T > t) for t >= 0: half the regularized incomplete beta function at dof / (dof + t^2)."""
    if isnan(t) or t == inf:
        return 0.0
    return _beta_regularized(dof / (dof + t * t), dof / 2, 0.5) / 2


def _gamma_regularized(a: float, x: float) -> float:
    """P(a, x) by its series (DLMF 8.7.1), of positive terms alone; 1 where nothing is left above x."""
    log_term = a * log(x) - x - lgamma(a + 1)
    if x > a and log_term < LEAST:  # where the series would begin with 0
        return 1.0
    term, total, k = exp(log_term), 0.0, a
    while total + term > total:
        total, k = total + term, k + 1
        term *= x / k
    return total


def _beta_regularized(x: float, a: float, b: float) -> float:
    """I_x(a, b) by its continued fraction (DLMF 8.17.22), on the side where that converges fast."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_regularized(1 - x, b, a)
    front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    fraction = 1.0
    for m in range(200, 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        fraction = 1 + even / (1 + odd / fraction)
    first = -(a + b) * x / (a + 1)
    return front / (1 + first / fraction)
