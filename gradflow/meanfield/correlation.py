"""How alike two samples are, layer by layer: the map of their cosine, where it leads, and how fast.

rho' = (s_w^2 E phi phi + s_b^2) / q', of a residual stream (q rho + s^2 (s_w^2 E phi phi + s_b^2)) / q'
(Poole et al. 2016; Schoenholz et al. 2017). One map serves all blocks: what W and b add has a cosine, and the
stream keeps a share of the q above. One pair of samples in one network scatters by about 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.meanfield.field import MeanField
from gradflow.meanfield.fixed_points import HIGHEST, LOWEST
from gradflow.meanfield.local import Local

Array = NDArray[Any]

GRID = np.linspace(0.0, 1.0, 257)
IDENTITY = 1e-9  # |f(rho) - rho| below which every cosine stays what it is
HALVINGS = 50
STEADY = 1e-6  # |ln slope| below which the approach is no exponential


@dataclass(frozen=True)
class Limit:
    """The cosine that deep layers come to, and the layers in which the way to it shrinks by e; None: none."""

    star: float | None = None
    xi: float | None = None


def correlations(network: MeanField, cosine: float | Array) -> Array:
    """The mean cosine of z between samples in layers 1..L (L,), from those of pairs of inputs.

    The network is a single one; `cosine` is one number or an array of them.
    """
    rho = np.atleast_1d(np.asarray(cosine, dtype=float))
    rho = network.first_cosine(rho)
    means = [rho.mean()]
    for k, kept in enumerate(network.kept):
        local = Local(network.moments, network.seen[k : k + 1])
        rho = kept * rho + (1 - kept) * network.added_cosine(k + 1, rho, local)[0]
        means.append(rho.mean())
    return np.array(means)


def limit(network: MeanField) -> Limit:
    """The fixed point that attracts the cosine from below, as of samples that start unlike."""
    end = np.atleast_1d(network.asymptote.log_v)[:1]
    if end[0] == -inf:
        return Limit()  # phi is linear there: every cosine stays what it is
    local = Local(network.moments, network.looks_like(np.clip(end, LOWEST, HIGHEST)))

    def added(rho: Array) -> Array:
        return network.added_cosine(-1, rho, local)[0]

    if np.abs(added(GRID) - GRID).max() < IDENTITY:
        return Limit()
    star = _first_root(added)
    if network.law != "exponential":
        return Limit(star)  # the branch weighs ever less: the way to it shrinks by a power
    kept = float(network.kept[-1]) if len(network.kept) else 0.0
    slope = kept + (1 - kept) * float(network.added_cosine(-1, np.array([star]), local)[1][0])
    xi = -1 / log(slope) if 0 < slope < 1 - STEADY else None
    return Limit(star, xi)


def _first_root(f: Callable[[Array], Array]) -> float:
    """The smallest rho in [0, 1] with f(rho) <= rho; f rises, and f(1) = 1."""
    below = np.flatnonzero(f(GRID) - GRID <= IDENTITY)
    if not len(below) or below[0] == len(GRID) - 1:
        return 1.0
    k = int(below[0])
    if k == 0:
        return float(GRID[0]) if f(GRID[:1])[0] > -IDENTITY else float(f(GRID[:1])[0])
    low, high = float(GRID[k - 1]), float(GRID[k])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if f(np.array([middle]))[0] <= middle else (middle, high)
    return high
