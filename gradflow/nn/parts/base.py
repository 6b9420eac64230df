"""What a part is, what its quick form is, and the arrays that a quick form is bound to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import Work
from gradflow.nn.scaled import Scaled

BoundCall = tuple[Callable[..., Any], tuple[Any, ...]]  # with its arguments: made once, run every step

LOSSY = 1e-6  # ||delta_x||^2 / ||delta_y||^2 below which a lossy part has lost digits


def call_all(calls: Iterable[BoundCall]) -> None:
    """Run them in their order."""
    for function, arguments in calls:
        function(*arguments)


@dataclass(frozen=True)
class Part:
    """One link of the chain: y = value(x), and delta_x = vjp(delta_y), which is linear in delta_y.

    Pure functions of one network: x is (n, B), real or complex, p the part's own tensor, whose `rows` have
    names; of a dense part, that of the layer. Two parts make a skip: what enters the one that `forks` is the
    stream, which is added to the value of the one that `joins` in the layer above, and so are their deltas.
    """

    factor: ClassVar[str]  # the name of ||delta_x|| / ||delta_y|| in the record
    label: ClassVar[str]  # the same as pages and documents call it
    uniform: ClassVar[bool] = False  # its vjp is delta times one number
    forks: ClassVar[bool] = False
    joins: ClassVar[bool] = False

    @property
    def lossy(self) -> bool:
        """Whether the quick form may lose digits where little of a delta is left."""
        return False

    @property
    def flat(self) -> bool:
        """Whether a delta of 0 may be left of one that is not."""
        return False

    @property
    def homogeneous(self) -> bool:
        """Whether value(2^k x) = 2^k value(x), biases scaled too."""
        return True

    @property
    def mixes(self) -> bool:
        """Whether a sample's value depends on the others."""
        return False

    @property
    def early(self) -> bool:
        """Whether the quick form settles slopes on the way forward: all layers keep theirs."""
        return False

    @property
    def keeps(self) -> bool:
        """Whether it reads its value on the way back: all layers keep theirs."""
        return False

    @property
    def reads(self) -> bool:
        """Whether it reads what enters it then."""
        return False

    @property
    def in_place(self) -> bool:
        """Whether its value stands where what enters it does."""
        return False

    @property
    def passes(self) -> bool:
        """Whether its vjp is delta, which stays where it is."""
        return False

    @property
    def rows(self) -> tuple[str, ...]:
        """Of its own tensor, if it has one."""
        return ()

    @property
    def start(self) -> tuple[float, ...]:
        """Their values at initialization."""
        return ()

    @property
    def columns(self) -> int:
        """Of its own tensor."""
        return 1

    def rest(self, units: int, batch: int) -> tuple[int, int] | None:
        """The shape of what else the quick form keeps of a layer for its way back."""
        return None

    def value(self, p: Array, x: Array) -> Array:
        """y; complex with an x or p that is, for the complex step."""
        raise NotImplementedError(self.factor)

    def vjp(self, p: Array, x: Array, delta: Array) -> Array:
        """dLoss/dx of delta = dLoss/dy."""
        raise NotImplementedError(self.factor)

    def gradient(self, p: Array, x: Array, delta: Array) -> Array:
        """dLoss/dp (.., rows, columns), the sum over the batch, of x and delta (.., n, B)."""
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
    own: Sequence[Array | None] = ()  # of each part, (k, S, rows, columns)
    rests: Sequence[Array | None] = ()  # what else a part keeps, of each
    statistics: Sequence[Array | None] = ()  # of each part that keeps some from pass to pass, (k, S, 2, n)
    stream: Array | None = None  # (S, n, B) that the first layer joins; None where that is the stem
    skip: Array | None = None  # (S, n, B) that comes down beside the last layer; None at the top
    fork: int = 0  # the part that forks
    join: int = 0  # the part that joins
    spare: Array | None = None  # (S, n, B) of scratch, for parts that ask for `rest`
    momentum: Array | None = None  # of the statistics
    frozen: bool = False  # statistics are those that were kept, as in evaluation

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

    def forward_calls(self, i: int) -> list[BoundCall]:
        """What makes the value of layer i of the span."""
        return []

    def backward_calls(self, i: int) -> list[BoundCall]:
        """What makes the delta of the part below from that of this part, in layer i of the span."""
        return []

    def share_norms(self, above: Array, below: Array) -> None:
        """Of a `uniform` part: the squared norms (k, S, 1, B) below it from those above."""

    def settle_forward(self, record: bool) -> None:
        """After the calls forward of all layers."""

    def keep_exact(self, i: int, seed: int, x: Array) -> None:
        """Before that: what is kept of layer i of a network that the exact path made, from what entered."""

    def held(self) -> Array | None:
        """Of each network (S,), whether the values of all layers have their digits; None: surely of all."""
        return None

    def open_backward(self, record: bool) -> None:
        """Before the calls backward of all layers."""

    def surely_precise(self, low: float, high: float) -> bool:
        """Whether `precise` holds at every squared norm between these."""
        return low > LOSSY * high

    def precise(self, lower: Array, upper: Array) -> Array:
        """Where a lossy part kept its digits, from squared norms below and above it, (k, S, 1, B)."""
        kept: Array = lower >= LOSSY * upper
        return kept
