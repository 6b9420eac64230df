"""Mean-field theory of a plain network at initialization: the length map forward, chi backward, and 1 / width.

Forward: q_{l+1} = n_l Var(W_{l+1}) E phi(z_l)^2 + sigma_b^2 from q_1 = n_0 Var(W_1) q_0 + sigma_b^2
(Poole et al. 2016, eq. 3). Backward, with g_l = ||delta_l||: E g_l^2 / g_{l+1}^2 = chi_l
= n_l Var(W_{l+1}) E phi'(z_l)^2 (Schoenholz et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow.nn.activations import Activation
from gradflow.nn.initializers import Initializer
from gradflow.theory.expectations import Moments

Array = NDArray[Any]

STEADY = 1e-15  # change of ln v from layer to layer below which it is at its limit


def log_or_minus_inf(x: ArrayLike) -> Array:
    """Natural log with ln 0 = -inf and no warning."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


def trajectory(moments: Moments, log_gain: Array, log_bias: Array, log_q_0: Array | float) -> Array:
    """ln of the variance of z in layers 1..L (L, ...), from log_gain = ln n_{l-1} Var W_l, log_bias = ln Var b_l.

    Any further axes of log_gain and log_bias are independent networks.
    """
    log_v = np.empty(log_gain.shape)
    log_v[0] = np.logaddexp(log_gain[0] + log_q_0, log_bias[0])
    for layer in range(1, len(log_gain)):
        log_v[layer] = np.logaddexp(log_gain[layer] + moments.log_square(log_v[layer - 1]), log_bias[layer])
        if _steady(log_v[layer - 1], log_v[layer]) and _alike(log_gain[layer:]) and _alike(log_bias[layer:]):
            log_v[layer + 1 :] = log_v[layer]
            break
    return log_v


def _steady(before: Array, after: Array) -> bool:
    return bool(np.isclose(before, after, rtol=STEADY, atol=STEADY).all())


def _alike(rows: Array) -> bool:
    return bool((rows == rows[0]).all())


@dataclass(frozen=True)
class MeanField:
    """The theory of one network of layer sizes n_0..n_L from the inputs' mean square q_0; layers count from 1.

    `bias` is the constant that biases start at where the initialization does not draw them: it shifts every z.
    """

    activation: Activation
    init: Initializer
    sizes: tuple[int, ...]
    q_0: float
    bias: float = 0.0

    @cached_property
    def moments(self) -> Moments:
        """Expectations over the z of a layer."""
        return Moments(self.activation, self.bias if self.init.bias_variance(self.sizes[0]) is None else 0.0)

    @cached_property
    def log_gain(self) -> Array:
        """ln n_{l-1} Var W_l = ln sigma_w^2 of layers 1..L (L,)."""
        fans = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return log_or_minus_inf([a * self.init.variance(a, b) for a, b in fans])

    @cached_property
    def log_bias(self) -> Array:
        """ln sigma_b^2 of layers 1..L (L,)."""
        return log_or_minus_inf([self.init.bias_variance(fan_in) or 0.0 for fan_in in self.sizes[:-1]])

    @property
    def hidden_log_gain(self) -> Array:
        """ln sigma_w^2 of one more layer of the last width (1,)."""
        width = self.sizes[-1]
        return log_or_minus_inf([width * self.init.variance(width, width)])

    @property
    def hidden_log_bias(self) -> Array:
        """ln sigma_b^2 of one more layer of the last width (1,)."""
        return log_or_minus_inf([self.init.bias_variance(self.sizes[-1]) or 0.0])

    @cached_property
    def log_v(self) -> Array:
        """ln of the variance of z (L,)."""
        return trajectory(self.moments, self.log_gain, self.log_bias, log_or_minus_inf(self.q_0))

    @property
    def q(self) -> Array:
        """E z^2 (L,); inf where a float does not hold it."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_v) + self.moments.mean**2

    @cached_property
    def slope_square(self) -> Array:
        """E phi'(z)^2 (L,)."""
        return self.moments.slope_square(self.log_v)

    @property
    def log_chi(self) -> Array:
        """ln chi_l of the transitions l = 1..L-1 (L - 1,)."""
        return self.log_gain[1:] + log_or_minus_inf(self.slope_square[:-1])

    @property
    def own(self) -> Array:
        """n Var ln(g_l^2 / g_{l+1}^2) of the transitions (L - 1,), see `own_variance`."""
        return own_variance(self.init.law, self.slope_square[:-1], self.moments.slope_fourth(self.log_v[:-1]))


def own_variance(law: str | None, second: Array, fourth: Array) -> Array:
    """n Var ln(g_l^2 / g_{l+1}^2), from E phi'^2 and E phi'^4 (Hanin & Nica 2020, thm. 1, for relu).

    g_l^2 = sum of phi'_i^2 u_i^2 over units, u = W delta. Gaussian u: 3 mu_2 / mu_1^2 - 1; orthogonal W fixes
    ||u||: 3 (mu_2 / mu_1^2 - 1). Uniform weights count as Gaussian: a u_i sums n of them, which leaves an
    excess kurtosis of order 1 / n.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spread: Array = fourth / second**2
    return 3 * (spread - 1) if law == "orthogonal" else 3 * spread - 1
