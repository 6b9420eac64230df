"""`HFFlow`: `watch` as a callback of transformers' Trainer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradflow.errors import InputError
from gradflow.torch.callback import TrainingWatch
from gradflow.torch.watch import WHAT, listed

try:
    TrainerCallback: Any = import_module("transformers").TrainerCallback
except ImportError:
    raise InputError("HFFlow needs transformers: pip install transformers") from None


class HFFlow(TrainingWatch, TrainerCallback):  # type: ignore[misc]  # whose class is known when it runs
    """Records a training of transformers': Trainer(..., callbacks=[HFFlow(every=50)]).

    Takes what `watch` takes, but the model, which the Trainer knows, as it does the scaler of fp16: `scaler`
    is for one of your own. Steps are the Trainer's optimizer steps, whatever it accumulates; dW is as it
    stands before the optimizer, clipped by max_grad_norm, so that what clipping left cannot be told. The
    Trainer tells no callback of the loss of a step. `flow` holds what was found.
    """

    def __init__(self, **settings: Any) -> None:
        what = [one for one in listed(settings.get("what", WHAT)) if one != "clip"]
        super().__init__(**settings | {"what": what})

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
        """Begin; a training that goes on from a checkpoint goes on with its steps."""
        scaler = getattr(rest.get("optimizer"), "scaler", None)
        self._begin(model, scaler, state.global_step)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Record the step."""
        if self.flow is not None:
            self.flow.step(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Publish what was recorded."""
        self._end()
