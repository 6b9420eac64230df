"""Activations with no kink, but for softsign's in its second derivative."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.activations.base import Activation
from gradflow.nn.elementwise import Work, minus_abs, number, sigmoid
from gradflow.nn.erf import erf, erfc, normal_cdf


@dataclass(frozen=True)
class Linear(Activation):
    """phi(z) = z."""

    name = "linear"
    homogeneous = True
    exact_quick = True

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.copyto(out, z)

    def derivative(self, z: Array) -> Array:
        return np.ones_like(z)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        out.fill(1)


@dataclass(frozen=True)
class Tanh(Activation):
    """phi(z) = tanh z; slope sech^2 z."""

    name = "tanh"

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.tanh(z, out)

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

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        sigmoid(z, out)

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
class Gelu(Activation):
    """phi(z) = z Phi(z) with the exact normal distribution function Phi (Hendrycks & Gimpel 2016)."""

    name = "gelu"
    from_output = False
    signed = True
    tail_sign = -1
    steepest = 1.128904  # at z = sqrt 2
    borrowed_step = True

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
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

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.multiply(z, sigmoid(z, work.kept), out=out)

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
class Mish(Activation):
    """phi(z) = z tanh(ln(1 + exp z)) (Misra 2020); with e = exp z and n = e (e + 2), z n / (n + 2)."""

    name = "mish"
    from_output = False
    exact_quick = True
    signed = True
    tail_sign = -1
    steepest = 1.088499  # at z = 1.4905

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        over, under = _mish_ratio(z, out)
        np.divide(over, under, out=out)
        np.multiply(out, z, out=out)

    def derivative(self, z: Array) -> Array:
        z = np.clip(z, -1e5, 1e5)  # beyond, exp(-|z|) is 0 in any precision, and inf * 0 would be nan
        e = np.exp(-np.abs(z))
        over, under = _mish_ratio(z, np.empty_like(z))
        rising = np.where(z < 0, e, 1) / (1 + e)
        left = np.where(z < 0, 2, 2 * e * e) * (over + under) / (under * under)  # 1 - tanh^2
        slope: Array = over / under + z * rising * left
        return slope

    def log_tail(self, z: Array) -> Array:
        tail: Array = z + np.log(-1 - z)
        return tail

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.copyto(out, self.derivative(z))


@dataclass(frozen=True)
class Softplus(Activation):
    """phi(z) = ln(1 + exp z); slope sigmoid(z) = 1 - exp(-a)."""

    name = "softplus"
    exact_quick = True

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
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

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
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
class Erf(Activation):
    """phi(z) = erf(z); slope 2/sqrt(pi) exp(-z^2)."""

    name = "erf"
    from_output = False
    exact_quick = True
    steepest = 2 / sqrt(pi)
    borrowed_step = True

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
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

    def evaluate(self, z: Array, out: Array, work: Work) -> None:
        np.sin(z, out=out)

    def derivative(self, z: Array) -> Array:
        return np.cos(z)

    def quick_derivative(self, z: Array, a: Array, work: Work, out: Array) -> None:
        np.cos(z, out=out)


def _mish_ratio(z: Array, e: Array) -> tuple[Array, Array]:
    """Two numbers whose ratio is tanh(ln(1 + exp z)); `e` is spent, for exp(-|z|)."""
    minus_abs(z, e)
    np.exp(e, out=e)
    below = z.real < 0
    over: Array = np.where(below, e * (e + 2), 1 + 2 * e)
    return over, over + np.where(below, 2, 2 * e * e)


SMOOTH = (Linear, Tanh, Sigmoid, Gelu, Silu, Mish, Softplus, Softsign, Erf, Sin)
