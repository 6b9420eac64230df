"""How far one network of finite width strays from the mean: each layer's own fluctuation, and q's passed on.

To first order in 1 / n. The mean of phi^2 over layer k misses E phi^2 by a relative e_k, which moves ln q of
all later layers, d_{l+1} = p_l d_l + share_l e_l, and with it their ln chi, by s_l d_l. So ln of the squared
ratio is the sum over k of own_k + A_k share_k e_k, with A_{k-1} = s_k + p_k A_k. For gelu and silu, whose q
does not settle, the second part is by far the larger; where it nears a decade the first order is rough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield import integrands as of
from gradflow.meanfield.field import MeanField, own

Array = NDArray[Any]

FIRST_ORDER = 0.05  # variance of ln q, and share of ||u||^2 along a: beyond, nothing is known of the mean


def drift(network: MeanField) -> Array:
    """What the width adds to the mean of ln chi beside its spread (L - 1, ...), two effects of order 1 / n.

    d, with variance V and mean M, moves ln chi by M (ln mu1)' + V (ln mu1)'' / 2, ' = d / d ln q. And u_l is
    not isotropic: its part along a_l remembers, by x, that large z_{l+1} pass more or less than others.
    0 where either is not small anywhere, as of gelu and silu whose q does not settle.
    """
    local, units = network.local, network.units
    share, passed_on, tilt = transmission(network)
    spread = _spread_of_log_q(network, share, passed_on)
    calm = (spread < FIRST_ORDER).all(axis=0)
    if not calm.any():  # so that what follows need not be integrated
        return np.zeros_like(spread)
    mean = _mean_of_log_q(network, share, passed_on, spread)
    curve = local.slope_curve / (4 * local.mu1)
    moved = mean * tilt + spread * (curve - tilt**2) / 2
    along = local.mixed / (local.p2 * local.mu1)
    if network.drawn == "orthogonal":  # z^2 itself does not fluctuate, and u has the norm of delta
        moved, along = moved + (tilt**2 - curve) / units, along - 1
    memory = _memory(network, share) / units
    small = calm & (np.abs(memory) < FIRST_ORDER).all(axis=0)
    return np.where(small, moved + memory * along, 0.0)


def _spread_of_log_q(network: MeanField, share: Array, passed_on: Array) -> Array:
    """Variance of q / E q - 1 in layers 1..L-1."""
    local, units = network.local, network.units
    orthogonal = network.drawn == "orthogonal"
    fresh = local.mean(of.fourth) - local.p2**2 if not orthogonal else local.square_spread(centred=False)
    fresh = share**2 * fresh / (local.p2**2 * units)
    spread: Array = np.zeros_like(fresh)
    for k in range(len(spread) - 1):
        spread[k + 1] = passed_on[k] ** 2 * spread[k] + fresh[k]
    return spread


def _mean_of_log_q(network: MeanField, share: Array, passed_on: Array, spread: Array) -> Array:
    """Mean of q / E q - 1 in layers 1..L-1, of which `spread` is the variance."""
    orthogonal, units = network.drawn == "orthogonal", network.units
    curve = network.local.square_curve / (8 * network.local.p2)
    mean: Array = np.zeros_like(curve)
    for k in range(len(curve) - 1):
        mean[k + 1] = passed_on[k] * mean[k] + share[k] * curve[k] * (spread[k] - 2 * orthogonal / units[k])
    return mean


def _memory(network: MeanField, share: Array) -> Array:
    """x_l: n times the relative excess of (a_l . u_l)^2, for a delta_L that knows nothing of z_L."""
    local = network.local
    tilted = local.slope_tilt / local.mu1 - 1
    gain = local.w**2 / (local.p2 * local.mu1)
    top = np.asarray(network.moments.clip(network.log_v[-1:]))
    tilt, mu1 = (network.moments.expectation(f, top) for f in (of.slope_tilt, of.slope_square))
    x, excess = np.zeros_like(gain), (tilt / mu1 - 1)[0]
    for k in range(len(gain) - 1, -1, -1):
        x[k] = share[k] * excess
        excess = tilted[k] + gain[k] * x[k]
    return np.asarray(x)


def ratio_variance(network: MeanField, first: int) -> float:
    """Variance of ln(||delta_first||^2 / ||delta_L||^2) between networks, on one sample."""
    local = network.local
    counts = np.arange(1, len(network.log_v)) >= first
    share, passed_on, tilt = transmission(network)
    tilt = counts * tilt
    behind = after(tilt, passed_on)
    terms = counts * own(network.drawn, local.mu1, local.mu2)
    terms = terms + (behind * share) ** 2 * (local.mean(of.fourth) / local.p2**2 - 1)
    terms += 2 * counts * behind * share * (local.mixed / (local.p2 * local.mu1) - 1)
    if network.drawn == "orthogonal":
        terms = terms - 2 * (tilt + passed_on * behind) ** 2  # W keeps the norm: no fluctuation of z^2 itself
    return max(float((terms / network.units).sum()), 0.0)  # orthogonal linear: 0, but for rounding


def transmission(network: MeanField) -> tuple[Array, Array, Array]:
    """The share of the weights in q above, d ln q' / d ln q and d ln mu1 / d ln q (L - 1, ...)."""
    local, moments = network.local, network.moments
    above = moments.clip(network.log_v[1:])
    share = -np.expm1(np.minimum(network.log_bias[1:-1] - above, 0))
    tilt = (local.slope_tilt / local.mu1 - 1) / 2
    return share, share * moments.growth(network.log_v[:-1]), tilt


def after(tilt: Array, passed_on: Array) -> Array:
    """A_k: what a relative change of q behind layer k does to ln of all later chi."""
    behind = np.zeros(len(tilt))
    for k in range(len(tilt) - 1, 0, -1):
        behind[k - 1] = tilt[k] + passed_on[k] * behind[k]
    return behind
