"""Activations of straight pieces, and of a parabola's."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, doc

from gradflow.arrays import Array
from gradflow.nn.activations.base import Activation
from gradflow.nn.elementwise import Work, number


@dataclass(frozen=True)
class Relu(Activation):
    """phi(z) = max(z, 0); slope 1 above 0, else 0."""

    name = "relu"
    homogeneous = True
    flat = True
    binary = True
    exact_quick = True
    compares = True
    kinks = (0.0,)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.maximum(z, work.zeros, out=out)

    def derivative(self, z: Array) -> Array:
        return (z > 0).astype(z.dtype)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.greater(a, number(0, z.dtype), out=out, casting="unsafe")


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """phi(z) = z above 0, `slope` z below."""

    name = "leaky_relu"
    homogeneous = True
    exact_quick = True
    kinks = (0.0,)
    slope: Annotated[float, Ge(0.0), Le(1.0), doc("The slope below 0.")] = 0.01

    @property
    def flat(self) -> bool:
        """Slope 0 below 0 is relu."""
        return self.slope == 0

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.multiply(z, number(self.slope, z.dtype), out=out)
        np.maximum(out, z, out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.where(z > 0, z.dtype.type(1), z.dtype.type(self.slope))
        return slope

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.greater(a, number(0, z.dtype), out=out, casting="unsafe")
        np.maximum(out, number(self.slope, z.dtype), out=out)

    def log_tail(self, z: Array) -> Array:
        return np.full(z.shape, log(self.slope))


@dataclass(frozen=True)
class Relu6(Activation):
    """phi(z) = min(max(z, 0), 6) (Krizhevsky 2010); slope 1 in between, else 0."""

    name = "relu6"
    flat = True
    binary = True
    exact_quick = True
    compares = True
    kinks = (0.0, 6.0)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.maximum(z, work.zeros, out=out)
        np.minimum(out, number(6, z.dtype), out=out)

    def derivative(self, z: Array) -> Array:
        return ((z > 0) & (z < 6)).astype(z.dtype)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.greater(a, number(0, a.dtype), out=out, casting="unsafe")
        np.less(a, number(6, a.dtype), out=work.kept, casting="unsafe")
        np.multiply(out, work.kept, out=out)


@dataclass(frozen=True)
class SquaredRelu(Activation):
    """phi(z) = max(z, 0)^2 (So et al. 2021); slope 2 max(z, 0), which has no largest."""

    name = "squared_relu"
    from_output = False
    flat = True
    exact_quick = True
    compares = True
    kinks = (0.0,)
    steepest = 2.0  # at z = 1
    bounded_slope = False

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.maximum(z, work.zeros, out=out)
        np.multiply(out, out, out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = 2 * np.maximum(z, 0)
        return slope

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.maximum(z, work.zeros, out=out)
        np.add(out, out, out=out)


@dataclass(frozen=True)
class HardTanh(Activation):
    """phi(z) = z clipped to [-1, 1]; slope 1 inside, 0 outside."""

    name = "hard_tanh"
    flat = True
    binary = True
    exact_quick = True
    kinks = (-1.0, 1.0)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.maximum(z, -1, out=out)
        np.minimum(out, 1, out=out)

    def derivative(self, z: Array) -> Array:
        return (np.abs(z) < 1).astype(z.dtype)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.abs(a, out=out)
        np.less(out, 1, out=out, casting="unsafe")


@dataclass(frozen=True)
class HardSigmoid(Activation):
    """phi(z) = (z + 3) / 6 clipped to [0, 1], as PyTorch has it; slope 1/6 inside, 0 outside."""

    name = "hard_sigmoid"
    from_output = False
    flat = True
    exact_quick = True
    steepest = 1 / 6
    kinks = (-3.0, 3.0)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        _ramp(z, out)
        np.multiply(out, number(1 / 6, z.dtype), out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = (np.abs(z) < 3).astype(z.dtype) / z.dtype.type(6)
        return slope

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.abs(z, out=out)
        np.less(out, number(3, z.dtype), out=out, casting="unsafe")
        np.multiply(out, number(1 / 6, z.dtype), out=out)


@dataclass(frozen=True)
class HardSwish(Activation):
    """phi(z) = z hard_sigmoid(z) (Howard et al. 2019); slope (2 z + 3) / 6 inside [-3, 3], then 0 or 1."""

    name = "hard_swish"
    from_output = False
    flat = True
    signed = True
    exact_quick = True
    steepest = 1.5  # at z = 3, from below
    kinks = (-3.0, 3.0)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        _ramp(z, out)
        np.multiply(out, number(1 / 6, z.dtype), out=out)
        np.multiply(out, z, out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.where(np.abs(z) < 3, (2 * np.clip(z, -3, 3) + 3) / 6, z > 0).astype(z.dtype)
        return slope

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.copyto(out, self.derivative(z))


def _ramp(z: Array, out: Array) -> None:
    """z + 3 clipped to [0, 6]."""
    np.add(z, number(3, z.dtype), out=out)
    np.maximum(out, number(0, z.dtype), out=out)
    np.minimum(out, number(6, z.dtype), out=out)


PIECEWISE = (Relu, LeakyRelu, Relu6, SquaredRelu, HardTanh, HardSigmoid, HardSwish)
