"""Plain networks, z' = W phi(z) + b: length map forward, chi backward, 1 / width.

Forward: q_{l+1} = n_l Var(W_{l+1}) E phi(z_l)^2 + sigma_b^2 from q_1 = n_0 Var(W_1) q_0 + sigma_b^2
(Poole et al. 2016, eq. 3). Backward: chi_l = n_l Var(W_{l+1}) E phi'(z_l)^2 (Schoenholz et al. 2017).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.critical import Critical, critical_point
from gradflow.meanfield.expectations import Moments, log_or_minus_inf
from gradflow.meanfield.field import MeanField, slope_spectra
from gradflow.meanfield.fixed_points import Asymptote, asymptote
from gradflow.meanfield.fluctuations import Drift, drift, own_variances, ratio_variance
from gradflow.meanfield.local import STEADY, last_unlike

LOOKS = 8  # layers between two looks at whether v has settled
CRITICAL = 1e-9  # |ln chi| at q = 0, up to which g follows q's power of l


class PlainField(MeanField):
    """The law of a plain network."""

    @cached_property
    def log_v(self) -> Array:
        """ln of the variance of z (L, ...)."""
        return trajectory(self.moments, self.log_gain[:-1], self.log_bias[:-1], self.log_q_0)

    @cached_property
    def log_factors(self) -> dict[str, Array]:
        """What passes weights and slopes."""
        return {"weights": self.log_gain[1:-1] / 2, "slopes": log_or_minus_inf(self.local.mu1) / 2}

    @cached_property
    def shifts(self) -> Array:
        """-own / (4 n), and half of what the width does to the mean of ln chi."""
        return np.asarray(self._drift.total / 2 - self.variances / 4)

    @cached_property
    def errors(self) -> Array:
        """What is not known of the drift."""
        return np.asarray(self._drift.error / 2)

    @cached_property
    def _drift(self) -> Drift:
        with np.errstate(all="ignore"):  # where no gradient passes, moments are 0
            return drift(self)

    @cached_property
    def variances(self) -> Array:
        """Each transition's alone, without what fluctuations of q pass on."""
        return own_variances(self)

    def ratio_variance(self, first: int) -> Array:
        """Variance of ln(||delta_first||^2 / ||delta_L||^2), fluctuations of q passed on."""
        return ratio_variance(self, first)

    @cached_property
    def asymptote(self) -> Asymptote:
        """What ever more layers of the last width lead to, (1,) or (N,)."""
        ends = (np.atleast_1d(rows[-1]) for rows in (self.log_gain, self.log_bias, self.log_v))
        return asymptote(self.moments, *ends)

    @property
    def laws(self) -> Array:
        """A power where q decays to 0 at chi = 1, as of tanh with sigma_b = 0."""
        end = self.asymptote
        decays = np.isneginf(end.log_v) & (not self.moments.activation.homogeneous)
        return np.where(decays & (np.abs(end.log_chi) < CRITICAL), "power", "exponential")

    def critical(self, sigma_b: float) -> Critical:
        """The attracting critical point."""
        return critical_point(self.moments, sigma_b)

    @cached_property
    def spectra(self) -> Array:
        """mu2 / mu1^2, 1 less for orthogonal weights (Pennington et al. 2017)."""
        return slope_spectra(self.drawn, self.local.mu1, self.local.mu2)


def trajectory(moments: Moments, log_gain: Array, log_bias: Array, log_q_0: Array) -> Array:
    """ln of the variance of z in layers 1..L (L, ...).

    log_gain = ln n_{l-1} Var W_l and log_bias = ln Var b_l are (L, ...); axes after the first are networks.
    """
    log_v = np.empty(log_gain.shape)
    log_v[0] = np.logaddexp(log_gain[0] + log_q_0, log_bias[0])
    last_other = max(last_unlike(log_gain), last_unlike(log_bias))  # from there on all layers are alike
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


def _stays(moments: Moments, log_v: Array, step: Array) -> Array:
    """Whether v moves away from where E phi^2 is no power of it."""
    return np.asarray((step * log_v > 0) | moments.is_power(np.zeros(())))
