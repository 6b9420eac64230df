"""Where the length map ends: the limit of v_{l+1} = sigma_w^2 E phi^2 + sigma_b^2 from a given start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.theory.expectations import HIGHEST, LOWEST, Moments

Array = NDArray[Any]

STEP = 0.05  # of the scan in ln v where phi bends: a pair of fixed points closer than this is passed over
SLACK = 1e-12  # relative changes of v that are rounding: a critical relu keeps every v
HALVINGS = 50
_GRID = np.concatenate([np.arange(LOWEST, -20, 1), np.arange(-20, 14, STEP), np.arange(14, HIGHEST + 1, 1)])


def limit(moments: Moments, log_gain: Array, log_bias: Array, log_v: Array) -> Array:
    """ln v that the map leads to from ln v, for arrays (N,) of networks: -inf is 0, +inf growth without bound.

    The map rises almost everywhere, so that v moves one way, to the nearest fixed point on that side.
    """
    grid = _GRID
    start = np.clip(log_v, LOWEST, HIGHEST)
    way = _way(_change(moments.log_square(start), log_gain, log_bias, start))
    changes = _change(moments.log_square(grid), log_gain[:, None], log_bias[:, None], grid)
    ahead = way[:, None] * (grid - start[:, None]) > 0
    turned = ahead & (_way(changes) == -way[:, None])
    from_left = np.argmax(turned, axis=1)
    from_right = len(grid) - 1 - np.argmax(turned[:, ::-1], axis=1)
    far = grid[np.where(way > 0, from_left, from_right)]
    before = np.where(
        way > 0, grid[np.maximum(from_left - 1, 0)], grid[np.minimum(from_right + 1, len(grid) - 1)]
    )
    near = np.where(way > 0, np.maximum(start, before), np.minimum(start, before))
    root = _bisect(moments, log_gain, log_bias, near, far, way)
    return np.where(way == 0, log_v, np.where(turned.any(axis=1), root, np.copysign(np.inf, way)))


def _change(log_square: Array, log_gain: Array, log_bias: Array, log_v: Array) -> Array:
    """ln of the factor by which one layer changes v."""
    result: Array = np.logaddexp(log_gain + log_square, log_bias) - log_v
    return result


def _way(change: Array) -> Array:
    return np.where(np.abs(change) <= SLACK, 0.0, np.sign(change))


def _bisect(moments: Moments, log_gain: Array, log_bias: Array, near: Array, far: Array, way: Array) -> Array:
    """The point between `near`, where the map still moves along `way`, and `far`, where it does not."""
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        onward = way * _change(moments.log_square(middle), log_gain, log_bias, middle) > 0
        near, far = np.where(onward, middle, near), np.where(onward, far, middle)
    return (near + far) / 2
