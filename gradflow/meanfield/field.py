"""Mean-field theory of a plain network at initialization: length map forward, chi backward, 1 / width.

Forward: q_{l+1} = n_l Var(W_{l+1}) E phi(z_l)^2 + sigma_b^2 from q_1 = n_0 Var(W_1) q_0 + sigma_b^2
(Poole et al. 2016, eq. 3). Backward, with g_l = ||delta_l||: E g_l^2 / g_{l+1}^2 = chi_l
= n_l Var(W_{l+1}) E phi'(z_l)^2 (Schoenholz et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield.expectations import Moments, log_or_minus_inf, tabulated
from gradflow.meanfield.fixed_points import Asymptote, asymptote
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer, Law
from gradflow.units import LN10

Array = NDArray[Any]

STEADY = 1e-15  # change of ln v, or of its change, from layer to layer below which it is at its limit
LOOKS = 8  # layers between two looks at that


def trajectory(moments: Moments, log_gain: Array, log_bias: Array, log_q_0: Array) -> Array:
    """ln of the variance of z in layers 1..L (L, ...).

    log_gain = ln n_{l-1} Var W_l and log_bias = ln Var b_l are (L, ...); axes after the first are networks.
    """
    log_v = np.empty(log_gain.shape)
    log_v[0] = np.logaddexp(log_gain[0] + log_q_0, log_bias[0])
    last_other = max(_last_other(log_gain), _last_other(log_bias))  # from there on all layers are alike
    for layer in range(1, len(log_gain)):
        arriving = log_gain[layer] + moments.log_square(log_v[layer - 1])
        log_v[layer] = np.logaddexp(arriving, log_bias[layer])
        if layer % LOOKS == 0 and layer - 2 > last_other:
            step = _settled_step(moments, log_v[layer - 2 : layer + 1])
            if step is not None:
                further = np.arange(1, len(log_v) - layer).reshape(-1, *[1] * (log_v.ndim - 1))
                log_v[layer + 1 :] = log_v[layer] + step * further
                break
    return log_v


def _settled_step(moments: Moments, rows: Array) -> Array | None:
    """What ln v changes by in every further layer, from three rows; None if that is not settled for all.

    It is 0 at the limit, and constant where v grows or decays as a power of the layer below.
    """
    before, last = rows[1], rows[2]
    with np.errstate(invalid="ignore"):  # inf - inf
        steps = np.where(rows[1:] == rows[:-1], 0.0, np.diff(rows, axis=0))
        steady = np.abs(steps[1]) <= STEADY * (1 + np.abs(last))
        outwards = moments.is_power(before) & moments.is_power(last) & _stays(moments, last, steps[1])
        drifting = outwards & (np.abs(steps[1] - steps[0]) <= STEADY * (1 + np.abs(last)))
    return np.where(steady, 0.0, steps[1]) if (steady | drifting).all() else None


def _along_layers(moment: Callable[[Array], Array], log_v: Array) -> Array:
    """A moment at ln v (L, ...), taken anew only where ln v is not that of the layer below."""
    rows = log_v.reshape(len(log_v), prod(log_v.shape[1:]))
    new = np.ones(rows.shape, dtype=bool)
    new[1:] = np.abs(np.diff(rows, axis=0)) > STEADY * (1 + np.abs(rows[1:]))
    count = np.cumsum(new.T, axis=None).reshape(new.T.shape).T  # along one network after the other
    return np.asarray(moment(rows.T[new.T])[count - 1].reshape(log_v.shape))


def _stays(moments: Moments, log_v: Array, step: Array) -> Array:
    """Whether v moves away from where E phi^2 is no power of it."""
    return np.asarray((step * log_v > 0) | moments.is_power(np.zeros(())))


def _last_other(rows: Array) -> int:
    """The last row that differs from the row at the end; -1 if none does."""
    others = np.flatnonzero((rows != rows[-1]).reshape(len(rows), -1).any(axis=1))
    return int(others[-1]) if len(others) else -1


@dataclass(frozen=True, eq=False)
class MeanField:
    """The theory of layers 1..L; arrays are (layers, ...), and axes after the first are networks.

    log_gain = ln n_{l-1} Var W_l and log_bias = ln Var b_l have L + 1 rows: the last is any further layer.
    """

    moments: Moments
    law: Law | None
    widths: Array  # n_1..n_L
    log_gain: Array
    log_bias: Array
    log_q_0: Array

    @classmethod
    def of(
        cls, activation: Activation, init: Initializer, sizes: tuple[int, ...], q_0: float, bias: float = 0.0
    ) -> MeanField:
        """The theory of one network with layer sizes n_0..n_L and inputs of mean square q_0.

        `bias` is the constant that biases start at, where `init` draws none: it shifts every z.
        """
        fans = list(zip(sizes, (*sizes[1:], sizes[-1]), strict=True))
        return cls(
            Moments(activation, bias if init.bias_variance(sizes[0]) is None else 0.0),
            init.law,
            np.array(sizes[1:]),
            log_or_minus_inf([n * init.variance(n, m) for n, m in fans]),
            log_or_minus_inf([init.bias_variance(n) or 0.0 for n, _ in fans]),
            log_or_minus_inf(q_0),
        )

    def scaled(self, log_factors: Array) -> MeanField:
        """This network with its weights multiplied by exp(log_factors) (N,): N networks."""
        return MeanField(
            tabulated(self.moments.activation, self.moments.mean),
            self.law,
            self.widths,
            self.log_gain[:, None] + 2 * log_factors,
            np.broadcast_to(self.log_bias[:, None], (len(self.log_bias), len(log_factors))),
            self.log_q_0,
        )

    @cached_property
    def log_v(self) -> Array:
        """ln of the variance of z (L, ...)."""
        return trajectory(self.moments, self.log_gain[:-1], self.log_bias[:-1], self.log_q_0)

    @property
    def q(self) -> Array:
        """E z^2 (L, ...); inf where a float does not hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_v) + self.moments.mean**2

    @cached_property
    def slope_square(self) -> Array:
        """E phi'(z)^2 (L, ...)."""
        return _along_layers(self.moments.slope_square, self.moments.clip(self.log_v))

    @cached_property
    def log_chi(self) -> Array:
        """ln chi_l of the transitions l = 1..L-1 (L - 1, ...)."""
        return self.log_gain[1:-1] + log_or_minus_inf(self.slope_square[:-1])

    @cached_property
    def shifts(self) -> Array:
        """-own / (4 n_l) (L - 1, ...): what the width adds to E ln(g_l / g_{l+1})."""
        fourth = _along_layers(self.moments.slope_fourth, self.moments.clip(self.log_v[:-1]))
        spread = own(self.law, self.slope_square[:-1], fourth)
        shifts: Array = -spread / (4 * self.widths[:-1].reshape(-1, *[1] * (spread.ndim - 1)))
        return shifts

    def log_c(self, first: int) -> Array:
        """Mean of ln(chi) / 2 over the transitions from layer `first` on."""
        return np.asarray(self.log_chi[first - 1 :].mean(axis=0) / 2)

    def shift(self, first: int) -> Array:
        """Mean of the shifts over the same transitions."""
        return np.asarray(self.shifts[first - 1 :].mean(axis=0))

    @property
    def log10_ratio(self) -> Array:
        """log10 of ||delta_1|| / ||delta_L|| over all transitions, the shifts included."""
        return np.asarray((self.log_chi.sum(axis=0) / 2 + self.shifts.sum(axis=0)) / LN10)

    @cached_property
    def asymptote(self) -> Asymptote:
        """What ever more layers of the last width lead to, (1,) or (N,)."""
        ends = (np.atleast_1d(rows[-1]) for rows in (self.log_gain, self.log_bias, self.log_v))
        return asymptote(self.moments, *ends)


def own(law: Law | None, second: Array, fourth: Array) -> Array:
    """n Var ln(g_l^2 / g_{l+1}^2), from E phi'^2 and E phi'^4 (for relu Hanin & Nica 2020, thm. 1).

    g_l^2 = sum of phi'_i^2 u_i^2 over units, u = W delta. Gaussian u: 3 mu_2 / mu_1^2 - 1; orthogonal W fixes
    ||u||: 3 (mu_2 / mu_1^2 - 1). Uniform weights count as Gaussian: a u_i sums n of them, which leaves an
    excess kurtosis of order 1 / n. E ln(g_l / g_{l+1}) is ln(chi_l) / 2 - own / (4 n).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spread: Array = fourth / second**2
    return 3 * (spread - 1) if law == "orthogonal" else 3 * spread - 1
