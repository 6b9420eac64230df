"""What mean-field theory predicts for a config: c of its depth, its asymptote, and what the width adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield.critical import critical_point
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.fluctuations import ratio_variance
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer
from gradflow.units import LN10

Array = NDArray[Any]

SMALLEST_WIDTH = 16
CRITICAL = 1e-3  # |ln chi| below which a phase is called critical
ROUNDING = 1e-12  # |ln chi| below which xi is infinite
CONSTANT = "constant weights are not random: theory predicts random networks only"
NARROW = f"mean field needs wide layers (a width of {SMALLEST_WIDTH} or more)"
SHIFTED = "the constant bias is so large that it alone decides: theory's integrals do not reach so far"
SHALLOW = "c needs two hidden layers: there is no step between layers"
DEAD = "no gradient is expected to pass: the weights are 0, or the slope wherever z falls"
RUNAWAY = "q runs away, ever faster from layer to layer, and slopes with it: there is no c"
UNBOUNDED = "q grows without bound: there is no q_star, and chi is its limit at large q"


def _none() -> Array:
    return np.empty(0)


@dataclass(frozen=True)
class Prediction:
    """Theory at initialization; what it cannot predict is None, with `reason` in words. Layers count from 1.

    `c` is annealed: exp of the mean of ln chi / 2 over the fitted layers. ln c_finite_width = ln c + shift is
    what the mean ln c of networks of this width is compared with; `log_sd` is the spread of one network's.
    """

    c: float | None = None
    c_finite_width: float | None = None
    c_asymptotic: float | None = None  # sqrt(chi)
    chi: float | None = None  # at q_star; its limit where q grows without bound
    chi_parallel: float | None = None
    q_star: float | None = None
    xi: float | None = None  # -1 / ln chi, in layers: negative where gradients grow, None where chi = 1
    phase: str | None = None  # ordered | critical | chaotic
    critical_sigma_w: float | None = None
    weight_factor: float | None = None  # geometric means over the fitted layers: weight x slope = c
    slope_factor: float | None = None
    shift: float | None = None  # mean of -own / (4 n) over the fitted layers
    log_sd: float | None = None
    log10_ratio: float | None = None  # of ||delta_1|| / ||delta_L|| over all transitions, the shift included
    log10_ratio_sd: float | None = None  # its spread from one network to the next
    reason: str | None = None
    q: Array = field(default_factory=_none)  # E z^2 (L,)
    chi_layers: Array = field(default_factory=_none)  # E g_l^2 / g_{l+1}^2 (L - 1,)
    shifts: Array = field(default_factory=_none)  # -own / (4 n) (L - 1,); nan where no gradient passes
    weight_factors: Array = field(default_factory=_none)  # (L,); the last is the read-out's
    slope_factors: Array = field(default_factory=_none)  # (L,)
    log10_gradient: Array = field(default_factory=_none)  # log10 ||delta_l|| / ||delta_L||, no shifts (L,)


def predict(
    activation: Activation, init: Initializer, *, depth: int, width: int, features: int, outputs: int,
    readout: bool, q_0: float, bias: float = 0.0, first: int,
) -> Prediction:  # fmt: skip
    """The prediction for `depth` hidden layers, first..depth of them fitted; q_0 is the mean square input."""
    if init.law is None:
        return Prediction(reason=CONSTANT)
    if width < SMALLEST_WIDTH:
        return Prediction(reason=NARROW)
    network = MeanField.of(activation, init, (features, *[width] * depth), q_0, bias)
    if not network.moments.in_reach:
        return Prediction(reason=SHIFTED)
    if not activation.bounded_slope and not network.moments.is_held(network.log_v):
        return Prediction(reason=RUNAWAY)
    out = sqrt(width * init.variance(width, outputs)) if readout else 1.0
    parts = [_layers(network, out), _window(network, first), _asymptote(network), _critical(network)]
    reasons = [part.pop("reason") for part in parts if "reason" in part]
    merged = {key: value for part in parts for key, value in part.items()}
    return Prediction(**merged, reason="; ".join(reasons) or None)


def _layers(network: MeanField, out: float) -> dict[str, Any]:
    """What is predicted layer by layer; `out` is the weight factor of the read-out."""
    log_chi = network.log_chi
    return {
        "q": network.q,
        "chi_layers": np.exp(log_chi),
        "shifts": network.shifts,
        "weight_factors": np.append(np.exp(network.log_gain[1:-1] / 2), out),
        "slope_factors": np.sqrt(network.slope_square),
        "log10_gradient": np.append(np.cumsum(log_chi[::-1])[::-1], 0.0) / (2 * LN10),
    }


def _window(network: MeanField, first: int) -> dict[str, Any]:
    """c over the transitions from layer `first` on, its two factors, and what the width does to it."""
    transitions = len(network.log_chi[first - 1 :])
    if not transitions:
        return {"reason": SHALLOW}
    log_c, shift = float(network.log_c(first)), float(network.shift(first))
    if not isfinite(log_c + network.shifts.sum()):
        return {"c": exp(log_c), "reason": DEAD}
    log_weight = float(network.log_gain[first:-1].mean()) / 2
    return {
        "c": exp(log_c),
        "c_finite_width": exp(log_c + shift),
        "weight_factor": exp(log_weight),
        "slope_factor": exp(log_c - log_weight),
        "shift": shift,
        "log_sd": sqrt(ratio_variance(network, first)) / (2 * transitions),
        "log10_ratio": float(network.log10_ratio),
        "log10_ratio_sd": sqrt(ratio_variance(network, 1)) / (2 * LN10),
    }


def _asymptote(network: MeanField) -> dict[str, Any]:
    """q*, chi and what follows from them, in ever more layers of this width."""
    end = network.asymptote
    log_chi = float(end.log_chi[0])
    found: dict[str, Any] = {
        "c_asymptotic": exp(log_chi / 2),
        "chi": exp(log_chi),
        "chi_parallel": float(end.chi_parallel[0]),
        "xi": -1 / log_chi if abs(log_chi) > ROUNDING else None,
        "phase": phase(log_chi),
    }
    if end.log_v[0] == inf:
        return found | {"reason": UNBOUNDED}
    return found | {"q_star": float(end.q_star[0]) + network.moments.mean**2}


def _critical(network: MeanField) -> dict[str, Any]:
    point = critical_point(network.moments, exp(float(network.log_bias[-1]) / 2))
    found: dict[str, Any] = {"critical_sigma_w": point.sigma_w}
    return found if point.reason is None else found | {"reason": point.reason}


def phase(log_chi: float) -> str:
    """ordered: gradients shrink; chaotic: they grow; critical: |ln chi| < 1e-3."""
    if abs(log_chi) < CRITICAL:
        return "critical"
    return "ordered" if log_chi < 0 else "chaotic"
