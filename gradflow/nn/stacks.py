"""Stacks: the layers of a chunk that have one shape, with their gradients, their record and their update."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.buffers import DB2, DW2, STEP2, W2, Buffers
from gradflow.nn.elementwise import least
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.scaling import RANGES

Array = NDArray[Any]


class Stack:
    """k layers of one shape: parameters p and gradients g (k, S, fan_in + 1, fan_out), optimizer state alike.

    `inputs` is (k, S, fan_in + 1, B), `delta` (k, S, fan_out, B), `layers` the hidden layers that they are,
    counted from 0; for the read-out an empty slice, since the record holds hidden layers only.
    """

    def __init__(
        self,
        p: Array,
        state: tuple[Array, ...],
        g: Array,
        inputs: Array,
        delta: Array,
        layers: slice,
        buffers: Buffers,
    ) -> None:
        self.p, self.state, self.g, self.inputs, self.delta, self.layers = p, state, g, inputs, delta, layers
        self.buffers, self.sums, self.range = buffers, buffers.sums, RANGES[buffers.dtype]
        k, s, rows, columns = p.shape
        self.recorded = layers.stop > layers.start
        weights = (rows - 1) * columns
        self.delta_t = delta.swapaxes(-1, -2)
        self.p_weights = p.reshape(k, s, -1)[..., :weights]
        self.g_weights, self.g_bias = g.reshape(k, s, -1)[..., :weights], g.reshape(k, s, -1)[..., weights:]
        first = layers.start if self.recorded else buffers.shape.depth
        self.input_exponent = buffers.exponent[first : first + k]
        self.delta_exponent = (
            buffers.delta_exponent[layers] if self.recorded else buffers.sums.out_exponent[None]
        )
        self.exponent = (
            buffers.sums.gradient_exponent[:, layers] if self.recorded else np.zeros((2, k, s), np.int64)
        )
        raw = buffers.sums.raw[:, layers]
        self.dw2, self.db2, self.w2, self.step2 = raw[DW2], raw[DB2], raw[W2], raw[STEP2]
        self.squares = raw[DW2 : W2 + 1]

    @property
    def scaled(self) -> bool:
        """Whether anything that the gradients are made of carries an exponent."""
        return self.sums.scaled or self.buffers.forward_scaled

    def gradient(self, record: bool) -> None:
        """g = sum over the batch of [a; 1] delta^T; with `record`, the norms of dW, db and W too."""
        if self.scaled:
            exact.gradient(self)
        else:
            np.matmul(self.inputs, self.delta_t, out=self.g)
        if record and self.recorded:
            np.vecdot(self.g_weights, self.g_weights, out=self.dw2)
            np.vecdot(self.g_bias, self.g_bias, out=self.db2)
            np.vecdot(self.p_weights, self.p_weights, out=self.w2)
            if not self.range.holds(self.squares):
                exact.sum_gradients(self, DW2, self.g_weights)
                exact.sum_gradients(self, DB2, self.g_bias)
                exact.sum_gradients(self, W2, self.p_weights)

    def update(self, optimizer: Optimizer, t: int, log_share: Array, record: bool) -> None:
        """p <- p - step, for the share exp(log_share), (S,), of the batch mean; the gradients are spent."""
        optimizer.step(self.g, self.p, self.state, t, self._scale(log_share))
        if record and self.recorded and not optimizer.proportional:
            np.vecdot(self.g_weights, self.g_weights, out=self.step2)
            if not self.range.holds(self.step2):
                exact.sum_gradients(self, STEP2, self.g_weights)
        np.subtract(self.p, self.g, out=self.p)

    def _scale(self, log_share: Array) -> float | Array:
        batch = self.buffers.shape.batch
        if self.scaled:
            return exact.gradient_scale(self, batch, log_share)
        if least(log_share) == 0:
            return 1 / batch
        scale: Array = (np.exp(log_share) / batch)[:, None, None].astype(self.g.dtype)
        return scale

    def log_square(self) -> Array:
        """ln of the squared norm of all gradients, for each network (S,): what clip_norm looks at."""
        flat = self.g.astype(np.float64)
        squares = np.stack([(flat[:, :, :-1] ** 2).sum(axis=(2, 3)), (flat[:, :, -1] ** 2).sum(axis=2)])
        with np.errstate(divide="ignore"):
            logs = np.log(squares) + 2 * np.log(2.0) * (self.exponent if self.scaled else 0)
        total: Array = np.logaddexp.reduce(logs.reshape(-1, logs.shape[-1]), axis=0)
        return total
