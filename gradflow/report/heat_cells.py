"""log10 ||delta|| over layers and steps, thinned out to what a map shows, and the middle of its colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.units import LN10

LEVEL = 0.25  # decades around the median that always count as level
COLOURED = 0.98  # of the cells are within the ends of the colours


@dataclass(frozen=True)
class HeatCells:
    """Means over networks (layers, steps), the layers (from 1) and steps of them, and what is coloured."""

    values: NDArray[Any]
    layers: list[int]
    steps: list[int]
    centre: float  # the median
    reach: float  # decades around it


def heat_cells(recording: Mapping[str, NDArray[Any]], layers: int, steps: int) -> HeatCells | None:
    """At most so many layers and steps of a recording; None where there is no map."""
    log_delta, step = recording["log_delta_norm"], recording["step"]
    rows, columns = (
        _spread(size, most) for size, most in zip(log_delta.shape, (steps, layers), strict=False)
    )
    with np.errstate(all="ignore"):
        cells = log_delta[np.ix_(rows, columns)].mean(axis=2).T / LN10
    finite = cells[np.isfinite(cells)]
    if not finite.size or len(rows) < 2:
        return None
    centre = float(np.median(finite))
    reach = max(LEVEL, float(np.quantile(np.abs(finite - centre), COLOURED)))
    return HeatCells(cells, (columns + 1).tolist(), step[rows].astype(int).tolist(), centre, reach)


def _spread(size: int, most: int) -> NDArray[np.int64]:
    """At most so many of the first `size` numbers, evenly spread, both ends among them."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))
