"""Phase tables: the prediction for very many (sigma_w, sigma_b) at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.correlation import limit
from gradflow.meanfield.entering import Targets
from gradflow.meanfield.expectations import log_or_minus_inf, tabulated
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.networks import mean_field
from gradflow.nn.initializers import Gaussian
from gradflow.nn.model import Model
from gradflow.units import LN10


@dataclass(frozen=True, eq=False)
class PhaseTable:
    """Arrays of the shape that sigma_w and sigma_b have together; q_star is nan where q grows for ever."""

    c: Array
    c_finite_width: Array
    log_c_error: Array
    log10_ratio: Array  # of ||delta_1|| / ||delta_L|| over all transitions, the shift included
    log10_ratio_sd: Array
    log10_last: Array  # of what slopes and norms make of the delta that enters layer L
    c_asymptotic: Array
    chi: Array
    chi_parallel: Array
    q_star: Array
    critical_sigma_w: Array  # nan where no critical point attracts
    law: Array  # names
    correlation_star: Array
    xi_c: Array  # nan where the approach is no exponential
    jacobian_spread: Array  # of the squared singular values of dz_L / dz_1, over the width
    jacobian_variance: Array  # that spread itself; nan where its first order does not hold
    factors: dict[str, Array]  # over the fitted layers, by name


@np.errstate(divide="ignore", invalid="ignore")  # where no gradient passes, moments are 0
def phase_table(
    model: Model, sigma_w: Array, sigma_b: Array, *, q_0: float = 1.0, first: int,
    targets: Targets | None = None,
) -> PhaseTable:  # fmt: skip
    """Predictions for a model with weights of Var W = sigma_w^2 / fan_in and Var b = sigma_b^2, Gaussian.

    sigma_w and sigma_b broadcast: sigma_w[:, None] and sigma_b[None, :] make the table of their product. c is
    nan if first..depth has no transition.
    """
    sigma_w, sigma_b = np.broadcast_arrays(np.asarray(sigma_w, float), np.asarray(sigma_b, float))
    network = gaussian_fields(model, sigma_w.ravel(), sigma_b.ravel(), q_0=q_0, targets=targets)
    depth = model.shape.depth
    c, finite, error = _c(network, first) if depth > first else (np.full(sigma_w.size, np.nan),) * 3
    end, alike = network.asymptote, limit(network)
    log_factors = {name: rows[first - 1 :] for name, rows in network.log_factors.items()}
    columns = {
        "c": c, "c_finite_width": finite, "log_c_error": error,
        "log10_ratio": network.log10_ratio, "log10_ratio_sd": np.sqrt(network.ratio_variance(1)) / (2 * LN10),
        "log10_last": network.log_last[0] / LN10,
        "c_asymptotic": np.exp(end.log_chi / 2), "chi": np.exp(end.log_chi), "chi_parallel": end.chi_parallel,
        "q_star": network.q_star, "critical_sigma_w": _critical(network, sigma_b.ravel()),
        "law": network.laws, "correlation_star": alike.star, "xi_c": alike.xi,
        "jacobian_spread": network.spread, "jacobian_variance": network.spectrum,
    }  # fmt: skip
    factors = {name: _means(rows).reshape(sigma_w.shape) for name, rows in log_factors.items()}
    return PhaseTable(**{name: x.reshape(sigma_w.shape) for name, x in columns.items()}, factors=factors)


def gaussian_fields(
    model: Model, sigma_w: Array, sigma_b: Array, *, q_0: float = 1.0, targets: Targets | None = None
) -> MeanField:
    """The model with Gaussian weights and biases of each of N such pairs: N networks at once.

    sigma_w and sigma_b are (N,); arrays of what is found, of layers or transitions, end in N.
    """
    network = mean_field(replace(model, init=Gaussian()), q_0, targets)
    shape = (model.shape.depth + 1, len(sigma_w))
    log_gain, log_bias = 2 * log_or_minus_inf(sigma_w), 2 * log_or_minus_inf(sigma_b)
    entering = network.entering and replace(network.entering, log_gain=log_gain, log_bias=log_bias)
    return replace(
        network,
        moments=tabulated(model.activation, network.moments.mean),
        log_gain=np.broadcast_to(log_gain, shape),
        log_bias=np.broadcast_to(log_bias, shape),
        entering=entering,
    )


def _means(rows: Array) -> Array:
    """Geometric means over layers; nan of none."""
    return np.exp(rows.mean(axis=0)) if len(rows) else np.full(rows.shape[1:], np.nan)


def _critical(network: MeanField, sigma_b: Array) -> Array:
    different, index = np.unique(sigma_b, return_inverse=True)
    found = [network.critical(float(sigma)).sigma_w for sigma in different]
    return np.array([np.nan if sigma_w is None else sigma_w for sigma_w in found])[index]


def _c(network: MeanField, first: int) -> tuple[Array, Array, Array]:
    log_c = network.log_c(first)
    finite = np.exp(log_c + np.nan_to_num(network.shift(first)))
    return np.exp(log_c), finite, np.nan_to_num(network.error(first))
