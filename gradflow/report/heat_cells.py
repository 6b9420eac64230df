"""An array of the record over layers and steps, thinned out to what a map shows, and its middle colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.increments import counting
from gradflow.analysis.intervals import mean_of_known
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


def heat_cells(
    recording: Readings, layers: int, steps: int, name: str = "log_delta_norm"
) -> HeatCells | None:
    """At most so many layers and steps of an array, logs of it to base 10; None where there is no map."""
    shape, step, is_log = recording[name].shape, recording["step"], name.startswith("log_")
    rows, columns = (spread_out(size, most) for size, most in zip(shape, (steps, layers), strict=False))
    with np.errstate(all="ignore"):
        cells = mean_of_known(of_living(recording, name, rows, columns), 2).T / (LN10 if is_log else 1.0)
    finite = cells[np.isfinite(cells)]
    if not finite.size or len(rows) < 2:
        return None
    centre = float(np.median(finite))
    reach = float(np.quantile(np.abs(finite - centre), COLOURED))
    reach = max(LEVEL if is_log else LEAST * abs(centre) or 1.0, reach)
    return HeatCells(cells, (columns + 1).tolist(), step[rows].astype(int).tolist(), centre, reach)


def of_living(
    recording: Readings, name: str, rows: NDArray[np.int64], columns: NDArray[np.int64] | None = None
) -> Array:
    """Some rows of an array, and some layers if it has any; of logs, nan where a network is dead in a row and
    not all are."""
    values: Array = recording[name][rows if columns is None else np.ix_(rows, columns)]
    if not name.startswith("log_"):
        return values
    counts = counting(recording["log_delta_norm"][rows])
    return np.where(counts if columns is None else counts[:, None], values, np.nan)


def spread_out(size: int, most: int) -> NDArray[np.int64]:
    """At most so many of the first `size` numbers, evenly spread, both ends among them."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))
