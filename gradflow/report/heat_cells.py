"""An array of the record over layers and steps, thinned out to what a map shows, and its middle colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.flow import spread_out
from gradflow.arrays import Array, Readings
from gradflow.units import LN10

LEVEL = 0.25  # decades around the median that always count as level
LEAST = 1e-3  # as much, as a part of the median of what is no log
COLOURED = 0.98  # of the cells are within the ends of the colours


@dataclass(frozen=True)
class HeatCells:
    """Means over networks (layers, steps), the layers (from 1) and steps of them, and what is coloured."""

    values: Array
    layers: list[int]
    steps: list[int]
    centre: float  # the median
    reach: float  # decades around it


def to_log10(logs: Array) -> Array:
    """Base-10 logs of natural ones."""
    return np.asarray(logs / LN10)


def heat_cells(
    recording: Readings, layers: int, steps: int, name: str = "log_delta_norm",
    scaled: Callable[[Array], Array] = to_log10, logs: bool = True,
) -> HeatCells | None:  # fmt: skip
    """At most so many layers and steps of an array, averaged once `scaled`, which may make base-10 `logs` of
    it; None where there is no map.
    """
    shape, step = recording[name].shape, recording["step"]
    rows, columns = (spread_out(size, most) for size, most in zip(shape, (steps, layers), strict=False))
    with np.errstate(all="ignore"):
        some = scaled(recording[name][np.ix_(rows, columns)])
        cells = some.mean(axis=2, where=living(recording, rows, logs)).T
    finite = cells[np.isfinite(cells)]
    if not finite.size or len(rows) < 2:
        return None
    centre = float(np.median(finite))
    reach = float(np.quantile(np.abs(finite - centre), COLOURED))
    reach = max(LEVEL if logs else LEAST * abs(centre) or 1.0, reach)
    return HeatCells(cells, (columns + 1).tolist(), step[rows].astype(int).tolist(), centre, reach)


def living(recording: Readings, rows: NDArray[np.int64], logs: bool) -> NDArray[np.bool_]:
    """Which networks count in means of an array at some rows, (rows, 1, networks): of logs, where not all are
    dead, those that are not. One that has blown up counts, so that its cells are gaps."""
    if not logs:
        return np.ones((len(rows), 1, 1), np.bool_)
    dead = np.asarray(np.isneginf(recording["log_delta_norm"][rows]).any(axis=1, keepdims=True))
    return ~dead | np.asarray(dead.all(axis=2, keepdims=True))
