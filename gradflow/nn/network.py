"""Networks of one shape trained side by side: a pass forward, a pass back with the update, chunk by chunk."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.activations import Activation
from gradflow.nn.blocks import BLOCKS, Plain
from gradflow.nn.buffers import Buffers
from gradflow.nn.losses import Loss
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parameters import Parameters, Shape
from gradflow.nn.scaling import RANGES
from gradflow.nn.stacks import Stack

Array = NDArray[Any]


class Forward:
    """The pass forward of S networks, over as many samples as `buffers` are made for."""

    def __init__(self, p: Parameters, buffers: Buffers, activation: Activation, block: str) -> None:
        self.buffers, depth = buffers, p.shape.depth
        edges = [*range(0, depth, buffers.chunk), depth]
        self.chunks = [BLOCKS[block](lo, hi, p, buffers, activation) for lo, hi in pairwise(edges)]
        self.targets = buffers.y.swapaxes(1, 2)
        self.outputs = buffers.out if p.shape.readout else buffers.a[-1, :, :-1]
        self.single = p.shape.seeds == 1
        self.product = np.dot if self.single else np.matmul
        readout = () if p.readout is None else (p.readout.swapaxes(1, 2), buffers.a[-1], buffers.out)
        self.readout = tuple(map(self.bare, readout))

    def bare(self, v: Array) -> Array:
        """A view as `product` takes it: without the first axis, where there is one network."""
        return v[0] if self.single else v

    def __call__(self, record: bool) -> Array:
        """Outputs (S, outputs, B) of what stands in `buffers.x`, as a 2^-e where `exponent` holds e."""
        self.buffers.unscale()
        for chunk in self.chunks:
            chunk.forward(record)
        if self.readout:
            self.product(*self.readout)
        return self.outputs

    @property
    def exponent(self) -> Array | None:
        """The exponent e of the last outputs, (S, 1, 1); None where all are 0."""
        return self.buffers.exponent[-1][:, None, None] if self.buffers.forward_scaled else None


class Network:
    """S networks with their optimizer state; `buffers` may be shared with networks that are trained in turn.

    A step is `forward(record)`, then `backward`, on the minibatch that stands in `buffers.x` and `buffers.y`.
    """

    def __init__(
        self,
        shape: Shape,
        activation: Activation,
        loss: Loss,
        optimizer: Optimizer,
        buffers: Buffers,
        clip_norm: float | None = None,
        block: str = "plain",
    ) -> None:
        self.shape, self.loss, self.optimizer, self.clip_norm = shape, loss, optimizer, clip_norm
        self.buffers, self.range, self.updates = buffers, RANGES[buffers.dtype], 0
        self.log_share = np.zeros(shape.seeds)  # ln of the share of the gradient that the last update used
        self.parameters = Parameters(shape, buffers.dtype)
        self.state = tuple(Parameters(shape, buffers.dtype) for _ in range(optimizer.slots))
        self.activation, self.block = activation, block
        self.forward = self.through(buffers)
        self.chunks = self.forward.chunks
        self.stacks = [self._chunk_stacks(chunk) for chunk in self.chunks]
        self.readout = self._readout_stack() if shape.readout else None
        self.product = self.forward.product
        self.row = buffers.ones[: shape.outputs].reshape(1, -1)
        self._bind_readout()

    def through(self, buffers: Buffers) -> Forward:
        """The pass forward of these networks through other buffers, or through their own."""
        return Forward(self.parameters, buffers, self.activation, self.block)

    @property
    def flat(self) -> list[Array]:
        """The parameters and the optimizer's state as flat arrays: all that one step hands to the next."""
        return [self.parameters.flat, *(slot.flat for slot in self.state)]

    def _bind_readout(self) -> None:
        p, bare = self.parameters.readout, self.forward.bare
        if p is not None:
            views = p[:, :-1], self.buffers.delta_out, self.chunks[-1].top
            self.readout_backward = tuple(map(bare, views))

    def _chunk_stacks(self, chunk: Plain) -> list[Stack]:
        """A chunk's layers as stacks: the first layer, whose inputs are the data, stands alone."""
        buffers, p, stacks = self.buffers, self.parameters, []
        lo, hi = max(chunk.lo, 1), chunk.hi
        if chunk.lo == 0:
            state = tuple(slot.first[None] for slot in self.state)
            inputs = buffers.x.swapaxes(1, 2)[None]
            g, delta = buffers.gradient_first, chunk.d[:1]
            stacks.append(Stack(p.first[None], state, g, inputs, delta, slice(0, 1), buffers))
        if hi > lo:
            inner = slice(lo - 1, hi - 1)
            state = tuple(slot.hidden[inner] for slot in self.state)
            g = buffers.gradient[inner] if buffers.keeps_gradients else buffers.gradient[: hi - lo]
            delta = chunk.d[lo - chunk.lo :]
            stacks.append(Stack(p.hidden[inner], state, g, buffers.a[inner], delta, slice(lo, hi), buffers))
        return stacks

    def _readout_stack(self) -> Stack:
        buffers, p = self.buffers, self.parameters.readout
        assert p is not None
        state = tuple(slot.readout[None] for slot in self.state if slot.readout is not None)
        g, delta = buffers.gradient_readout, buffers.delta_out[None]
        return Stack(p[None], state, g, buffers.a[-1:], delta, slice(0, 0), buffers)

    def backward(self, record: bool, update: bool = True) -> None:
        """Loss, deltas and gradients of the last `forward`'s minibatch; with `update`, one optimizer step."""
        self._loss()
        self.updates += update
        if self.readout is not None:
            self.product(*self.readout_backward)
            self._finish([self.readout], record, update)
        else:
            np.copyto(self.chunks[-1].top, self.buffers.delta_out)
        for below, chunk, stacks in zip(
            [None, *self.chunks][-2::-1], self.chunks[::-1], self.stacks[::-1], strict=True
        ):
            chunk.backward(record)
            if below is not None:
                chunk.enter_below(below)
            self._finish(stacks, record, update)
        if self.clip_norm is not None and update:
            self._update_clipped(record)

    def _loss(self) -> None:
        buffers, sums = self.buffers, self.buffers.sums
        ahead = self.forward
        losses, carried = self.loss.delta(ahead.outputs, ahead.targets, buffers.delta_out, ahead.exponent)
        np.multiply(np.add.reduce(losses, axis=-1), 1 / self.shape.batch, out=sums.loss)
        np.matmul(self.row, np.square(buffers.delta_out), out=sums.out_norm)
        if carried is not None:
            sums.scaled = True
            sums.out_exponent[...] = buffers.entry_exponent[...] = carried
        if not self.range.holds(sums.out_norm):
            exact.start(buffers)
            np.matmul(self.row, np.square(buffers.delta_out), out=sums.out_norm)

    def _finish(self, stacks: list[Stack], record: bool, update: bool) -> None:
        for stack in stacks:
            stack.gradient(record)
            if update and self.clip_norm is None:
                stack.update(self.optimizer, self.updates, self.log_share, record)

    def _update_clipped(self, record: bool) -> None:
        """Every gradient is needed before the first update: their joint norm decides the share."""
        stacks = [stack for group in self.stacks for stack in group]
        stacks += [self.readout] if self.readout is not None else []
        assert self.clip_norm is not None
        squares = np.logaddexp.reduce([stack.log_square() for stack in stacks])
        self.log_share = np.minimum(0.0, log(self.clip_norm) + log(self.shape.batch) - squares / 2)
        for stack in stacks:
            stack.update(self.optimizer, self.updates, self.log_share, record)
