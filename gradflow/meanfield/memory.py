"""What delta remembers of z on its way down, and what that makes of its norm.

Given z = W a, Gaussian weights are z a^T / |a|^2 and, across a, as random as ever. So u = W^T delta is
isotropic but for its part along a, which is (z . delta) / |a|: with X = n (a . u)^2 / (|a|^2 |u|^2), whose
mean is 1 for a delta that knows nothing of z, a layer passes 1 + along (X - 1) / n as much as it would, and

    X below = (sqrt(gain) p + sqrt(noise) xi)^2 / (1 + along (X - 1) / n),  X = p^2,  xi normal,

with gain = (E Z phi phi')^2 / (E phi^2 E phi'^2), noise = E Z^2 phi'^2 / E phi'^2 - gain and
along = E phi^2 phi'^2 / (E phi^2 E phi'^2). Biases are noise, too. Of relu and linear layers gain is 1 and
noise 0: delta . z is alike in all layers, and what a loss puts into it lasts until ||delta|| has outgrown it.
X is followed by its first two moments, as if it were gamma distributed, as it is where it comes to rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield import integrands as of
from gradflow.meanfield.field import MeanField, own
from gradflow.meanfield.local import Local

Pair = tuple[Array, Array]

ISOTROPIC = (np.asarray(1.0), np.asarray(3.0))  # E X and E X^2 of a normal p


@dataclass(frozen=True)
class _Blur:
    """What makes (sqrt(gain) p + sqrt(noise) xi)^2 of X = p^2, as a map of E X and E X^2, by layer."""

    gain: Array
    noise: Array

    @cached_property
    def rows(self) -> list[tuple[Array, ...]]:
        """Its coefficients, a row a layer."""
        gain, noise = self.gain, self.noise
        return list(zip(gain, noise, gain * gain, 6 * gain * noise, 3 * noise * noise, strict=True))


@np.errstate(all="ignore")  # where no gradient passes, moments are 0
def remembered(network: MeanField, share: Array, *tops: Pair) -> Array:
    """What it adds to E ln(g_l^2 / g_{l+1}^2), l = 1..L-1, for each of some tops (tops, L - 1, ...).

    `share` is that of the weights in q above (L - 1, ...); a top has the moments E X, E X^2 of u_L.
    """
    last = Local(network.moments, network.log_v[-1:])
    parts = zip(_passing(network, network.local), _passing(network, last), strict=True)
    gain, noise, along, spread = (np.concatenate(rows) for rows in parts)
    widths = np.append(network.units, network.units[-1:], axis=0)
    along, spread = along / widths, gain * spread / widths
    blurs = _Blur(gain, noise).rows
    grown = list(zip(np.exp(spread / 2), np.exp(2 * spread), strict=True))
    biases = _Blur(share, 1 - share).rows if (share < 1).any() else None
    shape = (len(tops), *gain.shape[1:])
    first, second = (np.array([np.broadcast_to(top[i], shape[1:]) for top in tops]) for i in (0, 1))
    found = np.empty((len(share), 2, *shape))
    for k in range(len(share) - 1, -1, -1):
        first, second = _below(first, second, blurs[k + 1], along[k + 1], *grown[k + 1])
        if biases is not None:
            first, second = _blurred(first, second, *biases[k])
        found[k] = first, second
    return np.nan_to_num(_passed(found, along[:-1, None]), posinf=0.0, neginf=0.0).swapaxes(0, 1)


def _passing(network: MeanField, at: Local) -> tuple[Array, ...]:
    """Gain, noise, along and n times the variance of ln |z|^2 |delta|^2, of each layer."""
    orthogonal = network.drawn == "orthogonal"
    gain = at.w**2 / (at.p2 * at.mu1)
    noise = np.maximum(at.slope_tilt / at.mu1 - gain, 0.0)
    forward = at.mean(of.fourth) / at.p2**2 - (3 if orthogonal else 1)
    spread = own(network.drawn, at.mu1, at.mu2) + np.maximum(forward, 0.0)
    return gain, noise, at.mixed / (at.p2 * at.mu1) - orthogonal, spread


def _blurred(first: Array, second: Array, *blur: Array) -> Pair:
    gain, noise, gain_square, mixed, noise_square = blur
    return gain * first + noise, gain_square * second + mixed * first + noise_square


def _below(
    first: Array, second: Array, blur: tuple[Array, ...], along: Array, once: Array, fourfold: Array
) -> Pair:
    """The moments one layer down: blurred, over a norm that grows with X, and it and z fluctuate.

    To first order E X and E X^2 are divided by 1 + along (ratio - 1) and 1 + 2 along (third - 1): so written
    that a gamma distribution with E X = 1 is at rest to all orders where gain is 1. Of the fluctuation
    `once` is what it makes of E X, `fourfold` of E X^2.
    """
    ratio = second / first  # E X^2 / E X, and E X^3 / E X^2 of a gamma distribution
    third = 2 * ratio - first
    first, second = _blurred(first, second, *blur)
    square = 1 + along * (third - 1) / 2
    square *= square
    return first * once / (1 + along * (ratio - 1)), second * fourfold / (square * square)


def _passed(moments: Array, along: Array) -> Array:
    """E ln(1 + along (X - 1)), beyond what the fluctuation of an isotropic X makes of it."""
    first, second = moments[:, 0], moments[:, 1]
    mean = 1 + along * (first - 1)
    return np.asarray(np.log(mean) - (along / mean) ** 2 * (second - first**2) / 2 + along**2)
