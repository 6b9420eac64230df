"""What saturation is to an activation: the exception, or half of its way of working."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.activations import Activation
from gradflow.nn.parts.activate import SATURATED

FAR_OUT = 1e3  # a z where slopes have come to their limit


def ordinarily_saturated(activation: Activation) -> float:
    """The share of units that count as saturated for z of unit variance: 1/2 for relu, 0 for tanh."""
    z = np.array([NormalDist().inv_cdf((i + 0.5) / 400) for i in range(400)])
    return float(_is_flat(activation, z).mean())


def bends_on_both_sides(activation: Activation) -> bool:
    """Whether units saturate on either side, as those of hard_tanh do and those of relu do not."""
    return bool(_is_flat(activation, np.array([-FAR_OUT, FAR_OUT])).all())


def _is_flat(activation: Activation, z: Array) -> Array:
    """Where a slope counts as saturated."""
    return np.asarray(np.abs(activation.derivative(z)) < SATURATED * activation.steepest)
