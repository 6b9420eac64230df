"""Losses as a table of frozen classes: the value, and the delta = dLoss/dz that backpropagation starts from.

Deltas carry no 1/B: the loss of one sample is differentiated, the batch mean is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from gradflow.arrays import Array
from gradflow.formats import ConfigEntry


class BoundLoss(Protocol):
    """A loss of what stands in arrays z, y and `out`, made once and called each step."""

    def __call__(self, exponent: Array | None = None) -> tuple[Array, Array | None]:
        """Write dLoss/dz into `out`; the loss of each sample (..., B) in float64, good until the next call.

        With an integer `exponent` (..., 1, 1) the outputs are z 2^exponent. The second value is the exponent
        that `out` then carries, if any. A loss beyond float64 is inf; `out` stays finite.
        """


@dataclass(frozen=True)
class Loss(ConfigEntry):
    """A loss of outputs z against targets y, both (..., outputs, B)."""

    classes_only: ClassVar[bool] = False

    def value(self, z: Array, y: Array) -> Array:
        """The loss of each sample (..., B), real or complex: what the complex step differentiates."""
        raise NotImplementedError(self.name)

    def bind(self, z: Array, y: Array, out: Array) -> BoundLoss:
        """What writes dLoss/dz of each sample into `out`, each time that it is called."""
        raise NotImplementedError(self.name)

    def delta(
        self, z: Array, y: Array, out: Array, exponent: Array | None = None
    ) -> tuple[Array, Array | None]:
        """The same at once, for those who hold no buffers."""
        return self.bind(z, y, out)(exponent)

    def steps(self, a: Array, y: Array) -> dict[str, Array]:
        """What leads to dLoss/da of one sample's outputs a (outputs,) on paper, by name; last it itself."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """-ln softmax(z)[class] for one-hot y; delta = softmax(z) - y."""

    name = "cross_entropy"
    classes_only = True

    def value(self, z: Array, y: Array) -> Array:
        largest = z.real.argmax(axis=-2, keepdims=True)
        shifted = z - np.take_along_axis(z, largest, axis=-2)
        others = np.exp(shifted)  # whose sum, unlike that with the 1, keeps its digits as the fit gets good
        np.put_along_axis(others, largest, 0, axis=-2)
        loss: Array = np.log1p(others.sum(axis=-2)) - (shifted * y).sum(axis=-2)
        return loss

    def bind(self, z: Array, y: Array, out: Array) -> BoundLoss:
        return _BoundCrossEntropy(z, y, out)

    def steps(self, a: Array, y: Array) -> dict[str, Array]:
        """softmax = exp(a) over the sum of it, with a less its largest so that nothing overflows."""
        powers = np.exp(a - a.max())
        softmax = powers / powers.sum()
        return {"exp(a - max a)": powers, "softmax": softmax, "softmax - y": softmax - y}


@dataclass(frozen=True)
class Mse(Loss):
    """mean over outputs of (z - y)^2; delta = 2 (z - y) / outputs."""

    name = "mse"

    def value(self, z: Array, y: Array) -> Array:
        loss: Array = ((z - y) ** 2).mean(axis=-2)
        return loss

    def bind(self, z: Array, y: Array, out: Array) -> BoundLoss:
        return _BoundMse(z, y, out)

    def steps(self, a: Array, y: Array) -> dict[str, Array]:
        """The difference, and what the square and the mean over n outputs make of it."""
        return {"a - y": a - y, "2 (a - y) / n": 2 * (a - y) / len(a)}


class _BoundCrossEntropy:
    """Sums over outputs as a product with a row of ones: a third of the time of a reduction."""

    def __init__(self, z: Array, y: Array, out: Array) -> None:
        self.z, self.y, self.out = z, y, out
        self.parts = np.empty((3, *z.shape), z.dtype)
        self.at_class, self.mine, self.others = self.parts
        self.shifted = np.empty_like(self.mine)
        self.row = np.ones((1, z.shape[-2]), z.dtype)
        self.sums = np.empty((3, *z.shape[:-2], 1, z.shape[-1]), z.dtype)
        self.largest, self.sum_mine, self.total = self.sums
        self.told = self.sums[::2]  # the sums at_class and, at last, total
        self.double = np.empty(self.told.shape)
        self.losses = self.double[1, ..., 0, :]

    def __call__(self, exponent: Array | None = None) -> tuple[Array, Array | None]:
        y, out, shifted, total = self.y, self.out, self.shifted, self.total
        np.maximum.reduce(self.z, axis=-2, out=self.largest, keepdims=True)
        np.subtract(self.z, self.largest, shifted)
        np.multiply(shifted, y, self.at_class)
        if exponent is not None:
            np.ldexp(shifted, exponent, shifted)
        np.exp(shifted, shifted)
        np.multiply(shifted, y, self.mine)
        np.subtract(shifted, self.mine, self.others)
        np.matmul(self.row, self.parts, self.sums)
        # softmax - 1 at the class cancels as the fit gets good; minus the sum of the others does not
        np.multiply(y, total, shifted)
        np.subtract(self.others, shifted, out)
        np.add(total, self.sum_mine, total)
        np.divide(out, total, out)
        self._sum_up(exponent)
        return self.losses, None

    def _sum_up(self, exponent: Array | None) -> None:
        """ln total - at_class, in float64."""
        self.double[...] = self.told
        at_class, total = self.double
        np.log(total, total)
        if exponent is not None:
            np.ldexp(at_class, exponent, at_class)
        np.subtract(total, at_class, total)


class _BoundMse:
    def __init__(self, z: Array, y: Array, out: Array) -> None:
        self.z, self.y, self.out = z, y, out
        self.residual = np.empty(z.shape)

    def __call__(self, exponent: Array | None = None) -> tuple[Array, Array | None]:
        z, y, out, n = self.z, self.y, self.out, self.z.shape[-2]
        if exponent is not None:
            k = np.frexp(np.abs(z).max(axis=(-2, -1), keepdims=True))[1]
            own = np.maximum(exponent + k, 0)  # beside an output that has vanished, the target has not
            z, y, exponent = np.ldexp(z, exponent - own), np.ldexp(y, -own), own
        np.subtract(z, y, out)
        self.residual[...] = out
        loss = np.einsum("...ob,...ob->...b", self.residual, self.residual) / n
        np.multiply(out, 2 / n, out)
        return (loss, None) if exponent is None else (np.ldexp(loss, 2 * exponent[..., 0]), exponent)


LOSSES: dict[str, type[Loss]] = {cls.name: cls for cls in (CrossEntropy, Mse)}
