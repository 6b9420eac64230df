"""What the engine computes array by array: constants, extremes, and what activations are made of.

NumPy's single-precision tanh looks coefficients up one by one on processors without AVX-512. There
tanh(x / 4) = x (r1 / (x^2 + p1) + r2 / (x^2 + p2)), fitted to 1.3e-8 on |x| <= 9.1, is doubled twice by
tanh(2u) = 2 t / (1 + t^2): passes over arrays that are in cache, in which no error grows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@lru_cache(maxsize=256)
def number(value: float, dtype: Any) -> Array:
    """A constant as an array without axes: a Python float costs a ufunc half a microsecond more."""
    constant = np.array(value, dtype)
    constant.setflags(write=False)
    return constant


class Work(NamedTuple):
    """What an activation works with besides z and a: arrays that belong to the pass which calls it."""

    kept: Array  # of z's shape: scratch, in which `evaluate` may leave what the slope is read from
    zeros: Array  # to compare with, of a shape that broadcasts: np.maximum takes a scalar a third longer

    @classmethod
    def like(cls, z: Array) -> Work:
        """For those who hold no buffers."""
        return cls(np.empty_like(z), np.zeros((), z.dtype))


def least(x: Array) -> float:
    """The least entry, nan if there is one; for small arrays a fifth of the time of np.min."""
    return float(x.item(x.argmin()))


def most(x: Array) -> float:
    """The greatest entry, nan if there is one."""
    return float(x.item(x.argmax()))


def _numpy_is_slow() -> bool:
    """Whether NumPy's tanh runs on this processor without AVX-512, from its own account of its loops."""
    loops = np.lib.introspect.opt_func_info(func_name="^tanh$", signature="float32")
    return any(
        loop["current"].startswith(("X86_V3", "AVX2", "FMA3")) for loop in loops.get("tanh", {}).values()
    )


_NUMPY_IS_SLOW = _numpy_is_slow()
_POLES = ((39.52081069, 8.030914373), (703.2467493, 32.90686288))  # p and r
_LIMIT = 9.02  # beyond, tanh rounds to 1; here the passes give 1, and 1/2, to the last bit
_SMALL = 8192  # entries of a matrix below which the calls of the passes cost more than the look-ups


def tanh(x: Array, out: Array, scratch: Array) -> Array:
    """tanh of a real or complex array into `out`, to 4 units in the last place; three distinct arrays."""
    if not _has_passes(x):
        return np.tanh(x, out=out)
    return _passes(x, out, scratch, 1, (1, 0.25))


def _quarter_tanh(x: Array, out: Array) -> Array:
    """tanh(x / 4) in the same way."""
    if not _has_passes(x):
        np.multiply(x, number(0.25, x.dtype), out=out)
        return np.tanh(out, out=out)
    return _passes(x, out, np.empty_like(x), 4, (0.25,))


def half_tanh(x: Array, out: Array, scratch: Array) -> Array:
    """tanh(x / 2) / 2, which is the logistic function less 1/2, in the same way."""
    if not _has_passes(x):
        half = number(0.5, x.dtype)
        np.multiply(x, half, out=out)
        np.tanh(out, out=out)
        return np.multiply(out, half, out=out)
    return _passes(x, out, scratch, 4, (0.25, 1))


def sigmoid(z: Array, out: Array, scratch: Array) -> Array:
    """1 / (1 + exp(-z)) = 1/2 + tanh(z / 2) / 2."""
    half_tanh(z, out, scratch)
    return np.add(out, number(0.5, z.dtype), out=out)


def expm1(z: Array, out: Array) -> Array:
    """exp(z) - 1 for z <= 0, which is spent, as u / (1/2 - u/2)^2, u = tanh(z / 4).

    np.expm1 takes four times as long.
    """
    _quarter_tanh(z, out)
    np.multiply(out, number(-0.5, z.dtype), out=z)
    np.add(z, number(0.5, z.dtype), out=z)
    np.multiply(z, z, out=z)
    return np.divide(out, z, out=out)


def minus_abs(z: Array, out: Array) -> None:
    """-|z|, through the real part, so that it stays analytic on either side."""
    if np.iscomplexobj(z):
        np.multiply(z, np.where(z.real < 0, 1, -1), out=out)
    else:
        np.abs(z, out=out)
        np.negative(out, out=out)


def _has_passes(x: Array) -> bool:
    return _NUMPY_IS_SLOW and x.ndim > 1 and x.shape[-1] * x.shape[-2] >= _SMALL and x.dtype == np.float32


@lru_cache(maxsize=8)
def _constants(scale: int, dtype: Any) -> tuple[Array, ...]:
    """p1, r1, p2, r2 for x at this scale of its square."""
    return tuple(number(c, dtype) for p, r in _POLES for c in (p * scale, r))


def _passes(x: Array, out: Array, square: Array, scale: int, offsets: tuple[float, ...]) -> Array:
    """tanh x by way of tanh(x / 4) and tanh(x / 2) / 2, an offset each; at scale 4, of x / 2."""
    p1, r1, p2, r2 = _constants(scale, x.dtype)
    x = clipped(x, _LIMIT * scale**0.5, square)
    np.add(square, p1, out)
    np.divide(r1, out, out)
    np.add(square, p2, square)
    np.divide(r2, square, square)
    np.add(out, square, out)
    np.multiply(out, x, out)
    for offset in offsets:
        double(out, offset, square)
    return out


def clipped(x: Array, limit: float, square: Array) -> Array:
    """x within +-limit, a new array where x itself is not, and its square into `square`."""
    np.multiply(x, x, square)
    if not most(square) < limit * limit:
        x = np.clip(x, -limit, limit)
        np.multiply(x, x, square)
    return x


def double(t: Array, offset: float, square: Array) -> None:
    """t / (offset + t^2) in place of t = tanh u: tanh(2u) / 2 at offset 1; of t / 2, 1/4 gives tanh 2u."""
    np.multiply(t, t, square)
    np.add(square, number(offset, t.dtype), square)
    np.divide(t, square, t)
