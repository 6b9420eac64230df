"""What a part is, what its quick form is, and the arrays that a quick form is bound to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.elementwise import Work
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]
Call = tuple[Callable[..., Any], tuple[Any, ...]]  # a function with its arguments: made once, run every step


@dataclass(frozen=True)
class Part:
    """One link of the chain: y = value(x), and delta_x = vjp(delta_y), which is linear in delta_y.

    Pure functions of one network: x is (n, B), real or complex, p the tensor of the layer that it stands in.
    """

    factor: ClassVar[str]  # the name of ||delta_x|| / ||delta_y|| in the record
    label: ClassVar[str]  # the same as pages and documents call it
    lossy: ClassVar[bool] = False  # the quick form may lose digits where little of a delta is left
    flat: ClassVar[bool] = False  # a delta of 0 may be left of one that is not
    homogeneous: ClassVar[bool] = True  # value(2^k x) = 2^k value(x), biases scaled too
    early: ClassVar[bool] = False  # the quick form settles slopes on the way forward: all layers keep theirs
    keeps: ClassVar[bool] = False  # it reads its value on the way back: all layers keep theirs

    def value(self, p: Array, x: Array) -> Array:
        """y; complex with an x or p that is, for the complex step."""
        raise NotImplementedError(self.factor)

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        """dLoss/dx of delta = dLoss/dy."""
        raise NotImplementedError(self.factor)

    def back(self, p: Array, x: Array, delta: Scaled) -> Scaled:
        """`vjp` of mantissas, in the dtype of the run."""
        return Scaled(self.vjp(p, x, delta.v.astype(x.dtype)).astype(np.float64), delta.exponent)

    def bind(self, place: int, span: Span) -> Quick:
        """The quick form of part number `place` of the layers of a span."""
        raise NotImplementedError(self.factor)


@dataclass(frozen=True)
class Span:
    """k layers of equal parts in the memory of a pass: what their quick forms read and write.

    `values[j]` (k, S, n, B) is where the value of part j stands, `deltas[j]` where dLoss/dvalue does, which
    may be the same memory going back; `below` (S, n, B) takes the last delta of the layer below the span.
    """

    p: list[Array]  # of each layer (S, fan_in + 1, fan_out)
    inputs: list[Array]  # of each layer (S, fan_in + 1, B)
    values: tuple[Array, ...]
    deltas: tuple[Array, ...]
    below: Array | None
    work: Work
    marks: Array  # (k, S, n, B) of bool
    ones: Array
    saturated: Array  # (k, S): units x samples that are
    dead: Array  # (k, S): units that are

    @property
    def single(self) -> bool:
        """Whether there is one network, whose views need no axis for it."""
        return bool(self.p[0].shape[0] == 1)

    def bare(self, v: Array) -> Array:
        """A layer's view without the axis of the networks, where there is but one."""
        return v[0] if self.single else v

    @cached_property
    def value(self) -> list[list[Array]]:
        """`bare` views of `values`, of each layer of each part: one object for all calls of a layer."""
        return [[self.bare(v) for v in values] for values in self.values]

    @cached_property
    def delta(self) -> list[list[Array]]:
        """Of `deltas` in the same way."""
        return [[self.bare(v) for v in deltas] for deltas in self.deltas]

    @cached_property
    def zeros(self) -> Array:
        """Of the zeros to compare with."""
        return self.bare(self.work.zeros)


class Quick:
    """A part's form for a span of layers of S networks: calls for each layer, and what all settle at once.

    It may overwrite what it was given, and need not hold where squares of norms leave the range of a float.
    """

    def forward_calls(self, i: int) -> list[Call]:
        """What makes the value of layer i of the span."""
        return []

    def backward_calls(self, i: int) -> list[Call]:
        """What makes the delta of the part below from that of this part, in layer i of the span."""
        return []

    def settle_forward(self, record: bool) -> None:
        """After the calls forward of all layers."""

    def open_backward(self, record: bool) -> None:
        """Before the calls backward of all layers."""
