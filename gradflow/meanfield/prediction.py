"""What mean-field theory predicts for a config: c of its depth, its asymptote, and what the width adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, inf, isfinite, sqrt
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.correlation import correlations, from_first, limit
from gradflow.meanfield.entering import Targets
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.networks import mean_field, unpredicted
from gradflow.nn.model import Model
from gradflow.units import LN10

CRITICAL = 1e-3  # |ln chi| below which a phase is called critical
ROUNDING = 1e-11  # |ln chi| below which xi is infinite: at the lowest q, 1e-24, softsign has 4e-12
SHALLOW = "c needs two hidden layers: there is no step between layers"
DEAD = "no gradient is expected to pass: the weights are 0, or the slope wherever z falls"
RUNAWAY = "q runs away, ever faster from layer to layer, and slopes with it: there is no c"
SETTLES = "batch norm's c holds {}, when samples have come to be equally alike"
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
    factors: dict[str, float] = field(default_factory=dict)  # geometric means of the fitted layers, by name
    law: str | None = None  # of g by depth: exponential | power | stretched | bounded
    scalable: bool | None = None  # whether the scale of the weights makes a difference to c
    settling: int | None = None  # the layer from which the law holds, where it takes some to settle
    settles: bool | None = None  # False where it never holds
    xi_c: float | None = None  # layers in which the cosine of two samples comes closer to its limit by e
    correlation_star: float | None = None  # that limit
    jacobian_variance: float | None = None  # Var(s^2) / mean^2 of dz_L / dz_1
    jacobian_spread: float | None = None  # its first order over the width, where that is no small number too
    shift: float | None = None  # mean of -own / (4 n) over the fitted layers
    log_c_error: float | None = None  # of ln c_finite_width, as far as theory knows
    log_sd: float | None = None
    log10_ratio: float | None = None  # of ||delta_1|| / ||delta_L|| over all transitions, the shift included
    log10_last: float | None = None  # of what slopes and a norm make of the delta that enters layer L
    log10_ratio_sd: float | None = None  # its spread from one network to the next
    reason: str | None = None
    q: Array = field(default_factory=_none)  # E z^2 (L,)
    chi_layers: Array = field(default_factory=_none)  # E g_l^2 / g_{l+1}^2 (L - 1,)
    shifts: Array = field(default_factory=_none)  # -own / (4 n) (L - 1,); nan where no gradient passes
    correlation: Array = field(default_factory=_none)  # mean cosine of z between samples (L,)
    log10_gradient: Array = field(default_factory=_none)  # log10 ||delta_l|| / ||delta_L||, no shifts (L,)
    network: MeanField | None = None  # what it was made from

    @property
    def steps(self) -> Array:
        """E ln(||delta_l|| / ||delta_{l+1}||) (L - 1,), the shifts that are known included."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.chi_layers) / 2 + np.nan_to_num(self.shifts))

    def holds_by(self, depth: int) -> bool:
        """Whether the law holds over a transition of a network of this depth."""
        return self.settles is not False and (self.settling or 0) < depth


def predict(
    model: Model,
    q_0: float,
    *,
    first: int,
    targets: Targets | None = None,
    cosine: float | Array | None = None,
    cosine_1: float | None = None,
) -> Prediction:
    """The prediction for a model on inputs of mean square q_0, layers `first` to the last of it fitted.

    `targets` are what the loss compares outputs with: without them dLoss/dout counts as independent of them.
    `cosine` is that of pairs of inputs, one mean or an array of them; `cosine_1`, where it is known, of z_1.
    """
    reason = unpredicted(model)
    if reason is not None:
        return Prediction(reason=reason)
    network = mean_field(model, q_0, targets)
    if not model.activation.bounded_slope and not network.moments.is_held(network.seen):
        return Prediction(reason=RUNAWAY)
    with np.errstate(divide="ignore", invalid="ignore"):  # where no gradient passes, moments are 0
        alike = _correlation(network, cosine, cosine_1)
        parts = [
            _layers(network, alike), _window(network, first), _asymptote(network), _critical(network),
            settled(network, first), _spectrum(network),
        ]  # fmt: skip
    reasons = [part.pop("reason") for part in parts if "reason" in part]
    merged = {key: value for part in parts for key, value in part.items()}
    merged |= {"network": network, "scalable": network.scalable}
    return Prediction(**merged, reason="; ".join(reasons) or None)


