"""Gradients, their norms, clipping and the optimizer's step, by runs of layers whose tensors are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import least
from gradflow.nn.memory import Memory
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parts.base import Part, call_all
from gradflow.nn.parts.dense import KINDS, bias, bias_gradient, gradient_calls, weights
from gradflow.nn.scaled import aligned, power_of_two
from gradflow.nn.tally import SQUARES


@dataclass(frozen=True)
class Tensors:
    """Of k layers: parameters and gradients (k, S, fan_in + 1, fan_out), and the optimizer's state alike."""

    p: Array
    g: Array
    state: tuple[Array, ...]


class LayerRun:
    """k layers of one shape: `inputs` (k, S, fan_in + 1, B), `delta` (k, S, fan_out, B).

    `layers` counts them from 0, the read-out as L; the record holds hidden layers only.
    """

    place, kinds = 0, KINDS  # of which part they are, and the names of their rows

    def __init__(self, tensors: Tensors, inputs: Array, delta: Array, layers: slice, memory: Memory) -> None:
        self.p, self.g, self.state = tensors.p, tensors.g, tensors.state
        self.inputs, self.delta, self.layers, self.memory = inputs, delta, layers, memory
        self.recorded, self.range = layers.stop <= memory.shape.depth, memory.range
        tally = memory.tally
        self.spare = memory.arrays["kept"]
        self.calls = gradient_calls(inputs, delta, self.g, self.spare)
        k, s, rows, columns = self.p.shape
        flat = [v.reshape(k, s, rows * columns) for v in (self.p, self.g)]
        self.p_weights, self.g_weights = (v[..., :-columns] for v in flat)
        self.g_bias = bias(self.g)
        self.input_exponent, self.delta_exponent = memory.exponent[layers], memory.delta_exponent[layers]
        self.exponent = np.zeros((2, k, s), np.int64)
        if self.recorded:
            self.exponent = tally.gradient_exponent[:, layers]
            self.squares = [
                (name, tally.sums[name][layers], view)
                for name, view in zip(SQUARES, (self.g_weights, self.g_bias, self.p_weights), strict=True)
            ]
            self.sums = tally.squares[:, layers]
            self.step2 = tally.sums["step2"][layers]

    def gradient(self, record: bool) -> None:
        """The sum over the batch of dLoss/dp; with `record`, the norms of dW, db and W too."""
        if self.memory.scaled:
            self._scaled_gradient()
        else:
            call_all(self.calls)
        if record and self.recorded:
            for _, out, view in self.squares:
                np.vecdot(view, view, out=out)

    def sum_anew(self) -> None:
        """The norms that `gradient` took, where they left the range of the dtype."""
        if self.recorded and not self.range.holds(self.sums):
            for name, _, view in self.squares:
                self.memory.tally.sum_squares(name, self.layers, view)

    def update(self, optimizer: Optimizer, t: int, log_share: Array, record: bool) -> None:
        """p <- p - step, for the share exp(log_share), (S,), of the batch mean; the gradients are spent."""
        optimizer.step(self.g, self.p, self.state, t, self.scale(log_share))
        if record and not optimizer.proportional:
            self.keep_step()
        np.subtract(self.p, self.g, out=self.p)

    def keep_step(self) -> None:
        """The norm of the step, which stands where the gradient did."""
        if self.recorded:
            np.vecdot(self.g_weights, self.g_weights, out=self.step2)
            if not self.range.holds(self.step2):
                self.memory.tally.sum_squares("step2", self.layers, self.g_weights)

    def scale(self, log_share: Array) -> float | Array:
        """What turns the sum over the batch into the gradient of which a step is made."""
        return self._exact_scale(log_share) if self.memory.scaled else unscaled(log_share, self.memory)

    def log_square(self) -> Array:
        """ln of the squared norm of all gradients, for each network (S,): what clip_norm looks at."""
        flat = self.g.astype(np.float64)
        squares = np.stack([(weights(flat) ** 2).sum(axis=(2, 3)), (bias(flat) ** 2).sum(axis=2)])
        with np.errstate(divide="ignore"):
            logs = np.log(squares) + 2 * np.log(2.0) * (self.exponent if self.memory.scaled else 0)
        total: Array = np.logaddexp.reduce(logs.reshape(-1, logs.shape[-1]), axis=0)
        return total

    def _scaled_gradient(self) -> None:
        """Where deltas or activations carry exponents: in units of the largest sample's, if they differ.

        Leaves the exponents of dW and db, which differ when the activations carry one, in `exponent`.
        """
        shared = shared_by_all(self.delta_exponent)
        if shared is not None:
            call_all(self.calls)
            if self.memory.forward_scaled:  # the row of ones is 2^-e then
                bias_gradient(self.delta, self.memory.ones, self.g)
            self.exponent[...] = shared + self.input_exponent, shared
            return
        delta, top = aligned(self.delta, self.delta_exponent)
        call_all(gradient_calls(self.inputs, delta, self.g, self.spare))
        bias_gradient(delta, self.memory.ones, self.g)
        self.exponent[...] = top + self.input_exponent, top

    def _exact_scale(self, log_share: Array) -> Array:
        """2^exponent share / B for each row of the gradients, (k, S, fan_in + 1, 1) or (k, S, 1, 1).

        A share may be as small as a gradient is large: their powers of two are added before either is taken.
        """
        k, dtype = np.rint(log_share / np.log(2.0)).astype(np.int64), self.g.dtype
        share = (np.exp(log_share - k * np.log(2.0)) / self.memory.shape.batch).astype(dtype)
        exponent = self.exponent + k
        excess = np.maximum(exponent - np.finfo(dtype).maxexp // 2, 0)
        if excess.any():  # 2^exponent or a rate times it may be inf, and nan times the gradients that are 0
            np.ldexp(weights(self.g), excess[0, :, :, None, None], out=weights(self.g))
            np.ldexp(bias(self.g), excess[1, :, :, None], out=bias(self.g))
        of_weights, of_bias = power_of_two(exponent - excess, dtype)
        scale = of_weights[:, :, None, None]
        if self.memory.forward_scaled:
            scale = np.repeat(scale, self.g.shape[2], axis=2)
            bias(scale)[..., 0] = of_bias
        used: Array = scale * share[:, None, None]
        return used


class OwnRun:
    """k layers of a part that has tensors of its own, from what enters it and its delta, (k, S, n, B)."""

    def __init__(
        self, part: Part, place: int, tensors: Tensors, x: Array, delta: Array, layers: range, memory: Memory
    ) -> None:
        self.part, self.place, self.layers, self.memory = part, place, layers, memory
        self.kinds = tuple((name, slice(row, row + 1)) for row, name in enumerate(part.rows))
        self.p, self.g, self.state = tensors.p, tensors.g, tensors.state
        self.x, self.delta = x, delta
        m, own = len(memory.model.parts), slice(layers.start, layers.stop)
        self.delta_exponent = memory.tally.exponents[place::m][own]
        self.input_exponent = memory.exponent[own]
        self.exponent = np.zeros(self.p.shape[:2], np.int64)

    def gradient(self, record: bool) -> None:
        """The sum over the batch of dLoss/dp; of scaled deltas in units of the largest sample's."""
        if not self.memory.scaled:
            self.exponent.fill(0)
            self.g[...] = self.part.gradient(self.p, self.x, self.delta)
            return
        shared = shared_by_all(self.delta_exponent)
        if shared is not None:
            self.g[...] = self.part.gradient(self.p, self.x, self.delta)
            self.exponent[...] = shared + self.input_exponent
            return
        delta, top = aligned(self.delta, self.delta_exponent)
        self.g[...] = self.part.gradient(self.p, self.x, delta)
        self.exponent[...] = top + self.input_exponent

    def sum_anew(self) -> None:
        """No norms of it are taken."""

    def update(self, optimizer: Optimizer, t: int, log_share: Array, record: bool) -> None:
        """As those of a layer's matrix."""
        optimizer.step(self.g, self.p, self.state, t, self.scale(log_share))
        np.subtract(self.p, self.g, out=self.p)

    def scale(self, log_share: Array) -> float | Array:
        """2^exponent share / B, one number or (k, S, 1, 1)."""
        if not self.memory.scaled:
            return unscaled(log_share, self.memory)
        log2 = log_share / np.log(2.0) - np.log2(self.memory.shape.batch) + self.exponent
        scale: Array = np.exp2(log2)[..., None, None].astype(self.g.dtype)
        return scale

    def log_square(self) -> Array:
        """ln of the squared norm of all gradients, for each network (S,)."""
        with np.errstate(divide="ignore"):
            logs = np.log((self.g.astype(np.float64) ** 2).sum(axis=(2, 3)))
        total: Array = np.logaddexp.reduce(
            logs + 2 * np.log(2.0) * self.exponent * self.memory.scaled, axis=0
        )
        return total


def shared_by_all(exponents: Array) -> Array | None:
    """The exponent (k, S) of each network of each layer, from (k, S, 1, B); None where samples differ."""
    shared: Array = exponents[:, :, 0, 0]
    return shared if np.logical_and.reduce(exponents == shared[..., None, None], None) else None


def unscaled(log_share: Array, memory: Memory) -> float | Array:
    """exp(log_share) / B where no gradient carries an exponent, one number or one of each network."""
    batch = memory.shape.batch
    if least(log_share) == 0:
        return 1 / batch
    scale: Array = (np.exp(log_share) / batch)[:, None, None].astype(memory.dtype)
    return scale


def joint_log_share(runs: Sequence[LayerRun | OwnRun], clip_norm: float) -> Array:
    """ln of the share, (S,), that clipping leaves of the gradients, whose joint norm decides it."""
    batch = runs[0].memory.shape.batch
    squares = np.logaddexp.reduce([run.log_square() for run in runs])
    log_share: Array = np.minimum(0.0, log(clip_norm) + log(batch) - squares / 2)
    return log_share
