"""Two correlated z: expectations of products by their Hermite series (Mehler's formula).

With f_j = E f(sqrt(v) Z) He_j(Z) / sqrt(j!), E f(z) g(z') = sum_j f_j g_j r^j at correlation r. The terms
beyond TERMS are put into one: what the series misses at r = 1 is known.
"""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield import integrands as of
from gradflow.meanfield.expectations import TERMS
from gradflow.meanfield.local import Local

BEYOND = 4 * TERMS  # the degree that stands for all higher ones, where slopes jump
LEAST = 1e-13  # of the whole, below which what is missing is rounding


def overlap(cosine: Array, local: Local) -> tuple[Array, Array]:
    """E phi(z) phi(z') / E phi^2 at a cosine of z, and its slope; both are exact where Z is unlike or alike.

    Of the one layer of `local`: (1,) at many cosines (P,), or (1, N) at as many, each of its own network.
    A constant mean is in the z of all samples, and no part of what the series correlates.
    """
    common = local.moments.mean**2 * np.exp(-local.moments.clip(local.log_v)).ravel()
    cosine = np.clip(cosine - (1 - cosine) * common, -1, 1)
    squares = (local.series(of.value) ** 2 / local.p2).reshape(TERMS + 1, -1)
    degrees = np.arange(TERMS + 1)[:, None]
    steepness = (np.exp(local.moments.clip(local.log_v)) * local.mu1 / local.p2).ravel()  # the slope at 1
    missing = np.maximum(1.0 - squares.sum(axis=0), 0.0)
    missing = np.where(missing > LEAST, missing, 0.0)
    left = np.maximum(steepness - (degrees * squares).sum(axis=0), 0.0) * (missing > 0)
    power = np.maximum(left / np.where(missing > 0, missing, 1.0), TERMS + 1)
    value = (squares * cosine**degrees).sum(axis=0) + missing * np.abs(cosine) ** power
    slope = (degrees[1:] * squares[1:] * cosine ** degrees[:-1]).sum(axis=0)
    slope += left * np.abs(cosine) ** (power - 1)
    return np.asarray(value), np.asarray(slope * (1 + common))


def persistence(local: Local, top: Array, shares: Array, decay: Array) -> Array:
    """kappa_l = sum over k > l of k's share of ||delta_{l+1}||^2 times E D_l^2 D_k^2 / (mu1 mu1').

    `top` is the series of what masks delta_L; `shares` (L - 1, ...) is B / (1 + B), what a branch
    has in ||delta_l||^2; `decay` is the correlation of what phi sees in layers l and l + 1.
    """
    below, memory = slopes(local), top[:, 0]
    powers = np.append(np.arange(TERMS + 1), BEYOND).reshape(-1, *[1] * (below.ndim - 2))
    kappa = np.empty_like(shares)
    for k in range(len(shares) - 1, -1, -1):
        memory = decay[k] ** powers * memory
        kappa[k] = (below[:, k] * memory).sum(axis=0)
        memory = shares[k] * below[:, k] + (1 - shares[k]) * memory
    return kappa


def slopes(local: Local) -> Array:
    """The series of phi'^2 / mu1, what is missing as one term more (TERMS + 2, layers, ...)."""
    series = local.series(of.slope_square) / local.mu1
    missing = np.maximum(local.mu2 / local.mu1**2 - (series**2).sum(axis=0), 0.0)
    return np.concatenate([series, np.sqrt(missing)[None]])


def isotropic(local: Local) -> Array:
    """The series of a source that no slope has masked (TERMS + 2, 1, ...)."""
    ones = np.zeros((TERMS + 2, *local.log_v.shape))
    ones[0] = 1.0
    return ones
