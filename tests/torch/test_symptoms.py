"""Clipping and weights that do not move: what a watched training tells that no gradient does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.torch.models import nn, torch
from tests.torch.test_mechanics import DEPTH, global_hooks, loss_of, stack

from gradflow.torch import watch  # isort: skip
from gradflow.torch.axis import DepthAxis
from gradflow.torch.groups import Updates

AXIS = DepthAxis((), None, "", "modules", "")

CLIPPED: dict[str, tuple[Any, Any]] = {  # what cuts the gradients, and what it leaves
    "by norm": (lambda gs, norm: torch.nn.utils.clip_grad_norm_(gs, norm / 4), 0.25),
    "a norm that is not reached": (lambda gs, norm: torch.nn.utils.clip_grad_norm_(gs, 2 * norm), 1.0),
    "by a value that none has": (lambda gs, norm: torch.nn.utils.clip_grad_value_(gs, 1e3), 1.0),
    "nothing": (lambda gs, norm: None, 1.0),
}


def clipped(cut: Any, steps: int = 3, optimizer: Any = None, **settings: Any) -> Any:
    """The flow of a training whose gradients are cut."""
    model = stack()
    rule = (optimizer or torch.optim.SGD)(model.parameters(), lr=1e-3)
    with watch(model, quiet=True, **settings) as flow:
        for _ in range(steps):
            loss_of(model).backward()
            flow.step()
            norm = torch.cat([one.grad.flatten() for one in model.parameters()]).norm().item()
            cut(list(model.parameters()), norm)
            rule.step()
            rule.zero_grad()
    return flow


@pytest.mark.parametrize("name", CLIPPED)
def test_what_clipping_left_of_the_gradient_is_recorded(name: str) -> None:
    cut, share = CLIPPED[name]
    flow = clipped(cut)
    assert [row["clip_share"] for row in flow.rows] == pytest.approx([share] * 3, rel=1e-4)
    assert flow.rows[0]["dw"] == clipped(CLIPPED["nothing"][0]).rows[0]["dw"]  # which was before it


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "RMSprop", "Adagrad"])
def test_clipping_is_seen_whatever_the_optimizer(optimizer: str) -> None:
    flow = clipped(CLIPPED["by norm"][0], optimizer=getattr(torch.optim, optimizer), every=2)
    assert [row["clip_share"] for row in flow.rows] == pytest.approx([0.25, 0.25], rel=1e-4)


def test_a_training_that_clips_every_gradient_is_told(tmp_path: Path) -> None:
    flow = clipped(CLIPPED["by norm"][0], steps=8, save=tmp_path / "cut")
    summary = flow.run.summary
    assert (summary.training.clipped_share, summary.training.clip_share_median) == pytest.approx((1, 0.25))
    assert "gradient-clipped" in [symptom.name for symptom in summary.symptoms]
    assert "100.0% of the recorded gradients were clipped, to 0.250 of themselves" in " ".join(
        flow.report().split()
    )


def test_clipping_after_unscaling_is_told_from_the_scale() -> None:
    model = stack()
    rule = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with watch(model, quiet=True, scaler=scaler) as flow:
        scaler.scale(loss_of(model)).backward()
        flow.step()
        scaler.unscale_(rule)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9).item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), norm / 2)
        scaler.step(rule)
        scaler.update()
    assert flow.rows[0]["clip_share"] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("scale", [2.0**7, 2.0**16])
def test_a_scale_that_nobody_told_is_not_taken_for_clipping(scale: float, capsys: Any) -> None:
    model = stack()
    rule = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    with watch(model) as flow:
        for _ in range(8):
            rule.zero_grad()
            scaler.scale(loss_of(model)).backward()
            flow.step()
            scaler.step(rule)
            scaler.update()
    assert [math.isnan(row["clip_share"]) for row in flow.rows] == [True] * 8
    assert symptoms_of(flow) == []
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "scale" in line)
    words = "the gradients hold the scale of a GradScaler: pass it, watch(..., scaler=scaler)"
    assert told == f"gradflow: {words}"


def test_a_share_that_is_small_is_no_scale() -> None:
    flow = clipped(lambda gs, norm: torch.nn.utils.clip_grad_norm_(gs, norm / 100))
    assert [row["clip_share"] for row in flow.rows] == pytest.approx([0.01] * 3, rel=1e-3)


class Overwriting(torch.optim.Optimizer):  # type: ignore[name-defined,misc]
    """Averages gradients in place, as Muon does."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        if closure is not None:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for one in group["params"]:
                mean = self.state[one].setdefault("mean", torch.zeros_like(one.grad))
                mean.lerp_(one.grad, 0.05)
                one.sub_(one.grad.lerp_(mean, 0.95), alpha=group["lr"])


