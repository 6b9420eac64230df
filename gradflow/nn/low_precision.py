"""What a cast to a low-precision float makes of the deltas and activations of networks, layer by layer.

Rounded to nearest even, as hardware and NumPy cast: an entry up to half the smallest subnormal becomes 0,
one from half a step beyond the largest number becomes inf, nan or, where casts saturate, that number. So a
format loses what is not between two bounds, and is judged by counting entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, copysign, inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.chunk import Chunk
from gradflow.nn.elementwise import most
from gradflow.nn.magnitudes import REACH, ZERO, Below, Bound, Magnitudes, Rooms, ascending, least_rung
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Sgd
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]

TOLERATED = 0.01  # the share of a layer's entries below which a loss scale keeps what it loses
SHARES = ("delta_underflow", "delta_overflow", "a_underflow", "a_overflow")
ZEROS = ("delta_zero", "a_zero")
FIRST, SPREAD = 16, 8  # powers of two: where a search begins, and what lies about between its ends
UNDERFLOWN = 1e-12  # above any number whose square may be 0
_NONE = np.zeros((1, 1, 1), np.int64)  # the exponent of what carries none

# where formats end within a power of two: (1 - 2^-m) is half a step above the largest number; a tie goes to
# the even neighbour, which for a full mantissa is beyond, but for float8_e4m3fn, whose last one is nan, 448
_ENDS = ((464 / 512, True), (61440 / 65536, False), (1 - 2**-9, False), (65520 / 65536, False))


def _down(rung: int) -> Bound:
    """Of a ladder whose rungs are powers of two, down from 1."""
    return Bound(-rung, 1.0, closed=True)


def _up(rung: int) -> Bound:
    """Of a ladder up, on which every format ends at some rung, at whatever power of two."""
    power, end = divmod(rung, len(_ENDS))
    return Bound(power, *_ENDS[end])


@dataclass(frozen=True)
class Float:
    """A format: entries up to 2^`gone` become 0, and those beyond rung `last` of the ladder up no number."""

    name: str
    gone: int
    last: int

    @property
    def beyond(self) -> float:
        """log2 of what is no number any more."""
        return _up(self.last).log2

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """Up to the first entries become 0, up to the second they are numbers."""
        return _down(-self.gone), _up(self.last)

    def lost(self, entries: Below) -> tuple[Array, Array]:
        """The shares of all entries that underflow, which were not 0, and that overflow."""
        under, within = map(entries.below, self.bounds)
        return (under - entries.below(ZERO)) / entries.total, (entries.total - within) / entries.total


FLOATS = (
    Float("float16", -25, 16 * len(_ENDS) + 3),
    Float("bfloat16", -134, 128 * len(_ENDS) + 2),
    Float("float8_e4m3fn", -10, 9 * len(_ENDS)),
    Float("float8_e5m2", -17, 16 * len(_ENDS) + 1),
)
BOUNDS = (ZERO, *(bound for one in FLOATS for bound in one.bounds))


@dataclass(frozen=True)
class Casts:
    """Of one network: by format the SHARES (4, L), and the lowest and highest k of a loss scale 2^k.

    The k are those that keep what every layer's delta loses to either side below TOLERATED; there is none
    where lowest > highest. `zeros` (2, L) are the shares that are 0 in any format, of delta and of a.
    """

    shares: dict[str, Array]
    scales: dict[str, tuple[float, float]]
    zeros: Array


class _Margin:
    """The first rung of a ladder beyond which no layer that was met has more than TOLERATED of its entries.

    `beyond` makes their number of those below the rung, those that are 0, and all.
    """

    def __init__(self, ladder: Callable[[int], Bound], beyond: Callable[[Any, Any, int], Any]) -> None:
        self.ladder, self.beyond = ladder, beyond
        self.at = -REACH

    def meet(self, entries: Magnitudes, start: int) -> None:
        """Go up to where layers hold, from `start` if these are the first that need it."""
        total, zeros = entries.size, entries.below(ZERO)
        spared = ceil(TOLERATED * total) - 1
        lost = self.beyond(entries.below(self.ladder(self.at)), zeros, total)
        for layer in np.argsort(-lost).tolist() if most(lost) > spared else ():
            count, own = entries.counter(layer), zeros[layer]
            holds = partial(self._holds, count, own, total, spared)
            if lost[layer] > spared and not holds(self.at):
                self.at = least_rung(holds, start if self.at == -REACH else self.at)

    def _holds(self, count: Callable[[Bound], int], zeros: int, total: int, spared: int, rung: int) -> bool:
        """Whether a layer has no more beyond a rung than may be lost."""
        return bool(self.beyond(count(self.ladder(rung)), zeros, total) <= spared)


class _Scale:
    """The loss scales 2^k that keep deltas: margins below and above all layers that were met."""

    def __init__(self) -> None:
        self.low = _Margin(_down, lambda below, zeros, total: below - zeros)
        self.high = _Margin(_up, lambda below, zeros, total: total - below)

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """What is asked of the next layers first."""
        return _down(self.low.at), _up(self.high.at)

    def meet(self, deltas: Magnitudes) -> None:
        """Those of some layers."""
        self.low.meet(deltas, FIRST)
        self.high.meet(deltas, len(_ENDS) * (SPREAD - self.low.at))

    def of(self, one: Float) -> tuple[float, float]:
        """The lowest and the highest k of a format."""
        low, high = self.low.at, self.high.at
        highest = (one.last - high) // len(_ENDS) if abs(high) < REACH else -copysign(inf, high)
        return (one.gone + low if low > -REACH else -inf), highest


class Watch:
    """What casts would make of S networks: their layers are met on the way back, a chunk at a time."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.rooms = memory, Rooms((memory.arrays["kept"], memory.arrays["marks"]))
        self.scales = [_Scale() for _ in range(memory.shape.seeds)]
        self.found: list[tuple[int, int, slice, dict[Bound, Sequence[int]]]] = []

    def meet(self, chunk: Chunk) -> None:
        """The layers of a chunk, whose deltas are in place and whose scratch is free."""
        for seed, scale in enumerate(self.scales):
            delta, a = self._delta(chunk, seed), self._outputs(chunk, seed)
            delta.count(ascending((*BOUNDS, *scale.bounds)))
            a.count(ascending(BOUNDS))
            scale.meet(delta)
            own = slice(chunk.lo, chunk.hi)
            self.found += (seed, 0, own, delta.counts), (seed, 1, own, a.counts)

    def _delta(self, chunk: Chunk, seed: int) -> Magnitudes:
        model, tally = chunk.model, chunk.tally
        v, norms = chunk.span.deltas[model.stream][:, seed], chunk.norms[model.stream][:, seed]
        exponent = tally.exponents[chunk.boundaries][model.stream :: len(model.parts), seed]
        values = Scaled(v, exponent if tally.scaled else _NONE)
        return Magnitudes(values, self.rooms, v.shape[-1], _largest(norms))

    def _outputs(self, chunk: Chunk, seed: int) -> Magnitudes:
        v, squares = chunk.span.values[-1][:, seed], chunk.a2[:, seed]
        if not self.memory.forward_scaled:
            return Magnitudes(Scaled(v, _NONE), self.rooms, largest=_largest(squares))
        exponent = self.memory.exponent[chunk.lo + 1 : chunk.hi + 1, seed, None, None]
        return Magnitudes(Scaled(v, exponent), self.rooms)

    def casts(self) -> list[Casts]:
        """What was found, of each network."""
        shape = self.memory.shape
        counts = np.zeros((shape.seeds, 2, len(BOUNDS), shape.depth), np.int64)  # of delta, of a
        for seed, tensor, layers, found in self.found:
            counts[seed, tensor, :, layers] = [found[bound] for bound in BOUNDS]
        return [self._casts(*each) for each in zip(counts, self.scales, strict=True)]

    def _casts(self, counts: Array, scale: _Scale) -> Casts:
        shape = self.memory.shape
        total = np.array([shape.units(layer) for layer in range(shape.depth)]) * shape.batch
        tensors = [Below(dict(zip(BOUNDS, own, strict=True)), total) for own in counts]
        return Casts(
            {one.name: np.concatenate([one.lost(entries) for entries in tensors]) for one in FLOATS},
            {one.name: scale.of(one) for one in FLOATS},
            np.array([entries.below(ZERO) / total for entries in tensors]),
        )


def _largest(squares: Array) -> float:
    """A number that no entry is above, from their squares or sums of these, which may have underflowed."""
    square = most(squares)
    return 2 * sqrt(square) + UNDERFLOWN if square < inf else inf


def measure_casts(model: Model, x: Array, y: Array, seed: int, dtype: Any = np.float64) -> Casts:
    """Those of the initial network of `seed` on a batch x (B, features), y (B, outputs), in a dtype.

    With an exponent for each sample where need be, so that no depth takes delta beyond a float; delta is
    dLoss/dz of the batch's mean loss.
    """
    memory = Memory(model.sized(seeds=1, batch=len(x)), np.dtype(dtype))
    network, watch = Network(memory, Sgd(lr=0.0)), Watch(memory)
    with np.errstate(all="ignore"):  # what leaves the dtype is lost in any format
        model.draw(network.parameters, range(seed, seed + 1))
        memory.x[0, :, :-1], memory.y[0] = x, y
        network.forward(record=True)
        network.backward(record=True, update=False, met=watch.meet)
        return watch.casts()[0]
