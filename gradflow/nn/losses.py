"""Losses as a table of frozen classes: the value, and the delta = dLoss/dz that backpropagation starts from.

Deltas carry no 1/B: the loss of one sample is differentiated, the batch mean is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Loss:
    """A loss of outputs z against targets y, both (..., outputs, B)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    classes_only: ClassVar[bool] = False

    def value(self, z: Array, y: Array) -> Array:
        """The loss of each sample (..., B), real or complex: what the complex step differentiates."""
        raise NotImplementedError(self.name)

    def delta(
        self, z: Array, y: Array, out: Array, exponent: Array | None = None
    ) -> tuple[Array, Array | None]:
        """Write dLoss/dz of each sample into `out`; return the loss of each sample (..., B) in float64.

        With an integer `exponent` (..., 1, 1) the outputs are z 2^exponent. The second value is the exponent
        that `out` then carries, if any. A loss beyond float64 is inf; `out` stays finite.
        """
        raise NotImplementedError(self.name)

    def steps(self, a: Array, y: Array) -> dict[str, Array]:
        """What leads to dLoss/da of one sample's outputs a (outputs,) on paper, by name; last it itself."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """-ln softmax(z)[class] for one-hot y; delta = softmax(z) - y."""

    name = "cross_entropy"
    classes_only = True

    def value(self, z: Array, y: Array) -> Array:
        shifted = z - z.real.max(axis=-2, keepdims=True)
        loss: Array = np.log(np.exp(shifted).sum(axis=-2)) - (shifted * y).sum(axis=-2)
        return loss

    def delta(
        self, z: Array, y: Array, out: Array, exponent: Array | None = None
    ) -> tuple[Array, Array | None]:
        y = np.ascontiguousarray(y)
        shifted = z - np.maximum.reduce(z, axis=-2, keepdims=True)
        parts = np.empty((3, *z.shape), z.dtype)
        at_class, mine, others = parts
        np.multiply(shifted, y, out=at_class)
        if exponent is not None:
            shifted = np.ldexp(shifted, exponent)
        np.exp(shifted, out=shifted)
        np.multiply(shifted, y, out=mine)
        np.subtract(shifted, mine, out=others)
        at_class, mine, total = np.matmul(_ones_row(z.shape[-2], z.dtype), parts)
        # softmax - 1 at the class cancels as the fit gets good; minus the sum of the others does not
        np.multiply(y, total, out=shifted)
        np.subtract(others, shifted, out=out)
        np.add(total, mine, out=total)
        np.divide(out, total, out=out)
        at_class = at_class.astype(np.float64)
        if exponent is not None:
            at_class = np.ldexp(at_class, exponent)
        return (np.log(total.astype(np.float64)) - at_class)[..., 0, :], None

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

    def delta(
        self, z: Array, y: Array, out: Array, exponent: Array | None = None
    ) -> tuple[Array, Array | None]:
        if exponent is not None:
            k = np.frexp(np.abs(z).max(axis=(-2, -1), keepdims=True))[1]
            own = np.maximum(exponent + k, 0)  # beside an output that has vanished, the target has not
            z, y, exponent = np.ldexp(z, exponent - own), np.ldexp(y, -own), own
        np.subtract(z, y, out=out)
        residual = out.astype(np.float64)
        loss = np.einsum("...ob,...ob->...b", residual, residual) / z.shape[-2]
        np.multiply(out, 2 / z.shape[-2], out=out)
        return (loss, None) if exponent is None else (np.ldexp(loss, 2 * exponent[..., 0]), exponent)

    def steps(self, a: Array, y: Array) -> dict[str, Array]:
        """The difference, and what the square and the mean over n outputs make of it."""
        return {"a - y": a - y, "2 (a - y) / n": 2 * (a - y) / len(a)}


@lru_cache(maxsize=64)
def _ones_row(size: int, dtype: Any) -> Array:
    """Sums over outputs as a product: a third of the time of a reduction."""
    row = np.ones((1, size), dtype)
    row.setflags(write=False)
    return row


LOSSES: dict[str, type[Loss]] = {cls.name: cls for cls in (CrossEntropy, Mse)}
