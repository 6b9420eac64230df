"""The record of a training run: every layer's norms and statistics as (steps, layers, seeds) arrays.

The engine leaves raw sums; a `Recorder` keeps them in a ring and turns a whole block of rows into natural
logarithms, means and shares at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import Array
from gradflow.nn.elementwise import least, most
from gradflow.nn.memory import Memory
from gradflow.nn.optimizers import Optimizer
from gradflow.nn.parts.factors import array_of, in_order
from gradflow.nn.tally import SUMS, VALUES
from gradflow.units import LN2

Recording = dict[str, NDArray[np.float64]]

NORMS = ("log_delta_norm", "log_weight_grad_norm", "log_bias_grad_norm")
STATISTICS = (
    "q", "activation_mean", "activation_std", "saturated", "dead", "update_ratio", "zero_delta",
)  # fmt: skip
LATER, LATER_PER_NETWORK = ("correlation",), ("clip_share",)  # of which runs of older versions have none
# variance over mean square below which it is summed anew
_LOSSY = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-9}


class Recorder:
    """The rows of one block of steps for the S networks that share `memory`."""

    def __init__(self, memory: Memory, optimizer: Optimizer, rows: int) -> None:
        shape = memory.shape
        layers, s, b = shape.depth, shape.seeds, shape.batch
        self.memory, self.optimizer, self.tally = memory, optimizer, memory.tally
        model = memory.model
        self.parts, self.stream, self.mixes = len(model.parts), model.stream, model.mixes
        self.factors, self.fork = model.factors, model.fork
        self.raw = np.empty((rows, len(SUMS), layers, s))
        self.counts = np.empty((rows, 2, layers, s))
        # ln of the squared norms at every boundary, mean over samples
        self.logs = np.empty((rows, memory.model.boundaries, s, 1))
        self.zeros = np.zeros((rows, layers, s))
        self.silent: dict[tuple[int, int, int], Array] = {}  # see _leave_out_silent
        self.exponents = np.zeros_like(self.raw, np.int64)  # of what was squared or summed
        self.sums, self.sum_exponents = (
            {name: array[:, i] for i, name in enumerate(SUMS)} for array in (self.raw, self.exponents)
        )
        self.loss = np.empty((rows, s))
        self.log_share = np.empty((rows, s))
        self.lr, self.units = [1.0] * rows, shape.column * shape.batch  # units x samples of each layer
        self.correlation = np.full((rows, layers, s), np.nan)
        self.ring = memory.arrays["ring"][:rows]  # of norms whose logarithms are not taken yet
        self.logged = 0  # rows of which they are
        self.mean = np.full(b, 1 / b, memory.dtype)
        self.std: dict[tuple[int, int, int], float] = {}
        self.dirty = np.zeros(rows, bool)
        self.places = list(zip(self.raw, self.counts, self.loss, self.log_share, strict=True))
        self.surely = _Surely(self.raw, shape.column * b, memory.dtype)

    def row(self, r: int, log_share: Array, lr: float) -> None:
        """Keep what the last pass left as row r: it used exp(log_share), (S,), of the gradient, and `lr`."""
        tally = self.tally
        raw, counts, loss, share = self.places[r]
        raw[...], counts[...] = tally.raw, tally.counts
        loss[...], share[...] = tally.loss, log_share
        self.lr[r] = lr
        if tally.correlates:
            self.correlation[r] = tally.correlation
            self.dirty[r] = True
        if self.memory.scaled or tally.exact:
            self._keep_exponents(r)
        if self.mixes:
            self._keep_batch(r)
        else:
            self._keep_norms(r)
        if not self.surely.precise(r):
            self._mend_std(r)

    def _keep_norms(self, r: int) -> None:
        """Their logarithms are taken when the ring is full, or there are exponents to be added."""
        self.ring[r - self.logged] = self.tally.norms
        if self.tally.scaled or r + 1 - self.logged == len(self.ring):
            self._take_logs(r + 1, self.tally.scaled)

    def _take_logs(self, stop: int, scaled: bool) -> None:
        """Of the rows up to `stop`, the last of which carries exponents if `scaled`, and no other."""
        rows = range(self.logged, stop)
        logs, means = self.ring[: len(rows)], self.logs[rows.start : stop]
        np.log(logs, out=logs)
        np.vecdot(logs, self.mean, out=means)
        self.logged = stop
        if scaled:
            means[-1] += 2 * LN2 * np.add.reduce(self.tally.exponents, axis=-1) / self.mean.size
        if not least(means) > -inf:
            for r, own in zip(rows, logs, strict=True):
                if not least(self.logs[r]) > -inf:
                    carries = scaled and r == rows[-1]
                    self._leave_out_zeros(r, own + 2 * LN2 * self.tally.exponents if carries else own)

    def _keep_batch(self, r: int) -> None:
        """ln of the mean over the batch, whose samples have one delta between them."""
        norms, exponents = (v[:, :, 0].astype(np.float64) for v in (self.tally.norms, self.tally.exponents))
        top = exponents.max(axis=-1, keepdims=True)
        mean = (norms * np.exp2(2 * (exponents - top))).mean(axis=-1, keepdims=True)
        self.logs[r] = np.log(mean) + 2 * LN2 * top

    def _keep_exponents(self, r: int) -> None:
        self.exponents[r].fill(0)
        for name in VALUES:
            self.sum_exponents[name][r] = self.memory.exponent[:-1]
        for name, exponent in zip(("dw2", "db2"), self.tally.gradient_exponent, strict=True):
            self.sum_exponents[name][r] = exponent
        for (name, layer, seed), (value, own) in self.tally.exact.items():
            self.sums[name][r, layer, seed] = value
            self.sum_exponents[name][r, layer, seed] += own
        self.dirty[r] = True

    def _leave_out_zeros(self, r: int, logs: Array) -> None:
        """A sample with a zero delta at any layer leaves all logs of its row, so that factors still add."""
        logs = logs[:, :, 0].astype(np.float64)  # (boundaries, S, B)
        layers = self.memory.shape.depth
        zero = np.isneginf(logs[self.stream : -1 : self.parts])  # of delta, from the first layer to the last
        self.zeros[r] = zero.sum(axis=-1)
        self.dirty[r] = True
        dead = zero.any(axis=(0, 2)) if self.fork is None else np.isneginf(logs).any(axis=(0, 2))
        for seed in np.flatnonzero(dead):  # the others keep their bits
            reach = zero[:, seed].sum(axis=0)  # a zero delta stays zero all the way down
            kept = reach == reach.min() if reach.min() < layers else reach >= 0
            self.logs[r, :, seed, 0] = logs[:, seed, kept].mean(axis=-1)
            if self.fork is not None:
                self._leave_out_silent(r, int(seed), logs[:, seed, kept])

    def _leave_out_silent(self, r: int, seed: int, logs: Array) -> None:
        """Where a branch passes nothing of a sample, its factors are those of the others, or nan without any.

        The skip's is what is left of the increment, in which all samples count, so that factors still add.
        """
        first = self.stream + self.parts * np.arange(self.memory.shape.depth)
        for layer, lo in enumerate(first):
            own = logs[lo : lo + self.parts + 1]  # of the last layer, up to the output
            passing = np.isfinite(own[1:]).all(axis=0)
            if not passing.all():
                inner = own[1:, passing].mean(axis=-1) if passing.any() else np.full(len(own) - 1, np.nan)
                self.silent[r, layer, seed] = inner / 2

    def _mend_std(self, r: int) -> None:
        """Where E a^2 - (E a)^2 has lost its digits or the range: the deviation from the mean, in float64."""
        for layer, seed in np.argwhere(~self.surely.fine):
            own = self.memory.exponent[layer + 1, seed] - self.memory.exponent[layer, seed]  # of what is held
            deviation = _deviation(self.memory.a[layer][seed, :-1])
            self.std[r, int(layer), int(seed)] = np.ldexp(deviation, own)  # in the units of the sums

    def flush(self, rows: int) -> Recording:
        """The first `rows` rows as the arrays of recording.npz, (rows, layers, S), and `loss` (rows, S)."""
        if self.logged < rows and not self.mixes:
            self._take_logs(rows, scaled=False)
        logs, batch = self.logs[:rows, :, :, 0] / 2, log(self.memory.shape.batch)
        units = self.units
        mean = self.sums["a1"][:rows] / units
        log_dw = self._log_norm(rows, "dw2") - batch
        block = {
            "loss": self.loss[:rows].copy(),
            "clip_share": np.exp(self.log_share[:rows]),
            "log_delta_norm": logs[:, self.stream : -1 : self.parts].copy(),
            "log_weight_grad_norm": log_dw,
            "log_bias_grad_norm": self._log_norm(rows, "db2") - batch,
            **self._factors(logs),
            "q": np.ldexp(self.sums["z2"][:rows] / units, 2 * self.sum_exponents["z2"][:rows]),
            "activation_mean": np.ldexp(mean, self.sum_exponents["a1"][:rows]),
            "activation_std": np.ldexp(self._std(rows, mean), self.sum_exponents["a2"][:rows]),
            "saturated": self.counts[:rows, 0] / units,
            "dead": self.counts[:rows, 1] / self.memory.shape.column,
            "update_ratio": np.exp(self._log_step(rows, log_dw) - self._log_norm(rows, "w2")),
            "zero_delta": self.zeros[:rows].copy(),
            "correlation": self.correlation[:rows].copy(),
        }
        self._reset()
        return block

    def _factors(self, logs: Array) -> Recording:
        """ln of what each kind of part multiplies ||delta|| by between a layer and the one above it.

        Between the last one and the output stand fewer parts than between others.
        """
        rows, _, seeds = logs.shape
        short = np.repeat(logs[:, -1:], self.stream, axis=1)  # parts that are not there change nothing
        logs = np.concatenate([logs, short], axis=1) if self.stream else logs
        steps: Array = logs[:, self.stream : -1] - logs[:, self.stream + 1 :]
        steps = steps.reshape(rows, -1, self.parts, seeds)
        for (row, layer, seed), inner in self.silent.items():
            if row < rows:
                self._mend_factors(steps[row, layer, :, seed], logs[row, :, seed], layer, inner)
        factors: Recording = {}
        for j, factor in enumerate(self.factors):
            name, own = array_of(factor), steps[:, :, j]
            factors[name] = factors[name] + own if name in factors else own.copy()
        return factors

    def _mend_factors(self, steps: Array, logs: Array, layer: int, inner: Array) -> None:
        """The steps (parts,) of a layer at which some branches pass nothing; see `_leave_out_silent`."""
        lo = self.stream + self.parts * layer
        padded = np.concatenate([inner, np.repeat(inner[-1:], self.parts - len(inner))])
        steps[1:] = padded[:-1] - padded[1:]
        steps[0] = (logs[lo] - logs[lo + self.parts]) - steps[1:].sum()

    def _std(self, rows: int, mean: Array) -> Array:
        units = self.units
        std: Array = np.sqrt(np.maximum(self.sums["a2"][:rows] / units - mean**2, 0))
        for place, value in self.std.items():
            if place[0] < rows:
                std[place] = value
        return std

    def _log_step(self, rows: int, log_dw: Array) -> Array:
        """ln of the norm of the weights' step; for plain SGD it is lr times the gradient's."""
        if self.optimizer.proportional:
            log_lr = np.array([log(lr) if lr else -inf for lr in self.lr[:rows]])  # 0: it underflowed
            proportional: Array = log_dw + log_lr[:, None, None] + self.log_share[:rows, None, :]
            return proportional
        return self._log_norm(rows, "step2")

    def _log_norm(self, rows: int, name: str) -> Array:
        log_norm: Array = np.log(self.sums[name][:rows]) / 2 + LN2 * self.sum_exponents[name][:rows]
        return log_norm

    def _reset(self) -> None:
        self.logged = 0
        self.std.clear()
        self.silent.clear()
        self.zeros[self.dirty] = 0
        self.exponents[self.dirty] = 0
        self.correlation[self.dirty] = np.nan
        self.dirty[:] = False


class _Surely:
    """Where E a^2 - (E a)^2 keeps its digits, (L, S), in each row of sums `raw`."""

    def __init__(self, raw: Array, units: int | Array, dtype: Any) -> None:
        first, second = (raw[:, SUMS.index(name)] for name in ("a1", "a2"))
        self.rows = list(zip(first, second, strict=True))
        self.most = np.broadcast_to((1 - _LOSSY[dtype]) * units, first.shape[1:])
        self.square, self.limit = np.empty((2, *first.shape[1:]))
        self.fine = np.empty(first.shape[1:], np.bool_)

    def precise(self, r: int) -> bool:
        """Whether it does everywhere in row r."""
        total, square = self.rows[r]
        np.multiply(total, total, self.square)
        np.multiply(self.most, square, self.limit)
        np.less_equal(self.square, self.limit, self.fine)
        if not most(square) < inf:  # nan too
            np.logical_and(self.fine, ~np.isinf(square), self.fine)
        return bool(least(self.fine))  # np.all takes five times as long


def _deviation(a: Array) -> float:
    """The standard deviation, though a square may leave float64."""
    a = a.astype(np.float64)
    largest = float(np.abs(a).max())
    return float((a / largest).std() * largest) if 0 < largest < inf else float(a.std())


def first_bad_row(block: Recording) -> int | None:
    """The first row whose loss is nan or inf, or a norm nan or +inf; -inf, a zero norm, is not bad."""
    bad = ~np.isfinite(block["loss"]).all(axis=1)
    for name in NORMS:
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
    for name, what in zip(NORMS, ("delta", "weight gradient", "bias gradient"), strict=True):
        bad = ~(block[name][row] < np.inf).all(axis=-1)
        if bad.any():
            return f"the {what} of layer {len(bad) - int(np.argmax(bad[::-1]))} is not finite"
    return "a norm is not finite"


def per_layer(factors: Iterable[str]) -> tuple[str, ...]:
    """The names of the arrays by layer of networks whose parts have these factors."""
    return (*NORMS, *map(array_of, in_order(factors)), *STATISTICS, *LATER)
