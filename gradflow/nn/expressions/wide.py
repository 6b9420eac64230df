"""Numbers m 2^k entry by entry, m in float64 and k a whole number: exp(1e6), and what it is divided by.

A slope that no float holds has a logarithm here, and inf / inf, 0 inf and log(1 + inf) do not come up.
Beyond 2^(2^52) a number stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradflow.arrays import Array
from gradflow.units import LN2

MOST = 2**52  # of an exponent
FLAT = 1000  # of an exponent, within which a float64 holds the number
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # k times the first is exact


class Wide(NamedTuple):
    """m 2^k, 1/2 <= |m| < 1, or m = 0 and k = 0."""

    m: Array
    k: Array

    @classmethod
    def of(cls, m: Array, k: Array | int = 0) -> Wide:
        """m 2^k of any m."""
        m, own = np.frexp(m)
        k = np.clip(own + np.asarray(k, np.int64), -MOST, MOST)
        return cls(m, np.where(m == 0, 0, k))

    @property
    def float64(self) -> Array:
        """The nearest float64: 0 or inf beyond."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(self.m, np.clip(self.k, -5000, 5000)))

    @property
    def log_abs(self) -> Array:
        """ln |m 2^k|."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(self.m)) + self.k * LN2)

    def plus(self, other: Wide) -> Wide:
        least = np.int64(-2 * MOST)
        ks = [np.where(x.m == 0, least, x.k) for x in (self, other)]
        top = np.maximum(*ks)
        shifted = [np.ldexp(x.m, np.maximum(k - top, -5000)) for x, k in zip((self, other), ks, strict=True)]
        return Wide.of(shifted[0] + shifted[1], np.where(top == least, 0, top))

    def times(self, other: Wide) -> Wide:
        return Wide.of(self.m * other.m, self.k + other.k)

    def over(self, other: Wide) -> Wide:
        return Wide.of(self.m / other.m, self.k - other.k)

    def scaled(self, c: float) -> Wide:
        return Wide.of(self.m * c, self.k)

    def power(self, p: float) -> Wide:
        """(m 2^k)^p, |p| <= 64."""
        exponent = self.k * p
        whole = np.floor(exponent)
        return Wide.of(np.power(self.m, p) * np.exp2(exponent - whole), whole.astype(np.int64))


def where(above: Array, one: Wide, other: Wide) -> Wide:
    """`one` where `above`, else `other`."""
    return Wide(np.where(above, one.m, other.m), np.where(above, one.k, other.k))


def flat(function: Callable[[Array], Array], near: Callable[[Wide], Wide]) -> Callable[[Wide], Wide]:
    """A function whose values float64 holds wherever it holds z, from that; `near` where |z| < 2^-60."""

    def extended(x: Wide) -> Wide:
        return where(x.k < -60, near(x), Wide.of(function(x.float64)))

    return extended


def exp(x: Wide) -> Wide:
    """e^x = 2^n e^r, n whole and |r| <= ln 2 / 2."""
    z = np.clip(x.float64, -(2.0**51), 2.0**51)
    n = np.rint(z / LN2)
    r = (z - n * LN2_HIGH) - n * LN2_LOW
    return Wide.of(np.exp(r), n.astype(np.int64))


def log_of(x: Wide) -> Wide:
    """ln x."""
    return Wide.of(np.where(np.abs(x.k) < FLAT, np.log(x.float64), np.log(x.m) + x.k * LN2))


def log1p(x: Wide) -> Wide:
    """ln(1 + x)."""
    return where(x.k < FLAT, flat(np.log1p, lambda x: x)(x), log_of(x))


def expm1(x: Wide) -> Wide:
    """e^x - 1."""
    return where(x.float64 > 600, exp(x), flat(np.expm1, lambda x: x)(x))


def sigmoid(x: Wide) -> Wide:
    """1 / (1 + e^-x) = e^-(x < 0 ? -x : 0) / (1 + e^-|x|)."""
    one = Wide.of(np.ones_like(x.m))
    e = exp(Wide(-np.abs(x.m), x.k))
    return where(x.m < 0, e, one).over(one.plus(e))


def softplus(x: Wide) -> Wide:
    """ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)."""
    tail = log1p(exp(Wide(-np.abs(x.m), x.k)))
    return where(x.m > 0, x.plus(tail), tail)


def sech2(x: Wide) -> Wide:
    """sech(x)^2 = 4 e / (1 + e)^2, e = e^-2|x|."""
    one, e = Wide.of(np.ones_like(x.m)), exp(Wide.of(-2 * np.abs(x.m), x.k))
    return e.scaled(4).over(one.plus(e).power(2))


def cosh(x: Wide) -> Wide:
    """(e^x + e^-x) / 2."""
    return exp(x).plus(exp(Wide(-x.m, x.k))).scaled(0.5)


def sinh(x: Wide) -> Wide:
    """(e^x - e^-x) / 2."""
    far = exp(x).plus(exp(Wide(-x.m, x.k)).scaled(-1)).scaled(0.5)
    return where(np.abs(x.float64) > 600, far, flat(np.sinh, lambda x: x)(x))


def asinh(x: Wide) -> Wide:
    """ln(|x| + sqrt(x^2 + 1)) with the sign of x."""
    far = log_of(Wide(np.abs(x.m), x.k + 1))
    far = Wide(np.copysign(far.m, x.m), far.k)
    return where(x.k > 500, far, flat(np.arcsinh, lambda x: x)(x))
