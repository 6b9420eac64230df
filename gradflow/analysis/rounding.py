"""Which digits of c and of the ratio rounding makes: in the chaotic phase it grows from layer to layer.

Each layer rounds z anew, by eps of its size. On the way to layer l such an error grows as a delta falls, by
||delta_k|| / ||delta_l||, while z grows by ||z_l|| / ||z_k||: relative to z_l, e_l^2 is eps^2 times the sum
over k <= l of (||delta_k|| ||z_k|| / ||delta_l|| ||z_l||)^2. Where it nears 1 the layers above are those of
another network, as good as this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, floor, log, log10, sqrt

import numpy as np

from gradflow.analysis.intervals import Estimate, exp_or_none
from gradflow.analysis.summary_parts import Rounding
from gradflow.arrays import Array
from gradflow.units import LN10

STRONGEST = 5.0  # ln of the ratio over the relative error of z: 0.7 to 45 in pairs of float32 and float64
TENTH = 0.1  # the last digit that is shown of the decades of a ratio
FIRST_TWO = 1.95  # an error that begins with less is shown with two digits
MOST_DECIMALS = 5  # of c's first digit: a value that is all but exact shows no more
FEW_DECIMALS = 2  # of a value without an interval


def rounding_of(
    log_delta: Array, q: Array, eps: float, measured: Sequence[Estimate], count: int
) -> Rounding | None:
    """What rounding makes of digits that are shown of a row (layers, networks); None if it makes nothing.

    `measured` are ln c, over `count` transitions, and ln of the ratio.
    """
    grown = _grown(log_delta, q, eps)
    (log_c, log_ratio), c = measured, exp_or_none(measured[0].mean)
    if c is None or not np.isfinite(grown).all():
        return None
    z = exp(min(float(grown.max()), 0.0))
    moved = STRONGEST * z / sqrt(log_delta.shape[1])
    of_c, decades = c * _at_most(moved / count, log_c), _at_most(moved, log_ratio) / LN10
    if of_c < _last_digit(c, c * (log_c.half or 0.0)) / 2 and decades < TENTH / 2:
        return None
    beyond = np.flatnonzero(grown >= 0)
    return Rounding(of_c, decades, z, int(beyond[0]) + 1 if len(beyond) else None)


def _grown(log_delta: Array, q: Array, eps: float) -> Array:
    """ln of the relative error of z by layer (layers,), mean over networks."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = log_delta + np.log(q) / 2
        sums: Array = np.logaddexp.accumulate(2 * reach, axis=0) / 2
        return np.asarray((sums - reach).mean(axis=1) + log(eps))


def _at_most(moved: float, measured: Estimate) -> float:
    """By how much a mean may be moved: networks that are others are no farther away than any two are."""
    return min(moved, sqrt(2) * measured.error) if measured.error else moved


def _last_digit(value: float, error: float) -> float:
    """The last decimal that is shown of a value with this half of an interval; six digits if it is narrow."""
    shown = max(error / FIRST_TWO, value / 10**MOST_DECIMALS) if error > 0 else value / 10**FEW_DECIMALS
    return float(10.0 ** floor(log10(shown))) if shown > 0 else 0.0
