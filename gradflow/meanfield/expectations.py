"""Gaussian expectations of an activation and its slope: the only integrals that mean-field theory needs.

Law: E f = int f(mean + sqrt(v) Z) exp(-Z^2 / 2) / sqrt(2 pi) dZ, by composite Gauss-Legendre over |Z| <= 12,
in panels that end at phi's kinks and resolve phi as well as the Gaussian. Variances are natural logs
throughout, because q leaves a float's range in deep networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import exp, log, pi, sqrt

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebval, chebvander
from numpy.typing import ArrayLike

from gradflow.arrays import Array
from gradflow.meanfield.integrands import (
    SIGNED,
    TOGETHER,
    Integrand,
    Memoized,
    covariance,
    slope_square,
    square,
)
from gradflow.nn.activations import Activation

REACH = 12.0  # |Z| of the integral: the Gaussian is 5e-32 there
LOWEST, HIGHEST = -55, 55  # ln v of the integrals, 1e-24 to 1e24; beyond, moments are powers of v
OSCILLATING_HIGHEST = 10  # ln v at which an oscillation has long averaged out
PANEL = 1.5  # widest panel in Z
NEAR, STRETCH = 8.0, 2.0  # panels in z: of width 2 to |z| = 8, then each end is twice the one before
TERMS = 32  # of a Hermite series
FEW = 16  # ln v at a time whose series are made
CHUNK = 1 << 17  # integrand values at a time
PART = 1 << 12  # interpolated values at a time: their coefficients fit a core's cache
DEGREE = 20  # of an interpolant in ln v over one e-fold of v: error below 1e-14
TAIL, NEGLIGIBLE = 3, 1e-12  # of a logarithm's last coefficients, where they may not be small
LINEAR = 1e-6  # |d ln E phi^2 / d ln v - 1| at the lowest v, up to which phi is linear from there down
ROUNDING = 2e-16  # of the largest, below which coefficients are left out
UNMADE, ROUGH = -1, -2  # pieces of a table without coefficients: not needed yet, or none serve

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_CHEBYSHEV = chebpts1(DEGREE + 1)
_TO_COEFFICIENTS = chebvander(_CHEBYSHEV, DEGREE).T * (2 / (DEGREE + 1))  # orthogonal at those points
_TO_COEFFICIENTS[0] /= 2


def log_or_minus_inf(x: ArrayLike) -> Array:
    """Natural log with ln 0 = -inf and no warning."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


