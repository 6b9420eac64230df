"""Exact norms at any depth: arrays carried as mantissa times a power of two.

Scaling by a power of two changes no bit of a mantissa, so the scaled backward pass equals the plain one
wherever that has not underflowed. A squared norm leaves a float's range at half the exponent: hence bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import least, most


@dataclass(frozen=True)
class Range:
    """The squared norms that a dtype holds fully (tiny, huge), and those left unscaled [low, high]."""

    tiny: float
    huge: float
    low: float
    high: float

    def holds(self, squares: Array) -> bool:
        """Whether every squared norm is in (tiny, huge): False for 0, inf and nan too."""
        least: float = squares.item(squares.argmin())  # asked often: the calls of functions would show
        most: float = squares.item(squares.argmax())
        return least > self.tiny and most < self.huge

    def central(self, squares: Array) -> bool:
        """Whether every squared norm is in [low, high], so that a chunk of layers can follow unscaled."""
        return least(squares) >= self.low and most(squares) <= self.high


RANGES = {
    np.dtype(np.float32): Range(1e-30, 1e30, 1e-8, 1e8),
    np.dtype(np.float64): Range(1e-250, 1e250, 1e-60, 1e60),
}
SMALLEST = np.iinfo(np.int32).min
_SPREAD = 16  # samples whose norms differ by less than 2^16 share one exponent


class Scaled(NamedTuple):
    """v 2^exponent of one network: v (n, B) in float64, and an integer exponent for each sample, (1, B)."""

    v: Array
    exponent: Array

    def normalized(self) -> Scaled:
        """The same with the largest entries of v near 1."""
        k = shared_exponent(np.abs(self.v).max(axis=0, keepdims=True))
        return Scaled(np.ldexp(self.v, -k), self.exponent + k)

    def unified(self) -> Scaled:
        """The same with one exponent for all samples, and the largest entry near 1."""
        v, top = self.normalized().aligned()
        return Scaled(v, np.full_like(self.exponent, top))

    def plus(self, other: Scaled) -> Scaled:
        """The sum, sample by sample in units of the larger one's exponent; what is 0 has none."""
        exponents = [np.where((s.v == 0).all(axis=0), SMALLEST, s.exponent) for s in (self, other)]
        top = np.maximum(*exponents)
        shifted = [
            np.ldexp(s.v, np.maximum(e - top, -5000)) for s, e in zip((self, other), exponents, strict=True)
        ]
        return Scaled(shifted[0] + shifted[1], np.where(top == SMALLEST, 0, top))

    def times(self, m: Array, powers: Array | None) -> Scaled:
        """Times m 2^powers, entry by entry, with exponents by which each sample's largest is a float."""
        v = self.v * m
        if powers is None:
            return Scaled(v, self.exponent)
        size = np.where(v == 0, SMALLEST, np.frexp(v)[1] + powers)
        top = np.where((v == 0).all(axis=0), 0, size.max(axis=0, keepdims=True))
        return Scaled(np.ldexp(v, np.maximum(powers - top, -5000)), self.exponent + top)

    def aligned(self) -> tuple[Array, int]:
        """`aligned` of the one network."""
        v, top = aligned(self.v, self.exponent)
        return v, int(top)

    @property
    def squares(self) -> Array:
        """The squared norm of each sample of v, (B,)."""
        squares: Array = np.einsum("wb,wb->b", self.v, self.v)
        return squares


def aligned(v: Array, exponent: Array) -> tuple[Array, Array]:
    """v (..., n, B) in units of one exponent, that of the largest sample which is not 0, and that, (...)."""
    alive = np.abs(v).max(axis=-2, keepdims=True) > 0
    top = np.where(alive, exponent, np.iinfo(np.int64).min).max(axis=(-2, -1))
    top = np.where(alive.any(axis=(-2, -1)), top, 0)
    return v * power_of_two(np.minimum(exponent - top[..., None, None], 0), v.dtype), top


def square_sum(v: Array) -> float:
    """Sum of squares in float64."""
    flat = v.astype(np.float64).ravel()
    return float(np.dot(flat, flat))


def square_and_exponent(v: Array) -> tuple[float, int]:
    """The sum of squares of v 2^-exponent, which is near 1, and the exponent: 1e-301 has no square."""
    v = v.astype(np.float64)
    k = int(shared_exponent(np.abs(v).max(keepdims=True).ravel())[0])
    return square_sum(np.ldexp(v, -k)), k


def shared_exponent(magnitudes: Array, always: bool = False) -> Array:
    """The k that brings magnitudes (..., B) below 1: one for all samples of a network where they are alike.

    Samples more than 2^16 below the largest get a k of their own, unless one is to be shared `always`; those
    at 0 or not finite the shared one.
    """
    usable = (magnitudes > 0) & np.isfinite(magnitudes)
    k = np.frexp(np.where(usable, magnitudes, 1))[1].astype(np.int64)
    lowest = np.iinfo(np.int64).min
    top = np.where(usable, k, lowest).max(axis=-1, keepdims=True)
    top = np.where(top == lowest, 0, top)
    return np.where(usable & (top - k > _SPREAD) & (not always), k, top)


def power_of_two(exponent: Array | int, dtype: Any) -> Array:
    """2^exponent in a dtype: 0 or inf where it does not hold it, without a warning."""
    with np.errstate(over="ignore", under="ignore"):
        power: Array = np.ldexp(np.ones((), dtype), np.clip(exponent, -5000, 5000))
        return power
