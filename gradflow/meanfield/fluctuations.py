"""How far the gradients of one network stray from the mean: each layer's own fluctuation, and q's passed on.

To first order in 1 / n. The mean of phi^2 over layer k misses E phi^2 by a relative e_k, which moves ln q of
all later layers, d_{l+1} = p_l d_l + share_l e_l, and with it their ln chi, by s_l d_l. So ln of the squared
ratio is the sum over k of own_k + A_k share_k e_k, with A_{k-1} = s_k + p_k A_k. For gelu and silu, whose q
does not settle, the second part is by far the larger; where it nears a decade the first order is rough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield import expectations as integrands
from gradflow.meanfield.field import MeanField, own

Array = NDArray[Any]


def ratio_variance(network: MeanField, first: int) -> float:
    """Variance of ln(||delta_first||^2 / ||delta_L||^2) between networks, on one sample."""
    moments, log_v = network.moments, network.log_v[:-1]
    square, slope = (moments.expectation(f, log_v) for f in (integrands.square, integrands.slope_square))
    fourth, slope_fourth, mixed, tilted = (
        moments.expectation(f, log_v)
        for f in (integrands.fourth, integrands.slope_fourth, integrands.mixed, integrands.slope_tilt)
    )
    counts = np.arange(1, len(log_v) + 1) >= first
    above = moments.clip(network.log_v[1:])
    share = -np.expm1(np.minimum(network.log_bias[1:-1] - above, 0))  # of the weights in q above
    passed_on, tilt = share * moments.growth(log_v), counts * (tilted / slope - 1) / 2
    after = _after(tilt, passed_on)
    terms = counts * own(network.law, slope, slope_fourth) + (after * share) ** 2 * (fourth / square**2 - 1)
    terms += 2 * counts * after * share * (mixed / (square * slope) - 1)
    if network.law == "orthogonal":
        terms -= 2 * (tilt + passed_on * after) ** 2  # W keeps the norm: no fluctuation of z^2 itself
    return max(float((terms / network.widths[:-1]).sum()), 0.0)  # orthogonal linear: 0, but for rounding


def _after(tilt: Array, passed_on: Array) -> Array:
    """A_k: what a relative change of q behind layer k does to ln of all later chi."""
    after = np.zeros(len(tilt))
    for k in range(len(tilt) - 1, 0, -1):
        after[k - 1] = tilt[k] + passed_on[k] * after[k]
    return after
