"""When a training ends before its last step: by its evaluations, as means over its networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradflow.arrays import Array

WORDS = {"train": "the evaluated training samples", "test": "the held-out samples"}


@dataclass(frozen=True)
class Stop:
    """Whichever comes first: the training loss is at most `loss`, the accuracy on held-out samples at least
    `accuracy`, or `plateau` evaluations in a row bring no lower held-out loss.

    Where nothing is held out, the training samples stand for what would be. None asks for nothing.
    """

    loss: float | None = None
    accuracy: float | None = None
    plateau: int | None = None

    @property
    def asks(self) -> bool:
        """Whether it can end a training at all."""
        return self != NEVER

    def reason(self, curves: Mapping[str, Array]) -> str | None:
        """Why a training ends after the evaluations (evals, seeds) so far; None if it goes on."""
        part = "test" if "loss_test" in curves else "train"
        if self.loss is not None and _last(curves["loss_train"]) <= self.loss:
            return f"the loss on {WORDS['train']} is down to {self.loss:g}"
        if self.accuracy is not None and _last(curves[f"accuracy_{part}"]) >= self.accuracy:
            return f"the accuracy on {WORDS[part]} is up to {self.accuracy:g}"
        if self.plateau is not None and _since_lowest(curves[f"loss_{part}"]) >= self.plateau:
            noun = "evaluation" if self.plateau == 1 else "evaluations"
            return f"the loss on {WORDS[part]} has not fallen for {self.plateau} {noun}"
        return None


NEVER = Stop()


def _last(curve: Array) -> float:
    return float(curve[-1].mean())


def _since_lowest(curve: Array) -> int:
    """How many evaluations have come since the one with the lowest mean."""
    means = curve.mean(axis=1)
    return len(means) - 1 - int(np.nanargmin(means)) if np.isfinite(means).any() else 0
