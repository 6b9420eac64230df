"""In what range of z plain floats give what a formula says, found by looking, from 0 outwards."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.expressions.evaluate import Program
from gradflow.nn.expressions.kinks import beside
from gradflow.nn.expressions.wide import Wide

SLACK = 2.0**10  # roundings that a value, or a slope over the steepest, may be off
DIGITS, NEARBY = 1e-9, 1e-12  # of a slope in double precision, and of those beside it, that may be lost
QUICK_DIGITS = 1e-3  # of one in single precision
NEIGHBOURS = 3


@dataclass(frozen=True)
class Reach:
    """The z from low to high at which a dtype gives what the formula says."""

    low: float
    high: float

    def beyond(self, z: Array) -> Array | None:
        """Where z is not; None if it is everywhere."""
        if z.size == 0 or (z.min() >= self.low and z.max() <= self.high):
            return None
        return np.asarray(~((z >= self.low) & (z <= self.high)))


class Evaluable(Protocol):
    """What is asked of a formula: value and slope as floats have them, and as they are."""

    value: Program
    slope: Program

    def wide_value(self, z: Array) -> Wide: ...
    def wide_slope(self, z: Array) -> Wide: ...


@dataclass(frozen=True)
class Slopes:
    """A formula, and the z at which it is looked at."""

    of: Evaluable
    z: Array
    kinks: tuple[float, ...]
    steepest: float

    def reach(self, dtype: Any) -> Reach:
        """Where value and slope are right to rounding; in double precision the slope by its own size, too."""
        info, z = np.finfo(dtype), self.z.astype(dtype)
        slack = SLACK * float(info.eps) * max(1.0, self.steepest)
        slope = self.of.wide_slope(z).float64
        good = _agree(self.of.value.plain(z), self.of.wide_value(z).float64, info, slack)
        good &= _agree(self.of.slope.plain(z), slope, info, slack)
        if dtype is np.float64:
            good &= self._keeps_digits(z, slope, DIGITS, NEARBY)
        good |= ~np.isfinite(z)
        return _around_zero(self.z, good, float(info.max))

    def keeps_digits(self, reach: Reach) -> bool:
        """Whether single precision loses few digits of a slope where units saturate."""
        z = self.z[(self.z >= reach.low) & (self.z <= reach.high)]
        z = beside(z.astype(np.float32), self.kinks)
        return bool(self._keeps_digits(z, self.of.wide_slope(z).float64, QUICK_DIGITS, QUICK_DIGITS).all())

    def _keeps_digits(self, z: Array, slope: Array, own: float, nearby: float) -> Array:
        found = np.broadcast_to(self.of.slope.plain(z), z.shape).astype(np.float64)
        size, least = np.abs(slope), float(np.finfo(z.dtype).tiny) * 1e3
        return np.asarray(np.abs(found - slope) <= own * size + nearby * around(size) + least)


def around(sizes: Array) -> Array:
    """The largest among neighbours: at a zero, what the numbers beside it are."""
    return np.asarray(np.max([np.roll(sizes, k) for k in range(-NEIGHBOURS, NEIGHBOURS + 1)], axis=0))


def _agree(found: Array, meant: Array, info: Any, slack: float) -> Array:
    """Whether values in floats are what is meant; both may be beyond the floats."""
    found = np.broadcast_to(found, meant.shape).astype(np.float64)
    beyond = np.minimum(np.abs(meant), np.abs(found)) > float(info.max) / 4
    near = np.abs(found - meant) <= slack * (1 + np.abs(meant))
    return np.asarray(near | (beyond & (np.sign(found) == np.sign(meant))))


def _around_zero(z: Array, good: Array, largest: float) -> Reach:
    """From 0 to the last z on either side before one that is not good; infinity never is."""
    bad = z[~good]
    if (bad == 0).any():
        return Reach(inf, -inf)
    below, above = bad[bad < 0].max(initial=-inf), bad[bad > 0].min(initial=inf)
    inside = z[(z > below) & (z < above)]
    low = -largest if below == -inf else float(inside.min(initial=0))
    return Reach(low, largest if above == inf else float(inside.max(initial=0)))
