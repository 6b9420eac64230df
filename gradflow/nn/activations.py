"""Activations phi as a table of frozen classes: value, derivative and kinks; all else follows from them.

A class states its mathematics at most twice: `derivative` is accurate at any z (theory, saturated layers);
`quick_derivative` is the cheap form that serves while units are not saturated, from what `value` left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from gradflow.nn.elementwise import Work, expm1, minus_abs, number, sigmoid, tanh
from gradflow.nn.erf import erf, erfc, normal_cdf

Array = NDArray[Any]

BEYOND = 2.0**-900  # a slope below is taken from its logarithm: exp(-z^2) is 0 in float64 beyond |z| = 27
LEAST = -(2.0**50)  # a slope below 2^LEAST is 0: the powers of 8,000 layers add up in an int64


@dataclass(frozen=True)
class Activation:
    """phi of one YAML name; the fields of a subclass are its YAML keys.

    All methods take arrays of any shape and write into arrays of the same shape and dtype. `value` also takes
    complex arrays (it branches on the real part) so that the complex step can differentiate through it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    homogeneous: ClassVar[bool] = (
        False  # phi(s z) = s phi(z) for s > 0: the forward pass may carry an exponent
    )
    from_output: ClassVar[bool] = True  # quick_derivative reads only a, so it can wait for the backward pass
    signed: ClassVar[bool] = False  # phi' takes both signs
    flat: ClassVar[bool] = False  # phi' is 0 on an interval: units can be dead
    binary: ClassVar[bool] = False  # phi' is 0 or 1, and `flat`
    exact_quick: ClassVar[bool] = False  # quick_derivative loses no digits where units saturate
    steepest: ClassVar[float] = 1.0  # max |phi'|, the unit of "saturated"
    borrowed_step: ClassVar[bool] = False  # value's complex branch contains phi': check that by itself
    compares: ClassVar[bool] = False  # reads `work.zeros`, which are a whole layer's then
    tail_sign: ClassVar[int] = 1  # of phi' where it has almost vanished
    kinks: ClassVar[tuple[float, ...]] = ()  # the z where phi is not smooth: quadrature must split there

    def value(self, z: Array, out: Array, work: Work) -> None:
        """a = phi(z) into `out`; may leave in `work.kept` what quick_derivative reads (neither may be z)."""
        raise NotImplementedError(self.name)

    def derivative(self, z: Array) -> Array:
        """phi'(z) of a real z as a new array, accurate relative to itself however saturated z is."""
        raise NotImplementedError(self.name)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        """phi' into `out` (not `work.kept`), to rounding of the steepest; z is not read if `from_output`."""
        raise NotImplementedError(self.name)

    def log_tail(self, z: Array) -> Array:
        """ln |phi'(z)| where phi' is too small for float64, though not 0: far out where phi saturates."""
        raise NotImplementedError(self.name)

    def scaled_derivative(self, z: Array) -> tuple[Array, Array | None]:
        """phi'(z) of a real float64 z as m 2^k, k None where all is 0: a slope beyond float64 is not 0."""
        slope = self.derivative(z)
        beyond = (np.abs(slope) < BEYOND) & np.isfinite(z) if not self.flat else np.zeros((), np.bool_)
        if not beyond.any():
            return slope, None
        log2 = self.log_tail(z[beyond]) / log(2.0)
        k = np.zeros(z.shape, np.int64)
        held = np.where(log2 > LEAST, log2, 0)
        k[beyond] = np.floor(held)
        slope[beyond] = self.tail_sign * np.exp2(held - k[beyond]) * (log2 > LEAST)
        return slope, k

    def phi(self, z: Array) -> Array:
        """phi(z) as a new array: `value` for those who hold no buffers."""
        out = np.empty_like(z)
        self.value(z, out, Work.like(z))
        return out


@dataclass(frozen=True)
class Linear(Activation):
    """phi(z) = z."""

    name = "linear"
    homogeneous = True
    exact_quick = True

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.copyto(out, z)

    def derivative(self, z: Array) -> Array:
        return np.ones_like(z)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        out.fill(1)


