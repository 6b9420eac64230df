"""How far one network of finite width strays from the mean: each layer's own fluctuation, and q's passed on.

To first order in 1 / n. The mean of phi^2 over layer k misses E phi^2 by a relative e_k, which moves ln q of
all later layers, d_{l+1} = p_l d_l + share_l e_l, and with it their ln chi, by s_l d_l. So ln of the squared
ratio is the sum over k of own_k + A_k share_k e_k, with A_{k-1} = s_k + p_k A_k. For gelu and silu, whose q
does not settle, the second part is by far the larger; where it nears a decade the first order is rough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield import integrands as of
from gradflow.meanfield.field import MeanField, own
from gradflow.meanfield.memory import ISOTROPIC, remembered

FOLLOWED = 0.1  # of what is remembered, that its two moments may miss
UNSETTLED = 2.0  # variance of ln q at which half of what it makes of the mean is left out
STRAYING = 0.3  # of the spread that q makes, where it does not settle
CURVED = 0.5  # of the second order, that is not known


@dataclass(frozen=True)
class Drift:
    """What the width adds to E ln(g_l^2 / g_{l+1}^2) beside -own / (2 n), by cause (L - 1, ...)."""

    moved: Array  # as q's fluctuation moves ln chi
    remembered: Array  # as delta is not independent of z
    second: Array  # of the spread of one layer
    unsure: Array  # how far `moved` may be off where q does not settle

    @property
    def total(self) -> Array:
        """All of it."""
        return self.moved + self.remembered + self.second

    @property
    def error(self) -> Array:
        """How far the total may be off, as of one standard deviation."""
        known = FOLLOWED * self.remembered, CURVED * self.second, self.unsure
        return np.sqrt(sum(np.square(one) for one in known))


def drift(network: MeanField) -> Drift:
    """Three effects of the width on the mean of ln chi.

    d = ln q - ln E q, with variance V and mean M, moves ln chi by M (ln mu1)' + V (ln mu1)'' / 2,
    ' = d / d ln q. u_l is not isotropic: its part along a_l remembers whether large z_{l+1} pass more or less
    than others, and what the loss put into delta. And ln of a mean over n units has a second order.
    """
    share, passed_on, tilt = transmission(network)
    spread = _spread_of_log_q(network, share, passed_on)
    moved = _moved(network, share, passed_on, tilt, spread[:-1])
    settled = 1 / (1 + (spread[:-1] / UNSETTLED) ** 2)
    kept = _memory(network, share, spread[-1]), _second(network)
    return Drift(moved * settled, *kept, _unsure(network, spread.max(axis=0)))


def _unsure(network: MeanField, spread: Array) -> Array:
    """A share of what q's fluctuation makes of the spread between networks, where it is not small itself."""
    by_q = ratio_variance(network, 1) - own_variances(network).sum(axis=0)
    size = np.sqrt(np.maximum(by_q, 0.0)) / len(network.log_chi)
    return np.asarray(STRAYING * size * spread / (1 + spread) + np.zeros_like(network.log_chi))


def own_variances(network: MeanField) -> Array:
    """own / n: each transition's alone, without what fluctuations of q pass on (L - 1, ...)."""
    return np.asarray(_own(network) / network.units)


def _own(network: MeanField) -> Array:
    """n times that of each transition.

    Orthogonal W into a layer of fewer units, n < m, projects: ||u||^2 / ||delta||^2 is a beta variable of
    n / 2 and (m - n) / 2, of relative variance 2 (1 - n / m) / n.
    """
    found = own(network.drawn, network.local.mu1, network.local.mu2)
    if network.drawn != "orthogonal":
        return found
    lost = np.maximum(1 - network.widths[:-1] / network.widths[1:], 0.0)
    return np.asarray(found + 2 * lost.reshape(network.units.shape))


def _memory(network: MeanField, share: Array, variance: Array) -> Array:
    """What delta remembers; `variance` is that of ln q_L.

    Of homogeneous phi without a constant bias only beyond a delta that knows nothing of z: that one stays so.
    """
    homogeneous = network.moments.activation.homogeneous and network.moments.mean == 0
    if network.entering is None:
        return np.zeros_like(share) if homogeneous else remembered(network, share, ISOTROPIC)[0]
    last = network.log_v[-1]
    top = network.entering.moments(
        network.moments.log_square(last), variance * network.moments.growth(last) ** 2
    )
    if not homogeneous:
        return np.asarray(remembered(network, share, top)[0])
    found, isotropic = remembered(network, share, top, ISOTROPIC)
    return np.asarray(found - isotropic)


