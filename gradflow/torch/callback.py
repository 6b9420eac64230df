"""What the callbacks of trainers share: a recording that begins and ends with each training."""

from __future__ import annotations

from typing import Any

from torch import nn

from gradflow.torch.flow import WatchedFlow
from gradflow.torch.watch import watch


class TrainingWatch:
    """Holds what `watch` is given, and the `flow` of the training that is under way, or was the last."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.flow: WatchedFlow | None = None

    def _begin(self, model: nn.Module, scaler: Any, step: int) -> None:
        """A recording from a step on; that of a training which was broken off ends, if nothing told of it.

        A scaler of the settings, as of a training_step of one's own, is taken for the trainer's.
        """
        self._end()
        scaler = self.settings.get("scaler") or scaler
        self.flow = watch(model, **self.settings | {"scaler": scaler}).start(step)

    def _end(self) -> None:
        """Publish what was recorded."""
        if self.flow is not None:
            self.flow.close()
