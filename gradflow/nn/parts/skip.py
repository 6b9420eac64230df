"""A skip: z' = z + s y. The stream z forks before the branch, and joins what has become of it above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.parts.base import BoundCall, Part, Quick, Span
from gradflow.nn.scaled import Scaled


@dataclass(frozen=True)
class Fork(Part):
    """x goes into the branch and, as the stream, past it: delta is the sum of what comes back by either."""

    factor, label = "skip", "skip"
    in_place = True
    forks = True

    def value(self, p: Array, x: Array) -> Array:
        return x

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        return delta

    def bind(self, place: int, span: Span) -> Quick:
        return _QuickFork(place, span)


@dataclass(frozen=True)
class Join(Part):
    """s x, to which the stream is added; s may be trained."""

    factor, label = "weight", "weights"
    joins = uniform = True
    scale: float = 1.0
    trained: bool = False

    @property
    def in_place(self) -> bool:
        """Unless the gradient of s is to be made of x."""
        return not self.trained

    @property
    def reads(self) -> bool:
        """For the gradient of s."""
        return self.trained

    @property
    def passes(self) -> bool:
        """With s = 1."""
        return self.scale == 1 and not self.trained

    @property
    def rows(self) -> tuple[str, ...]:
        """s."""
        return ("s",) if self.trained else ()

    @property
    def start(self) -> tuple[float, ...]:
        """Its value at initialization."""
        return (self.scale,) * self.trained

    def value(self, p: Array, x: Array) -> Array:
        scaled: Array = self._s(p) * x
        return scaled

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        scaled: Array = self._s(p) * delta
        return scaled

    def back(self, p: Array, x: Array, delta: Scaled) -> Scaled:
        return Scaled(float(self._s(p)) * delta.v, delta.exponent)

    def gradient(self, p: Array, x: Array, delta: Array) -> Array:
        total: Array = np.vecdot(x.reshape(*x.shape[:-2], -1), delta.reshape(*x.shape[:-2], -1))
        return total[..., None, None]

    def bind(self, place: int, span: Span) -> Quick:
        return _QuickJoin(self, place, span)

    def _s(self, p: Array) -> Array | float:
        return p[0, 0] if self.trained else self.scale


class _QuickFork(Quick):
    """The two deltas added."""

    def __init__(self, place: int, span: Span) -> None:
        self.place, self.span = place, span
        self.join = span.join

    def backward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        branch, delta = span.delta[self.place][i], span.delta[self.place - 1][i]
        last = i == len(span.p) - 1
        skip = (None if span.skip is None else span.bare(span.skip)) if last else span.delta[self.join][i + 1]
        return [(np.copyto, (delta, branch)) if skip is None else (np.add, (branch, skip, delta))]


class _QuickJoin(Quick):
    """The branch scaled, and the stream added to it."""

    def __init__(self, part: Join, place: int, span: Span) -> None:
        self.part, self.place, self.span = part, place, span
        self.x, self.y = span.value[place - 1], span.value[place]
        self.delta, self.below = span.delta[place], span.delta[place - 1]

    def forward_calls(self, i: int) -> list[BoundCall]:
        span = self.span
        stream = (
            (None if span.stream is None else span.bare(span.stream))
            if i == 0
            else span.value[span.fork][i - 1]
        )
        if stream is None:
            return [] if self.part.in_place else [(np.copyto, (self.y[i], self.x[i]))]
        if self.part.passes:
            return [(np.add, (self.x[i], stream, self.y[i]))]
        return [(np.multiply, (self.x[i], self._s(i), self.y[i])), (np.add, (self.y[i], stream, self.y[i]))]

    def backward_calls(self, i: int) -> list[BoundCall]:
        if self.part.passes:
            return []
        if i == 0 and self.span.stream is None:
            return [(np.copyto, (self.below[i], self.delta[i]))]
        return [(np.multiply, (self.delta[i], self._s(i), self.below[i]))]

    def share_norms(self, above: Array, below: Array) -> None:
        own, stem = self.span.own[self.place], int(self.span.stream is None)
        square: Array | float = self.part.scale**2 if own is None else np.square(own)
        np.multiply(above[stem:], square, out=below[stem:])
        below[:stem] = above[:stem]  # the stem has no s

    def _s(self, i: int) -> Array:
        own = self.span.own[self.place]
        if own is None:
            return np.array(self.part.scale, self.y[0].dtype)
        return self.span.bare(own[i - (self.span.stream is None)])
