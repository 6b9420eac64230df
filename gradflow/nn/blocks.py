"""Blocks: chunks of layers, each with its forward and its backward pass, as loops over ready-made views.

The chain rule as it is taught: u_l = W_{l+1} delta_{l+1} (the upstream gradient), delta_l = u_l * phi'(z_l).
Layers are counted from 0 here. What leaves a float's range is done again, layer by layer, by `exact`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gradflow.nn import exact
from gradflow.nn.activations import Activation
from gradflow.nn.buffers import A1, A2, Z2, Buffers
from gradflow.nn.elementwise import least, most
from gradflow.nn.parameters import Parameters
from gradflow.nn.scaling import RANGES

Array = NDArray[Any]

SATURATED = 0.05  # a unit is saturated on a sample when its slope is below this share of the steepest


class Plain:
    """Layers lo..hi-1 of z = W^T a + b, a = phi(z): the views that a pass needs, and the passes."""

    name: ClassVar[str] = "plain"

    def __init__(self, lo: int, hi: int, p: Parameters, buffers: Buffers, activation: Activation) -> None:
        self.lo, self.hi, self.buffers, self.activation = lo, hi, buffers, activation
        self.range = RANGES[buffers.dtype]
        self.central = True  # the norms of the last pass were in the range that needs no scaling
        self._bind_chunk(p)
        self._bind_layers(list(p)[lo:hi])

    def _bind_chunk(self, p: Parameters) -> None:
        """Views of the whole chunk, for what is done to all its layers in one call."""
        buffers, lo, hi = self.buffers, self.lo, self.hi
        k, s, w, b = hi - lo, p.shape.seeds, p.shape.width, buffers.shape.batch
        self.z, self.kept, self.marks = buffers.z[:k], buffers.kept[:k], buffers.marks[:k]
        self.a = buffers.a[lo:hi, :, :w]
        self.d = buffers.d[:k] if self.activation.from_output else buffers.d[lo:hi]
        self.z_flat = self.z.reshape(k, s, w * b)
        self.a_flat = buffers.a.reshape(-1, s, (w + 1) * b)[lo:hi, :, : w * b]
        self.ones, self.row, self.column = (
            buffers.ones[: w * b],
            buffers.ones[:w].reshape(1, w),
            buffers.ones[:b],
        )
        raw, norms = buffers.sums.raw[:, lo:hi], buffers.sums.norms[lo:hi]
        self.a1, self.a2, self.z2 = raw[A1], raw[A2], raw[Z2]
        self.norms, self.u_norms, self.d_norms = norms.reshape(-1), norms[:, 0], norms[:, 1]
        self.saturated, self.dead = buffers.sums.saturated[lo:hi].reshape(-1), buffers.sums.dead[lo:hi]
        self.each_marks = list(self.marks.reshape(k * s, w * b))
        self.shallow = np.array(SATURATED * self.activation.steepest, buffers.dtype)

    def _bind_layers(self, layers: list[Array]) -> None:
        """Views of one layer at a time, as tuples that the passes loop over."""
        buffers, single = self.buffers, layers[0].shape[0] == 1
        self.product = np.dot if single else np.matmul  # np.dot: 0.35 us a call less, for one product
        self.weights = [layer[:, :-1] for layer in layers]
        self.transposed = [layer.swapaxes(1, 2) for layer in layers]
        self.inputs = [buffers.a[i - 1] if i else buffers.x.swapaxes(1, 2) for i in range(self.lo, self.hi)]

        def bare(v: Array) -> Array:
            return v[0] if single else v

        self.bare = bare
        self.forward_calls = [
            tuple(map(bare, views))
            for views in zip(self.transposed, self.inputs, self.z, self.a, self.kept, strict=True)
        ]
        self.backward_calls = [
            (bare(self.d[i]), bare(self.z[i]), bare(self.weights[i]), bare(self.z[i - 1]))
            for i in range(len(layers) - 1, 0, -1)
        ]
        self.top = self.z[len(layers) - 1]
        self.last = bare(self.d[0]), bare(self.z[0]), bare(self.weights[0])

    def forward(self, record: bool) -> None:
        """z and a of every layer, and the slopes where they need z."""
        if self.buffers.forward_scaled:
            exact.pass_on_exponent(self)
        product, value = self.product, self.activation.value
        for weights, inputs, z, a, kept in self.forward_calls:
            product(weights, inputs, z)
            value(z, a, kept)
        if record:
            np.vecdot(self.a_flat, self.ones, out=self.a1)
            np.vecdot(self.a_flat, self.a_flat, out=self.a2)
        if record or self.activation.homogeneous:
            np.vecdot(self.z_flat, self.z_flat, out=self.z2)
            if not self.range.central(self.z2):
                exact.forward(self)
        if not self.activation.from_output:
            self.activation.quick_derivative(self.z, self.a, self.kept, self.d)
            if record:
                self._count_slopes(np.abs(self.d, out=self.z) if self.activation.signed else self.d)

    def backward(self, record: bool) -> None:
        """delta of every layer into D, squared norms into the sums; on entry the top layer's u is in Z."""
        if self.activation.from_output:
            self.activation.quick_derivative(self.z, self.a, self.kept, self.d)
            if record:
                self._count_slopes(self.d)
        product, multiply = self.product, np.multiply
        for d, u, weights, u_below in self.backward_calls:
            multiply(d, u, out=d)
            product(weights, d, u_below)
        d, u, _ = self.last
        multiply(d, u, out=d)
        self._sum_norms()
        exact.note_exponents(self)
        self._check_norms()

    def enter_below(self, below: Plain) -> None:
        """u of the layer below the chunk, before this chunk's weights change, where `below` looks for it."""
        d, _, weights = self.last
        self.product(weights, d, self.bare(below.top))
        if not self.central or self.buffers.sums.scaled:
            exact.enter(self, below.top)

    def _sum_norms(self) -> None:
        np.multiply(self.z, self.z, out=self.kept)
        np.matmul(self.row, self.kept, out=self.u_norms)
        np.multiply(self.d, self.d, out=self.kept)
        np.matmul(self.row, self.kept, out=self.d_norms)

    def _check_norms(self) -> None:
        """Have the chunk done again unless every squared norm surely has all its digits."""
        low, high = least(self.norms), most(self.norms)
        self.central = low >= self.range.low and high <= self.range.high
        held = low > self.range.tiny and high < self.range.huge
        if not held or not (self.activation.exact_quick or low > exact.LOSSY * high or self._precise()):
            exact.backward(self)

    def _precise(self) -> bool:
        """Whether slopes kept their digits: no layer lost most of a sample's gradient to saturated units."""
        return bool(np.logical_and.reduce(self.d_norms >= exact.LOSSY * self.u_norms, None))

    def _count_slopes(self, slopes: Array) -> None:
        """Saturated units x samples, and units whose slope is 0 on every sample; slopes >= 0."""
        if self.activation.flat:
            totals = np.matmul(slopes, self.column)  # over the samples, of each unit
            np.add.reduce(totals == 0, axis=-1, out=self.dead)
        if self.activation.binary:  # the sums count the slopes that are 1
            steep = np.add.reduce(totals, axis=-1, dtype=np.float64)
            self.saturated[:] = slopes[0, 0].size - steep.reshape(-1)
        else:
            np.less(slopes, self.shallow, out=self.marks)
            self.saturated[:] = [np.count_nonzero(marks) for marks in self.each_marks]


BLOCKS: dict[str, type[Plain]] = {Plain.name: Plain}
