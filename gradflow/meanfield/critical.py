"""Critical initialization: the sigma_w whose gradients neither shrink nor grow at the fixed point of q.

A fixed point v of q at (sigma_w, sigma_b) has sigma_w^2 = (v - sigma_b^2) / E phi^2, hence
chi_1 = (v - sigma_b^2) E phi'^2 / E phi^2 and chi_parallel = (1 - sigma_b^2 / v) growth(v): of v alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, log, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.expectations import Moments, log_or_minus_inf
from gradflow.meanfield.fixed_points import GRID, SLACK
from gradflow.meanfield.roots import Curve, roots_between
from gradflow.nn.activations import Activation

SMALL = log(1e-4)  # ln v where growth tells whether v = 0 attracts


@dataclass(frozen=True)
class Critical:
    """The attracting critical point: its sigma_w and its q (None: any q), or the reason why there is none."""

    sigma_w: float | None = None
    q_star: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class HalfStable:
    """Where chi_1 = chi_parallel = 1 (Roberts, Yaida & Hanin 2022): no critical point below it attracts."""

    sigma_w: float
    sigma_b: float
    q_star: float


@lru_cache(maxsize=256)
def critical_point(moments: Moments, sigma_b: float) -> Critical:
    """The sigma_w with chi_1 = 1 at an attracting fixed point of q, the one of the smallest q."""
    if moments.activation.homogeneous and moments.mean == 0:
        return Critical(critical_sigma_w(moments, 0.0))  # chi does not depend on q
    if sigma_b == 0 and _zero_attracts(moments):
        return Critical(critical_sigma_w(moments, -inf), 0.0)
    log_bias = log_or_minus_inf(sigma_b**2)

    def weights_share(log_v: Array) -> Array:
        return np.asarray(-np.expm1(log_bias - log_v))

    grid = moments.clip(GRID)
    above = grid > log_bias
    chi = weights_share(grid[above]) * _ratio_on_grid(moments)[above]
    for root in _roots(lambda log_v: weights_share(log_v) * _ratio(moments, log_v) - 1, grid[above], chi - 1):
        if weights_share(root) * moments.growth(root) < 1:
            return Critical(critical_sigma_w(moments, root), float(np.exp(root)) + moments.mean**2)
    return Critical(
        reason=f"{moments.activation.label} has no attracting critical point at sigma_b = {sigma_b:g}"
    )


@lru_cache(maxsize=256)
def half_stable(activation: Activation) -> HalfStable | None:
    """The half-stable point of an activation; None where its critical points all attract, or none does."""
    moments = Moments(activation)
    grid = moments.clip(GRID)
    excess = moments.growth(grid) - _ratio_on_grid(moments)
    for root in _roots(lambda log_v: moments.growth(log_v) - _ratio(moments, log_v), grid, excess):
        q = float(np.exp(root))
        variance = q - q / float(_ratio(moments, root))
        if variance >= 0:
            return HalfStable(critical_sigma_w(moments, root), sqrt(variance), q)
    return None


def critical_sigma_w(moments: Moments, log_v: Array | float) -> float:
    """The sigma_w with chi_1 = sigma_w^2 E phi'^2 = 1."""
    return 1 / sqrt(float(moments.slope_square(np.asarray(log_v))))


def _ratio(moments: Moments, log_v: Array) -> Array:
    """v E phi'^2 / E phi^2; nan where nothing passes."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(moments.slope_square(log_v) * np.exp(log_v - moments.log_square(log_v)))


@lru_cache(maxsize=32)
def _ratio_on_grid(moments: Moments) -> Array:
    return _ratio(moments, moments.clip(GRID))


def _zero_attracts(moments: Moments) -> bool:
    """Whether q = 0 is a fixed point that is approached from above at chi_1 = 1."""
    at_zero, above = moments.growth(np.array([-inf, SMALL]))
    return bool(abs(at_zero - 1) < 1e-6 and above < 1 + SLACK)


def _roots(curve: Curve, grid: Array, values: Array) -> Array:
    """Where a curve changes sign between its values on a grid, in order; rounding does not count."""
    sure = np.flatnonzero(np.abs(values) > SLACK)
    left, right = sure[:-1], sure[1:]
    turns = values[left] * values[right] < 0
    return roots_between(curve, grid[left[turns]], grid[right[turns]])
