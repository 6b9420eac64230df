"""The exact path: what left a float's range, or lost its digits, done again for one network, part by part.

The quick path works on whole chunks and trusts that squares stay in range. This one walks the same parts with
an exponent per sample, and sums in float64. It runs rarely, so it is written to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.memory import Memory
from gradflow.nn.parts.base import Part
from gradflow.nn.scaled import Range, Scaled, power_of_two, shared_exponent

NEAR = 2**5  # exponents of a stream and a branch that differ by less can be made one in any dtype


class Place(NamedTuple):
    """A layer of one network: its parts, their tensors, its input as it is held, where the rest is held."""

    layer: int
    seed: int
    parts: Sequence[Part]
    tensors: Sequence[Array]  # of each part, its own; where it has none, the layer's
    x: Array
    values: Sequence[Array]  # behind each part
    deltas: Sequence[Array]
    stored: Sequence[int]  # the parts behind which the delta is asked for later


def through(place: Place, stream: Array | None) -> tuple[list[Array], Array | None]:
    """What enters each part and what leaves the last; the stream for the layer above."""
    xs, above = [place.x], None
    for part, p in zip(place.parts, place.tensors, strict=True):
        y = part.value(p, xs[-1])
        if part.joins and stream is not None:
            y = y + stream
        if part.forks:
            above = y
        xs.append(y)
    return xs, above


def forward(places: Sequence[Place], stream: Array | None, memory: Memory) -> None:
    """The values of layers that follow each other; of homogeneous ones, scaled to their outputs' largest.

    `stream` (n, B) is what the first of them joins, as it stands below it.
    """
    fork = memory.model.fork
    for place in places:
        xs, stream = through(place, stream)
        for held, y in zip(place.values, xs[1:], strict=True):
            held[...] = y
        sum_values(place, memory)
        if memory.model.homogeneous:
            memory.carry(
                slice(place.layer, place.layer + 1), place.seed, int(memory.exponent[place.layer, place.seed])
            )
            scale_output(place, memory)
        if fork is not None:
            stream = place.values[fork]


def sum_values(place: Place, memory: Memory) -> None:
    """The sums of the record, in float64."""
    memory.tally.sum_values(place.layer, place.seed, place.values[memory.model.stream], place.values[-1])


def scale_output(place: Place, memory: Memory) -> None:
    """Store a layer's output as a 2^-k with its largest entry near 1, and so the stream that goes past it."""
    a, layer, seed = place.values[-1], place.layer, place.seed
    held = [a] if memory.model.fork is None else [a, place.values[memory.model.fork]]
    largest = max(float(np.abs(v).max()) for v in held)
    if not np.isfinite(largest):
        return
    k = int(np.frexp(largest)[1])
    for v in held:
        np.ldexp(v, -k, out=v)
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
    memory.tally.out_exponent[...] = memory.entry_exponent[...] = exponent
    memory.tally.scaled = True


def backward(
    places: Sequence[Place], delta: Scaled, stream: Array | None, skip: Scaled | None, memory: Memory
) -> None:
    """The deltas behind every part of layers that follow each other, from that behind the last one.

    `stream` (n, B) is what the first of them joins, `delta` and `skip`, of v (n, B), what comes down to the
    last and beside it.
    """
    memory.tally.scaled = True
    linked = [*zip(places, entering(places, stream, memory), strict=True)]
    for place, j, behind in down(linked, delta, skip, memory.model.mixes):
        memory.tally.keep(memory.model.boundary(place.layer, j), place.seed, behind)
        if j in place.stored:
            place.deltas[j][...] = behind.v


def down(
    linked: Sequence[tuple[Place, list[Array]]], delta: Scaled, skip: Scaled | None, mixes: bool
) -> Iterator[tuple[Place, int, Scaled]]:
    """Place, part and the delta (n, B) behind it, of all parts from the last one down.

    `linked` has each place with what enters its parts, (n, B); `delta` is behind the last, `skip` beside it.
    """
    for place, xs in reversed(linked):
        for j in range(len(place.parts) - 1, -1, -1):
            delta = delta.unified() if mixes else delta.normalized()
            yield place, j, delta
            part, joined = place.parts[j], delta
            if place is not linked[0][0] or j:
                delta = part.back(place.tensors[j], xs[j], delta)
            if part.forks and skip is not None:
                delta = delta.plus(skip)
            if part.joins:
                skip = joined


def entering(places: Sequence[Place], stream: Array | None, memory: Memory) -> list[list[Array]]:
    """What enters each part of each place, (n, B) each, made again from the layers' outputs.

    `stream` (n, B) is what the first place joins.
    """
    found = []
    for place in places:
        xs, above = through(place, stream)
        found.append(xs)
        low, high = memory.exponent[place.layer : place.layer + 2, place.seed]
        stream = above if above is None or low == high else np.ldexp(above, low - high)
    return found


def trustworthy(lower: Array, upper: Array, flat: Array, bounds: Range) -> bool:
    """Whether squared norms below parts, (parts, B), are in range or 0 for a reason.

    `upper` are those above the parts, of which `flat`, (parts, 1), says whether they may leave nothing.
    """
    held = (lower > bounds.tiny) & (lower < bounds.huge)
    meant = (lower == 0) & ((upper == 0) | flat & (upper > bounds.tiny))
    return bool((held | meant).all())


def enter(
    delta: Array, skip: Array | None, squares: Array, exponents: tuple[Array, Array], memory: Memory
) -> None:
    """Bring what goes below a chunk near 1, for each network whose norms have drifted.

    That is the delta (S, n, B) of the branch and, where there is one, that which goes past it, `skip`, with
    their exponents (S, 1, B); `squares` (S, 1, B) are the squared norms of the latter, or of the first.
    """
    if memory.tally.scaled:
        memory.entry_exponent[...] = memory.skip_exponent[...] = exponents[0]
        if skip is not None:
            _share_exponent(delta, exponents, memory)
    if memory.range.central(squares):
        return
    for seed in range(memory.shape.seeds):
        if not memory.range.central(squares[seed]):
            k = shared_exponent(np.sqrt(squares[seed]), memory.model.mixes)
            power = power_of_two(-k, delta.dtype)
            for v in (delta,) if skip is None else (delta, skip):
                np.multiply(v[seed], power, out=v[seed])
            memory.entry_exponent[seed] += k
            memory.skip_exponent[seed] += k
            memory.tally.scaled = True


def _share_exponent(delta: Array, exponents: tuple[Array, Array], memory: Memory) -> None:
    """Give the branch's delta the exponents of the other, where they are near enough."""
    branch, skip = exponents
    shift = np.where(np.abs(branch - skip) < NEAR, branch - skip, 0)
    np.multiply(delta, power_of_two(shift, delta.dtype), out=delta)
    memory.entry_exponent[...] = branch - shift
    memory.skip_exponent[...] = skip
