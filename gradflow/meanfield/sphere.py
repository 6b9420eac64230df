"""Moments over a batch of B samples that a batch norm has normalized: points of a sphere, not Gaussians.

A unit's B values, less their mean, over their deviation, are uniform on the sphere of radius sqrt(B) in the
B - 1 dimensions across (1, .., 1), where Gaussian samples alike in their correlations come from: one value is
sqrt(B - 1) sin(theta) with density cos(theta)^(B - 3), two have correlation -1 / (B - 1). Of two, E f f' is a
series in Gegenbauer polynomials (Yang et al. 2019, thms. 7-9 in other words).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import comb, exp, pi, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.activations import Activation

LEAST = 4  # samples: E 1 / r^2 of three is infinite
REACH, PANEL = 12.0, 1.0  # of a value, beyond which its density is nil, and of the widest panel in it
PANELS = 10  # on each side, so that the highest polynomials are resolved
TERMS = ((16, 100), (100, 40), (10**9, 16))  # of the series, by the largest B
TAIL, LEFT_TAIL, STEPS = 9.0, 40.0, 3  # of ln s^2: deviations, exponents, and points of a deviation
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


@dataclass(frozen=True)
class BatchMoments:
    """At x = k times a normalized value: what a layer of batch norm and phi passes on, up and down."""

    square: float  # E phi^2
    common: float  # E phi phi' of two samples
    slope_square: float  # E phi'^2
    back: float  # E ||delta below the norm||^2 / ||u||^2, times the variance that it divides by

    @property
    def variance(self) -> float:
        """nu: the variance of phi over samples that are alike."""
        return self.square - self.common


@lru_cache(maxsize=4096)
def batch_moments(activation: Activation, samples: int, log_v: float) -> BatchMoments:
    """The moments for a batch of `samples`, where v / (v + eps) is exp(log_v): 1, unless eps counts.

    Down, w = phi' u and t = (w - mean w - d x mean(x w)) / r, r^2 = s^2 + eps of a unit's own s^2 over its
    batch, of u across (1, .., 1) like the delta above: E t^2 = E 1/r^2 (E (1 - 1/B - d x^2/B) phi'^2 +
    (E phi' phi'' + d E x phi' x' phi'') / B) E u^2. x is multiplied by k, k^2 = E s^2 / r^2, whose own spread
    over units is left out, and d = 1 - (1 - k^2)^2.
    """
    shrunk, over_r = _spreads(samples, exp(log_v))
    k, b = exp(log_v / 2) * sqrt(shrunk), samples
    d = 1 - (1 - k * k) ** 2
    kinks = tuple(split / k for split in activation.splits) if k else ()  # where all values are alike
    x, weight = _rule(b, kinks)
    phi, slope = activation.phi(k * x), activation.derivative(k * x)
    polynomials = list(_gegenbauer(b, x / sqrt(b - 1)))
    mean_of_two = [_of_two(b, f, weight, polynomials) for f in (phi, slope, x * slope)]
    own = float(weight @ ((1 - 1 / b - d * x * x / b) * slope**2))
    back = over_r * (own + (mean_of_two[1] + d * mean_of_two[2]) / b)
    return BatchMoments(float(weight @ phi**2), mean_of_two[0], float(weight @ slope**2), back)


def _spreads(samples: int, share: float) -> tuple[float, float]:
    """(v + eps) E s^2 / r^2 / v and (v + eps) E 1 / r^2, r^2 = s^2 + eps, where v / (v + eps) is the share.

    B s^2 / v is chi-squared of B - 1 degrees of freedom. Without eps these are 1 and B / (B - 3); where eps
    is all, 1 - 1 / B and 1. By the trapezoidal rule in ln(s^2 / v), which is exact to 1e-9.
    """
    half = (samples - 1) / 2
    deviation = 1 / sqrt(half)
    reach = TAIL * deviation
    t = np.arange(-reach - LEFT_TAIL / (half - 1), reach, deviation / STEPS)
    weight = np.exp(half * (t - np.expm1(t)))
    square = 2 * half / samples * np.exp(t)
    over_r = weight / weight.sum() / (1 - share + share * square)
    return float(over_r @ square), float(over_r.sum())


def _rule(samples: int, kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Points x and weights of one value's distribution, by composite Gauss-Legendre in theta."""
    radius = sqrt(samples - 1)
    step = min(PANEL, radius / PANELS)
    marks = np.concatenate([np.arange(-REACH, REACH + step, step), kinks])
    ends = np.arcsin(np.clip(marks / radius, -1, 1))
    if radius <= REACH:
        ends = np.append(ends, [-pi / 2, pi / 2])
    ends = np.sort(ends)
    half = np.diff(ends)[:, None] / 2
    theta = (ends[:-1, None] + half * (1 + _NODES)).ravel()
    weight = (half * _WEIGHTS).ravel() * np.cos(theta) ** (samples - 3)
    return radius * np.sin(theta), weight / weight.sum()


def _gegenbauer(samples: int, t: Array) -> Iterator[Array]:
    """The polynomials P_k(t), P_k(1) = 1, of the sphere in B - 1 dimensions."""
    twice = samples - 3
    before, polynomial = np.zeros_like(t), np.ones_like(t)
    for k in range(next(terms for largest, terms in TERMS if samples <= largest)):
        yield polynomial
        following = ((2 * k + twice) * t * polynomial - k * before) / (k + twice)
        before, polynomial = polynomial, following


def _of_two(samples: int, f: Array, weight: Array, polynomials: list[Array]) -> float:
    """E f(x) f(x') of two samples."""
    dimension = samples - 1
    at = _gegenbauer(samples, np.array(-1 / dimension))
    total = 0.0
    for k, (polynomial, here) in enumerate(zip(polynomials, at, strict=True)):
        total += _harmonics(k, dimension) * float(weight @ (f * polynomial)) ** 2 * float(here)
    return total


def _harmonics(degree: int, dimension: int) -> int:
    """How many spherical harmonics there are."""
    lower = comb(degree + dimension - 3, dimension - 1) if degree > 1 else 0
    return comb(degree + dimension - 1, dimension - 1) - lower
