"""The functions that a formula may hold: each with its values, within floats and beyond, and its slope.

`plain` takes real and complex arrays, on which it branches by the real part, and keeps small values' digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import pi, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.nn import elementwise
from gradflow.nn import erf as error_function
from gradflow.nn.expressions import wide
from gradflow.nn.expressions.algebra import add, call, minus, power, scale, times
from gradflow.nn.expressions.tree import ONE, Tree, number
from gradflow.nn.expressions.wide import Wide, flat

TAIL = 20.0  # from where the terms of erfc's expansion fall below rounding


@dataclass(frozen=True)
class Function:
    """f of one argument."""

    name: str
    plain: Callable[[Array], Array]
    wide: Callable[[Wide], Wide]
    slope: Callable[[Tree], Tree]  # f'(u)
    public: bool = True  # a formula may name it


def _falling(x: Array) -> Array:
    """e^-|x|."""
    e = np.empty_like(x)
    elementwise.minus_abs(x, e)
    return np.asarray(np.exp(e, out=e))


def _tanh(x: Array) -> Array:
    return np.asarray(np.tanh(x))


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), to all digits where it is small."""
    e = _falling(x)
    return np.asarray(np.where(x.real < 0, e, e.dtype.type(1)) / (1 + e))


def _softplus(x: Array) -> Array:
    return np.asarray(np.log1p(_falling(x)) + np.where(x.real > 0, x, x.dtype.type(0)))


def _sech2(x: Array) -> Array:
    e = _falling(2 * x)
    return np.asarray(4 * e / ((1 + e) * (1 + e)))


def _erfc(x: Array) -> Array:
    real = error_function.erfc(x.real).astype(x.real.dtype)
    return real - 1j * x.imag * _bell(x.real) if np.iscomplexobj(x) else real


def _bell(x: Array) -> Array:
    """The slope of erf."""
    return np.asarray(np.exp(-x * x) * (2 / sqrt(pi)))


def _wide_erfc(x: Wide) -> Wide:
    """Beyond float64 from e^-x^2 (1 - s/2 + 3/4 s^2 - 15/8 s^3 ...) / (x sqrt(pi)), s = 1 / x^2."""
    z = np.maximum(x.float64, TAIL)
    s, total, term = 1 / (z * z), np.ones_like(z), np.ones_like(z)
    for n in range(1, 9):
        term = term * s * (0.5 - n)
        total = total + term
    square = x.times(x)
    far = wide.exp(Wide(-square.m, square.k)).times(Wide.of(total / (z * sqrt(pi))))
    return wide.where(x.float64 > TAIL, far, Wide.of(error_function.erfc(x.float64)))


def _same(x: Wide) -> Wide:
    return x


def _steady(function: Callable[[Array], Array]) -> Callable[[Wide], Wide]:
    """A function that is not 0 at 0, and that float64 holds everywhere."""
    return lambda x: Wide.of(function(x.float64))


def _square(u: Tree) -> Tree:
    return power(u, 2.0)


ALL = (
    Function("exp", np.exp, wide.exp, partial(call, "exp")),
    Function("expm1", np.expm1, wide.expm1, partial(call, "exp")),
    Function("log", np.log, wide.log_of, lambda u: power(u, -1.0)),
    Function("log1p", np.log1p, wide.log1p, lambda u: power(add(ONE, u), -1.0)),
    Function("tanh", _tanh, flat(np.tanh, _same), partial(call, "sech2")),
    Function("sech2", _sech2, wide.sech2,
             lambda u: scale(-2.0, times(call("tanh", u), call("sech2", u))), public=False),
    Function("sigmoid", _sigmoid, wide.sigmoid,
             lambda u: times(call("sigmoid", u), call("sigmoid", minus(u)))),
    Function("softplus", _softplus, wide.softplus, partial(call, "sigmoid")),
    Function("sin", np.sin, flat(np.sin, _same), partial(call, "cos")),
    Function("cos", np.cos, _steady(np.cos), lambda u: minus(call("sin", u))),
    Function("sinh", np.sinh, wide.sinh, partial(call, "cosh")),
    Function("cosh", np.cosh, wide.cosh, partial(call, "sinh")),
    Function("atan", np.arctan, flat(np.arctan, _same), lambda u: power(add(ONE, _square(u)), -1.0)),
    Function("asinh", np.arcsinh, wide.asinh, lambda u: power(add(ONE, _square(u)), -0.5)),
    Function("erf", error_function.erf, flat(error_function.erf, lambda x: x.scaled(2 / sqrt(pi))),
             lambda u: scale(2 / sqrt(pi), call("exp", minus(_square(u))))),
    Function("erfc", _erfc, _wide_erfc, lambda u: scale(-2 / sqrt(pi), call("exp", minus(_square(u))))),
)  # fmt: skip
FUNCTIONS = {function.name: function for function in ALL}


def folded(name: str, u: Tree) -> Tree:
    """A function at u, as a number where u is one. ExpressionError where that has no value."""
    if u.constant is None:
        return call(name, u)
    with np.errstate(all="ignore"):
        return number(float(FUNCTIONS[name].plain(np.array([u.constant]))[0]))
