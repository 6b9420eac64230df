"""Networks of one shape trained side by side: a pass forward, a pass back with the update, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.chunk import Chunk
from gradflow.nn.memory import Memory, gradient
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Parameters
from gradflow.nn.parts.base import Call, Span
from gradflow.nn.parts.dense import Dense
from gradflow.nn.updates import Run, Tensors, update_clipped

Array = NDArray[Any]


class Forward:
    """The pass forward of S networks, over as many samples as `memory` is made for."""

    def __init__(self, p: Parameters, memory: Memory) -> None:
        self.memory, shape = memory, memory.shape
        layers = list(p)
        edges = [*range(0, shape.depth, memory.chunk), shape.depth]
        self.chunks = [Chunk(lo, layers[lo:hi], memory) for lo, hi in pairwise(edges)]
        self.targets = memory.y.swapaxes(1, 2)
        self.outputs = memory.out if shape.readout else memory.a[-1, :, :-1]
        self.readout: list[Call] = []  # of the pass forward
        self.start: list[Call] = [(np.copyto, (self.chunks[-1].top, memory.delta_out))]  # of the pass back
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
        for function, arguments in self.readout:
            function(*arguments)
        return self.outputs

    @property
    def exponent(self) -> Array | None:
        """The exponent e of the last outputs, (S, 1, 1); None where all are 0."""
        return self.memory.exponent[-1][:, None, None] if self.memory.forward_scaled else None


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
        self.parameters = Parameters(self.shape, memory.dtype)
        self.state = tuple(Parameters(self.shape, memory.dtype) for _ in range(optimizer.slots))
        self.forward = self.through(memory)
        self.chunks = self.forward.chunks
        depth = self.shape.depth
        self.runs = [
            list(self._runs(range(chunk.lo, chunk.hi), chunk.span.deltas[0])) for chunk in self.chunks
        ]
        self.readout = list(self._runs(range(depth, depth + 1), memory.delta_out[None]))
        self.row = memory.ones[: self.shape.outputs].reshape(1, -1)

    def through(self, memory: Memory) -> Forward:
        """The pass forward of these networks through another memory, or through their own."""
        return Forward(self.parameters, memory)

    @property
    def flat(self) -> list[Array]:
        """The parameters and the optimizer's state as flat arrays: all that one step hands to the next."""
        return [self.parameters.flat, *(slot.flat for slot in self.state)]

    @property
    def all_runs(self) -> list[Run]:
        """From the input to the read-out."""
        return [run for runs in [*self.runs, self.readout] for run in runs]

    def _runs(self, layers: range, delta: Array) -> Iterator[Run]:
        """Those of the parameters' runs that lie within these layers, whose deltas are given."""
        memory = self.memory
        for number, run in enumerate(self.shape.runs):
            lo, hi = max(run.start, layers.start), min(run.stop, layers.stop)
            if lo < hi:
                own = slice(lo - run.start, hi - run.start)
                g = memory.arrays[gradient(number)]
                g = g[own] if memory.keeps_gradients else g[: hi - lo]
                state = tuple(slot.runs[number][own] for slot in self.state)
                tensors = Tensors(self.parameters.runs[number][own], g, state)
                inputs = memory.a[lo - 1 : hi - 1] if lo else memory.x.swapaxes(1, 2)[None]
                yield Run(
                    tensors, inputs, delta[lo - layers.start : hi - layers.start], slice(lo, hi), memory
                )

    def backward(self, record: bool, update: bool = True) -> None:
        """Loss, deltas and gradients of the last `forward`'s minibatch; with `update`, one optimizer step."""
        self._loss()
        if update:
            self.updates += 1
            share, rule = self.share(self.updates), self.optimizer
            self.rule = rule if share == 1 else replace(rule, lr=share * rule.lr)
        for function, arguments in self.forward.start:
            function(*arguments)
        self._finish(self.readout, record, update)
        for chunk, runs in zip(reversed(self.chunks), reversed(self.runs), strict=True):
            chunk.backward(record)
            chunk.enter_below()
            self._finish(runs, record, update)
        if self.clip_norm is not None and update:
            runs = self.all_runs
            self.log_share = update_clipped(runs, self.rule, self.updates, self.clip_norm, record)

    def _loss(self) -> None:
        memory, tally, ahead = self.memory, self.memory.tally, self.forward
        losses, carried = self.model.loss.delta(
            ahead.outputs, ahead.targets, memory.delta_out, ahead.exponent
        )
        np.multiply(np.add.reduce(losses, axis=-1), 1 / self.shape.batch, out=tally.loss)
        np.matmul(self.row, np.square(memory.delta_out), out=tally.out_norm)
        if carried is not None:
            exact.carry(carried, memory)
        if not memory.range.holds(tally.out_norm):
            exact.start(memory)
            np.matmul(self.row, np.square(memory.delta_out), out=tally.out_norm)

    def _finish(self, runs: list[Run], record: bool, update: bool) -> None:
        for run in runs:
            run.gradient(record)
            if update and self.clip_norm is None:
                run.update(self.rule, self.updates, self.log_share, record)
