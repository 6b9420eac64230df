"""Where the length map v -> sigma_w^2 E phi^2 + sigma_b^2 leads, and chi there, for networks (N,)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.expectations import HIGHEST, LOWEST, Moments, log_or_minus_inf
from gradflow.meanfield.roots import roots_between

STEP = 0.05  # of the scan in ln v: two fixed points closer than this may be passed over
SLACK = 1e-12  # relative changes of v that are rounding: a critical relu keeps every v
GRID = np.concatenate([np.arange(LOWEST, -20, 1), np.arange(-20, 14, STEP), np.arange(14, HIGHEST + 1, 1)])


@dataclass(frozen=True)
class Asymptote:
    """The limit of ln v (-inf: v decays to 0, +inf: it grows for ever), with ln chi_1 and chi_parallel."""

    log_v: Array
    log_chi: Array
    chi_parallel: Array

    @property
    def q_star(self) -> Array:
        """The limit of v; nan where it grows without bound."""
        return np.where(self.log_v == np.inf, np.nan, np.exp(np.minimum(self.log_v, HIGHEST)))


def asymptote(moments: Moments, log_gain: Array, log_bias: Array, log_v: Array) -> Asymptote:
    """What the trajectory from ln v leads to; chi has a limit even where v grows without bound.

    log_gain, log_bias, log_v and what is found are (N,), a number a network.
    """
    end = limit(moments, log_gain, log_bias, log_v)
    inside = moments.clip(end)
    log_chi = log_gain + log_or_minus_inf(moments.slope_square(inside))
    parallel = np.exp(log_gain + moments.log_square(inside) - inside) * moments.growth(inside)
    return Asymptote(end, log_chi, parallel)


def limit(moments: Moments, log_gain: Array, log_bias: Array, log_v: Array) -> Array:
    """ln of the v (N,) that the map leads to from v; log_gain = ln sigma_w^2, log_bias = ln sigma_b^2, (N,).

    The map rises almost everywhere, so that v moves one way, to the nearest fixed point on that side.
    """
    start = np.clip(log_v, LOWEST, HIGHEST)
    way = _way(change(moments.log_square(start), log_gain, log_bias, start))
    changes = change(_log_square_on_grid(moments), log_gain[:, None], log_bias[:, None], GRID)
    ahead = way[:, None] * (GRID - start[:, None]) > 0
    turned = ahead & (_way(changes) == -way[:, None])
    up, down = np.argmax(turned, axis=1), len(GRID) - 1 - np.argmax(turned[:, ::-1], axis=1)
    far = np.where(way > 0, up, down)
    before = GRID[np.clip(far - way.astype(int), 0, len(GRID) - 1)]
    near = np.where(way > 0, np.maximum(start, before), np.minimum(start, before))
    end = np.where(way == 0, log_v, np.copysign(np.inf, way))
    some = np.flatnonzero(turned.any(axis=1))
    gain, bias = log_gain[some], log_bias[some]
    end[some] = roots_between(
        lambda x: change(moments.log_square(x), gain, bias, x),
        np.minimum(near, GRID[far])[some], np.maximum(near, GRID[far])[some],
    )  # fmt: skip
    return end


@lru_cache(maxsize=32)
def _log_square_on_grid(moments: Moments) -> Array:
    return moments.log_square(GRID)


def change(log_square: Array, log_gain: Array, log_bias: Array, log_v: Array) -> Array:
    """ln of the factor by which one layer changes v, from ln E phi^2 at v; of any shapes that broadcast."""
    return np.asarray(np.logaddexp(log_gain + log_square, log_bias) - log_v)


def _way(changes: Array) -> Array:
    return np.where(np.abs(changes) <= SLACK, 0.0, np.sign(changes))
