"""What one pass leaves for the record: raw sums by name, norms by boundary; logarithms come later."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.parameters import Shape
from gradflow.nn.scaled import Scaled, square_and_exponent, square_sum

# sums over units and samples of z^2, a, a^2; over entries of dW^2, db^2, W^2 and the squared step of W
VALUES, SQUARES = ("z2", "a1", "a2"), ("dw2", "db2", "w2")
SUMS = (*VALUES, *SQUARES, "step2")


class Tally:
    """In the run's dtype; a norm is sqrt(sum) * 2^exponent.

    `norms` (boundaries, S, 1, B) are ||delta||^2 of each sample, in units of 4^exponents.
    """

    def __init__(self, shape: Shape, norms: Array, exponents: Array) -> None:
        layers, s, dtype = shape.depth, shape.seeds, norms.dtype
        self.raw = np.zeros((len(SUMS), layers, s), dtype)
        self.sums = dict(zip(SUMS, self.raw, strict=True))
        self.squares = self.raw[len(VALUES) : len(VALUES) + len(SQUARES)]
        # (sum, layer, seed) that the dtype could not hold, in float64, of terms v 2^-exponent
        self.exact: dict[tuple[str, int, int], tuple[float, int]] = {}
        self.counts = np.zeros((2, layers, s), np.int64)  # saturated units x samples, dead units
        self.saturated, self.dead = self.counts
        self.loss = np.zeros(s)
        self.norms, self.exponents = norms, exponents
        self.out_norm, self.out_exponent = norms[-1], exponents[-1]  # of dLoss/d output, (S, 1, B)
        self.gradient_exponent = np.zeros((2, layers, s), np.int64)  # of dW and db
        self.scaled = False  # any exponent of the backward pass is not 0
        self.correlates = False  # whether the next passes forward take the correlation
        self.correlation = np.full((layers, s), np.nan)  # mean cosine of z over pairs of samples

    def keep(self, boundary: int, seed: int, delta: Scaled) -> None:
        """The norms of a delta that carries its exponents."""
        self.norms[boundary, seed, 0] = delta.squares
        self.exponents[boundary, seed] = delta.exponent

    def sum_values(self, layer: int, seed: int, z: Array, a: Array) -> None:
        """The sums of a layer's values, in float64."""
        self.exact["z2", layer, seed] = square_sum(z), 0
        self.exact["a1", layer, seed] = float(a.sum(dtype=np.float64)), 0
        self.exact["a2", layer, seed] = square_sum(a), 0

    def sum_squares(self, name: str, layers: slice, views: Array) -> None:
        """The squared norms of views (k, S, n) of layers, in float64 and near 1."""
        for i, layer in enumerate(range(layers.start, layers.stop)):
            for seed in range(views.shape[1]):
                self.exact[name, layer, seed] = square_and_exponent(views[i, seed])

    def forget(self, scaled: bool) -> None:
        """What the last pass left beyond the dtype; with `scaled`, its exponents too."""
        self.exact.clear()
        if scaled:
            self.exponents.fill(0)
            self.gradient_exponent.fill(0)
            self.scaled = False
