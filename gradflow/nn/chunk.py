"""The quick pass over a chunk of layers of equal parts: two flat lists of calls, made once, run every step.

What all layers of a chunk share is settled in a few calls on data still in cache. Where squares of norms
leave a float's range, or a part may have lost digits, `exact` does the networks concerned again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradflow.arrays import Array
from gradflow.nn import exact
from gradflow.nn.correlation import mean_cosine
from gradflow.nn.elementwise import Work, least, most
from gradflow.nn.memory import Group, Memory
from gradflow.nn.parts.base import Span, call_all
from gradflow.nn.scaled import Scaled


class Held(NamedTuple):
    """What S networks hold of layers: their matrices, and of each part its own tensors and its statistics."""

    p: list[Array]
    own: Sequence[Array | None]
    statistics: Sequence[Array | None]


class Chunk:
    """Layers of a group, counted from 0; `below` is the chunk under this one.

    In evaluation, `frozen`, the statistics are used that training has kept.
    """

    def __init__(
        self,
        layers: range,
        group: Group,
        held: Held,
        memory: Memory,
        below: Chunk | None,
        frozen: bool = False,
    ) -> None:
        self.lo, self.hi, self.group, self.memory, self.tally = (
            layers.start,
            layers.stop,
            group,
            memory,
            memory.tally,
        )
        self.model, self.range = memory.model, memory.range
        self.parts, self.homogeneous = self.model.kinds(self.lo), self.model.homogeneous
        self.lossy = [j for j, part in enumerate(self.parts) if part.lossy]
        self.central = True  # the norms of the last pass were in the range that needs no scaling
        self.remade = np.zeros(memory.shape.seeds, np.bool_)  # networks whose values the exact path has made
        self.span = self._span(held, below, frozen)
        self.quick = [part.bind(j, self.span) for j, part in enumerate(self.parts)]
        self.watched = [quick for quick, part in zip(self.quick, self.parts, strict=True) if part.rest(1, 1)]
        self.may_fail = bool(self.watched) or self.model.join is not None
        self._bind_calls()
        self._bind_sums()
        self._bind_norms()
        self._bind_skip(below)
        self._bind_exact()

    def _span(self, held: Held, below: Chunk | None, frozen: bool) -> Span:
        memory, group, lo, hi = self.memory, self.group, self.lo, self.hi
        own, model = slice(lo - group.layers.start, hi - group.layers.start), self.model
        forks = model.fork is not None
        return Span(
            p=held.p,
            inputs=[memory.a[i - 1] if i else memory.x.swapaxes(1, 2) for i in range(lo, hi)],
            values=tuple(group.of(name, own) for name in memory.places.values),
            deltas=tuple(group.of(name, own) for name in memory.places.deltas),
            below=None if below is None else below.top,
            work=Work(group.kept[: hi - lo], group.zeros),
            marks=group.marks[: hi - lo],
            ones=memory.ones,
            saturated=self.tally.saturated[lo:hi],
            dead=self.tally.dead[lo:hi],
            own=held.own,
            rests=[rest if rest is None else rest[own] for rest in group.rests],
            statistics=held.statistics,
            stream=group.stream(lo) if forks and lo else None,
            skip=group.skip(hi) if forks and hi < memory.shape.depth else None,
            fork=group.fork,
            join=group.join,
            spare=group.spare,
            momentum=memory.momentum,
            frozen=frozen,
        )

    def _bind_calls(self) -> None:
        """The calls of both ways, layer by layer and part by part."""
        count = self.hi - self.lo
        self.forward_calls = [
            call for i in range(count) for quick in self.quick for call in quick.forward_calls(i)
        ]
        calls = [
            call
            for i in range(count - 1, -1, -1)
            for quick in reversed(self.quick)
            for call in quick.backward_calls(i)
        ]
        # the last, which makes the delta of the layer below the chunk, waits until the norms are known
        self.backward_calls, self.leave = (calls[:-1], calls[-1:]) if self.lo else (calls, [])

    def _bind_sums(self) -> None:
        """Views for what is summed over all layers in one call."""
        memory, lo, hi = self.memory, self.lo, self.hi
        k, s, w, b = self.span.values[0].shape
        first = self.group.layers.start
        self.z_flat = self.span.values[self.model.stream].reshape(k, s, w * b)
        self.a_flat = self.group.a.reshape(-1, s, (w + 1) * b)[lo - first : hi - first, :, : w * b]
        self.units = memory.ones[: w * b]
        sums = self.tally.sums
        self.a1, self.a2, self.z2 = (sums[name][lo:hi] for name in ("a1", "a2", "z2"))
        self.squares = self.tally.squares[:, lo:hi]  # of gradients and weights

    def _bind_norms(self) -> None:
        """Where the squared norms of deltas go, by boundary, and those that are made from others."""
        m, (k, _, w, _) = len(self.parts), self.span.values[0].shape
        self.row = self.memory.ones[:w].reshape(1, w)
        self.boundaries = slice(*map(self.model.boundary, (self.lo, self.hi)))
        norms = self.tally.norms[self.boundaries]
        self.all_norms = norms.reshape(-1)
        self.norms = [norms[j::m] for j in range(m)]  # behind each part
        self.top, self.scratch = self.span.deltas[-1][k - 1], self.span.work.kept
        deltas = self.span.deltas
        shared = [j for j in range(m - 1) if self.parts[j + 1].uniform]
        self.squared = [(deltas[j], self.norms[j]) for j in range(m) if j not in shared]
        self.shared = [
            (self.quick[j + 1].share_norms, (self.norms[j + 1], self.norms[j])) for j in reversed(shared)
        ]

    def _bind_skip(self, below: Chunk | None) -> None:
        """The stream that goes up beside this chunk and the delta that goes down, copied where need be."""
        group, span = self.group, self.span
        forks, join = self.model.fork is not None, span.join
        self.skip = group.skip(self.lo) if forks and below is not None else None
        if self.skip is not None and "skip" in group.copies:
            self.leave += [(np.copyto, (self.skip, span.deltas[join][0]))]
        self.hand_on: tuple[Array, Array] | None = None
        if "streams" in group.copies and self.hi < self.memory.shape.depth:
            self.hand_on = group.stream(self.hi), span.values[span.fork][-1]

    def _bind_exact(self) -> None:
        """What the exact path, and the question whether it is needed, takes of the layers."""
        owning = (j for j, own in enumerate(self.span.own) if own is not None)
        self.stored = [0, *owning, self.span.join, self.model.stream]
        behind = [*self.parts[1:], self.parts[0]] * (self.hi - self.lo)  # of each boundary, the part
        self.flat = np.array([[part.flat] for part in behind])
        self.layer_parts = [self.model.parts_of(layer) for layer in range(self.lo, self.hi)]

    def forward(self, record: bool) -> None:
        """The values of every layer, and the slopes where they need z."""
        if self.memory.forward_scaled:
            for seed, exponent in enumerate(self.memory.exponent[self.lo]):
                self.memory.carry(slice(self.lo, self.hi), seed, int(exponent))
        call_all(self.forward_calls)
        if record:
            np.vecdot(self.a_flat, self.units, out=self.a1)
            np.vecdot(self.a_flat, self.a_flat, out=self.a2)
        if record or self.homogeneous:
            np.vecdot(self.z_flat, self.z_flat, out=self.z2)
            if not self.range.central(self.z2):
                self._mend_values()
        if self.watched:
            self._remake_values()
        if self.tally.correlates:
            self.tally.correlation[self.lo : self.hi] = mean_cosine(self.span.values[self.model.stream])
        for quick in self.quick:
            quick.settle_forward(record)
        if self.hand_on is not None:
            np.copyto(*self.hand_on)

    def backward(self, record: bool) -> None:
        """The deltas of every layer and their squared norms, from the last one's that is in place."""
        for quick in self.quick:
            quick.open_backward(record)
        call_all(self.backward_calls)
        for delta, norms in self.squared:
            np.multiply(delta, delta, out=self.scratch)
            np.matmul(self.row, self.scratch, out=norms)
        call_all(self.shared)
        if self.tally.scaled:
            self.tally.exponents[self.boundaries] = self.memory.entry_exponent
        self._check_norms()

    def enter_below(self) -> None:
        """The delta of the layer below, where it is looked for, before this chunk's tensors change."""
        below, join = self.span.below, self.span.join
        if below is None:
            return
        call_all(self.leave)
        if not self.central or self.tally.scaled:
            first = self.boundaries.start
            exponents = self.tally.exponents[first], self.tally.exponents[first + join]
            exact.enter(below, self.skip, self.norms[join][0], exponents, self.memory)

    def _check_norms(self) -> None:
        """Have the chunk done again unless every squared norm surely has all its digits."""
        low, high = least(self.all_norms), most(self.all_norms)
        self.central = low >= self.range.low and high <= self.range.high
        held = low > self.range.tiny and high < self.range.huge
        if not held or not self._all_precise(low, high) or (self.may_fail and self._forced()):
            self._mend_deltas()

    def _all_precise(self, low: float, high: float) -> bool:
        """Whether no lossy part took most of a sample's delta away, of squared norms between these."""
        for j in self.lossy:  # all() of a generator would take as long as what it asks
            if not (self.quick[j].surely_precise(low, high) or np.logical_and.reduce(self._precise(j), None)):
                return False
        return True

    def _precise(self, j: int) -> Array:
        """Where lossy part j did not take most of a sample's delta away."""
        return self.quick[j].precise(self.norms[j - 1], self.norms[j])

    def _forced(self) -> bool:
        """Whether this form cannot hold: exponents differ, or the values are not its own."""
        memory = self.memory
        return bool(self.remade.any()) or (
            memory.tally.scaled and not all(map(self._one_exponent, range(memory.shape.seeds)))
        )

    def _one_exponent(self, seed: int) -> bool:
        """Whether what comes down beside each other has one exponent: branch and skip, or all samples."""
        entry, skip = self.memory.entry_exponent[seed], self.memory.skip_exponent[seed]
        alone = self.span.skip is None or bool((entry == skip).all())
        return alone and (not self.model.mixes or bool((entry == entry[0, 0]).all()))

    def _places(self, seed: int) -> list[exact.Place]:
        span = self.span
        return [
            exact.Place(
                self.lo + i,
                seed,
                parts,
                [
                    span.p[i][seed]
                    if own is None or not part.rows
                    else own[i - (len(span.p) - len(own)), seed]
                    for part, own in zip(parts, span.own, strict=True)
                ],
                span.inputs[i][seed],
                [value[i, seed] for value in span.values],
                [delta[i, seed] for delta in span.deltas],
                self.stored,
            )
            for i, parts in enumerate(self.layer_parts)
        ]

    def linked(self, seed: int) -> list[tuple[exact.Place, list[Array]]]:
        """The layers of a network with what enters each of their parts, after its pass forward."""
        places = self._places(seed)
        return [*zip(places, exact.entering(places, self._stream(seed), self.memory), strict=True)]

    def _stream(self, seed: int) -> Array | None:
        return None if self.span.stream is None else self.span.stream[seed]

    def _mend_values(self) -> None:
        """What the forward pass could not hold, or what has drifted, one network at a time."""
        for seed in range(self.memory.shape.seeds):
            squares = self.z2[:, seed]
            if not self.range.holds(squares):
                if self.homogeneous:
                    exact.forward(self._places(seed), self._stream(seed), self.memory)
                else:
                    for place in self._places(seed):
                        exact.sum_values(place, self.memory)
            elif self.homogeneous and not self.range.central(squares[-1:]):
                exact.scale_output(self._places(seed)[-1], self.memory)

    def _remake_values(self) -> None:
        """The values of each network that a part's quick form could not hold."""
        held = [each for quick in self.watched if (each := quick.held()) is not None]
        self.remade[:] = ~np.logical_and.reduce(held) if held else False
        for seed in map(int, np.flatnonzero(self.remade)):
            exact.forward(self._places(seed), self._stream(seed), self.memory)
            for i, (_, xs) in enumerate(self.linked(seed) if self.model.mixes else ()):
                for quick, x in zip(self.quick, xs, strict=False):  # the last is what leaves
                    quick.keep_exact(i, seed, x)

    def _mend_deltas(self) -> None:
        """The deltas of each network whose norms cannot be trusted, unless what enters is not finite."""
        for seed in range(self.memory.shape.seeds):
            if np.isfinite(self.top[seed]).all() and not self._trustworthy(seed):
                top = Scaled(self.top[seed].astype(np.float64), self.memory.entry_exponent[seed])
                exact.backward(self._places(seed), top, self._stream(seed), self._skip(seed), self.memory)

    def _skip(self, seed: int) -> Scaled | None:
        if self.span.skip is None:
            return None
        return Scaled(self.span.skip[seed].astype(np.float64), self.memory.skip_exponent[seed])

    def _trustworthy(self, seed: int) -> bool:
        norms = self.tally.norms[self.boundaries.start : self.boundaries.stop + 1, seed, 0]
        if self.remade[seed] or not self._one_exponent(seed):
            return False
        if not all(self._precise(j)[:, seed].all() for j in self.lossy):
            return False
        return exact.trustworthy(norms[:-1], norms[1:], self.flat, self.range)
