"""What theory says of networks all over a grid, one activation at a time: the tables that a page looks up.

They are those of `gradflow theory`, for each point of the grid; nothing is between the points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import log10
from typing import Any

import numpy as np

from gradflow.analysis.increments import window
from gradflow.analysis.predictions import Inputs, theories, trainable_of
from gradflow.analysis.summary import Number, Theory
from gradflow.analysis.verdict import verdict_of
from gradflow.arrays import Array
from gradflow.config import Config
from gradflow.meanfield import gaussian_fields
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import Gaussian

EXPLORED = (
    "linear", "tanh", "sigmoid", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
    "softsign", "hard_tanh",
)  # fmt: skip
NUMBERS = ("c_asymptotic", "q_star", "xi", "xi_c", "critical_sigma_w")  # of a Theory, at any depth
WORDS = ("phase", "reason")


@dataclass(frozen=True)
class Grid:
    """The values of each key, in rising order, at which a page can stop."""

    activation: tuple[str, ...] = EXPLORED
    sigma_w: tuple[float, ...] = tuple(round(0.5 + 0.1 * k, 1) for k in range(26))
    sigma_b: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
    depth: tuple[int, ...] = (2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100)

    @property
    def inits(self) -> list[Gaussian]:
        """Those of every sigma_w and sigma_b, the latter changing first."""
        return [Gaussian(sigma_w, sigma_b) for sigma_w, sigma_b in product(self.sigma_w, self.sigma_b)]


@dataclass(frozen=True, eq=False)
class Slab:
    """The tables of one activation; axes (.., sigma_w, sigma_b), the first of some a layer or a depth.

    `gradient` is log10 ||delta_l|| / ||delta_L|| of the deepest network by layer, without what the width
    adds: a shallower one has its first layers. Over the layers of the fit of c the width adds `width`, and
    `width_before` over those before; both are log10, by depth, as are `score`, `verdict` and `trains`.
    """

    gradient: Array
    width: Array
    width_before: Array
    score: Array
    verdict: Array
    trains: Array
    numbers: dict[str, Array]  # nan: none
    words: dict[str, Array]  # "": none


def explore(grid: Grid, config: Config, inputs: Inputs) -> Iterator[Slab]:
    """The tables of each activation of the grid, of networks that are otherwise as the config says."""
    for name in grid.activation:
        yield _slab(grid, _with(config, activation=ACTIVATIONS[name]()), inputs)


def _with(config: Config, **changes: Any) -> Config:
    """The config with some keys of its model changed, which are known to be valid."""
    return config.model_copy(update={"model": config.model.model_copy(update=changes)})


def _slab(grid: Grid, config: Config, inputs: Inputs) -> Slab:
    gradient = _gradient(grid, config, inputs)
    by_depth: dict[str, list[Any]] = {}
    found: list[Theory] = []
    for depth in grid.depth:
        found = _theories(grid, _with(config, depth=depth), inputs)
        for name, row in _told(_with(config, depth=depth), found, inputs, gradient).items():
            by_depth.setdefault(name, []).append(row)
    columns = {name: [_or_nan(getattr(one, name)) for one in found] for name in NUMBERS}
    words = {name: [getattr(one, name) or "" for one in found] for name in WORDS}
    shape = len(grid.sigma_w), len(grid.sigma_b)

    def shaped(table: Any) -> Array:
        values = np.asarray(table)
        return values.reshape(*values.shape[:-1], *shape)

    return Slab(
        shaped(gradient),
        **{name: shaped(rows) for name, rows in by_depth.items()},
        numbers={name: shaped(column) for name, column in columns.items()},
        words={name: shaped(column) for name, column in words.items()},
    )


def _theories(grid: Grid, config: Config, inputs: Inputs) -> list[Theory]:
    configs = [_with(config, init=init) for init in grid.inits]
    return theories(configs, [inputs] * len(configs))


def _gradient(grid: Grid, config: Config, inputs: Inputs) -> Array:
    """log10 ||delta_l|| / ||delta_L|| of the deepest networks (L, N)."""
    model = _with(config, depth=max(grid.depth)).network(inputs)
    pairs = np.array([(init.sigma_w, init.sigma_b) for init in grid.inits])
    fields = gaussian_fields(model, *pairs.T, q_0=inputs.q_0, targets=inputs.targets)
    return fields.log10_gradient


def _told(config: Config, found: list[Theory], inputs: Inputs, gradient: Array) -> dict[str, list[Any]]:
    """What depends on the depth, of each network."""
    depth, edge = config.model.depth, config.analysis.stable_decades
    fitted = depth - window(depth)[0]
    limits = (gradient[0] - gradient[depth - 1]).tolist()
    rows = []
    for one, limit in zip(found, limits, strict=True):
        ratio, trains = _known(one.log10_ratio), trainable_of(config, one, inputs)
        width = fitted * log10(_known(one.c_finite_width) / _known(one.c))
        verdict, _ = verdict_of(ratio, None, None, edge)
        said = ": ".join(filter(None, (trains.verdict, trains.reason)))
        rows.append((width, ratio - limit - width, _known(trains.score), verdict, said))
    names = "width", "width_before", "score", "verdict", "trains"
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _known(value: Number) -> float:
    """A number that theory has at every point of a grid: activations without one do not belong there."""
    assert value is not None
    return value


def _or_nan(value: Number) -> float:
    return np.nan if value is None else value
