"""Whether a network trains at the best of several learning rates, told from how it is drawn.

Two things must outlast the depth: the gradient, and the differences between samples. Each is set against what
networks were seen to bear:

    load^2 = (decades that the gradient changes by / edge)^2 + (spread of the Jacobian / edge)^2

Where all differences fall alike, in ordered networks, they fall as the squared gradient does, by a factor of
e in xi = xi_c layers (Schoenholz et al. 2017): the decades are depth / xi_c then. Where they do not, few
directions are left: the spread is Var(s^2) / mean^2 of the singular values s of dz_L / dz_1 over the width
(Pennington et al. 2017), which is above 3 behind fifty sigmoids, whose samples look alike. The score,
1 / (1 + exp(-sharpness (1 - load^2))), is the share of networks of this load that trained on a grid of them.
Edges and sharpness are fitted to it: a set for sgd, and one for rules that divide by the gradient's own size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, hypot

from gradflow.analysis.trainable_constants import EDGES

Number = float | None

LIKELY = 0.5  # of the networks alike, from which on one is called trainable
FAR = 500.0  # of an exponent, beyond which exp overflows
ALL_ALIKE = 0.99  # mean cosine from which on samples are said to look alike
UNKNOWN = "neither theory nor a measurement tells what becomes of the gradient"
VANISHES, EXPLODES = "the gradient vanishes", "the gradient explodes"
FEW, ALIKE = "few directions are left", "samples become alike"
OF_LOAD = (VANISHES, EXPLODES, FEW, ALIKE)  # reasons that a load gives
MOST_LOST = (
    "the gradient of {:,.4g} of {} samples is exactly 0 in layer 1, and those that are left are too few to "
    "tell by"
)
STOPPED = {"dead": "no gradient reaches the first layer", "overflow": "no gradient is finite"}  # by verdict


@dataclass(frozen=True)
class Trainable:
    """Whether a network trains, and from what that is told.

    `gradient_decades` is log10 of ||delta_1|| / ||delta_L||, `correlation_depth` the depth over xi_c, None
    where the cosine of samples does not go as an exponential; `cosine` is that of z in the last layer, and
    `spread` the variance of the Jacobian's squared singular values over the width.
    `reason` is what stands most in the way of an untrainable network, or why nothing is known.
    """

    verdict: str = "unknown"  # trainable | untrainable | unknown
    score: Number = None  # from 0 to 1
    gradient_decades: Number = None
    correlation_depth: Number = None
    cosine: Number = None
    spread: Number = None
    reason: str | None = None


def edges_of(optimizer: str) -> dict[str, float]:
    """The edges for an optimizer: sgd's, or those of rules that divide by the gradient's own size."""
    return EDGES.get(optimizer, EDGES["adaptive"])


def loads(decades: float, spread: Number, optimizer: str) -> tuple[float, float]:
    """The gradient's change and the Jacobian's spread, 0 where it is not known, over what networks bear."""
    edges = edges_of(optimizer)
    return abs(decades) / edges["gradient"], (spread or 0.0) / edges["spread"]


def score_of(load: float, optimizer: str) -> float:
    """The share of networks of this load that trained."""
    return 1 / (1 + exp(min(edges_of(optimizer)["sharpness"] * (load * load - 1), FAR)))


def assess(
    decades: Number,
    spread: Number,
    optimizer: str,
    *,
    correlation_depth: Number = None,
    cosine: Number = None,
    unknown: str | None = None,
) -> Trainable:
    """The verdict where the gradient changes by `decades` over the depth; `unknown` says why that is None."""
    beside = Trainable(correlation_depth=correlation_depth, cosine=cosine, spread=spread)
    if decades is None:
        return replace(beside, reason=unknown or UNKNOWN)
    of_gradient, of_spread = loads(decades, spread, optimizer)
    score = score_of(hypot(of_gradient, of_spread), optimizer)
    flow = VANISHES if decades < 0 else EXPLODES
    limit = flow if of_gradient >= min(1.0, of_spread) else FEW if (cosine or 0.0) < ALL_ALIKE else ALIKE
    trains = score >= LIKELY
    verdict, reason = ("trainable", None) if trains else ("untrainable", limit)
    return replace(beside, verdict=verdict, score=score, gradient_decades=decades, reason=reason)


def of_those_alive(found: Trainable, dead: int, networks: int) -> Trainable:
    """What was found of living networks, of all as they are drawn: the dead ones never train."""
    if not dead or found.score is None:
        return found
    score = found.score * (networks - dead) / networks
    if found.verdict != "trainable" or score >= LIKELY:
        return replace(found, score=score)
    reason = f"{STOPPED['dead']} of {dead} of {networks} networks"
    return replace(found, verdict="untrainable", score=score, reason=reason)


def withheld(found: Trainable, reason: str) -> Trainable:
    """What was found, but for a verdict that the network trains: that is not known, for this reason."""
    trains = found.verdict == "trainable"
    return replace(found, verdict="unknown", score=None, reason=reason) if trains else found
