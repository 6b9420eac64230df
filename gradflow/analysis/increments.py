"""The increments of ln g, whose mean is ln c: of which networks, over which layers."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array


def window(depth: int) -> tuple[int, int]:
    """(first, last) of the layers that are fitted: from depth alone, without the transient at the input."""
    return 1 + min(5, depth // 4), depth


def passing(log_delta: Array) -> Array:
    """Whether delta reaches the first layer, (..., networks) of (..., layers, networks)."""
    return np.asarray(np.isfinite(log_delta).all(axis=-2))


def counting(log_delta: Array) -> Array:
    """The networks that means are over, as `passing`: those that are alive, or all where none is."""
    alive = passing(log_delta)
    return np.asarray(alive | ~alive.any(axis=-1, keepdims=True))


def increments(log_delta: Array) -> Array:
    """ln g_l - ln g_{l+1} for l = 1..L-1, (L - 1, networks)."""
    return -np.diff(log_delta, axis=0)


def plain_c(log_delta: Array) -> float | None:
    """c of log norms (layers, networks) alone, without an interval; None where there is none."""
    alive = passing(log_delta)
    if not alive.any() or len(log_delta) < 2:
        return None
    fitted = increments(log_delta[:, alive])[window(len(log_delta))[0] - 1 :]
    with np.errstate(over="ignore"):
        return float(np.exp(fitted.mean()))
