"""How alike two samples are, layer by layer: the map of their cosine, where it leads, and how fast.

rho' = (s_w^2 E phi phi + s_b^2) / q', of a residual stream (q rho + s^2 (s_w^2 E phi phi + s_b^2)) / q'
(Poole et al. 2016; Schoenholz et al. 2017). One map serves all blocks: what W and b add has a cosine, and the
stream keeps a share of the q above. One pair of samples in one network scatters by about 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.expectations import HIGHEST, LOWEST
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.integrands import value
from gradflow.meanfield.local import Local

ROUNDS = 80  # of Newton's iteration, which comes to a double root by a half or two thirds each
IDENTITY = 1e-9  # |f(rho) - rho| below which every cosine stays what it is
TINY = 1e-12
FOLLOWED = 1000  # layers that are mapped, one after the other
DOUBLE = 1e-6  # a double root is found to half the digits
STEADY = 1e-6  # of a slope below 1, from which on the approach is no exponential


@dataclass(frozen=True, eq=False)
class Limit:
    """The cosine that deep layers come to, and the layers in which the way to it shrinks by e; nan: none."""

    star: Array
    xi: Array


def correlations(network: MeanField, cosine: float | Array) -> Array:
    """The mean cosine of z between samples in layers 1..L (L,), from those of pairs of inputs.

    The network is a single one; `cosine` is one number or an array of them.
    """
    return _followed(network, network.first_cosine(np.asarray(cosine, dtype=float)))


def from_first(network: MeanField, cosine: float | Array) -> Array:
    """The same from the cosines of z_1."""
    share = _offset_share(network, network.q[0])
    without = (np.asarray(cosine, dtype=float) - share) / np.maximum(1 - share, TINY)
    return _followed(network, np.clip(without, -1, 1))


def _followed(network: MeanField, cosine: Array) -> Array:
    """From the cosines of z_1 but for the offset; nan beyond FOLLOWED layers, which take half a second."""
    rho = np.atleast_1d(cosine)
    means = np.full(len(network.log_v), np.nan)
    means[0] = rho.mean()
    local = Local(network.moments, network.seen[:-1][: FOLLOWED - 1])
    local.series(value)  # of all layers at once
    for k, kept in enumerate(network.kept[: FOLLOWED - 1]):
        rho = kept * rho + (1 - kept) * network.added_cosine(k + 1, rho, local.row(k))[0]
        means[k + 1] = rho.mean()
    return _with_offset(means, _offset_share(network, network.q))


def _with_offset(cosine: Array, share: Array) -> Array:
    """The cosine of z, of which all samples have this share of E z^2 in common."""
    return np.asarray(cosine + share * (1 - cosine))


def _offset_share(network: MeanField, q: Array) -> Array:
    """Of q, what a constant bias adds behind the norm, which takes it away before the next layer."""
    return np.asarray(network.offset**2 / q) if network.offset else np.zeros_like(q)


def limit(network: MeanField) -> Limit:
    """The fixed point that attracts the cosine from below, as of samples that start unlike, (1,) or (N,).

    Where phi is linear, as a smooth one is once q decays to 0, every cosine stays what it is, and where
    branches add nothing.
    """
    end = np.atleast_1d(network.asymptote.log_v)
    seen = network.looks_like(np.clip(end, LOWEST, HIGHEST))
    local = Local(network.moments, seen[None])

    def added(rho: Array) -> tuple[Array, Array]:
        return network.added_cosine(-1, rho, local)

    common = network.moments.mean**2
    star = _smallest_root(added, common / (common + np.exp(seen)))  # of Z that is unlike
    half = np.full_like(end, 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = network.kept[-1] if len(network.kept) else 0.0
        bends = np.abs(added(half)[0] - half) + added(0 * half)[0] >= IDENTITY  # not of nan, where W is 0
        star[~bends | (kept == 1)] = np.nan
        slope = kept + (1 - kept) * added(np.nan_to_num(star))[1]
        approached = (slope > 0) & (slope < 1 - STEADY) & (network.laws == "exponential")
        xi = np.where(approached & ~np.isnan(star), -1 / np.log(slope), np.nan)
    return Limit(_with_offset(star, _offset_share(network, network.q_star)), xi)


def _smallest_root(f: Callable[[Array], tuple[Array, Array]], rho: Array) -> Array:
    """The smallest rho >= 0 with f(rho) = rho: f is convex and f(1) = 1, so that Newton comes from below.

    A constant f, batch norm's, is its own root, below 0 as well: less their mean, samples are unlike.
    """
    for _ in range(ROUNDS):
        image, slope = f(rho)
        short = image - rho
        step = np.where((short > 0) & (slope < 1), short / np.maximum(1 - slope, TINY), 0.0)
        rho = np.clip(rho + step, 0, 1)
    rho = np.where((image < 0) & (slope == 0), image, rho)
    return np.where(rho > 1 - DOUBLE, 1.0, rho)
