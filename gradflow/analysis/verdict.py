"""The verdict on a gradient's way through the layers, from the ratio of its ends; laws; what makes it so."""

from __future__ import annotations

from math import exp, floor, inf, log, log10, sqrt

from gradflow.analysis.summary import Flow, Theory
from gradflow.units import LN10

BOUNDED = "bounded"
ROUNDING = 1e-6  # relative, of a norm in float32
HALF = 0.5  # of the decades of a verdict that c has to make for its factors to be to blame
WIDTH = "width"
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


def log_over(name: str | None, k: float | None, log_c: float, depth: int, own: int) -> float | None:
    """ln of what `depth` layers make of the gradient: c^L, L^k or exp(k sqrt L).

    None of a bounded law for another depth than its `own`.
    """
    if name == BOUNDED and depth != own:
        return None
    if k is None:
        return depth * log_c
    return k * (log(depth) if name == "power" else sqrt(depth))


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


def causes(flow: Flow, theory: Theory | None = None) -> tuple[str, ...]:
    """The factors that push the way the verdict went, or the width where it does most of that; () if none.

    Nothing is a cause where c does not make the verdict: the factors are those of the layers of the fit.
    Where more than one pushes, each does at least half of what the strongest does. `theory` is that of the
    network as drawn: what it expects of infinite width tells what the width does, and whether a norm makes
    the scale of the weights one with its own factor.
    """
    if flow.verdict not in ("vanishing", "exploding") or not _made_by_c(flow):
        return ()
    if theory is not None and width_share(flow, theory) >= HALF:
        return (WIDTH,)
    way = -1 if flow.verdict == "vanishing" else 1
    known = {name: value for name, value in flow.factors.items() if value is not None}
    if one := divided_out(flow, theory):
        del known["weights"]
        known["norm"] = one
    pushes = {name: way * (log(value) if value else -inf) for name, value in known.items()}
    most = max(pushes.values(), default=0.0)
    return tuple(name for name, push in pushes.items() if 2 * push >= most)


def divided_out(flow: Flow, theory: Theory | None) -> float | None:
    """What weights and norm pass together, where the norm divides out whatever scale the weights have."""
    weights, norm = flow.factors.get("weights"), flow.factors.get("norm")
    if theory is None or theory.scalable is not False or not weights or not norm:
        return None
    return weights * norm


def _made_by_c(flow: Flow) -> bool:
    """Whether c makes the verdict, as far as is known."""
    share = fitted_share(flow)
    return share is None or share >= HALF


def width_share(flow: Flow, theory: Theory) -> float:
    """The share of ln c that theory expects of the width alone; 0 where it does not know."""
    if not flow.c or flow.c == 1 or not theory.c or not theory.c_finite_width:
        return 0.0
    return log(theory.c_finite_width / theory.c) / log(flow.c)


def fitted_share(flow: Flow) -> float | None:
    """The share of the log of the ratio that c makes; None where no verdict is to be explained by it."""
    if flow.verdict not in ("vanishing", "exploding") or not flow.c or not flow.log10_ratio:
        return None
    first, last = flow.layers
    return (last - first) * log10(flow.c) / flow.log10_ratio
