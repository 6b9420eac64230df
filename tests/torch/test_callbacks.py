"""`watch` inside the trainers of Lightning and transformers."""

from __future__ import annotations

import math
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradflow import load
from tests.torch.models import CASES, torch
from tests.torch.test_mechanics import X, global_hooks, hooks_of, loss_of, stack

import gradflow.torch as gft  # isort: skip

STEPS = 6


@pytest.mark.filterwarnings("ignore")  # of Lightning
def test_lightning_records_every_other_step(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch", reason="needs Lightning: pip install lightning")

    losses: list[float] = []

    class Module(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = stack()

        def training_step(self, batch: Any) -> Any:
            loss = loss_of(self.model, batch)
            losses.append(float(loss))
            return loss

        def validation_step(self, batch: Any) -> Any:
            return loss_of(self.model, batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    callback = gft.LightningFlow(every=2, save=tmp_path / "lit", quiet=True)
    data = torch.utils.data.DataLoader(X.repeat(2 * STEPS, 1), batch_size=8)
    trainer = lightning.Trainer(
        max_steps=STEPS, accumulate_grad_batches=2, callbacks=[callback], logger=False, accelerator="cpu",
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        gradient_clip_val=0.01, val_check_interval=4,
    )  # fmt: skip
    trainer.fit(Module(), data, data)
    run = load(callback.flow.run.path)
    assert list(run["step"]) == [0, 2, 4]
    assert set(run["backwards"][:, 0]) == {2.0}
    assert run["loss"][:, 0] == pytest.approx(np.mean(np.reshape(losses, (STEPS, 2)), axis=1)[::2])
    assert run.summary.config["data"]["layers"][0] == "model.blocks.0"
    groups = [values[:, 0] for name, values in run.recording.items() if name.startswith("log_dw_")]
    norms = np.sqrt(np.exp(2 * np.array(groups)).sum(axis=0))  # before the Trainer clips to 0.01
    assert run["clip_share"][:, 0] == pytest.approx(0.01 / norms, rel=1e-3)


@pytest.mark.filterwarnings("ignore")  # of transformers
def test_the_trainer_of_transformers_records_its_steps(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install transformers")
    pytest.importorskip("accelerate", reason="needs accelerate: pip install accelerate")
    case = CASES["gpt-2"]()
    callback = gft.HFFlow(every=3, save=tmp_path / "hf", quiet=True)
    rows = [{"input_ids": row, "labels": row} for row in case.inputs.repeat(8, 1)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=STEPS, per_device_train_batch_size=4, report_to=[],
        gradient_accumulation_steps=2, save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    transformers.Trainer(case.model, arguments, train_dataset=rows, callbacks=[callback]).train()
    run = load(callback.flow.run.path)
    assert list(run["step"]) == [0, 3]
    assert set(run["backwards"][:, 0]) == {2.0}
    assert all(map(math.isfinite, run["log_delta_norm"].flat))
    assert np.isnan(run["clip_share"]).all()  # it clips before it tells


def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the libraries, whose callbacks are then told of steps by hand."""
    for name, base in (("transformers", "TrainerCallback"), ("lightning.pytorch", "Callback")):
        module: Any = ModuleType(name)
        setattr(module, base, object)
        monkeypatch.setitem(sys.modules, name, module)
    lightning = ModuleType("lightning")
    lightning.__spec__ = ModuleSpec("lightning", None)
    monkeypatch.setitem(sys.modules, "lightning", lightning)
    for name in ("hugging_face", "lightning"):  # they are loaded again, and later without the stand-ins
        monkeypatch.setitem(sys.modules, f"gradflow.torch.{name}", None)
        monkeypatch.delitem(sys.modules, f"gradflow.torch.{name}")


def test_the_loss_of_a_step_that_broke_off_is_none_of_the_next_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_ins(monkeypatch)
    callback, model = gft.LightningFlow(quiet=True), stack()
    trainer = SimpleNamespace(precision_plugin=None, global_step=0)
    for breaks in (True, False):
        callback.on_train_start(trainer, model)
        loss = loss_of(model)
        callback.on_before_backward(trainer, model, loss)
        if breaks:
            callback.on_exception(trainer, model, KeyboardInterrupt())
            continue
        loss.backward()
        callback.on_before_optimizer_step(trainer, model, None)
        callback.on_train_end(trainer, model)
    assert callback.flow.rows[0]["loss"] == pytest.approx(float(loss.detach()))


def test_a_training_that_was_interrupted_ends_where_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Trainer of transformers tells no callback of what breaks it off."""
    stand_ins(monkeypatch)
    callback, model, state = gft.HFFlow(quiet=True), stack(), SimpleNamespace(global_step=0)
    for ends in (False, True):
        callback.on_train_begin(None, state, None, model=model)
        loss_of(model).backward()
        callback.on_pre_optimizer_step(None, state, None)
        if ends:
            callback.on_train_end(None, state, None)
    assert hooks_of(model) == global_hooks() == 0


@pytest.mark.parametrize(("what", "kept"), [("dw", {"dw"}), ("clip", set()), (["dw", "clip"], {"dw"})])
def test_what_the_trainer_of_transformers_records_may_be_one_word(
    what: Any, kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins(monkeypatch)
    callback = gft.HFFlow(what=what, quiet=True)
    callback.on_train_begin(None, SimpleNamespace(global_step=0), None, model=stack())
    callback.on_train_end(None, None, None)
    assert callback.flow.settings.what == kept


@pytest.mark.parametrize("kind", ["HFFlow", "LightningFlow"])
@pytest.mark.parametrize("given", [True, False])
def test_the_scaler_of_a_trainer_is_its_own_if_none_is_given(
    given: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins(monkeypatch)
    one, other = (SimpleNamespace(get_scale=lambda scale=scale: scale) for scale in (2.0, 4.0))
    callback = getattr(gft, kind)(quiet=True, **({"scaler": other} if given else {}))
    holder = SimpleNamespace(scaler=one)
    if kind == "HFFlow":
        state = SimpleNamespace(global_step=0)
        callback.on_train_begin(None, state, None, model=stack(), optimizer=holder)
    else:
        callback.on_train_start(SimpleNamespace(precision_plugin=holder, global_step=0), stack())
    callback.flow.close()
    assert callback.flow.scaler is (other if given else one)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradflow.errors import InputError

    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "gradflow.torch.hugging_face", raising=False)
    with pytest.raises(InputError, match="HFFlow needs transformers: pip install transformers"):
        _ = gft.HFFlow
