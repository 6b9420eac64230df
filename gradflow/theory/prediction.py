"""What mean-field theory predicts for a config: c of its depth, its asymptote, and what a finite width adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer
from gradflow.theory.fixed_points import limit
from gradflow.theory.meanfield import MeanField, log_or_minus_inf

Array = NDArray[Any]

SMALLEST_WIDTH = 16
CRITICAL = 1e-3  # |ln chi| below which a phase is called critical
LN10 = log(10.0)
UNBOUNDED = "q grows without bound: there is no q_star, and chi is its limit at large q"


def _no_layers() -> Array:
    return np.empty(0)


@dataclass(frozen=True)
class Prediction:
    """Theory at initialization; what it cannot predict is None, with `reason` in words. Layers count from 1.

    `c` is annealed: exp of the mean of ln chi / 2 over the fitted layers. `c_finite_width` = c exp(shift) is what
    the mean ln c of networks of this width is compared with; `log_sd` is the spread of ln c of one of them.
    """

    c: float | None = None
    c_finite_width: float | None = None
    c_asymptotic: float | None = None  # sqrt(chi)
    chi: float | None = None  # at q_star; its limit where q grows without bound
    chi_parallel: float | None = None
    q_star: float | None = None
    xi: float | None = None  # -1 / ln chi, in layers: negative where gradients grow
    phase: str | None = None  # ordered | critical | chaotic
    critical_sigma_w: float | None = None
    weight_factor: float | None = None  # weight factor x slope factor = c
    slope_factor: float | None = None
    shift: float | None = None  # mean of -own / (4 n) over the fitted layers
    log_sd: float | None = None
    reason: str | None = None
    q: Array = field(default_factory=_no_layers)  # E z^2 (L,)
    chi_layers: Array = field(default_factory=_no_layers)  # E g_l^2 / g_{l+1}^2 (L - 1,)
    own: Array = field(default_factory=_no_layers)  # n Var ln(g_l^2 / g_{l+1}^2) (L - 1,)
    weight_factors: Array = field(default_factory=_no_layers)  # (L,), the last that of the read-out
    slope_factors: Array = field(default_factory=_no_layers)  # (L,)
    log10_gradient: Array = field(default_factory=_no_layers)  # log10 ||delta_l|| / ||delta_L|| (L,)


def predict(
    activation: Activation, init: Initializer, *, depth: int, width: int, features: int, outputs: int,
    readout: bool, q_0: float, bias: float = 0.0, first: int,
) -> Prediction:  # fmt: skip
    """The prediction for `depth` hidden layers, of which first..depth are fitted; q_0 is the mean square input."""
    if init.law is None:
        return Prediction(reason="constant weights are not random: theory predicts random networks only")
    if width < SMALLEST_WIDTH:
        return Prediction(reason=f"mean field needs wide layers (a width of {SMALLEST_WIDTH} or more)")
    network = MeanField(activation, init, (features, *[width] * depth), q_0, bias)
    layers = _layers(network, outputs if readout else None)
    window, asymptote = _window(network, first), _asymptote(network)
    reasons = [part.pop("reason") for part in (window, asymptote) if "reason" in part]
    return Prediction(**layers, **window, **asymptote, reason="; ".join(reasons) or None)


def _layers(network: MeanField, outputs: int | None) -> dict[str, Any]:
    """What is predicted layer by layer."""
    width = network.sizes[-1]
    out = 1.0 if outputs is None else sqrt(width * network.init.variance(width, outputs))
    logs = np.concatenate([np.cumsum(network.log_chi[::-1])[::-1], [0.0]]) / 2
    return {
        "q": network.q,
        "chi_layers": np.exp(network.log_chi),
        "own": network.own,
        "weight_factors": np.append(np.exp(network.log_gain[1:] / 2), out),
        "slope_factors": np.sqrt(network.slope_square),
        "log10_gradient": logs / LN10,
    }


def _window(network: MeanField, first: int) -> dict[str, Any]:
    """c over the transitions from layer `first` on, its two factors, and what the width does to it."""
    log_chi, own = network.log_chi[first - 1 :], network.own[first - 1 :]
    if not len(log_chi):
        return {"reason": "c needs two hidden layers: there is no step between layers"}
    log_c = float(log_chi.mean()) / 2
    if log_c == -inf:
        return {"c": 0.0, "reason": "no gradient is expected to pass: the slope is 0 wherever z falls"}
    width = network.sizes[-1]
    shift = -float(own.mean()) / (4 * width)
    log_weight = float(network.log_gain[first:].mean()) / 2
    return {
        "c": exp(log_c),
        "c_finite_width": exp(log_c + shift),
        "weight_factor": exp(log_weight),
        "slope_factor": exp(log_c - log_weight),
        "shift": shift,
        "log_sd": sqrt(float(own.mean()) / (4 * width * len(own))),
    }


def _asymptote(network: MeanField) -> dict[str, Any]:
    """Where q and chi go in ever more layers of this width: chi has a limit even where q grows for ever."""
    moments, log_gain, log_bias = network.moments, network.hidden_log_gain, network.hidden_log_bias
    log_v = limit(moments, log_gain, log_bias, network.log_v[-1:])
    inside = moments.clip(log_v)
    log_chi = float((log_gain + log_or_minus_inf(moments.slope_square(inside)))[0])
    parallel = np.exp(log_gain + moments.log_square(inside) - inside) * moments.growth(inside)
    asymptote: dict[str, Any] = {
        "c_asymptotic": exp(log_chi / 2),
        "chi": exp(log_chi),
        "chi_parallel": float(parallel[0]),
        "xi": -1 / log_chi if log_chi else None,
        "phase": phase(log_chi),
    }
    if log_v[0] == inf:
        return asymptote | {"reason": UNBOUNDED}
    return asymptote | {"q_star": float(np.exp(log_v[0])) + moments.mean**2}


def phase(log_chi: float) -> str:
    """ordered: gradients shrink; chaotic: they grow; critical: |ln chi| < 1e-3."""
    if abs(log_chi) < CRITICAL:
        return "critical"
    return "ordered" if log_chi < 0 else "chaotic"
