"""The order of advice: what theory expects to train stands before what is stable alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradflow.analysis.candidates import expected
from gradflow.analysis.changes import changed
from gradflow.analysis.predictions import inputs_of
from gradflow.analysis.summary import Advice
from gradflow.analysis.theorist import DEEPEST
from gradflow.config import Config


def trainable_first(config: Config, data: Mapping[str, Any], found: tuple[Advice, ...]) -> tuple[Advice, ...]:
    """The advice in its order, unless the first leaves a network untrainable: then such advice comes last.

    The order stays where each layer has a width of its own, which a change may not fit, and of networks
    deeper than advice looks.
    """
    model = config.model
    looked_at = len(found) > 1 and model.depth <= DEEPEST and not isinstance(model.width, tuple)
    if not looked_at or not _is_untrainable(config, data, found[0]):
        return found
    return tuple(sorted(found, key=lambda one: _is_untrainable(config, data, one)))


def _is_untrainable(config: Config, data: Mapping[str, Any], advice: Advice) -> bool:
    """Whether theory expects that the config, so changed, trains at no learning rate."""
    return expected(changed(config, advice.set), inputs_of(data))[1].verdict == "untrainable"