@dataclass(frozen=True)
class Tanh(Activation):
    """phi(z) = tanh z; slope sech^2 z."""

    name = "tanh"

    def value(self, z: Array, out: Array, work: Work) -> None:
        tanh(z, out, work.kept)

    def derivative(self, z: Array) -> Array:
        e = np.exp(-2 * np.abs(z))  # 1 - tanh^2 is 0 beyond |z| = 19
        slope: Array = 4 * e / (1 + e) ** 2
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = log(4.0) - 2 * np.abs(z)
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.multiply(a, a, out=out)
        np.subtract(number(1, z.dtype), out, out=out)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """phi(z) = 1 / (1 + exp(-z)); slope phi (1 - phi), at most 1/4."""

    name = "sigmoid"
    steepest = 0.25

    def value(self, z: Array, out: Array, work: Work) -> None:
        sigmoid(z, out, work.kept)

    def derivative(self, z: Array) -> Array:
        e = np.exp(-np.abs(z))
        slope: Array = e / (1 + e) ** 2
        return slope

    def log_tail(self, z: Array) -> Array:
        return -np.abs(z)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.subtract(number(1, z.dtype), a, out=out)
        np.multiply(out, a, out=out)


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

    def value(self, z: Array, out: Array, work: Work) -> None:
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
    slope: Annotated[float, Ge(0.0), Le(1.0)] = 0.01

    @property
    def flat(self) -> bool:  # type: ignore[override]
        """Slope 0 below 0 is relu."""
        return self.slope == 0

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.multiply(z, number(self.slope, z.dtype), out=out)
        np.maximum(out, z, out=out)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.where(z > 0, z.dtype.type(1), z.dtype.type(self.slope))
        return slope

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.greater(a, number(0, z.dtype), out=out, casting="unsafe")
        np.maximum(out, number(self.slope, z.dtype), out=out)


@dataclass(frozen=True)
class Elu(Activation):
    """phi(z) = z above 0, alpha (exp(z) - 1) below (Clevert et al. 2016)."""

    name = "elu"
    compares = True
    kinks = (0.0,)
    alpha: Annotated[float, Gt(0.0)] = 1.0

    @property
    def steepest(self) -> float:  # type: ignore[override]
        """The larger of the two slopes that meet at 0."""
        return max(1.0, self.alpha)

    def value(self, z: Array, out: Array, work: Work) -> None:
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

    def value(self, z: Array, out: Array, work: Work) -> None:
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
class Gelu(Activation):
    """phi(z) = z Phi(z) with the exact normal distribution function Phi (Hendrycks & Gimpel 2016)."""

    name = "gelu"
    from_output = False
    signed = True
    tail_sign = -1
    steepest = 1.128904  # at z = sqrt 2
    borrowed_step = True

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.multiply(z, normal_cdf(z, work.kept, out), out=out)

    def derivative(self, z: Array) -> Array:
        z = np.clip(z, -200, 200)  # beyond, the slope is 0 or 1 to any precision, and inf * 0 would be nan
        phi = (0.5 * erfc(-z / sqrt(2))).astype(z.dtype)
        slope: Array = phi + z * np.exp(z * z * -0.5) * z.dtype.type(1 / sqrt(2 * pi))
        return slope

    def log_tail(self, z: Array) -> Array:
        # phi' = Phi + z Phi' = -Phi' (x - 1/x + 1/x^3 - 3/x^5 + ...), x = -z, by the tail's expansion of Phi
        x = -z
        tail: Array = -x * x / 2 - log(2 * pi) / 2 + np.log(x - 1 / x + 1 / x**3 - 3 / x**5)
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.multiply(z, z, out=out)
        np.multiply(out, number(-0.5, z.dtype), out=out)
        np.exp(out, out=out)
        np.multiply(out, z, out=out)
        np.multiply(out, number(1 / sqrt(2 * pi), z.dtype), out=out)
        np.add(out, work.kept, out=out)


