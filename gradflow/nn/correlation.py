"""How alike samples have become: the mean over pairs of the cosine of their pre-activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def mean_cosine(z: Array) -> Array:
    """The mean of z_i.z_j / (|z_i| |z_j|) over pairs i != j of the samples of z (..., units, B), in float64.

    With u_i = z_i / |z_i| it is (|sum u_i|^2 - B) / (B (B - 1)): no pair is looked at. A sample without a
    direction, 0 or not finite, is left out; nan where fewer than two are left.
    """
    with np.errstate(all="ignore"):
        unit = z.astype(np.float64)
        unit /= np.abs(unit).max(axis=-2, keepdims=True)  # so that squares stay in range
        unit /= np.sqrt(np.einsum("...ub,...ub->...b", unit, unit))[..., None, :]
        has_direction = np.asarray(np.isfinite(unit).all(axis=-2))
        unit = np.where(has_direction[..., None, :], unit, 0)
        count, total = has_direction.sum(axis=-1), unit.sum(axis=-1)
        cosine = (np.einsum("...u,...u->...", total, total) - count) / (count * (count - 1))
    return np.where(count > 1, np.clip(cosine, -1, 1), np.nan)
