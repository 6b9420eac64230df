"""What is averaged over z = mean + sqrt(v) Z: functions of phi and of arrays z and Z.

Both are of one shape, any, and so is what each function gives, entry by entry.

Tilts by Z^2 and curves by Z^4 - 6 Z^2 + 3 are derivatives in v by Stein's lemma: of any f,
d E f / dv = E f (Z^2 - 1) / (2 v) and d^2 E f / dv^2 = E f (Z^4 - 6 Z^2 + 3) / (4 v^2).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np

from gradflow.arrays import Array


class Differentiable(Protocol):
    """An activation, or what is known of one."""

    def phi(self, z: Array, /) -> Array: ...
    def derivative(self, z: Array, /) -> Array: ...


class Memoized:
    """What integrands ask of an activation: what they ask at one z is evaluated once."""

    def __init__(self, activation: Differentiable, z: Array) -> None:
        self._activation, self._z = activation, z

    def phi(self, z: Array, /) -> Array:
        return self._phi if z is self._z else self._activation.phi(z)

    def derivative(self, z: Array, /) -> Array:
        return self._derivative if z is self._z else self._activation.derivative(z)

    @cached_property
    def _phi(self) -> Array:
        return self._activation.phi(self._z)

    @cached_property
    def _derivative(self) -> Array:
        return self._activation.derivative(self._z)


Integrand = Callable[[Differentiable, Array, Array], Array]


def value(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi."""
    return phi.phi(z)


def square(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi^2."""
    return phi.phi(z) ** 2


def fourth(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi^4."""
    return phi.phi(z) ** 4


def slope(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi'."""
    return phi.derivative(z)


def slope_square(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi'^2."""
    return phi.derivative(z) ** 2


def slope_fourth(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi'^4."""
    return phi.derivative(z) ** 4


def slope_sixth(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi'^6."""
    return phi.derivative(z) ** 6


def mixed(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi^2 phi'^2."""
    return (phi.phi(z) * phi.derivative(z)) ** 2


def product(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi phi'."""
    return phi.phi(z) * phi.derivative(z)


def covariance(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi phi' Z, whose mean is sqrt(v) d E phi^2 / dv."""
    return phi.phi(z) * phi.derivative(z) * unit


def square_tilt(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi^2 Z^2."""
    return (phi.phi(z) * unit) ** 2


def slope_tilt(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi'^2 Z^2."""
    return (phi.derivative(z) * unit) ** 2


def square_lean(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi^2 Z."""
    return phi.phi(z) ** 2 * unit


def slope_lean(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi'^2 Z."""
    return phi.derivative(z) ** 2 * unit


def square_curve(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi^2 (Z^4 - 6 Z^2 + 3)."""
    return phi.phi(z) ** 2 * _curve(unit)


def slope_curve(phi: Differentiable, z: Array, unit: Array) -> Array:
    """phi'^2 (Z^4 - 6 Z^2 + 3)."""
    return phi.derivative(z) ** 2 * _curve(unit)


def rise(phi: Differentiable, z: Array, _: Array) -> Array:
    """phi - phi(0): a variance made of it loses no digits where phi is nearly constant."""
    return np.asarray(phi.phi(z) - phi.phi(np.zeros(())))


def rise_square(phi: Differentiable, z: Array, unit: Array) -> Array:
    """(phi - phi(0))^2."""
    return rise(phi, z, unit) ** 2


def rise_cube(phi: Differentiable, z: Array, unit: Array) -> Array:
    """(phi - phi(0))^3."""
    return rise(phi, z, unit) ** 3


def rise_fourth(phi: Differentiable, z: Array, unit: Array) -> Array:
    """(phi - phi(0))^4."""
    return rise(phi, z, unit) ** 4


def rise_slope(phi: Differentiable, z: Array, unit: Array) -> Array:
    """(phi - phi(0)) phi'^2."""
    return np.asarray(rise(phi, z, unit) * phi.derivative(z) ** 2)


def rise_mixed(phi: Differentiable, z: Array, unit: Array) -> Array:
    """(phi - phi(0))^2 phi'^2."""
    return (rise(phi, z, unit) * phi.derivative(z)) ** 2


def _curve(unit: Array) -> Array:
    squared = unit * unit
    return np.asarray(squared * squared - 6 * squared + 3)


# what a plain network's gain, c and width take at the same places
TOGETHER = (
    square, slope_square, slope_fourth, slope_sixth, fourth, mixed, covariance, slope_tilt, slope_curve,
    square_curve,
)  # fmt: skip
SIGNED = {  # they have no logarithm
    value, slope, product, covariance, square_lean, slope_lean, square_curve, slope_curve,
    rise, rise_cube, rise_slope,
}  # fmt: skip
