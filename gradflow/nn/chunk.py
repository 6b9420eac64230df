"""The quick pass over a chunk of layers of equal parts: two flat lists of calls, made once, run every step.

What all layers of a chunk share is settled in a few calls on data still in cache. Where squares of norms
leave a float's range, or a part may have lost digits, `exact` does the networks concerned again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.correlation import mean_cosine
from gradflow.nn.elementwise import Work, least, most
from gradflow.nn.memory import Memory
from gradflow.nn.parts.base import Span
from gradflow.nn.scaled import Scaled

Array = NDArray[Any]


class Chunk:
    """Layers lo, lo + 1, ..., counted from 0, of S networks with the tensors p, a layer each."""

    def __init__(self, lo: int, p: list[Array], memory: Memory) -> None:
        hi = lo + len(p)
        self.lo, self.hi, self.memory, self.tally = lo, hi, memory, memory.tally
        self.range, self.parts = memory.range, memory.model.parts
        self.homogeneous = memory.model.homogeneous
        self.lossy = [j for j, part in enumerate(self.parts) if part.lossy]
        self.central = True  # the norms of the last pass were in the range that needs no scaling
        self.span = self._span(p)
        self.quick = [part.bind(j, self.span) for j, part in enumerate(self.parts)]
        self.forward_calls = [
            call for i in range(hi - lo) for quick in self.quick for call in quick.forward_calls(i)
        ]
        calls = [
            call
            for i in range(hi - lo - 1, -1, -1)
            for quick in reversed(self.quick)
            for call in quick.backward_calls(i)
        ]
        # the last, which makes the delta of the layer below the chunk, waits until the norms are known
        self.backward_calls, self.leave = (calls[:-1], calls[-1:]) if lo else (calls, [])
        self._bind_sums()

    def _span(self, p: list[Array]) -> Span:
        memory, lo, hi = self.memory, self.lo, self.hi
        k, w, arrays = hi - lo, memory.shape.width, memory.arrays
        early, last = any(part.early for part in self.parts), memory.deltas[-1]
        kept = [(v, part.keeps) for v, part in zip(memory.values, self.parts, strict=False)]
        inner = [v[lo:hi] if keeps else v[:k] for v, keeps in kept]
        return Span(
            p=p,
            inputs=[memory.a[i - 1] if i else memory.x.swapaxes(1, 2) for i in range(lo, hi)],
            values=(*inner, memory.a[lo:hi, :, :w]),
            deltas=(memory.d[lo:hi] if early else memory.d[:k], *(v[:k] for v in memory.deltas)),
            below=last[memory.chunk - 1] if lo else None,
            work=Work(memory.work.kept[:k], memory.work.zeros),
            marks=arrays["marks"][:k],
            ones=memory.ones,
            saturated=self.tally.saturated[lo:hi],
            dead=self.tally.dead[lo:hi],
        )

    def _bind_sums(self) -> None:
        """Views for what is summed over all layers in one call."""
        memory, lo, hi, m = self.memory, self.lo, self.hi, len(self.parts)
        k, s, w, b = self.span.values[0].shape
        self.z_flat = self.span.values[0].reshape(k, s, w * b)
        self.a_flat = memory.a.reshape(-1, s, (w + 1) * b)[lo:hi, :, : w * b]
        self.units, self.row = memory.ones[: w * b], memory.ones[:w].reshape(1, w)
        sums = self.tally.sums
        self.a1, self.a2, self.z2 = (sums[name][lo:hi] for name in ("a1", "a2", "z2"))
        self.boundaries = slice(*map(memory.model.boundary, (lo, hi)))
        norms = self.tally.norms[self.boundaries]
        self.all_norms = norms.reshape(-1)
        self.norms = [norms[j::m] for j in range(m)]  # behind each part
        self.top, self.scratch = self.span.deltas[-1][k - 1], self.span.work.kept
        below = [*self.parts[1:], self.parts[0]] * k  # of each boundary, the part behind it
        self.flat, self.lossy_parts = (
            np.array([[getattr(part, name)] for part in below]) for name in ("flat", "lossy")
        )
        self.squared = list(zip(self.span.deltas, self.norms, strict=True))

    def forward(self, record: bool) -> None:
        """The values of every layer, and the slopes where they need z."""
        if self.memory.forward_scaled:
            for seed, exponent in enumerate(self.memory.exponent[self.lo]):
                self.memory.carry(slice(self.lo, self.hi), seed, int(exponent))
        for function, arguments in self.forward_calls:
            function(*arguments)
        if record:
            np.vecdot(self.a_flat, self.units, out=self.a1)
            np.vecdot(self.a_flat, self.a_flat, out=self.a2)
        if record or self.homogeneous:
            np.vecdot(self.z_flat, self.z_flat, out=self.z2)
            if not self.range.central(self.z2):
                self._mend_values()
        if self.tally.correlates:
            self.tally.correlation[self.lo : self.hi] = mean_cosine(self.span.values[0])
        for quick in self.quick:
            quick.settle_forward(record)

    def backward(self, record: bool) -> None:
        """The deltas of every layer and their squared norms, from the last one's that is in place."""
        for quick in self.quick:
            quick.open_backward(record)
        for function, arguments in self.backward_calls:
            function(*arguments)
        for delta, norms in self.squared:
            np.multiply(delta, delta, out=self.scratch)
            np.matmul(self.row, self.scratch, out=norms)
        if self.tally.scaled:
            self.tally.exponents[self.boundaries] = self.memory.entry_exponent
            self.memory.delta_exponent[self.lo : self.hi] = self.memory.entry_exponent
        self._check_norms()

    def enter_below(self) -> None:
        """The delta of the layer below, where it is looked for, before this chunk's tensors change."""
        for function, arguments in self.leave:
            function(*arguments)
        if (not self.central or self.tally.scaled) and self.span.below is not None:
            exact.enter(self.span.below, self.norms[0][0], self.memory.delta_exponent[self.lo], self.memory)

    def _check_norms(self) -> None:
        """Have the chunk done again unless every squared norm surely has all its digits."""
        low, high = least(self.all_norms), most(self.all_norms)
        self.central = low >= self.range.low and high <= self.range.high
        held = low > self.range.tiny and high < self.range.huge
        if not held or not (not self.lossy or low > exact.LOSSY * high or self._precise()):
            self._mend_deltas()

    def _precise(self) -> bool:
        """Whether no lossy part took most of a sample's delta away in any layer."""
        return all(
            np.logical_and.reduce(self.norms[j - 1] >= exact.LOSSY * self.norms[j], None) for j in self.lossy
        )

    def _places(self, seed: int) -> list[exact.Place]:
        span = self.span
        return [
            exact.Place(
                self.lo + i,
                seed,
                self.parts,
                span.p[i][seed],
                span.inputs[i][seed],
                [value[i, seed] for value in span.values],
                span.deltas[0][i, seed],
            )
            for i in range(self.hi - self.lo)
        ]

    def _mend_values(self) -> None:
        """What the forward pass could not hold, or what has drifted, one network at a time."""
        for seed in range(self.memory.shape.seeds):
            squares = self.z2[:, seed]
            if not self.range.holds(squares):
                for place in self._places(seed):
                    (exact.forward if self.homogeneous else exact.sum_values)(place, self.memory)
            elif self.homogeneous and not self.range.central(squares[-1:]):
                exact.scale_output(self._places(seed)[-1], self.memory)

    def _mend_deltas(self) -> None:
        """The deltas of each network whose norms cannot be trusted, unless what enters is not finite."""
        for seed in range(self.memory.shape.seeds):
            if np.isfinite(self.top[seed]).all() and not self._trustworthy(seed):
                top = Scaled(self.top[seed].astype(np.float64), self.memory.entry_exponent[seed])
                exact.backward(self._places(seed), top, self.memory)

    def _trustworthy(self, seed: int) -> bool:
        norms = self.tally.norms[self.boundaries.start : self.boundaries.stop + 1, seed, 0]
        return exact.trustworthy(norms[:-1], norms[1:], self.flat, self.lossy_parts, self.range)
