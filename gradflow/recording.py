"""The record of a training run: every layer's norms and statistics as (steps, layers, seeds) arrays.

The engine leaves raw sums; a `Recorder` keeps them in a ring and turns a whole block of rows into natural
logarithms, means and shares at once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.buffers import A1, A2, DB2, DW2, STEP2, W2, Z2, Buffers
from gradflow.nn.elementwise import least, most
from gradflow.nn.optimizers import Optimizer

Array = NDArray[Any]
Recording = dict[str, NDArray[np.float64]]

PER_LAYER = (
    "log_delta_norm", "log_weight_grad_norm", "log_bias_grad_norm", "log_weight_factor", "log_slope_factor",
    "q", "activation_mean", "activation_std", "saturated", "dead", "update_ratio", "zero_delta",
)  # fmt: skip
LN2 = log(2.0)
# variance over mean square below which it is summed anew
_LOSSY = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-9}


class Recorder:
    """The rows of one block of steps for the S networks that share `buffers`."""

    def __init__(self, buffers: Buffers, optimizer: Optimizer, rows: int) -> None:
        shape = buffers.shape
        layers, s, b = shape.depth, shape.seeds, shape.batch
        self.buffers, self.optimizer, self.sums = buffers, optimizer, buffers.sums
        self.raw = np.empty((rows, 7, layers, s))
        self.counts = np.empty((rows, 2, layers, s))
        self.logs = np.empty((rows, 2 * layers + 1, s, 1))  # ln of the squared norms, mean over samples
        self.zeros = np.zeros((rows, layers, s))
        self.exponents = np.zeros_like(self.raw, np.int64)  # of what was squared or summed
        self.loss = np.empty((rows, s))
        self.log_share = np.empty((rows, s))
        self.work = np.empty_like(buffers.sums.all_norms)
        self.mean = np.full(b, 1 / b, buffers.dtype)
        self.std: dict[tuple[int, int, int], float] = {}
        self.dirty = np.zeros(rows, bool)

    def row(self, r: int, log_share: Array) -> None:
        """Keep what the last pass left as row r; exp(log_share), (S,), of the gradient was used."""
        sums, buffers = self.sums, self.buffers
        self.raw[r] = sums.raw
        self.counts[r] = sums.counts
        self.loss[r] = sums.loss
        self.log_share[r] = log_share
        np.log(sums.all_norms, out=self.work)
        np.vecdot(self.work, self.mean, out=self.logs[r])
        if sums.scaled:
            self.logs[r] += 2 * LN2 * np.add.reduce(sums.all_exponents, axis=-1) / self.mean.size
        if sums.scaled or buffers.forward_scaled or sums.exact:
            self._keep_exponents(r)
        if not least(self.logs[r]) > -inf:
            self._leave_out_zeros(r)
        self._mend_std(r)

    def _keep_exponents(self, r: int) -> None:
        exponents = self.exponents[r]
        exponents.fill(0)
        exponents[[Z2, A1, A2]] = self.buffers.exponent[:-1]
        exponents[[DW2, DB2]] = self.sums.gradient_exponent
        for place, (value, exponent) in self.sums.exact.items():
            self.raw[r][place] = value
            exponents[place] += exponent
        self.dirty[r] = True

    def _leave_out_zeros(self, r: int) -> None:
        """A sample with a zero delta at any layer leaves all logs of its row, so that factors still add."""
        logs = 0.0 + self.work[:, :, 0] + 2 * LN2 * self.sums.all_exponents[:, :, 0]  # (2L + 1, S, B)
        layers = self.buffers.shape.depth
        zero = np.isneginf(logs[1:-1:2])  # of delta, from the first layer to the last
        self.zeros[r] = zero.sum(axis=-1)
        self.dirty[r] = True
        for seed in np.flatnonzero(zero.any(axis=(0, 2))):  # the others keep their bits
            reach = zero[:, seed].sum(axis=0)  # a zero delta stays zero all the way down
            kept = reach == reach.min() if reach.min() < layers else reach >= 0
            self.logs[r, :, seed, 0] = logs[:, seed, kept].mean(axis=-1)

    def _mend_std(self, r: int) -> None:
        """Where E a^2 - (E a)^2 has lost its digits or the range: the deviation from the mean, in float64."""
        size = self.buffers.shape.width * self.buffers.shape.batch
        total, square = self.raw[r, A1], self.raw[r, A2]
        lossy = ~(total * total <= (1 - _LOSSY[self.buffers.dtype]) * size * square) | np.isinf(square)
        if most(lossy):  # np.any takes five times as long
            for layer, seed in np.argwhere(lossy):
                self.std[r, int(layer), int(seed)] = _deviation(self.buffers.a[layer, seed, :-1])

    def flush(self, rows: int) -> Recording:
        """The first `rows` rows as the arrays of recording.npz, (rows, layers, S), and `loss` (rows, S)."""
        raw, exponents = self.raw[:rows], self.exponents[:rows]
        logs, batch = self.logs[:rows, :, :, 0] / 2, log(self.buffers.shape.batch)
        log_u, log_delta, log_out = logs[:, :-1:2], logs[:, 1:-1:2], logs[:, -1:]
        above = np.concatenate([log_delta[:, 1:], log_out], axis=1)
        units = self.buffers.shape.width * self.buffers.shape.batch
        mean = raw[:, A1] / units
        log_dw = self._log_norm(rows, DW2) - batch
        block = {
            "loss": self.loss[:rows].copy(),
            "log_delta_norm": log_delta.copy(),
            "log_weight_grad_norm": log_dw,
            "log_bias_grad_norm": self._log_norm(rows, DB2) - batch,
            "log_weight_factor": log_u - above,
            "log_slope_factor": log_delta - log_u,
            "q": np.ldexp(raw[:, Z2] / units, 2 * exponents[:, Z2]),
            "activation_mean": np.ldexp(mean, exponents[:, A1]),
            "activation_std": np.ldexp(self._std(rows, mean), exponents[:, A2]),
            "saturated": self.counts[:rows, 0] / units,
            "dead": self.counts[:rows, 1] / self.buffers.shape.width,
            "update_ratio": np.exp(self._log_step(rows, log_dw) - self._log_norm(rows, W2)),
            "zero_delta": self.zeros[:rows].copy(),
        }
        self._reset()
        return block

    def _std(self, rows: int, mean: Array) -> Array:
        units = self.buffers.shape.width * self.buffers.shape.batch
        std: Array = np.sqrt(np.maximum(self.raw[:rows, A2] / units - mean**2, 0))
        for place, value in self.std.items():
            if place[0] < rows:
                std[place] = value
        return std

    def _log_step(self, rows: int, log_dw: Array) -> Array:
        """ln of the norm of the weights' step; for plain SGD it is lr times the gradient's."""
        if self.optimizer.proportional:
            return log_dw + log(self.optimizer.lr) + self.log_share[:rows, None, :]
        return self._log_norm(rows, STEP2)

    def _log_norm(self, rows: int, quantity: int) -> Array:
        log_norm: Array = np.log(self.raw[:rows, quantity]) / 2 + LN2 * self.exponents[:rows, quantity]
        return log_norm

    def _reset(self) -> None:
        self.std.clear()
        self.zeros[self.dirty] = 0
        self.exponents[self.dirty] = 0
        self.dirty[:] = False


def _deviation(a: Array) -> float:
    """The standard deviation, though a square may leave float64."""
    a = a.astype(np.float64)
    largest = float(np.abs(a).max())
    return float((a / largest).std() * largest) if 0 < largest < inf else float(a.std())


def first_bad_row(block: Recording) -> int | None:
    """The first row whose loss is nan or inf, or a norm nan or +inf; -inf, a zero norm, is not bad."""
    bad = ~np.isfinite(block["loss"]).all(axis=1)
    for name in ("log_delta_norm", "log_weight_grad_norm", "log_bias_grad_norm"):
        bad |= ~(block[name] < np.inf).all(axis=(1, 2))
    return int(np.argmax(bad)) if bad.any() else None


def reason(block: Recording, row: int) -> str:
    """What was not finite in a row, in words: the first on the way from the input to the loss and back."""
    for name, what in (("q", "pre-activations"), ("activation_std", "activations")):
        bad = np.isnan(block[name][row]).any(axis=-1)
        if bad.any():
            return f"the {what} of layer {int(np.argmax(bad)) + 1} are not finite"
    loss = block["loss"][row]
    if not np.isfinite(loss).all():
        return f"the loss is {'nan' if np.isnan(loss).any() else 'inf'}"
    for name, what in (
        ("log_delta_norm", "delta"),
        ("log_weight_grad_norm", "weight gradient"),
        ("log_bias_grad_norm", "bias gradient"),
    ):
        bad = ~(block[name][row] < np.inf).all(axis=-1)
        if bad.any():
            return f"the {what} of layer {len(bad) - int(np.argmax(bad[::-1]))} is not finite"
    return "a norm is not finite"


class Record:
    """Every `every`-th row of a run, the first and the last: arrays of recording.npz that are allocated once.

    `allocate` makes an array of a shape, as np.empty does; memory of the pages that stay empty is not used.
    """

    def __init__(
        self, steps: int, layers: int, seeds: int, every: int, allocate: Callable[[tuple[int, ...]], Array]
    ) -> None:
        rows = steps // every + 2
        shapes = {"step": (rows,), "loss": (rows, seeds), **dict.fromkeys(PER_LAYER, (rows, layers, seeds))}
        self._arrays = {name: allocate(shape) for name, shape in shapes.items()}
        self._every, self._thinned, self._rows = every, 0, 0

    def add(self, block: Recording) -> None:
        """Keep of the rows that follow what is to be kept; their last one for as long as none follows it."""
        step = block["step"]
        rows = np.flatnonzero((step % self._every == 0) | (np.arange(len(step)) == len(step) - 1))
        start = self._thinned
        self._rows = start + len(rows)
        self._thinned = self._rows - bool(step[-1] % self._every)
        for name, array in self._arrays.items():
            array[start : self._rows] = block[name][rows]

    @property
    def arrays(self) -> Recording:
        """What is kept so far, as views."""
        return {name: array[: self._rows] for name, array in self._arrays.items()}
