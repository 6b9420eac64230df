"""How alike samples have become: the mean over pairs of the cosine of their pre-activations."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.elementwise import least, most


def mean_cosine(z: Array) -> Array:
    """The mean of z_i.z_j / (|z_i| |z_j|) over pairs i != j of the samples of z (..., units, B).

    With u_i = z_i / |z_i| it is (|sum u_i|^2 - B) / (B (B - 1)): two passes over z, and no pair is looked at.
    A sample without a direction, 0 or not finite, is left out; nan where fewer than two are left.
    """
    limits, count = np.finfo(z.dtype), np.full(z.shape[:-2], z.shape[-1])
    squares = np.einsum("...ub,...ub->...b", z, z)  # three times as fast as np.vecdot along this axis
    if not (least(squares) > limits.tiny / limits.eps and most(squares) < limits.max):
        z, count = _directions(z)
        squares = np.ones(())
    total = np.matmul(z, np.broadcast_to(1 / np.sqrt(squares), z.shape[:-2] + z.shape[-1:])[..., None])
    square = np.square(total, dtype=np.float64).sum(axis=(-2, -1))
    with np.errstate(all="ignore"):
        cosine = np.clip((square - count) / (count * (count - 1)), -1, 1)
    return np.where(count > 1, cosine, np.nan)


def _directions(z: Array) -> tuple[Array, Array]:
    """z / |z| in float64 at any scale, 0 where there is none, and how many samples have one."""
    with np.errstate(all="ignore"):
        unit = z.astype(np.float64)
        unit /= np.abs(unit).max(axis=-2, keepdims=True)
        unit /= np.sqrt(np.square(unit).sum(axis=-2, keepdims=True))
    has_one = np.asarray(np.isfinite(unit).all(axis=-2))
    return np.where(has_one[..., None, :], unit, 0), np.asarray(has_one.sum(axis=-1))
