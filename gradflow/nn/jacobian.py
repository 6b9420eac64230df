"""The singular values of dz_L / dz_1 of one network on one sample, by exact products through its parts."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import NamedTuple

import numpy as np

from gradflow.arrays import Array
from gradflow.errors import InputError, Problem
from gradflow.nn import exact
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Sgd
from gradflow.nn.scaled import Scaled

COUPLED = "batch norm makes every sample depend on the others: one sample has no Jacobian"
SHALLOW = "dz_L / dz_1 needs two hidden layers"
LEFT = "z or its derivative leaves float64, so that there are no singular values: take fewer layers"


class SpectralMoments(NamedTuple):
    """Of the squared singular values of one network: ln of their mean; variance and largest of s^2 / mean."""

    log_mean: float
    variance: float
    largest: float


@dataclass(frozen=True)
class Spectrum:
    """Squared singular values of dz_L / dz_1 over their mean (min(n_1, n_L),), largest first.

    `log_mean` is ln of that mean, and -inf where nothing passes: then there is nothing to divide by.
    """

    squares: Array
    log_mean: float

    @property
    def variance(self) -> float:
        """Var(s^2) / mean^2."""
        return float(np.mean(np.square(self.squares - 1)))

    @property
    def largest(self) -> float:
        """The largest s^2 over the mean."""
        return float(self.squares[0])

    @property
    def moments(self) -> SpectralMoments:
        """All three."""
        return SpectralMoments(self.log_mean, self.variance, self.largest)


def without_jacobian(mixes: bool, depth: int) -> tuple[str, str] | None:
    """Why networks of a depth, in which samples mix or not, have none, and the key that decides it."""
    if mixes:
        return COUPLED, "model.norm"
    return (SHALLOW, "model.depth") if depth < 2 else None


def spectrum(model: Model, x: Array, seed: int) -> Spectrum:
    """That of the initial network of `seed` on a sample x (features,), in float64.

    Row i of dz_L / dz_1 is the delta that reaches z_1 from a delta of 1 at unit i of z_L. Deltas carry an
    exponent each, so that any depth has its spectrum. InputError for batch norm, for one layer, and where z
    leaves float64.
    """
    if reason := without_jacobian(model.mixes, model.shape.depth):
        raise InputError(Problem(*reason))
    model = model.sized(seeds=1, batch=1)
    memory = Memory(model, np.dtype(np.float64))
    network = Network(memory, Sgd(lr=0.0))
    model.draw(network.parameters, range(seed, seed + 1))
    memory.x[0, :, :-1] = x
    with np.errstate(all="ignore"):
        network.forward(record=True)
        rows, exponent = _rows(network).aligned()
    if not np.isfinite(rows).all():
        raise InputError(Problem(LEFT, "model.depth"))
    squares = np.square(np.linalg.svd(rows, compute_uv=False))
    mean = float(squares.mean())
    if not mean:
        return Spectrum(np.full_like(squares, np.nan), -inf)
    return Spectrum(squares / mean, log(mean) + 2 * exponent * log(2))


def _rows(network: Network) -> Scaled:
    """The rows of dz_L / dz_1, each a column with its exponent, (n_1, n_L)."""
    stream = network.model.stream
    linked = [one for chunk in network.chunks for one in chunk.linked(0)]
    top, xs = linked[-1]
    linked[-1] = top._replace(parts=top.parts[: stream + 1]), xs
    units = network.model.sizes[-1]
    unit = Scaled(np.eye(units), np.zeros((1, units), np.int64))
    bottom = linked[0][0]
    return next(
        delta
        for place, part, delta in exact.down(linked, unit, None, mixes=False)
        if place is bottom and part == stream
    )