def _correlation(network: MeanField, cosine: float | Array | None, cosine_1: float | None) -> Array:
    """The mean cosine by layer, from what is known."""
    if cosine_1 is not None:
        return from_first(network, cosine_1)
    return _none() if cosine is None else correlations(network, cosine)


def _layers(network: MeanField, correlation: Array) -> dict[str, Any]:
    """What is predicted layer by layer."""
    log_chi = network.log_chi
    return {
        "q": network.q,
        "chi_layers": np.exp(log_chi),
        "shifts": network.shifts,
        "correlation": correlation,
        "log10_gradient": network.log10_gradient,
    }


def _window(network: MeanField, first: int) -> dict[str, Any]:
    """c over the transitions from layer `first` on, its two factors, and what the width does to it."""
    transitions = len(network.log_chi[first - 1 :])
    last = float(network.log_last[0]) / LN10
    if not transitions:
        return {"reason": SHALLOW} | ({"log10_ratio": 0.0, "log10_last": last} if isfinite(last) else {})
    log_c, shift = float(network.log_c(first)), float(network.shift(first))
    if not isfinite(log_c + network.shifts.sum()):
        return {"c": exp(log_c), "reason": DEAD}
    log_factors = {name: float(rows[first - 1 :].mean()) for name, rows in network.log_factors.items()}
    return {
        "c": exp(log_c),
        "c_finite_width": exp(log_c + shift),
        "factors": {name: exp(value) for name, value in log_factors.items() if isfinite(value)},
        "shift": shift,
        "log_c_error": float(network.error(first)),
        "log_sd": _root(network.ratio_variance(first), 2 * transitions),
        "log10_ratio": float(network.log10_ratio),
        "log10_last": last,
        "log10_ratio_sd": _root(network.ratio_variance(1), 2 * LN10),
    }


def _root(variance: Array, divisor: float) -> float | None:
    """A standard deviation; None where the variance is not known."""
    return sqrt(float(variance)) / divisor if isfinite(variance) else None


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
        "law": str(network.laws[0]),
    } | _alike(network)
    if end.log_v[0] == inf:
        return found | {"reason": UNBOUNDED}
    return found | {"q_star": float(network.q_star[0])}


def _alike(network: MeanField) -> dict[str, Any]:
    """Where the cosine of two samples goes, and how fast."""
    end = limit(network)
    star, xi = (None if np.isnan(value[0]) else float(value[0]) for value in (end.star, end.xi))
    return {"correlation_star": star, "xi_c": xi}


def _critical(network: MeanField) -> dict[str, Any]:
    point = network.critical(exp(float(network.log_bias[-1]) / 2))
    found: dict[str, Any] = {"critical_sigma_w": point.sigma_w}
    return found if point.reason is None else found | {"reason": point.reason}


def settled(network: MeanField, first: int) -> dict[str, Any]:
    """The layer from which the law holds, and a word where it is behind the first one fitted."""
    layers = network.settling
    if layers <= 1:
        return {}
    found: dict[str, Any] = {"settling": int(layers) + 1} if isfinite(layers) else {"settles": False}
    words = f"from layer {layers + 1:.0f} on" if isfinite(layers) else "nowhere"
    return found | {"reason": SETTLES.format(words)} if layers >= first > 0 else found


def _spectrum(network: MeanField) -> dict[str, Any]:
    """Var(s^2) / mean^2, to first order in 1 / n."""
    found = {"jacobian_spread": float(network.spread), "jacobian_variance": float(network.spectrum)}
    return {name: value for name, value in found.items() if isfinite(value)}


def phase(log_chi: float) -> str:
    """ordered: gradients shrink; chaotic: they grow; critical: |ln chi| < 1e-3."""
    if abs(log_chi) < CRITICAL:
        return "critical"
    return "ordered" if log_chi < 0 else "chaotic"
