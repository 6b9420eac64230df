"""Roots of curves between two bounds, for arrays of brackets at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradflow.arrays import Array

Curve = Callable[[Array], Array]

ROUNDS = 60
CLOSE = 1e-15


def roots_between(curve: Curve, low: Array, high: Array) -> Array:
    """Where `curve` is 0 in each [low, high] (N,), at whose ends it has opposite signs (Ridders 1979)."""
    f_low, f_high, root = curve(low), curve(high), low
    for _ in range(ROUNDS):
        middle, before = (low + high) / 2, root
        f_middle = curve(middle)
        norm = np.sqrt(f_middle**2 - f_low * f_high)
        step = np.divide(f_middle, norm, out=np.zeros_like(norm), where=norm > 0)
        root = middle + (middle - low) * np.sign(f_low - f_high) * step
        f_root = curve(root)
        low, high, f_low, f_high = _narrowed((low, middle, root, high), (f_low, f_middle, f_root, f_high))
        if (np.abs(root - before) <= CLOSE).all():
            break
    return np.asarray(root)


def _narrowed(points: tuple[Array, ...], values: tuple[Array, ...]) -> tuple[Array, Array, Array, Array]:
    """The first pair of neighbours among the four points of each bracket between which the sign changes."""
    order = np.argsort(points, axis=0)
    x, f = np.take_along_axis(np.array(points), order, 0), np.take_along_axis(np.array(values), order, 0)
    k = np.argmax(f[:-1] * f[1:] <= 0, axis=0)[None]
    (low, high), (f_low, f_high) = ([np.take_along_axis(a, k + i, 0)[0] for i in (0, 1)] for a in (x, f))
    return low, high, f_low, f_high