@dataclass(frozen=True)
class Silu(Activation):
    """phi(z) = z sigmoid(z); slope s + a (1 - s)."""

    name = "silu"
    from_output = False
    signed = True
    tail_sign = -1
    steepest = 1.099839  # at z = 2.3994

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.multiply(z, sigmoid(z, work.kept, out), out=out)

    def derivative(self, z: Array) -> Array:
        z = np.clip(z, -1e5, 1e5)  # beyond, exp(-|z|) is 0 in any precision, and inf * 0 would be nan
        e = np.exp(-np.abs(z))
        rising = np.where(z < 0, e, 1) / (1 + e)
        slope: Array = rising + z * (e / (1 + e) ** 2)
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = z + np.log(-1 - z)
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.subtract(number(1, z.dtype), work.kept, out=out)
        np.multiply(out, a, out=out)
        np.add(out, work.kept, out=out)


@dataclass(frozen=True)
class Softplus(Activation):
    """phi(z) = ln(1 + exp z); slope sigmoid(z) = 1 - exp(-a)."""

    name = "softplus"
    exact_quick = True

    def value(self, z: Array, out: Array, work: Work) -> None:
        minus_abs(z, out)
        np.exp(out, out=out)
        np.log1p(out, out=out)
        np.maximum(z, 0, out=work.kept)
        np.add(out, work.kept, out=out)

    def derivative(self, z: Array) -> Array:
        e = np.exp(-np.abs(z))
        slope: Array = np.where(z < 0, e, z.dtype.type(1)) / (1 + e)
        return slope

    def log_tail(self, z: Array) -> Array:
        return z

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.negative(a, out=out)
        np.expm1(out, out=out)
        np.negative(out, out=out)


@dataclass(frozen=True)
class Softsign(Activation):
    """phi(z) = z / (1 + |z|); slope 1 / (1 + |z|)^2 = (1 - |a|)^2."""

    name = "softsign"
    kinks = (0.0,)

    def value(self, z: Array, out: Array, work: Work) -> None:
        minus_abs(z, out)
        np.subtract(1, out, out=out)
        np.divide(z, out, out=out)

    def derivative(self, z: Array) -> Array:
        return 1 / (1 + np.abs(z)) ** 2

    def log_tail(self, z: Array) -> Array:
        tail: Array = -2 * np.log1p(np.abs(z))
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.abs(a, out=out)
        np.subtract(1, out, out=out)
        np.multiply(out, out, out=out)


@dataclass(frozen=True)
class HardTanh(Activation):
    """phi(z) = z clipped to [-1, 1]; slope 1 inside, 0 outside."""

    name = "hard_tanh"
    flat = True
    binary = True
    exact_quick = True
    kinks = (-1.0, 1.0)

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.maximum(z, -1, out=out)
        np.minimum(out, 1, out=out)

    def derivative(self, z: Array) -> Array:
        return (np.abs(z) < 1).astype(z.dtype)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.abs(a, out=out)
        np.less(out, 1, out=out, casting="unsafe")


@dataclass(frozen=True)
class Erf(Activation):
    """phi(z) = erf(z); slope 2/sqrt(pi) exp(-z^2)."""

    name = "erf"
    from_output = False
    exact_quick = True
    steepest = 2 / sqrt(pi)
    borrowed_step = True

    def value(self, z: Array, out: Array, work: Work) -> None:
        erf(z, out, scratch=work.kept)

    def derivative(self, z: Array) -> Array:
        slope: Array = np.exp(-z * z) * z.dtype.type(2 / sqrt(pi))
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = log(2 / sqrt(pi)) - z * z
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.multiply(z, z, out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        np.multiply(out, 2 / sqrt(pi), out=out)


@dataclass(frozen=True)
class Sin(Activation):
    """phi(z) = sin z; slope cos z."""

    name = "sin"
    from_output = False
    exact_quick = True
    signed = True

    def value(self, z: Array, out: Array, work: Work) -> None:
        np.sin(z, out=out)

    def derivative(self, z: Array) -> Array:
        return np.cos(z)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.cos(z, out=out)


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


ACTIVATIONS: dict[str, type[Activation]] = {
    cls.name: cls
    for cls in (
        Linear, Tanh, Sigmoid, Relu, LeakyRelu, Elu, Selu, Gelu, Silu, Softplus, Softsign, HardTanh, Erf, Sin,
    )
}  # fmt: skip