OVERWRITING = {
    "Muon": Overwriting,
    "Nesterov": lambda ps, lr: torch.optim.SGD(ps, lr=lr, momentum=0.9, nesterov=True, foreach=True),
}


@pytest.mark.parametrize("how", OVERWRITING)
@pytest.mark.parametrize("name", ["by norm", "nothing"])
def test_an_optimizer_that_overwrites_the_gradient_clips_nothing(name: str, how: str) -> None:
    cut, share = CLIPPED[name]
    flow = clipped(cut, steps=8, optimizer=OVERWRITING[how])
    assert [row["clip_share"] for row in flow.rows] == pytest.approx([share] * 8, rel=1e-4)


@pytest.mark.parametrize("given", ["by name", "by place"])
@pytest.mark.parametrize("every", [1, 2])
def test_clipping_in_the_closure_of_a_step_is_seen(every: int, given: str) -> None:
    model = stack()
    rule = Overwriting(model.parameters(), lr=1e-3)
    with watch(model, quiet=True, every=every) as flow:

        def closure() -> Any:
            rule.zero_grad()
            loss = loss_of(model)
            loss.backward()
            flow.step()
            norm = torch.cat([one.grad.flatten() for one in model.parameters()]).norm().item()
            torch.nn.utils.clip_grad_norm_(model.parameters(), norm / 4)
            return loss

        for _ in range(4):
            rule.step(closure=closure) if given == "by name" else rule.step(closure)
    assert [row["clip_share"] for row in flow.rows] == pytest.approx([0.25] * (4 // every), rel=1e-4)
    assert not global_hooks()


def test_two_models_are_watched_while_their_optimizers_step() -> None:
    models = [stack(), stack(seed=1)]
    rules = [torch.optim.SGD(model.parameters(), lr=1e-3) for model in models]
    flows = [watch(model, quiet=True).start() for model in models]
    for _ in range(2):
        for model in models:
            loss_of(model).backward()
        for flow in flows:
            flow.step()
        for rule in rules:
            rule.step()
    for flow in flows:
        flow.close()
        assert [row["clip_share"] for row in flow.rows] == [1.0, 1.0]
    assert not global_hooks()


@pytest.mark.parametrize("scaled", [False, True])
def test_what_two_optimizers_of_a_model_take_is_added_up(scaled: bool) -> None:
    model = stack()
    parts = [list(model.blocks.parameters()), [*model.stem.parameters(), *model.head.parameters()]]
    rules = [torch.optim.SGD(part, lr=1e-3) for part in parts]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=scaled)
    with watch(model, quiet=True, scaler=scaler if scaled else None) as flow:
        for _ in range(2):
            scaler.scale(loss_of(model)).backward()
            flow.step()
            for rule, part in zip(rules, parts, strict=True):
                scaler.unscale_(rule)
                torch.nn.utils.clip_grad_norm_(part, 1e-3)
                scaler.step(rule)
            scaler.update()
            model.zero_grad()
    assert len(flow.rows) == 2
    for row in flow.rows:
        norm = math.sqrt(sum(math.exp(2 * value) for value in row["dw"].values()))
        assert row["clip_share"] == pytest.approx(math.sqrt(2) * 1e-3 / norm, rel=1e-3)


def test_a_gradient_that_has_grown_is_not_one_that_nothing_clipped() -> None:
    flow = clipped(lambda gs, norm: torch._foreach_mul_([one.grad for one in gs], 3.0))
    assert [math.isnan(row["clip_share"]) for row in flow.rows] == [True] * 3


@pytest.mark.parametrize("why", ["no step", "other optimizer", "another gradient", "a closure"])
def test_clipping_that_was_not_seen_is_no_number(why: str) -> None:
    model, other = stack(), nn.Parameter(torch.ones(1))
    other.grad = torch.ones(1)
    rule = torch.optim.SGD([other] if why == "other optimizer" else model.parameters(), lr=1e-3)
    with watch(model, quiet=True) as flow:
        loss_of(model).backward()
        flow.step()
        if why == "another gradient":
            model.zero_grad()
            (2 * loss_of(model)).backward()
        if why == "a closure":
            rule.step(lambda: (model.zero_grad(set_to_none=False), (2 * loss_of(model)).backward()))
        elif why != "no step":
            rule.step()
    assert math.isnan(flow.rows[0]["clip_share"])
    assert not global_hooks()


def trained(held: Any, steps: int = 8, lr: float = 1e-2) -> Any:
    """The flow of a training whose optimizer holds some of the modules."""
    model = stack()
    rule = torch.optim.SGD([one for module in held(model) for one in module.parameters()], lr=lr)
    with watch(model, quiet=True) as flow:
        for _ in range(steps):
            loss = loss_of(model)
            loss.backward()
            flow.step(loss=loss)
            rule.step()
            model.zero_grad()
    return flow


SHAPES = [(4096, 64), (64, 4096), (96, 1000), (64, 64, 3, 3), (16, 4, 4096)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_updates_of_few_columns_or_a_bias_are_those_of_all_entries(
    shape: tuple[int, ...], dtype: Any
) -> None:
    torch.manual_seed(0)
    matrix = nn.Parameter(torch.randn(shape, dtype=dtype) / 8)
    bias = nn.Parameter(torch.rand(64, dtype=dtype))
    parts = {("mlp", None): [matrix, bias]}
    for moved in (matrix[..., ::2], matrix[..., 1::2], matrix[:8], bias):
        updates = Updates(parts, sharded=False)
        before = [one.detach().double().clone() for one in parts["mlp", None]]
        with torch.no_grad():
            moved.add_(0.25)
        both = [
            (one.detach().double() - start, start) for one, start in zip((matrix, bias), before, strict=True)
        ]
        step, size = (torch.cat([pair[i].flatten() for pair in both]).norm().item() for i in (0, 1))
        assert updates.ratios(AXIS)[0]["mlp"] == pytest.approx(step / size, rel=0.06)


def symptoms_of(flow: Any) -> list[tuple[str, int, int | None]]:
    return [(one.name, one.step, one.layer) for one in flow._run.summary.symptoms]


def test_a_block_that_the_optimizer_does_not_hold_is_frozen() -> None:
    flow = trained(lambda model: [model.stem, model.head, *(model.blocks[i] for i in (0, 1, 3, 4))])
    assert symptoms_of(flow) == [("frozen-layers", 0, 3)]
    assert [row["moved"][2] for row in flow.rows] == [0.0] * 8
    assert all(ratio > 0 for row in flow.rows for i, ratio in enumerate(row["moved"]) if i != 2)


def test_an_optimizer_without_the_parameters_is_told() -> None:
    flow = trained(lambda model: [nn.Linear(2, 2)])
    assert symptoms_of(flow) == [("no-update", 0, None)]


def test_a_learning_rate_that_falls_to_zero_is_told_from_there_on() -> None:
    model = stack()
    rule = torch.optim.SGD(model.parameters(), lr=1e-2)
    with watch(model, quiet=True) as flow:
        for number in range(8):
            rule.param_groups[0]["lr"] = 1e-2 if number < 5 else 0.0
            loss_of(model).backward()
            flow.step()
            rule.step()
            model.zero_grad()
    assert symptoms_of(flow) == [("no-update", 5, None)]


def test_blocks_that_are_frozen_on_purpose_are_not_told() -> None:
    def without(model: Any) -> Any:
        model.blocks[3].requires_grad_(False)
        return [model]

    flow = trained(without)
    assert symptoms_of(flow) == []
    assert [math.isnan(ratio) for ratio in flow.rows[0]["moved"]] == [False] * 3 + [True, False]


@pytest.mark.parametrize("lr", [1e-4, 1e-2])
def test_a_healthy_training_has_no_symptom(lr: float) -> None:
    flow = trained(lambda model: [model], 40, lr)
    assert symptoms_of(flow) == []
    assert len(flow.rows[0]["moved"]) == DEPTH
    assert {row["clip_share"] for row in flow.rows} == {1.0}


@pytest.mark.parametrize("how", ["killed before the optimizer", "after the optimizer", "by hand"])
def test_an_update_is_known_where_something_has_stepped(how: str) -> None:
    model = stack()
    rule = torch.optim.SGD(model.parameters(), lr=1e-2)
    with watch(model, quiet=True) as flow:
        for number in range(8):
            rule.zero_grad()
            loss_of(model).backward()
            if how == "after the optimizer":
                rule.step()
            flow.step()
            if how == "by hand":
                with torch.no_grad():
                    for one in model.parameters():
                        one -= 0.1 * one.grad
            elif how.startswith("killed") and number < 7:
                rule.step()
    table = flow.table()
    assert [row["step"] for row in table if not row["update_ratio"] > 0] == (
        [] if how == "by hand" else [7] * DEPTH
    )
    assert all(math.isnan(row["update_ratio"]) for row in table if not row["update_ratio"] > 0)
    assert symptoms_of(flow) == []


def test_a_training_that_never_steps_is_told() -> None:
    model = stack()
    with watch(model, quiet=True) as flow:
        for _ in range(8):
            loss_of(model).backward()
            flow.step()
            model.zero_grad()
    assert [row["moved"] for row in flow.rows] == [[0.0] * DEPTH] * 8
    assert symptoms_of(flow) == [("no-update", 0, None)]
