"""The exact path: what left a float's range, or lost its digits, done again for one network, part by part.

The quick path works on whole chunks and trusts that squares stay in range. This one walks the same parts with
an exponent per sample, and sums in float64. It runs rarely, so it is written to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.memory import Memory
from gradflow.nn.parts.base import Part
from gradflow.nn.scaled import Range, Scaled, power_of_two, shared_exponent

Array = NDArray[Any]

LOSSY = 1e-6  # ||delta_x||^2 / ||delta_y||^2 below which a lossy part has lost digits


class Place(NamedTuple):
    """A layer of one network: its parts, its tensor, its input as it is held, and where the rest is held."""

    layer: int
    seed: int
    parts: Sequence[Part]
    p: Array
    x: Array
    values: Sequence[Array]  # behind each part
    delta: Array  # behind the first


def forward(place: Place, memory: Memory) -> None:
    """The values of a homogeneous layer, its output scaled to its largest entry."""
    layer, seed, x = place.layer, place.seed, place.x
    for part, held in zip(place.parts, place.values, strict=True):
        held[...] = x = part.value(place.p, x)
    sum_values(place, memory)
    memory.carry(slice(layer, layer + 1), seed, int(memory.exponent[layer, seed]))
    scale_output(place, memory)


def sum_values(place: Place, memory: Memory) -> None:
    """The sums of the record, in float64."""
    memory.tally.sum_values(place.layer, place.seed, place.values[0], place.values[-1])


def scale_output(place: Place, memory: Memory) -> None:
    """Store a layer's output as a 2^-k with its largest entry near 1."""
    a, layer, seed = place.values[-1], place.layer, place.seed
    largest = float(np.abs(a).max())
    if not np.isfinite(largest):
        return
    k = int(np.frexp(largest)[1])
    np.ldexp(a, -k, out=a)
    exponent = int(memory.exponent[layer + 1, seed]) + k if largest else 0
    memory.carry(slice(layer, layer + 1), seed, exponent)


def start(memory: Memory) -> None:
    """Bring delta_out near 1, sample by sample, where its squares leave the range."""
    delta = memory.delta_out
    k = shared_exponent(np.abs(delta).max(axis=1, keepdims=True))
    np.ldexp(delta, -k, out=delta)
    carry(memory.tally.out_exponent + k, memory)


def carry(exponent: Array, memory: Memory) -> None:
    """The output's delta carries this exponent."""
    memory.tally.out_exponent[...] = memory.entry_exponent[...] = memory.delta_exponent[-1] = exponent
    memory.tally.scaled = True


def backward(places: Sequence[Place], delta: Scaled, memory: Memory) -> None:
    """The deltas behind every part of layers that follow each other, from that behind the last one."""
    memory.tally.scaled = True
    for place in reversed(places):
        xs = [place.x]
        for part in place.parts[:-1]:
            xs.append(part.value(place.p, xs[-1]))
        for j in range(len(place.parts) - 1, -1, -1):
            delta = delta.normalized()
            memory.tally.keep(memory.model.boundary(place.layer, j), place.seed, delta)
            if j == 0:
                place.delta[...] = delta.v
                memory.delta_exponent[place.layer, place.seed] = delta.exponent
            if place is not places[0] or j:
                delta = place.parts[j].back(place.p, xs[j], delta)


def trustworthy(lower: Array, upper: Array, flat: Array, lossy: Array, bounds: Range) -> bool:
    """Whether squared norms below parts, (parts, B), are in range or 0 for a reason, with all their digits.

    `upper` are those above the parts; of which `flat` and `lossy`, (parts, 1), say what they are.
    """
    held = (lower > bounds.tiny) & (lower < bounds.huge)
    meant = (lower == 0) & ((upper == 0) | flat & (upper > bounds.tiny))
    return bool((held | meant).all()) and not bool((lossy & (lower < LOSSY * upper)).any())


def enter(delta: Array, squares: Array, exponent: Array, memory: Memory) -> None:
    """Bring the delta (S, n, B) that goes below a chunk near 1, for each network whose norms have drifted.

    `squares` (S, 1, B) are the last squared norms of the chunk, `exponent` what its deltas carry.
    """
    if memory.tally.scaled:
        memory.entry_exponent[...] = exponent
    if memory.range.central(squares):
        return
    for seed in range(memory.shape.seeds):
        if not memory.range.central(squares[seed]):
            k = shared_exponent(np.sqrt(squares[seed]))
            np.multiply(delta[seed], power_of_two(-k, delta.dtype), out=delta[seed])
            memory.entry_exponent[seed] += k
            memory.tally.scaled = True