def _moved(network: MeanField, share: Array, passed_on: Array, tilt: Array, spread: Array) -> Array:
    """M (ln mu1)' + V (ln mu1)'' / 2."""
    local = network.local
    mean = _mean_of_log_q(network, share, passed_on, spread)
    curve = local.slope_curve / (4 * local.mu1)
    moved = mean * tilt + spread * (curve - tilt**2) / 2
    if network.drawn == "orthogonal":  # z^2 itself does not fluctuate
        moved = moved + (tilt**2 - curve) / network.units
    return np.asarray(moved)


def _second(network: MeanField) -> Array:
    """(k3 / 3 - 3 k2^2 / 4) / n^2 with the relative cumulants of one unit's phi'^2 u^2, u Gaussian.

    It is left out where it nears the first order, as of saturated layers: the series is none there.
    """
    if network.drawn == "orthogonal":
        return np.zeros_like(network.log_chi)
    at = network.local
    ratio, k2 = at.mu2 / at.mu1**2, own(network.drawn, at.mu1, at.mu2)
    k3 = 15 * at.mu3 / at.mu1**3 - 9 * ratio + 2
    second = (k3 / 3 - 3 * k2**2 / 4) / network.units**2
    return np.asarray(second / (1 + (2 * second * network.units / k2) ** 2))


def _spread_of_log_q(network: MeanField, share: Array, passed_on: Array) -> Array:
    """Variance of q / E q - 1 in layers 1..L (L, ...)."""
    local, units = network.local, network.units
    orthogonal = network.drawn == "orthogonal"
    fresh = local.mean(of.fourth) - local.p2**2 if not orthogonal else local.square_spread(centred=False)
    fresh = share**2 * fresh / (local.p2**2 * units)
    spread: Array = np.zeros((len(fresh) + 1, *fresh.shape[1:]))
    for k in range(len(fresh)):
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


def ratio_variance(network: MeanField, first: int) -> Array:
    """Variance of ln(||delta_first||^2 / ||delta_L||^2) between networks, on one sample."""
    local = network.local
    counts = (np.arange(1, len(network.log_v)) >= first).reshape(network.units.shape)
    share, passed_on, tilt = transmission(network)
    tilt = counts * tilt
    later = after(tilt, passed_on)
    terms = counts * _own(network)
    terms = terms + (later * share) ** 2 * (local.mean(of.fourth) / local.p2**2 - 1)
    terms += 2 * counts * later * share * (local.mixed / (local.p2 * local.mu1) - 1)
    if network.drawn == "orthogonal":
        terms = terms - 2 * (tilt + passed_on * later) ** 2  # W keeps the norm: no fluctuation of z^2 itself
    total = (terms / network.units).sum(axis=0)
    return np.asarray(np.maximum(total, 0.0))  # orthogonal linear: 0, but for rounding


def transmission(network: MeanField) -> tuple[Array, Array, Array]:
    """The share of the weights in q above, d ln q' / d ln q and d ln mu1 / d ln q (L - 1, ...)."""
    local, moments = network.local, network.moments
    with np.errstate(invalid="ignore"):  # where q and b are both 0
        share = -np.expm1(np.minimum(network.log_bias[1:-1] - network.log_v[1:], 0))
    share = np.nan_to_num(share)
    tilt = (local.slope_tilt / local.mu1 - 1) / 2
    return share, share * moments.growth(network.log_v[:-1]), tilt


def after(tilt: Array, passed_on: Array) -> Array:
    """A_k: what a relative change of q behind layer k does to ln of all later chi.

    A_{k-1} = tilt_k + passed_on_k A_k; all are (L - 1, ...), a row a transition.
    """
    later = np.zeros_like(tilt)
    for k in range(len(tilt) - 1, 0, -1):
        later[k - 1] = tilt[k] + passed_on[k] * later[k]
    return later
