"""What the engine computes array by array: constants, extremes, counts, and what activations are made of.

Without AVX-512 NumPy looks the coefficients of a single-precision tanh up one by one, which takes twice the
time of its exp: the logistic function is made of that there, and so differs by roundings between processors,
as products do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gradflow.arrays import Array


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
    value: float = x.item(x.argmin())
    return value


def most(x: Array) -> float:
    """The greatest entry, nan if there is one."""
    value: float = x.item(x.argmax())
    return value


class Counts:
    """How many entries are true in each row of a C-ordered mask (rows, n), all rows in two calls.

    Bytes are added side by side, as many words of them as no byte overflows by, and then up.
    """

    def __init__(self, mask: Array) -> None:
        rows, n = mask.shape
        word: type[np.unsignedinteger[Any]] = np.uint8 if n % 8 else np.uint64
        words = mask.view(word)
        group = next(size for size in range(255, 0, -1) if words.shape[1] % size == 0)
        self.words = words.reshape(rows, -1, group)
        self.sums = np.empty(self.words.shape[:2], word)
        self.bytes = self.sums.view(np.uint8)

    def into(self, out: Array) -> None:
        """The counts into an int64 array (rows,)."""
        np.add.reduce(self.words, axis=2, out=self.sums)
        np.add.reduce(self.bytes, axis=1, dtype=np.int64, out=out)


def _tanh_runs_on(*kinds: str) -> bool:
    """Whether NumPy's tanh runs on a kind of processor, from its own account of its loops."""
    loops = np.lib.introspect.opt_func_info(func_name="^tanh$", signature="float32")
    return any(loop["current"].startswith(kinds) for loop in loops.get("tanh", {}).values())


AVX512 = _tanh_runs_on("X86_V4", "AVX512")
_TANH_IS_SLOW = _tanh_runs_on("X86_V3", "AVX2", "FMA3")  # and without AVX-512
FAR = -11.0  # z below which 1/2 + tanh(z / 2) / 2 has too few digits: at -20 in single precision none


def sigmoid(z: Array, out: Array) -> Array:
    """1 / (1 + exp(-z)), or 1/2 + tanh(z / 2) / 2 down to FAR: within 1.6 roundings of 1, .2% of itself."""
    if _TANH_IS_SLOW and z.dtype == np.float32:
        one = number(1, z.dtype)
        np.negative(z, out)
        np.exp(out, out)
        np.add(out, one, out)
        return np.divide(one, out, out)
    half = number(0.5, z.dtype)
    np.multiply(z, half, out)
    np.tanh(out, out)
    np.multiply(out, half, out)
    np.add(out, half, out)
    if z.size and not least(z.real) >= FAR:  # with a nan too: what becomes of one z depends on no other
        low = z.real < FAR
        e = np.exp(z[low])
        out[low] = e / (1 + e)
    return out


def expm1(z: Array, out: Array) -> Array:
    """exp(z) - 1 for z <= 0, which is spent, as u / (1/2 - u/2)^2, u = tanh(z / 4).

    np.expm1 takes four times as long.
    """
    np.multiply(z, number(0.25, z.dtype), out=out)
    np.tanh(out, out=out)
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
