"""Every array that a training step touches, allocated once.

Layout, per layer and contiguous, so that a layer is one matrix and a chunk of layers is one stacked array:

    A  (L, S, W + 1, B)   activations; the last row is 1, or 2^-e where a layer's input carries the exponent e
    D  (L | n, S, W, B)   slopes, which the deltas overwrite; a ring of n layers where slopes follow from A
    Z  (n, S, W, B)       scratch of one chunk of n layers: z going forward, u = W delta going back
    K  (n, S, W, B)       more of it: what an activation keeps for its slope going forward, squares going back
    G  (n | L, S, W+1, W) gradients of one chunk; of all layers when they must be clipped together

Quantities that the record keeps leave a pass as raw sums in `Sums`; logarithms and divisions come later.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.parameters import Shape, aligned

Array = NDArray[Any]

Z2, A1, A2, DW2, DB2, W2, STEP2 = range(7)  # rows of Sums.raw
CHUNK_BYTES = 3 << 18  # what a chunk of layers may take of a second-level cache and a bit of the third
CHUNK_LAYERS = 16  # a norm may change by 10^15 within a chunk before float32 squares give out


class Sums:
    """What one pass leaves for the record, in the run's dtype; a norm is sqrt(sum) * 2^exponent."""

    def __init__(self, shape: Shape, dtype: Any) -> None:
        layers, s, b = shape.depth, shape.seeds, shape.batch
        self.raw = np.zeros((7, layers, s), dtype)
        # sums that the dtype could not hold, in float64, of terms v 2^-exponent
        self.exact: dict[tuple[int, int, int], tuple[float, int]] = {}
        self.counts = np.zeros((2, layers, s), np.int64)  # saturated units x samples, dead units
        self.saturated, self.dead = self.counts
        self.loss = np.zeros(s)
        self.all_norms = np.zeros((2 * layers + 1, s, 1, b), dtype)
        self.all_exponents = np.zeros((2 * layers + 1, s, 1, b), np.int64)
        self.norms = self.all_norms[:-1].reshape(layers, 2, s, 1, b)  # ||u||^2, ||delta||^2 of each sample
        self.norm_exponent = self.all_exponents[:-1].reshape(layers, 2, s, 1, b)
        self.out_norm, self.out_exponent = self.all_norms[-1], self.all_exponents[-1]  # of ||delta_out||^2
        self.gradient_exponent = np.zeros((2, layers, s), np.int64)  # of dW and db
        self.scaled = False  # any exponent of the backward pass is not 0


class Buffers:
    """The working memory of one pass; networks that are trained in turn share it."""

    def __init__(
        self, shape: Shape, activation: Activation, dtype: Any, keep_gradients: bool = False
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        layers, s, w, b = shape.depth, shape.seeds, shape.width, shape.batch
        self.chunk = chunk_layers(shape, self.dtype)
        self.x = aligned((s, b, shape.features + 1), dtype)
        self.y = aligned((s, b, shape.outputs), dtype)
        self.x[:, :, -1] = 1
        self.a = aligned((layers, s, w + 1, b), dtype)
        self.a[:, :, -1] = 1
        self.d = aligned((self.chunk if activation.from_output else layers, s, w, b), dtype)
        self.z = aligned((self.chunk, s, w, b), dtype)
        self.kept = aligned((self.chunk, s, w, b), dtype)
        self.marks = aligned((self.chunk, s, w, b), np.bool_)
        self.gradient = aligned((layers - 1 if keep_gradients else self.chunk, s, w + 1, w), dtype)
        self.keeps_gradients = keep_gradients
        self.gradient_first = aligned((1, s, shape.features + 1, w), dtype)
        self.gradient_readout = aligned((1, s, w + 1, shape.outputs), dtype)
        self.out = aligned((s, shape.outputs, b), dtype)
        self.delta_out = aligned((s, shape.outputs, b), dtype)
        self.ones = np.ones(max(w * b, shape.outputs), dtype)
        self.exponent = np.zeros((layers + 1, s), np.int64)  # of the input of each layer, the read-out last
        self.delta_exponent = np.zeros((layers, s, 1, b), np.int64)  # of the deltas that D holds
        self.entry_exponent = np.zeros((s, 1, b), np.int64)  # of the u that enters a chunk
        self.forward_scaled = False
        self.sums = Sums(shape, dtype)

    def unscale(self) -> None:
        """Forget the exponents of the last pass."""
        self.sums.exact.clear()
        if not (self.forward_scaled or self.sums.scaled):
            return
        self.a[:, :, -1] = 1
        sums = self.sums
        for exponents in (
            self.exponent, self.delta_exponent, self.entry_exponent,
            sums.all_exponents, sums.gradient_exponent,
        ):  # fmt: skip
            exponents.fill(0)
        self.forward_scaled = self.sums.scaled = False


def chunk_layers(shape: Shape, dtype: Any) -> int:
    """How many layers are worked on at once: as many of one network as stay in a core's cache.

    It does not depend on the seeds: where norms leave the range, a chunk is the unit that is done again.
    """
    layer = shape.width * (2 * shape.batch + shape.width) * np.dtype(dtype).itemsize
    return int(max(1, min(shape.depth, CHUNK_LAYERS, CHUNK_BYTES // layer)))
