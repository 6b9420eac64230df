"""Advice where no scale and no learning rate helps: weights at random, and batches that a norm can take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradflow.analysis.changes import changed
from gradflow.analysis.hindrances import are_alike, is_tiny
from gradflow.analysis.summary import Advice
from gradflow.analysis.theorist import Theorist, plain, settings
from gradflow.meanfield.networks import LARGE_BATCH
from gradflow.meanfield.sphere import LEAST as SMALLEST_BATCH
from gradflow.nn.initializers import HeNormal, Initializer


def unhindered(theorist: Theorist) -> Iterator[Advice]:
    """What has to come before any other advice; nothing where units differ and batches are large enough."""
    if are_alike(theorist.config.model):
        yield _drawn(theorist)
    elif is_tiny(theorist.config, theorist.data["samples"]):
        yield _larger(theorist)


def _drawn(theorist: Theorist) -> Advice:
    """he_normal, at the scale where the whole ratio is expected to be 1 if theory has one."""
    scheme = HeNormal()
    drawn = _with(theorist, {"model.init": plain(scheme)})
    init: Initializer = (drawn.balanced(scheme) if drawn.predictable else None) or scheme
    changes = {"model.init": plain(init)}
    words = (
        "with equal weights the units of a layer are alike, get the same gradient and stay alike, whatever "
        f"the scale and the learning rate: draw them at random, {settings(init)}"
    )
    return Advice("initialization", changes, _c(_with(theorist, changes)), None, init.torch(), words)


def _larger(theorist: Theorist) -> Advice:
    """A batch that counts as large or, where there are too few samples for any, a norm of single samples."""
    samples: int = theorist.data["samples"]
    asked = min(theorist.config.training.batch_size, samples)
    words = f"batch norm hardly tells the {asked} samples of a batch apart"
    if samples < SMALLEST_BATCH:
        changes: dict[str, Any] = {"model.norm": "layer"}
        words += ", and there are no more: normalize each by itself"
        return Advice("architecture", changes, _c(_with(theorist, changes)), None, None, words)
    batch = min(LARGE_BATCH, samples)
    changes = {"training.batch_size": batch}
    words += f": take {batch}, or norm: layer, which needs none"
    return Advice("batch", changes, _c(_with(theorist, changes)), None, None, words)


def _with(theorist: Theorist, changes: dict[str, Any]) -> Theorist:
    return Theorist(changed(theorist.config, changes), theorist.data)


def _c(theorist: Theorist) -> float | None:
    return theorist.expect().c() if theorist.predictable else None
