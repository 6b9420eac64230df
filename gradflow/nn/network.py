"""Networks of one shape trained side by side: a pass forward, a pass back with the update, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradflow.arrays import Array
from gradflow.nn import exact
from gradflow.nn.chunk import Chunk, Held
from gradflow.nn.memory import Memory, gradient
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Parameters, aligned
from gradflow.nn.parts.base import BoundCall, Span, call_all
from gradflow.nn.parts.dense import Dense
from gradflow.nn.updates import LayerRun, OwnRun, Tensors, joint_log_share, unscaled


class Forward:
    """The pass forward of S networks, over as many samples as `memory` is made for.

    `statistics` are of each part, (L, S, 2, n), or None; in evaluation, `frozen`, they are used, not changed.
    """

    def __init__(
        self, p: Parameters, memory: Memory, statistics: Sequence[Array | None] = (), frozen: bool = False
    ) -> None:
        self.memory, shape = memory, memory.shape
        layers, parts = list(p), range(len(memory.model.parts))
        self.chunks: list[Chunk] = []
        for group in memory.groups:
            for lo in range(group.layers.start, group.layers.stop, group.chunk):
                own = range(lo, min(lo + group.chunk, group.layers.stop))
                kept = [
                    each if each is None else each[own.start : own.stop, :, :, : group.width]
                    for each in statistics
                ]
                held = Held(layers[own.start : own.stop], [p.own_of(j, own) for j in parts], kept)
                below = self.chunks[-1] if self.chunks else None
                self.chunks.append(Chunk(own, group, held, memory, below, frozen))
        self.readout: list[BoundCall] = []  # of the pass forward; and where that back starts
        self.start: list[BoundCall] = [(np.copyto, (self.chunks[-1].top, memory.delta_out))]
        if shape.readout:
            dense = Dense(shape.outputs).bind(0, self._readout_span(layers[-1]))
            self.readout, self.start = dense.forward_calls(0), dense.backward_calls(0)

    def _readout_span(self, p: Array) -> Span:
        memory, last = self.memory, self.chunks[-1]
        values, deltas = (memory.out[None],), (memory.delta_out[None],)
        return replace(last.span, p=[p], inputs=[memory.a[-1]], values=values, deltas=deltas, below=last.top)

    def __call__(self, record: bool) -> Array:
        """Outputs (S, outputs, B) of what stands in `memory.x`, as a 2^-e where `exponent` holds e."""
        self.memory.unscale()
        for chunk in self.chunks:
            chunk.forward(record)
        call_all(self.readout)
        return self.memory.outputs

    @property
    def exponent(self) -> Array | None:
        """The exponent e of the last outputs, (S, 1, 1); None where all are 0."""
        return self.memory.exponent[-1][:, None, None] if self.memory.forward_scaled else None

    def loss(self) -> tuple[Array, Array | None]:
        """Of the last outputs, as a `BoundLoss`, with dLoss/dz in `memory.delta_out`."""
        return self.memory.loss(self.exponent)


class Network:
    """S networks with their optimizer state; `memory` may be shared with networks that are trained in turn.

    A step is `forward(record)`, then `backward`, on the minibatch that stands in `memory.x` and `memory.y`.
    Update t is made with `share(t)` of the optimizer's lr; that of the last one is kept in `rule`.
    """

    def __init__(
        self,
        memory: Memory,
        optimizer: Optimizer,
        clip_norm: float | None = None,
        share: Callable[[int], float] = lambda t: 1.0,
    ) -> None:
        self.model, self.shape, self.memory = memory.model, memory.shape, memory
        self.optimizer, self.clip_norm, self.updates = optimizer, clip_norm, 0
        self.share, self.rule = share, optimizer
        self.log_share = np.zeros(self.shape.seeds)  # ln of the share of the gradient in the last update
        own = self.model.own
        self.parameters = Parameters(self.shape, memory.dtype, own)
        self.state = tuple(Parameters(self.shape, memory.dtype, own) for _ in range(optimizer.slots))
        self.statistics = self._statistics()
        self.forget_statistics()
        self.forward = self.through(memory)
        self.chunks = self.forward.chunks
        depth = self.shape.depth
        self.runs = [list(self._runs(c.lo, c.hi, c.span.deltas[0])) for c in self.chunks]
        self.own_runs = [list(self._own_runs(chunk)) for chunk in self.chunks]
        trained = zip(self.chunks, self.runs, self.own_runs, strict=True)
        self.way_back: list[tuple[Chunk, list[LayerRun | OwnRun]]] = [
            (chunk, [*runs, *own]) for chunk, runs, own in reversed(list(trained))
        ]
        self.readout = list(self._runs(depth, depth + 1, memory.delta_out[None]))
        # from the input to the read-out, then those of parts with tensors of their own
        self.layer_runs = [*(run for runs in self.runs for run in runs), *self.readout]
        self.all_own_runs = [run for runs in self.own_runs for run in runs]
        self.all_runs: list[LayerRun | OwnRun] = [*self.layer_runs, *self.all_own_runs]
        self.row = memory.ones[: self.shape.outputs].reshape(1, -1)
        self.per_sample = np.array(1 / self.shape.batch)
        self.squares = np.empty_like(memory.delta_out)

    def through(self, memory: Memory, frozen: bool = False) -> Forward:
        """The pass forward of these networks through another memory, or through their own."""
        return Forward(self.parameters, memory, self.statistics, frozen)

    def _statistics(self) -> list[Array | None]:
        """Of each part that mixes: mean and variance of every unit, (L, S, 2, n), for evaluation."""
        shape, found = self.shape, list[Array | None]()
        for part in self.model.parts:
            kept = (
                aligned((shape.depth, shape.seeds, 2, shape.widest), self.memory.dtype)
                if part.mixes
                else None
            )
            found.append(kept)
        return found

    def settle_statistics(self, batches: Iterable[Array]) -> None:
        """Those of batches x (B, features), each as heavy as any other."""
        momentum = self.memory.momentum
        kept = float(momentum)
        for number, x in enumerate(batches):
            momentum[...] = 1 / (number + 1)
            self.memory.x[:, :, :-1] = x
            self.forward(record=False)
        momentum[...] = kept

    def forget_statistics(self) -> None:
        """As they are before the first batch: mean 0, variance 1."""
        for kept in self.statistics:
            if kept is not None:
                kept[:, :, 0], kept[:, :, 1] = 0, 1

    @property
    def flat(self) -> list[Array]:
        """Parameters, optimizer state and statistics as flat arrays: all that a step hands to the next."""
        kept = [each.reshape(-1) for each in self.statistics if each is not None]
        return [self.parameters.flat, *(slot.flat for slot in self.state), *kept]

    def _runs(self, start: int, stop: int, delta: Array) -> Iterator[LayerRun]:
        """Those of the parameters' runs that lie within these layers, whose deltas are given."""
        memory = self.memory
        for number, run in enumerate(self.shape.runs):
            lo, hi = max(run.start, start), min(run.stop, stop)
            if lo < hi:
                own = slice(lo - run.start, hi - run.start)
                g = memory.arrays[gradient(number)]
                g = g[: hi - lo] if memory.gradients is None else g[own]
                state = tuple(slot.runs[number][own] for slot in self.state)
                tensors = Tensors(self.parameters.runs[number][own], g, state)
                yield LayerRun(
                    tensors, self._inputs(lo, hi), delta[lo - start : hi - start], slice(lo, hi), memory
                )

    def _inputs(self, lo: int, hi: int) -> Array:
        """What enters layers of one fan-in, (k, S, fan_in + 1, B)."""
        memory = self.memory
        if lo == 0:
            return memory.x.swapaxes(1, 2)[None]
        group = next(group for group in memory.groups if lo - 1 in group.layers)
        return group.a[lo - 1 - group.layers.start : hi - 1 - group.layers.start]

    def _own_runs(self, chunk: Chunk) -> Iterator[OwnRun]:
        """Of the parts of a chunk's layers that have tensors of their own."""
        for j, p in enumerate(chunk.span.own):
            if p is not None:
                layers = range(chunk.hi - len(p), chunk.hi)
                states = [slot.own_of(j, layers) for slot in self.state]
                tensors = Tensors(p, np.empty_like(p), tuple(state for state in states if state is not None))
                values, deltas = chunk.span.values[j - 1][-len(p) :], chunk.span.deltas[j][-len(p) :]
                yield OwnRun(chunk.parts[j], j, tensors, values, deltas, layers, self.memory)

    def backward(self, record: bool, update: bool = True, met: Callable[[Chunk], None] | None = None) -> None:
        """Loss, deltas and gradients of the last `forward`'s minibatch; with `update`, one optimizer step.

        `met` is called with each chunk while its values and deltas are there.
        """
        self._loss()
        if update:
            self.updates += 1
            share, rule = self.share(self.updates), self.optimizer
            self.rule = rule if share == 1 else replace(rule, lr=share * rule.lr)
        call_all(self.forward.start)
        self._gradients(self.readout, record)
        self._update(self.readout, record, update)
        for chunk, runs in self.way_back:
            chunk.backward(record)
            if met:
                met(chunk)
            self._gradients(runs, record)  # of deltas in whose place that of the chunk below will stand
            if record and not self.memory.range.holds(chunk.squares):
                for run in runs:
                    run.sum_anew()
            chunk.enter_below()
            self._update(runs, record, update)
        if update and self.memory.gradients is not None:
            self._update_together(self.memory.gradients, record)

    def _loss(self) -> None:
        memory, tally = self.memory, self.memory.tally
        losses, carried = self.forward.loss()
        np.add.reduce(losses, axis=-1, out=tally.loss)
        np.multiply(tally.loss, self.per_sample, tally.loss)
        self._sum_output()
        if carried is not None:
            exact.carry(carried, memory)
        if not memory.range.holds(tally.out_norm):
            exact.start(memory)
            self._sum_output()

    def _sum_output(self) -> None:
        """||delta||^2 of the outputs, for each sample."""
        delta = self.memory.delta_out
        np.multiply(delta, delta, self.squares)
        np.matmul(self.row, self.squares, self.memory.tally.out_norm)

    def _gradients(self, runs: Sequence[LayerRun | OwnRun], record: bool) -> None:
        for run in runs:
            run.gradient(record)

    def _update(self, runs: Sequence[LayerRun | OwnRun], record: bool, update: bool) -> None:
        for run in runs if update and self.memory.gradients is None else ():
            run.update(self.rule, self.updates, self.log_share, record)

    def _update_together(self, gradients: Array, record: bool) -> None:
        """Once all gradients are there: in one go where they carry no exponents and are not clipped."""
        if self.clip_norm is not None:
            self.log_share = joint_log_share(self.all_runs, self.clip_norm)
        scale = None if self.memory.scaled else unscaled(self.log_share, self.memory)
        runs: Sequence[LayerRun | OwnRun] = self.all_runs
        if isinstance(scale, float):
            self._update_at_once(gradients, scale, record)
            runs = self.all_own_runs
        for run in runs:
            run.update(self.rule, self.updates, self.log_share, record)

    def _update_at_once(self, gradients: Array, scale: float, record: bool) -> None:
        p, state = self.parameters.matrices, tuple(slot.matrices for slot in self.state)
        self.rule.step(gradients, p, state, self.updates, scale)
        if record and not self.rule.proportional:
            for run in self.layer_runs:
                run.keep_step()
        np.subtract(p, gradients, p)
