"""Norms and skips as levers: what theory expects of the same network with one of them.

A norm alone makes c 1 for relu and its like only; it does for others at the sigma_b of (sigma_b / sigma_w)^2
= mu1 - p2. A skip of scale 1 / sqrt(L) bounds the whole ratio, pre-norm makes it a power of the depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any, Literal

from gradflow.analysis.summary import Advice
from gradflow.analysis.theorist import Theorist, plain, settings
from gradflow.meanfield.expectations import Moments
from gradflow.meanfield.networks import law_of
from gradflow.meanfield.normed import lever
from gradflow.meanfield.plain import PlainField
from gradflow.nn.blocks import Residual
from gradflow.nn.initializers import Gaussian
from gradflow.nn.model import Model
from gradflow.nn.norms import LayerNorm
from gradflow.units import rounded

BOUNDED: Literal["1/sqrt(depth)"] = "1/sqrt(depth)"
BOUNDED_SKIP: dict[str, Any] = {"model.block": {"name": "residual", "scale": BOUNDED}}
PRE_NORM: dict[str, Any] = {"model.block": "residual", "model.norm": "layer"}


def architecture(theorist: Theorist) -> Iterator[Advice]:
    """Each norm or skip that is expected to make the network stable."""
    for one in (_norm, _bounded, _pre_norm):
        yield from one(theorist)


def _norm(theorist: Theorist) -> Iterator[Advice]:
    """Layer norm before phi, with the biases that it takes."""
    model = theorist.model
    if law_of(model) is not PlainField:
        return
    normed = replace(theorist, other=replace(model, norm=LayerNorm(), bias=0.0), _outlooks={})
    excess = lever(Moments(model.activation))
    alone = f"layer norm before {model.activation.label}"
    if not excess:
        found = _tried(normed, {"model.norm": "layer"}, f"{alone} makes c nearly 1 whatever the weights")
        yield from found
    elif excess > 0:
        init = normed.balanced(Gaussian(sigma_b=rounded(sqrt(excess))))
        if init is not None and (c := normed.expect(Gaussian()).c()) is not None:
            words = f"{alone} alone makes c {c:.4g}, not 1: it takes biases too, {settings(init)}"
            drawn = replace(normed, other=replace(normed.model, init=init), _outlooks={})
            yield from _tried(drawn, {"model.norm": "layer", "model.init": plain(init)}, words, init.torch())


def _bounded(theorist: Theorist) -> Iterator[Advice]:
    """A skip whose branch weighs 1 / sqrt(depth)."""
    model = theorist.model
    other = replace(model, block=Residual(scale=BOUNDED))
    if model == other or not _even(model):
        return
    words = f"a skip with its branch scaled by {BOUNDED} bounds the whole ratio, at any depth"
    yield from _tried(replace(theorist, other=other, _outlooks={}), BOUNDED_SKIP, words)


def _pre_norm(theorist: Theorist) -> Iterator[Advice]:
    """A skip with a layer norm before phi."""
    model = theorist.model
    other = replace(model, block=Residual(), norm=LayerNorm())
    if model == other or not _even(model):
        return
    words = "a skip over layer norm, activation and weights makes the gradient a power of the depth"
    yield from _tried(replace(theorist, other=other, _outlooks={}), PRE_NORM, words)


def _tried(
    theorist: Theorist, changes: dict[str, Any], words: str, torch: str | None = None
) -> Iterator[Advice]:
    """The advice, if what it leads to is surely stable."""
    if not theorist.predictable:
        return
    outlook, edge = theorist.expect(), theorist.edge
    if theorist.is_surely_stable and outlook.profile_range < edge:
        words += f": a ratio of 10^{outlook.ratio:.2f} over {theorist.depth - 1:,} factors"
        yield Advice("architecture", changes, outlook.c(), None, torch, words)


def _even(model: Model) -> bool:
    """Whether a skip can pass from layer to layer."""
    return len({*model.sizes[1:]}) == 1
