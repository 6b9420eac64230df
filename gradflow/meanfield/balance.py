"""Balanced initialization: the gain that makes c of a given depth 1, critical point or not."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.entering import Targets
from gradflow.meanfield.networks import mean_field, unpredicted
from gradflow.meanfield.roots import Curve
from gradflow.nn.initializers import INITIALIZERS, Initializer
from gradflow.nn.model import Model

LOWEST, HIGHEST = log(0.01), log(100)  # ln sigma_w among which a balance is sought
# points, and how many at a time until the first rise
ROUNDS = ((201, 25), (101, 100), (101, 100), (11, 10))


def balance(
    model: Model, q_0: float, *, first: int, depth: int | None = None, finite_width: bool = True,
    targets: Targets | None = None,
) -> Initializer | None:  # fmt: skip
    """The model's init with the gain (or sigma_w) that makes c over layers first..depth 1, the first such.

    With first = 1 the whole ratio ||delta_1|| / ||delta_L|| becomes 1. `finite_width` counts the shift too;
    `depth` leaves out the layers above it.
    None where the scheme has no gain, no gain does it or makes a difference, there is no transition, or q
    would stand on an edge from which any network runs away.
    """
    fans = model.sizes[-1], model.sizes[-1]
    unit = with_sigma_w(model.init, 1.0, *fans)
    depth = depth or model.shape.depth
    if unit is None or depth <= first or unpredicted(model) or not model.activation.bounded_slope:
        return None
    network = mean_field(replace(model, init=unit), q_0, targets).until(depth)
    if not network.scalable:
        return None

    def log_c(factors: Array) -> Array:
        networks = network.scaled(factors)
        return networks.log_c(first) + (networks.shift(first) if finite_width else 0.0)

    low, high, share = LOWEST, HIGHEST, 0.0
    for points, part in ROUNDS:
        rise = _first_rise(log_c, np.linspace(low, high, points), part)
        if rise is None:
            return None
        low, high, share = rise
    return with_sigma_w(model.init, exp(low + share * (high - low)), *fans)


def _first_rise(curve: Curve, points: Array, part: int) -> tuple[float, float, float] | None:
    """The first two neighbours between which a curve rises through 0, and the share of the way to that."""
    for start in range(0, len(points) - 1, part):
        x = points[start : start + part + 1]
        values = curve(x)
        rising = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
        if len(rising):
            k = int(rising[0])
            return float(x[k]), float(x[k + 1]), float(values[k] / (values[k] - values[k + 1]))
    return None


def with_sigma_w(init: Initializer, sigma_w: float, fan_in: int, fan_out: int) -> Initializer | None:
    """`init` with the gain that makes Var W = sigma_w^2 / fan_in; None where the scheme has none."""
    return None if init.scale_key is None else init.rescaled(_matching(init, sigma_w, fan_in, fan_out))


def gains(sigma_w: float, fan_in: int, fan_out: int) -> dict[str, float]:
    """The gain of each scheme that has one, by its YAML name, that makes Var W = sigma_w^2 / fan_in."""
    schemes = {name: cls() for name, cls in INITIALIZERS.items() if cls.scale_key == "gain"}
    return {name: _matching(init, sigma_w, fan_in, fan_out) for name, init in schemes.items()}


def _matching(init: Initializer, sigma_w: float, fan_in: int, fan_out: int) -> float:
    return sigma_w / sqrt(fan_in * init.rescaled(1.0).variance(fan_in, fan_out))
