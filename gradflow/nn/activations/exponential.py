"""Activations that are straight above 0 and an exponential below."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, doc

from gradflow.arrays import Array
from gradflow.nn.activations.base import Activation
from gradflow.nn.elementwise import Work, expm1, number

Alpha = Annotated[float, Gt(0.0), doc("-alpha is what phi comes to far below 0.")]


@dataclass(frozen=True)
class Elu(Activation):
    """phi(z) = z above 0, alpha (exp(z) - 1) below (Clevert et al. 2016)."""

    name = "elu"
    compares = True
    kinks = (0.0,)
    alpha: Alpha = 1.0

    @property
    def steepest(self) -> float:
        """The larger of the two slopes that meet at 0."""
        return max(1.0, self.alpha)

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        _elu(z, 1.0, self.alpha, out, work)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.where(z > 0, z.dtype.type(1), z.dtype.type(self.alpha) * np.exp(np.minimum(z, 0)))
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = log(self.alpha) + z
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        _elu_slope(a, 1.0, self.alpha, work, out)


@dataclass(frozen=True)
class Selu(Activation):
    """phi(z) = lambda elu(z; alpha), the self-normalizing constants (Klambauer et al. 2017, eq. 2)."""

    name = "selu"
    compares = True
    kinks = (0.0,)
    scale: ClassVar[float] = 1.0507009873554805
    alpha: ClassVar[float] = 1.6732632423543772
    steepest = scale * alpha

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        _elu(z, self.scale, self.scale * self.alpha, out, work)

    def derivative(self, z: Array) -> Array:
        bent = z.dtype.type(self.scale * self.alpha) * np.exp(np.minimum(z, 0))
        slope: Array = np.where(z > 0, z.dtype.type(self.scale), bent)
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = log(self.scale * self.alpha) + z
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        _elu_slope(a, self.scale, self.scale * self.alpha, work, out)


@dataclass(frozen=True)
class Celu(Activation):
    """phi(z) = z above 0, alpha (exp(z / alpha) - 1) below, whose slope has no jump (Barron 2017)."""

    name = "celu"
    compares = True
    kinks = (0.0,)
    alpha: Alpha = 1.0

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        scratch, zeros = work
        np.minimum(z, zeros, out=scratch)
        np.divide(scratch, number(self.alpha, z.dtype), out=scratch)
        if z.dtype == np.float32:
            expm1(scratch, out)
        else:
            np.expm1(scratch, out=out)
        np.multiply(out, number(self.alpha, z.dtype), out=out)
        np.maximum(z, zeros, out=scratch)
        np.add(out, scratch, out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.exp(np.minimum(z, 0) / z.dtype.type(self.alpha))
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = z / self.alpha
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.minimum(a, work.zeros, out=out)
        np.divide(out, number(self.alpha, a.dtype), out=out)
        np.add(out, number(1, a.dtype), out=out)


def _elu(z: Array, above: float, below: float, out: Array, work: Work) -> None:
    """`above` z where z > 0, else `below` (exp(z) - 1)."""
    scratch, zeros = work
    if z.dtype == np.float32:
        np.minimum(z, zeros, out=scratch)
        expm1(scratch, out)
    else:
        np.minimum(z, 0, out=out)
        np.expm1(out, out=out)
    np.multiply(out, number(below, z.dtype), out=out)
    np.maximum(z, zeros, out=scratch)
    if above != 1:
        np.multiply(scratch, number(above, z.dtype), out=scratch)
    np.add(out, scratch, out=out)


def _elu_slope(a: Array, above: float, below: float, work: Work, out: Array) -> None:
    """`above` where a > 0, else a + `below`."""
    scratch, zeros = work
    np.minimum(a, zeros, out=out)
    np.add(out, number(below, a.dtype), out=out)
    if above != below:
        np.greater(a, number(0, a.dtype), out=scratch, casting="unsafe")
        np.multiply(scratch, number(above - below, a.dtype), out=scratch)
        np.add(out, scratch, out=out)


EXPONENTIAL = (Elu, Selu, Celu)
