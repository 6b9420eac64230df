"""What the loss puts into delta: dLoss/dout follows the output, so that delta is not independent of z.

Of u_L = W^T dLoss/dout and the activations a_L that the read-out W sees, X = n (a . u)^2 / (|a|^2 |u|^2) is
(h . d)^2 / (q |d|^2) with h = W a, q its mean square and d = dLoss/dout: 1 on average where d is random, up
to the number of outputs where d follows h, as it does under mse as soon as outputs are as large as targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, floor, sqrt
from typing import Self

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from gradflow.arrays import Array
from gradflow.nn.losses import Loss

NODES, _WEIGHTS = hermegauss(9)  # of ln q between networks
WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
DRAWS, CELLS = 1024, 1 << 19  # of outputs, and numbers that they may take
STEP = 0.25  # of ln q, between two of which moments are interpolated
REACH = 40.0  # |ln q| beyond which nothing changes
FIRST, SECOND = 1.0, 3.0  # moments of X, the square of a normal number, where d is random


@dataclass(frozen=True)
class Targets:
    """What a loss compares outputs with: classes, or values of this mean square."""

    classes: bool
    square: float = 1.0


@dataclass(frozen=True, eq=False)
class Entering:
    """The loss on the outputs h + b: log_gain = ln n_L Var W and log_bias = ln Var b of the read-out.

    Each is one number or an array over networks (N,).
    """

    loss: Loss
    outputs: int
    targets: Targets
    log_gain: Array | float
    log_bias: Array | float

    def scaled(self, log_factors: Array) -> Self:
        """That of read-outs whose weights are multiplied by exp(log_factors) (N,)."""
        return replace(self, log_gain=self.log_gain + 2 * log_factors)

    def moments(self, log_square: Array, variance: Array) -> tuple[Array, Array]:
        """E X and E X^2 where a_L has this ln of its mean square, of a variance between networks (...)."""
        nodes, weights = (rows.reshape(-1, *[1] * log_square.ndim) for rows in (NODES, WEIGHTS))
        log_q = self.log_gain + log_square - variance / 2 + np.sqrt(variance) * nodes
        place = np.clip(np.nan_to_num(log_q), -REACH, REACH) / STEP
        below = np.floor(place)
        low, high = self._at(below), self._at(below + 1)
        first, second = (weights * (low + (place - below) * (high - low))).sum(axis=1)
        return first, second

    def _at(self, steps: Array) -> Array:
        """The moments at steps of ln q (2, ...)."""
        cells = np.stack(np.broadcast_arrays(self.log_bias, steps)).reshape(2, -1)
        different, index = np.unique(cells, axis=1, return_inverse=True)
        found = np.array([self._in(float(log_bias), int(step)) for log_bias, step in different.T])
        return found[index.reshape(steps.shape)].transpose(-1, *range(steps.ndim))

    def _in(self, log_bias: float, step: int) -> tuple[float, float]:
        return _moments(self.loss, self.outputs, self.targets, log_bias, step)


@lru_cache(maxsize=4096)
def _moments(loss: Loss, outputs: int, targets: Targets, log_bias: float, step: int) -> tuple[float, float]:
    """E X and E X^2 over outputs of mean square q, samples whose d is exactly 0 left out."""
    normal, y = _draws(outputs, targets)
    scale = exp(step * STEP / 2)
    h, d = scale * normal[0], np.empty_like(y)
    loss.delta(h + exp(log_bias / 2) * normal[1], y, d)
    largest = np.abs(d).max(axis=0)
    kept = largest > 0
    if not kept.any():
        return FIRST, SECOND
    d = d[:, kept] / largest[kept]
    x = np.einsum("ob,ob->b", h[:, kept], d) ** 2 / (np.einsum("ob,ob->b", d, d) * scale**2)
    return float(x.mean()), float((x**2).mean())


@lru_cache(maxsize=4)
def _draws(outputs: int, targets: Targets) -> tuple[Array, Array]:
    """Normal numbers (2, outputs, draws) and targets (outputs, draws), the same in every process."""
    count = max(4, min(DRAWS, floor(CELLS / outputs)))
    rng = np.random.Generator(np.random.Philox(key=outputs))
    normal = rng.standard_normal((2, outputs, count))
    if not targets.classes:
        return normal, sqrt(targets.square) * rng.standard_normal((outputs, count))
    y = np.zeros((outputs, count))
    y[np.arange(count) % outputs, np.arange(count)] = 1
    return normal, y
