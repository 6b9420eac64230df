"""z = W^T a + b."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import AVX512
from gradflow.nn.parts.base import BoundCall, Part, Quick, Span

KINDS = (("W", slice(None, -1)), ("b", slice(-1, None)))  # the rows of p
SMALL = 10**6  # multiplications of a product that OpenBLAS takes for small


@dataclass(frozen=True)
class Dense(Part):
    """z = p^T [a; 1]: p (fan_in + 1, units) ends in b as its last row, since x (fan_in + 1, B) ends in ones.

    Where x carries an exponent e, that row is 2^-e, so that one product still serves.
    """

    factor, label = "weight", "weights"
    units: int

    def value(self, p: Array, x: Array) -> Array:
        return p.T @ x

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        return p[:-1] @ delta

    def bind(self, place: int, span: Span) -> Quick:
        return _QuickDense(place, span)


def tensor_shape(fan_in: int, fan_out: int) -> tuple[int, int]:
    """That of p."""
    return fan_in + 1, fan_out


def cells(fan_in: int, fan_out: int) -> int:
    """The numbers in p."""
    return prod(tensor_shape(fan_in, fan_out))


def weights(p: Array) -> Array:
    """W of tensors or gradients (..., fan_in + 1, fan_out)."""
    return p[..., :-1, :]


def bias(p: Array) -> Array:
    """b of the same, (..., fan_out)."""
    return p[..., -1, :]


def blocks(rows: int, each: int, least: int) -> int | None:
    """In how many blocks of rows a product is made, of `each` multiplications a row; None: it does not pay.

    With AVX-512 OpenBLAS has kernels for small products x y, which take half to three quarters of the time:
    as few equal blocks as these are used for, of `least` rows or more.
    """
    counts = range(1, rows // least + 1) if AVX512 else ()
    return next((n for n in counts if rows % n == 0 and rows // n * each <= SMALL), None)


def product_call(w: Array, x: Array, out: Array, product: Callable[..., Any]) -> BoundCall:
    """w x, (rows, columns) by (columns, B), of one network by `product` or, where it pays, in blocks.

    All three may have a first axis, of networks.
    """
    rows, inner, batch = *w.shape[-2:], x.shape[-1]
    count = blocks(rows, inner * batch, 16)
    if count in (None, 1):
        return product, (w, x, out)
    lead, size = w.shape[:-2], (count, rows // count)
    return np.matmul, (
        w.reshape(*lead, *size, inner), x[..., None, :, :], out.reshape(*lead, *size, batch),
    )  # fmt: skip


def gradient_calls(x: Array, delta: Array, out: Array, spare: Array) -> list[BoundCall]:
    """dp = x delta^T, the sum over the batch, into `out`: x (..., fan_in + 1, B), delta (..., fan_out, B).

    No kernel for small products makes x y^T: to copy delta^T into `spare`, which is flat, costs less.
    """
    *lead, fan_in, batch = x.shape
    fan_out = delta.shape[-2]
    count = blocks(fan_out, fan_in * batch, 32)
    if count is None or fan_in < 32 or delta.size > spare.size:
        return [(np.matmul, (x, delta.swapaxes(-1, -2), out))]
    turned = delta.reshape(*lead, count, -1, batch).swapaxes(-1, -2)
    copy = spare[: delta.size].reshape(turned.shape)
    columns = out.reshape(*lead, fan_in, count, -1).swapaxes(-2, -3)
    return [(np.copyto, (copy, turned)), (np.matmul, (x[..., None, :, :], copy, columns))]


def bias_gradient(delta: Array, ones: Array, out: Array) -> None:
    """db into the gradients `out`, where the last row of x is not 1."""
    np.matmul(delta, ones[: delta.shape[-1]], out=bias(out))


class _QuickDense(Quick):
    """Products alone; np.dot takes 0.35 us a call less than np.matmul, but knows one network only."""

    def __init__(self, place: int, span: Span) -> None:
        self.span, self.product = span, np.dot if span.single else np.matmul
        self.z, self.delta, self.above = span.value[place], span.delta[place], span.delta[-1]

    def forward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        views = span.bare(span.p[i].swapaxes(1, 2)), span.bare(span.inputs[i]), self.z[i]
        return [product_call(*views, self.product)]

    def backward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        below = None if span.below is None else span.bare(span.below)
        out = self.above[i - 1] if i else below
        if out is None:
            return []
        return [product_call(span.bare(weights(span.p[i])), self.delta[i], out, self.product)]
