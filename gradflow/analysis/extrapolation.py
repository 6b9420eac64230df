"""What a law makes of the gradient over a number of layers; pages need it, and load no numpy for it."""

from __future__ import annotations

from math import log, sqrt

BOUNDED = "bounded"


def log_over(name: str | None, k: float | None, log_c: float, depth: int, own: int) -> float | None:
    """ln of what `depth` layers make of the gradient: c^L, L^k or exp(k sqrt L).

    None of a bounded law for another depth than its `own`.
    """
    if name == BOUNDED and depth != own:
        return None
    if k is None:
        return depth * log_c
    return k * (log(depth) if name == "power" else sqrt(depth))