@dataclass(frozen=True)
class Moments:
    """Expectations over z = mean + sqrt(v) Z, at arrays of ln v of any shape; `mean` is a constant bias."""

    activation: Activation
    mean: float = 0.0

    def expectation(self, integrand: Integrand, log_v: Array) -> Array:
        """E of an integrand at ln v, which is clipped to the range where integrals are taken."""
        log_v = self.clip(log_v)
        points, index = np.unique(log_v, return_inverse=True)
        return np.asarray(self._integrals((integrand,), points)[0, index].reshape(log_v.shape))

    def _integrals(self, integrands: Sequence[Integrand], points: Array) -> Array:
        """E of each integrand at each ln v, in rising order, (integrands, points): phi is evaluated once."""
        result, start = np.empty((len(integrands), points.size)), 0
        while start < points.size:
            panels = len(self._marks(float(points[start]))) + len(_UNIT_MARKS)
            stop = start + max(1, CHUNK // (panels * len(_NODES)))
            unit, z, weight = self._nodes(points[start:stop])
            phi = Memoized(self.activation, z)
            for row, integrand in zip(result, integrands, strict=True):
                with np.errstate(over="ignore", invalid="ignore"):  # of exp(z): then there is no c
                    values = integrand(phi, z, unit)
                    row[start:stop] = np.einsum("qpg,qpg->q", values, weight) / sqrt(2 * pi)
            start = stop
        return result

    def series(self, integrand: Integrand, log_v: Array) -> Array:
        """E f He_j(Z) / sqrt(j!) for j = 0..TERMS, the Hermite series of an integrand f (TERMS + 1, ...)."""
        points, index = np.unique(self.clip(log_v), return_inverse=True)
        return self._series(integrand, points)[:, index].reshape(TERMS + 1, *log_v.shape)

    def _series(self, integrand: Integrand, points: Array) -> Array:
        result = np.empty((TERMS + 1, points.size))
        for k in range(0, points.size, FEW):
            unit, z, weight = self._nodes(points[k : k + FEW])
            before, polynomial = np.zeros_like(unit), integrand(self.activation, z, unit) * weight
            for j in range(TERMS + 1):
                result[j, k : k + FEW] = polynomial.sum(axis=(1, 2))
                before, polynomial = polynomial, (unit * polynomial - sqrt(j) * before) / sqrt(j + 1)
        return result / sqrt(2 * pi)

    def log_square(self, log_v: Array) -> Array:
        """ln E phi^2, at any ln v: outside the range of the integrals it goes on as a power of v."""
        log_v = np.asarray(log_v)
        inside = self.clip(log_v) == log_v
        with np.errstate(divide="ignore"):
            if inside.all():
                return np.asarray(np.log(self.expectation(square, log_v)))
            result = np.full(log_v.shape, np.nan)  # which stays where ln v is nan
            result[inside] = np.log(self.expectation(square, log_v[inside]))
            for end, value, growth in self._ends:
                beyond = (log_v < end) if end < 0 else (log_v > end)
                result[beyond] = value + (growth and growth * (log_v[beyond] - end))
            nothing = np.isneginf(log_v)
            if nothing.any():
                result[nothing] = 2 * np.log(abs(self.activation.phi(np.array(self.mean))))
        return result

    def is_power(self, log_v: Array) -> Array:
        """Where E phi^2 is a pure power of v, from there on outwards."""
        return np.asarray((log_v < self.lowest) | (log_v > self.highest) | self._scale_free)

    def is_held(self, log_v: Array) -> bool:
        """Whether every ln v is one at which integrals are taken, or below them where phi is linear there."""
        held = self.clip(log_v) == log_v
        if not held.all() and abs(self._ends[0][2] - 1) < LINEAR:
            held |= log_v < self.lowest
        return bool(held.all())

    def slope_square(self, log_v: Array) -> Array:
        """E phi'^2."""
        return self.expectation(slope_square, log_v)

    def growth(self, log_v: Array) -> Array:
        """d ln E phi^2 / d ln v = sqrt(v) E[phi phi' Z] / E phi^2: 1 if homogeneous, 0 where saturated."""
        log_v = self.clip(log_v)
        with np.errstate(divide="ignore", invalid="ignore"):
            rising = np.exp(log_v / 2) * self.expectation(covariance, log_v)
            return np.nan_to_num(rising / self.expectation(square, log_v))

    def clip(self, log_v: Array) -> Array:
        """ln v brought into the range where integrals are taken."""
        return np.clip(log_v, self.lowest, self.highest)

    @property
    def highest(self) -> int:
        """The largest ln v at which integrals are taken."""
        if self._scale_free:
            return 1
        return HIGHEST if settles(self.activation) else OSCILLATING_HIGHEST

    @property
    def lowest(self) -> int:
        """The smallest ln v at which integrals are taken."""
        return -1 if self._scale_free else LOWEST

    @property
    def in_reach(self) -> bool:
        """Whether z has no larger mean than the largest deviation at which integrals are taken."""
        return abs(self.mean) <= exp(self.highest / 2)

    @property
    def _scale_free(self) -> bool:
        """Whether moments are pure powers of v at any v."""
        return self.activation.homogeneous and self.mean == 0

    @cached_property
    def _ends(self) -> list[tuple[float, float, float]]:
        """(ln v, ln E phi^2, growth) at the two ends of the range of the integrals."""
        ends = self.clip(np.array([-np.inf, np.inf]))
        values, growths = np.log(self.expectation(square, ends)), self.growth(ends)
        return list(zip(ends.tolist(), values.tolist(), growths.tolist(), strict=True))

    def _nodes(self, log_v: Array) -> tuple[Array, Array, Array]:
        """Z, z and the weights at the points of the integrals (ln v, panels, nodes)."""
        scale = np.exp(log_v / 2)[:, None]
        marks = self._marks(float(log_v.max()))
        fixed = np.broadcast_to(_UNIT_MARKS, (len(log_v), len(_UNIT_MARKS)))
        ends = np.concatenate([fixed, (marks - self.mean) / scale], axis=1)
        ends = np.sort(np.clip(ends, -REACH, REACH), axis=1)  # clipped marks make panels of width 0
        half = np.diff(ends, axis=1)[:, :, None] / 2
        unit = ends[:, :-1, None] + half * (1 + _NODES)
        weight = half * _WEIGHTS * np.exp(-unit * unit / 2)
        return unit, self.mean + scale[:, :, None] * unit, weight

    def _marks(self, log_v: float) -> Array:
        """The z where panels end, as far as they are reached at this ln v."""
        reach = REACH * np.exp(log_v / 2) + abs(self.mean)
        if settles(self.activation):
            far = NEAR * STRETCH ** np.arange(1, max(1, np.ceil(np.log(reach / NEAR) / log(STRETCH))) + 1)
            right = np.concatenate([np.arange(2, NEAR + 1, 2), far])
        else:
            wave = self.activation.wave
            right = np.arange(wave, reach + wave, wave)
        marks = np.concatenate([-right, [0.0], right, self.activation.splits])
        return np.asarray(marks[np.abs(marks) < reach])


@dataclass(frozen=True)
class TabulatedMoments(Moments):
    """The same moments for very many ln v: interpolated from integrals, in pieces made when first needed.

    Those of a shifted z can span decades within a piece, where z seldom gets past a kink: their logarithms
    are interpolated. A piece that no interpolant follows to rounding is integrated as before.
    """

    _tables: dict[Integrand, _Quadrature] = field(default_factory=dict, compare=False, repr=False)
    _pieces: dict[tuple[Integrand, int], Array] = field(default_factory=dict, compare=False, repr=False)

    def _series(self, integrand: Integrand, points: Array) -> Array:
        """By an interpolant of each coefficient on [k, k + 1) of ln v, where that has many points."""
        result = np.empty((TERMS + 1, points.size))
        pieces = np.floor(points).astype(np.intp)
        for k in set(pieces.tolist()):
            here = pieces == k
            if (integrand, k) not in self._pieces:
                if here.sum() <= DEGREE:
                    result[:, here] = super()._series(integrand, points[here])
                    continue
                values = super()._series(integrand, k + (_CHEBYSHEV + 1) / 2)
                self._pieces[integrand, k] = _TO_COEFFICIENTS @ values.T
            result[:, here] = chebval(2 * (points[here] - k) - 1, self._pieces[integrand, k])
        return result

    def expectation(self, integrand: Integrand, log_v: Array) -> Array:
        """E of an integrand at ln v, by a Chebyshev interpolant on each [k, k + 1) of ln v; nan stays nan."""
        if self.mean and integrand in SIGNED:  # no logarithm
            return super().expectation(integrand, log_v)
        log_v = self.clip(log_v)
        flat, result = log_v.ravel(), np.full(log_v.size, np.nan)
        known = np.flatnonzero(~np.isnan(flat))
        for start in range(0, known.size, PART):
            part = known[start : start + PART]
            result[part] = self._interpolated(integrand, flat[part])
        return result.reshape(log_v.shape)

    def _interpolated(self, integrand: Integrand, log_v: Array) -> Array:
        table = self._table(integrand)
        pieces = np.minimum(log_v - self.lowest, self.highest - self.lowest - 1).astype(np.intp)
        for k in set(pieces[table.degrees[pieces] == UNMADE].tolist()):
            self._make(integrand, k)
        values = table.at(pieces, 2 * (log_v - self.lowest - pieces) - 1)
        if self.mean:
            values = np.exp(values)
        rough = table.degrees[pieces] == ROUGH
        if rough.any():
            values[rough] = super().expectation(integrand, log_v[rough])
        return values

    def _table(self, integrand: Integrand) -> _Quadrature:
        return self._tables.setdefault(integrand, _Quadrature.empty(self.highest - self.lowest))

    def _make(self, integrand: Integrand, k: int) -> None:
        """The piece of an integrand, and of those that are asked for with it."""
        others = [one for one in TOGETHER if not (self.mean and one in SIGNED)]
        together = others if integrand in others else [integrand]
        missing = [one for one in together if self._table(one).degrees[k] == UNMADE]
        found = self._integrals(missing, self.lowest + k + (_CHEBYSHEV + 1) / 2)
        for one, moments in zip(missing, found, strict=True):
            self._table(one).make(
                k, log_or_minus_inf(moments) if self.mean else moments, smooth=not self.mean
            )


@dataclass(frozen=True, eq=False)
class _Quadrature:
    """Chebyshev coefficients (DEGREE + 1, pieces), and the degree to which each piece's are not rounding."""

    coefficients: Array
    degrees: Array  # or UNMADE, ROUGH

    @classmethod
    def empty(cls, pieces: int) -> _Quadrature:
        return cls(np.zeros((DEGREE + 1, pieces)), np.full(pieces, UNMADE))

    def make(self, k: int, values: Array, *, smooth: bool) -> None:
        """Keep a piece from its values; if it is not known to be smooth, only if its last terms vanish."""
        if not np.isfinite(values).all():  # ln 0
            self.degrees[k] = ROUGH
            return
        coefficients = _TO_COEFFICIENTS @ values
        sizes = np.abs(coefficients)
        if not smooth and sizes[-TAIL:].max() > NEGLIGIBLE:
            self.degrees[k] = ROUGH
            return
        self.coefficients[:, k] = coefficients
        self.degrees[k] = np.flatnonzero(sizes >= ROUNDING * sizes.max()).max(initial=0)

    def at(self, pieces: Array, t: Array) -> Array:
        """The interpolants of `pieces` at t in [-1, 1], by Clenshaw's recurrence."""
        degree = max(int(self.degrees[pieces].max(initial=0)), 1)
        return np.asarray(chebval(t, self.coefficients[: degree + 1, pieces], tensor=False))


@lru_cache(maxsize=64)
def tabulated(activation: Activation, mean: float = 0.0) -> Moments:
    """The table of an activation at a constant bias, one in a process, so that its pieces are made once."""
    return TabulatedMoments(activation, mean)


@lru_cache(maxsize=64)
def settles(activation: Activation) -> bool:
    """Whether phi' is monotone far from 0, so that panels may widen there; sin alone does not settle."""
    z = np.linspace(50, 100, 1001)
    for side in (-z, z):
        slope = activation.derivative(side)
        if np.abs(np.diff(slope)).sum() > abs(slope[-1] - slope[0]) + 1e-9:
            return False
    return True


_UNIT_MARKS = np.arange(-REACH, REACH + PANEL, PANEL)
