"""The verdict on a gradient's way through the layers, from the ratio of its ends, never from one norm."""

from __future__ import annotations

from math import exp, floor, log10

from gradflow.analysis.extrapolation import BOUNDED
from gradflow.analysis.summary import Flow
from gradflow.units import LN10

ROUNDING = 1e-6  # relative, of a norm in float32
DEEPEST = 20.0  # ln of a depth beyond which no power of it is looked at


def verdict_of(ratio: float, low: float | None, high: float | None, edge: float) -> tuple[str, bool]:
    """The verdict on log10 of ||delta_1|| / ||delta_L||, and whether its 95% interval crosses an edge.

    Vanishing below -edge, exploding above edge (the config's stable_decades), else stable.
    """
    verdict = "vanishing" if ratio < -edge else "exploding" if ratio > edge else "stable"
    if low is None or high is None:
        return verdict, False
    return verdict, low < -edge < high or low < edge < high


def are_most(dead: int, networks: int) -> bool:
    """Whether more than half are dead, so that the others, whatever they do, are no verdict on the config."""
    return 2 * dead > networks


def unstable_depth(flow: Flow, stable_decades: float) -> int | None:
    """The depth from which c^(depth - 1), or what the law has for it, leaves the stable range.

    None where c is 1 or unknown, and where the law is bounded.
    Only a c whose 95% interval leaves 1 out counts as different from 1; where one factor alone gives no
    interval, one that is more than rounding away.
    """
    if not flow.c or flow.law == BOUNDED:
        return None
    low = flow.c * (1 - ROUNDING) if flow.c_low is None else flow.c_low
    high = flow.c * (1 + ROUNDING) if flow.c_high is None else flow.c_high
    if low <= 1 <= high:
        return None
    if not flow.law_exponent:
        return floor(stable_decades / abs(log10(flow.c))) + 2
    reach = stable_decades * LN10 / abs(flow.law_exponent)
    depth = exp(min(reach, DEEPEST)) if flow.law == "power" else reach * reach
    return floor(depth) + 1 if depth < exp(DEEPEST) else None
