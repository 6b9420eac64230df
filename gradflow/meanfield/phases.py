"""Phase tables: the prediction for very many (sigma_w, sigma_b) at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield.critical import critical_point
from gradflow.meanfield.expectations import Moments, log_or_minus_inf, tabulated
from gradflow.meanfield.field import MeanField
from gradflow.nn.activations import Activation

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PhaseTable:
    """Arrays of the shape that sigma_w and sigma_b have together; q_star is nan where q grows for ever."""

    c: Array
    c_finite_width: Array
    log10_ratio: Array  # of ||delta_1|| / ||delta_L|| over all transitions, the shift included
    c_asymptotic: Array
    chi: Array
    chi_parallel: Array
    q_star: Array
    critical_sigma_w: Array  # nan where no critical point attracts


def phase_table(
    activation: Activation,
    sigma_w: Array,
    sigma_b: Array,
    *,
    depth: int,
    width: int,
    q_0: float = 1.0,
    first: int,
) -> PhaseTable:
    """Predictions for Gaussian weights with Var W = sigma_w^2 / fan_in and Var b = sigma_b^2.

    sigma_w and sigma_b broadcast: sigma_w[:, None] and sigma_b[None, :] make the table of their product. c is
    nan if first..depth has no transition.
    """
    sigma_w, sigma_b = np.broadcast_arrays(np.asarray(sigma_w, float), np.asarray(sigma_b, float))
    log_gain, log_bias = (
        np.broadcast_to(log_or_minus_inf(sigma.ravel() ** 2), (depth + 1, sigma.size))
        for sigma in (sigma_w, sigma_b)
    )
    moments = tabulated(activation)
    network = MeanField(moments, "gaussian", np.full(depth, width), log_gain, log_bias, log_or_minus_inf(q_0))
    c, finite = _c(network, first) if depth > first else (np.full(sigma_w.size, np.nan),) * 2
    end = network.asymptote
    columns = (
        c, finite, network.log10_ratio, np.exp(end.log_chi / 2), np.exp(end.log_chi), end.chi_parallel,
        end.q_star, _critical(moments, sigma_b.ravel()),
    )  # fmt: skip
    return PhaseTable(*(column.reshape(sigma_w.shape) for column in columns))


def _critical(moments: Moments, sigma_b: Array) -> Array:
    different, index = np.unique(sigma_b, return_inverse=True)
    found = [critical_point(moments, float(sigma)).sigma_w for sigma in different]
    return np.array([np.nan if sigma_w is None else sigma_w for sigma_w in found])[index]


def _c(network: MeanField, first: int) -> tuple[Array, Array]:
    log_c = network.log_c(first)
    return np.exp(log_c), np.exp(log_c + np.nan_to_num(network.shift(first)))
