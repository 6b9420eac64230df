"""Whether a network trains at the best of several learning rates, told from how it is drawn.

Two things must outlast the depth: the gradient on its way down, and the difference between samples on its way
up (Schoenholz et al. 2017). Each is a share of what networks were seen to bear:

    load^2 = (decades that the gradient changes by / edge)^2 + (nats of the difference that are lost / edge)^2

The nats are -ln(1 - cosine) in the last layer: in ordered networks depth / xi_c, but for the first layers.
The score, 1 / (1 + exp(-sharpness (1 - load^2))), is the share of networks of this load that trained on a
grid of them. Edges and sharpness are fitted to it: a set for sgd, and one for rules that divide by the
gradient's own size.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, log

from gradflow.analysis.trainable_constants import EDGES

Number = float | None

LIKELY = 0.5  # of the networks alike, from which on one is called trainable
FAR = 500.0  # of an exponent, beyond which exp overflows
CLOSEST = 1e-7  # to 1, of a cosine in float32
UNKNOWN = "neither theory nor a measurement tells what becomes of the gradient"
VANISHES, EXPLODES = "the gradient vanishes", "the gradient explodes"
ALIKE = "samples become alike"
STOPPED = {"dead": "no gradient reaches the first layer", "overflow": "no gradient is finite"}  # by verdict


@dataclass(frozen=True)
class Trainable:
    """Whether a network trains, and from what that is told.

    `gradient_decades` is log10 of ||delta_1|| / ||delta_L||, `correlation_depth` the depth over xi_c, None
    where the cosine of samples does not go as an exponential; `cosine` is that of z in the last layer.
    `reason` is what stands most in the way of an untrainable network, or why nothing is known.
    """

    verdict: str = "unknown"  # trainable | untrainable | unknown
    score: Number = None  # from 0 to 1
    gradient_decades: Number = None
    correlation_depth: Number = None
    cosine: Number = None
    reason: str | None = None


def edges_of(optimizer: str) -> dict[str, float]:
    """The edges for an optimizer: sgd's, or those of rules that divide by the gradient's own size."""
    return EDGES.get(optimizer, EDGES["adaptive"])


def lost(cosine: Number) -> float:
    """The nats of the difference between samples that are lost over the depth; 0 where no cosine is known."""
    return max(0.0, -log(max(1 - (cosine or 0.0), CLOSEST)))


def loads(decades: float, nats: float, optimizer: str) -> tuple[float, float]:
    """What the gradient changes by, and what is lost of the difference, as shares of what networks bear."""
    edges = edges_of(optimizer)
    return abs(decades) / edges["gradient"], nats / edges["difference"]


def score_of(load: float, optimizer: str) -> float:
    """The share of networks of this load that trained."""
    return 1 / (1 + exp(min(edges_of(optimizer)["sharpness"] * (load * load - 1), FAR)))


def assess(
    decades: Number,
    correlation_depth: Number,
    optimizer: str,
    *,
    cosine: Number = None,
    unknown: str | None = None,
) -> Trainable:
    """The verdict where the gradient changes by `decades` over the depth; `unknown` says why that is None."""
    if decades is None:
        return Trainable(correlation_depth=correlation_depth, cosine=cosine, reason=unknown or UNKNOWN)
    of_gradient, of_samples = loads(decades, lost(cosine), optimizer)
    score = score_of(hypot(of_gradient, of_samples), optimizer)
    if score >= LIKELY:
        return Trainable("trainable", score, decades, correlation_depth, cosine)
    flow = VANISHES if decades < 0 else EXPLODES
    reason = flow if of_gradient >= min(1.0, of_samples) else ALIKE
    return Trainable("untrainable", score, decades, correlation_depth, cosine, reason)
