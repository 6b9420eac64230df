"""Numbers far from scale 1: in the data, whose first steps then go wrong, and in the outputs at step 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log, sqrt
from typing import Any

from gradflow.analysis.summary import Symptom
from gradflow.config import Config

FAR = 10.0  # times, or parts, of a root mean square of 1 from which a scale is in the way of training
EARLY = 20  # steps within which what goes wrong is laid to the data's scale
MOST, SOME = 0.5, 0.1  # of the loss of guessing, from which on a scale is blamed for what is left of it
NAME = "data-scale"
BURST = {"loss-spiking", "loss-swinging", "gradient-jump", "saturated-units", "dead-units", "non-finite"}
IDLE = {"loss-stalled", "loss-at-chance"}  # what large numbers do, and what small ones


def far_scales(data: Mapping[str, Any]) -> dict[str, float]:
    """The root mean squares of inputs and targets that are far from 1, as run.json's `data` tells them."""
    squares = {"inputs": data["q_0"], "targets": data.get("q_y")}
    scales = {name: sqrt(square) for name, square in squares.items() if square}
    return {name: scale for name, scale in scales.items() if not 1 / FAR <= scale <= FAR}


def scale_symptom(
    data: Mapping[str, Any], symptoms: Iterable[Symptom], left: float | None = None
) -> Symptom | None:
    """The data's scale, where it is far from 1 and something goes wrong in the first steps, or in the end.

    That is where most of what guessing gets wrong is `left` to learn, or some of it and something has gone
    wrong on the way: an optimizer whose steps do not grow with the gradients shows nothing at first.
    """
    scales = far_scales(data)
    if not scales:
        return None
    farthest = max(scales, key=lambda name: abs(log(scales[name])))
    value = scales.pop(farthest)
    blamed = BURST if value > 1 else IDLE
    first = min((symptom.step for symptom in symptoms if symptom.name in blamed), default=None)
    early = first is not None and first < EARLY
    if not early and (left is None or left < (MOST if first is None else SOME)):
        return None
    beside = "".join(f" (the {name} {scale:.3g})" for name, scale in scales.items())
    message = (
        f"the {farthest} have that root mean square{beside}, where weights and learning rates are made for "
        "1: standardize"
    )
    return Symptom(NAME, first or 0, None, value, FAR if value > 1 else 1 / FAR, message)


def can_standardize(config: Config, data: Mapping[str, Any]) -> bool:
    """Whether `data.standardize: true` is left to set: a data set has the key, and more than one sample."""
    return vars(config.data).get("standardize") is False and data["samples"] > 1


def starts_far_off(config: Config, data: Mapping[str, Any], loss: float) -> bool:
    """Whether the first loss tells of outputs that are beyond FAR times what they should come to.

    Squared errors grow as the square of the outputs, a cross entropy in proportion to them. False where
    nothing is known of the targets.
    """
    if config.training.loss == "cross_entropy":
        return not loss <= FAR * log(max(data["outputs"], 2))  # nan too
    square: float = data.get("q_y") or 0.0
    return square > 0 and not loss <= FAR**2 * square
