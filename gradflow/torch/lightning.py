"""`LightningFlow`: `watch` as a callback of a Lightning Trainer."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gradflow.errors import InputError
from gradflow.torch.callback import TrainingWatch

HOMES = {"lightning": "lightning.pytorch", "pytorch_lightning": "pytorch_lightning"}
FOUND = next((home for package, home in HOMES.items() if find_spec(package)), None)
if FOUND is None:
    raise InputError("LightningFlow needs Lightning: pip install lightning")
Callback: Any = import_module(FOUND).Callback


class LightningFlow(TrainingWatch, Callback):  # type: ignore[misc]  # whose class is known when it runs
    """Records a training of Lightning's: Trainer(callbacks=[LightningFlow(every=50)]).

    Takes what `watch` takes, but the model, which the Trainer knows, as it does the scaler of its precision:
    `scaler` is for one of your own. Steps are the Trainer's optimizer steps, whatever it accumulates, with
    its loss; dW is as it stands before the Trainer clips it. Of a module with several optimizers (a GAN)
    `watch` each part instead. `flow` holds what was found.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._losses: list[float] = []  # of the step that is under way, if it is recorded

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Begin; a training that goes on from a checkpoint goes on with its steps."""
        self._losses.clear()  # of a step that was broken off
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._begin(module, scaler, trainer.global_step)

    def on_before_backward(self, trainer: Any, module: Any, loss: Any) -> None:
        """Take a part of the loss, which Lightning has divided by their number, and scaled."""
        if self.flow is not None and self.flow.records:
            scaler = self.flow.scaler
            self._losses.append(float(loss.detach()) / (scaler.get_scale() if scaler else 1.0))

    def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: Any) -> None:
        """Record the step, with the loss of all that it accumulates."""
        if self.flow is not None:
            self.flow.step(trainer.global_step, loss=sum(self._losses) if self._losses else None)
            self._losses.clear()

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Publish what was recorded."""
        self._end()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Publish what was recorded until then."""
        self._end()
