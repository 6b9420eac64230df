"""Means with honest 95% intervals: Student's t over independent networks, Newey-West over one's layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import copysign, exp, inf, isnan, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

OVER_NETWORKS, OVER_LAYERS = "t over seeds", "newey-west"
SMALLEST_TAIL = 1e-300


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, None where one value alone gives none, and the degrees of freedom."""

    mean: float
    error: float | None = None
    dof: int = 0
    method: str | None = None

    @property
    def low(self) -> float | None:
        """The lower end of the 95% interval."""
        return None if self.error is None else self.mean - t_quantile(0.975, self.dof) * self.error

    @property
    def high(self) -> float | None:
        """The upper end of the 95% interval."""
        return None if self.error is None else self.mean + t_quantile(0.975, self.dof) * self.error

    def scaled(self, factor: float) -> Estimate:
        """The estimate of `factor` > 0 times the quantity."""
        error = None if self.error is None else factor * self.error
        return Estimate(factor * self.mean, error, self.dof, self.method)

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


def along_series(values: Array) -> Estimate:
    """The mean of a series (T,), of layers or of steps, its error robust to autocorrelation.

    Newey & West 1987, eq. 5, with Bartlett weights up to the lag floor(4 (T / 100)^(2/9)).
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean)
    off, lag = values - mean, newey_west_lag(count)
    covariances = [float(off[j:] @ off[: count - j]) / count for j in range(min(lag, count - 1) + 1)]
    variance = covariances[0] + 2 * sum((1 - j / (lag + 1)) * g for j, g in enumerate(covariances) if j)
    return Estimate(mean, sqrt(max(variance, 0.0) / (count - 1)), count - 1, OVER_LAYERS)


def mean_increment(rising: Array) -> Estimate:
    """The mean of increments (layers, networks): over networks if there are several, else along the one."""
    return over_networks(rising.mean(axis=0)) if rising.shape[1] > 1 else along_series(rising[:, 0])


def exp_or_none(value: float | None) -> float | None:
    """e^value; None where a float cannot hold it."""
    return None if value is None or value > 709 else exp(value)


def newey_west_lag(count: int) -> int:
    """floor(4 (T / 100)^(2/9)): how many neighbours of T values are taken to be correlated."""
    return int(4 * (count / 100) ** (2 / 9))


@lru_cache
def t_quantile(probability: float, dof: int) -> float:
    """The quantile of Student's t at a probability above 1/2, by bisection to the last digits."""
    low, high = 0.0, 1.0
    while t_tail(high, dof) > 1 - probability:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, dof) > 1 - probability else (low, middle)
    return (low + high) / 2


def t_tail(t: float, dof: int) -> float:
    """P(T > t) for t >= 0: half the regularized incomplete beta function at dof / (dof + t^2)."""
    if isnan(t) or t == inf:
        return 0.0
    return _beta_regularized(dof / (dof + t * t), dof / 2, 0.5) / 2


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
