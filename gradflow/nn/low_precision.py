"""What a cast to a low-precision float makes of the deltas and activations of one network, layer by layer.

Rounded to nearest even, as hardware and NumPy cast: an entry up to half the smallest subnormal becomes 0,
one from half a step beyond the largest number becomes inf, nan or, where casts saturate, that number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, inf, log2, nextafter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parts.dense import Dense
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]

TOLERATED = 0.01  # the share of a layer's entries below which a loss scale keeps what it loses
SHARES = ("delta_underflow", "delta_overflow", "a_underflow", "a_overflow")
ZEROS = ("delta_zero", "a_zero")


@dataclass(frozen=True)
class Float:
    """A format by log2 of what a cast loses: entries up to `gone` become 0, from `beyond` on no number."""

    name: str
    gone: float
    beyond: float

    def lost(self, entries: Magnitudes) -> tuple[float, float]:
        """The shares of all entries that underflow, which were not 0, and that overflow."""
        under = int(np.searchsorted(entries.log2, self.gone, side="right"))
        over = len(entries.log2) - int(np.searchsorted(entries.log2, self.beyond))
        return under / entries.total, over / entries.total

    def scales(self, entries: Magnitudes) -> tuple[float, float]:
        """The lowest and highest k for which entries times 2^k lose less than TOLERATED to either side."""
        spared = ceil(TOLERATED * entries.total) - 1  # entries that may be lost
        if spared >= len(entries.log2):
            return -inf, inf
        lowest, highest = self.gone - entries.log2[spared], self.beyond - entries.log2[-1 - spared]
        return _whole(floor, lowest) + 1, _whole(ceil, highest) - 1


def _whole(rounded: Any, value: float) -> float:
    return float(rounded(value)) if np.isfinite(value) else float(value)


# (2 - 2^-m) 2^E is half a step above the largest number; a tie goes to the even neighbour, which for a full
# mantissa is beyond, but for float8_e4m3fn, whose last mantissa is nan, 448 itself
FLOATS = (
    Float("float16", -25.0, log2(65520)),
    Float("bfloat16", -134.0, log2(2 - 2**-8) + 127),
    Float("float8_e4m3fn", -10.0, nextafter(log2(464), inf)),
    Float("float8_e5m2", -17.0, log2(61440)),
)


class Magnitudes(NamedTuple):
    """log2 of the magnitudes of the entries that are not 0, ascending, and how many entries there are."""

    log2: Array
    total: int

    @classmethod
    def of(cls, values: Scaled) -> Magnitudes:
        """Those of v 2^exponent; nan, which a cast leaves nan, is beyond any format, as inf is."""
        magnitudes = np.where(np.isnan(values.v), inf, np.abs(values.v))
        alive = magnitudes > 0
        exponents = np.broadcast_to(values.exponent, alive.shape)[alive]
        return cls(np.sort(np.log2(magnitudes[alive]) + exponents), magnitudes.size)

    @property
    def zero(self) -> float:
        """The share of entries that are 0 in any format."""
        return 1 - len(self.log2) / self.total


@dataclass(frozen=True)
class Casts:
    """Of one network: by format the SHARES (4, L), and the lowest and highest k of a loss scale 2^k.

    The k are those that keep what every layer's delta loses to either side below TOLERATED; there is none
    where lowest > highest. `zeros` (2, L) are the shares that are 0 in any format, of delta and of a.
    """

    shares: dict[str, Array]
    scales: dict[str, tuple[float, float]]
    zeros: Array


def measure_casts(model: Model, x: Array, y: Array, seed: int) -> Casts:
    """Those of the initial network of `seed` on a batch x (B, features), y (B, outputs).

    Of float64 values with an exponent for each sample, so that no depth takes them beyond a float; delta is
    dLoss/dz of the batch's mean loss.
    """
    with np.errstate(all="ignore"):  # what leaves float64 is lost in any format
        return _casts(_passed(model.sized(seeds=1, batch=len(x)), x, y, seed))


def _casts(network: Network) -> Casts:
    depth = network.shape.depth
    shares = {one.name: np.empty((len(SHARES), depth)) for one in FLOATS}
    scales, zeros = dict.fromkeys(shares, (-inf, inf)), np.empty((len(ZEROS), depth))
    for layer, *values in _entries(network):
        delta, a = map(Magnitudes.of, values)
        zeros[:, layer] = delta.zero, a.zero
        for one in FLOATS:
            shares[one.name][:, layer] = *one.lost(delta), *one.lost(a)
            (lowest, highest), (low, high) = scales[one.name], one.scales(delta)
            scales[one.name] = max(lowest, low), min(highest, high)
    return Casts(shares, scales, zeros)


def _passed(model: Model, x: Array, y: Array, seed: int) -> Network:
    """The network after a pass forward and back on a batch, without an update."""
    memory = Memory(model, np.dtype(np.float64))
    network = Network(memory, Sgd(lr=0.0))
    model.draw(network.parameters, range(seed, seed + 1))
    memory.x[0, :, :-1], memory.y[0] = x, y
    network.forward(record=True)
    network.backward(record=True, update=False)
    return network


def _entries(network: Network) -> Iterator[tuple[int, Scaled, Scaled]]:
    """Each layer, counted from 0, with its delta and its output, from the last down."""
    model, memory = network.model, network.memory
    below, skip = _top(network), None
    for chunk in reversed(network.chunks):
        linked, behind = chunk.linked(0), {}
        for place, part, delta in exact.down(linked, below, skip, model.mixes):
            behind[part] = delta
            if part == model.stream:
                yield place.layer, _of_mean(delta), _output(memory, place.layer)
        bottom = linked[0][0]
        if bottom.layer:
            below = bottom.parts[0].back(bottom.tensors[0], bottom.x, behind[0])
            skip = None if model.join is None else behind[model.join]


def _top(network: Network) -> Scaled:
    """The delta behind the last layer, from that of the output."""
    memory = network.memory
    delta = Scaled(memory.delta_out[0], memory.tally.out_exponent[0])
    if not network.shape.readout:
        return delta
    p = list(network.parameters)[-1][0]
    return Dense(network.shape.outputs).back(p, memory.a[-1][0], delta.normalized())


def _of_mean(delta: Scaled) -> Scaled:
    """What a sample's delta is of the batch's mean loss, of B = (B,) samples."""
    return Scaled(delta.v / delta.v.shape[1], delta.exponent)


def _output(memory: Memory, layer: int) -> Scaled:
    a = memory.a[layer][0, :-1]
    return Scaled(a, np.full((1, a.shape[1]), memory.exponent[layer + 1, 0]))
