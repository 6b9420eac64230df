"""What trainings do to gradients: each gives the number that it should, or an error that names the cause."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.errors import GradflowError, InputError
from tests.torch.models import Residual, Sequence, Shared, nn, torch

from gradflow.torch import watch  # isort: skip

DEPTH, WIDTH = 5, 12
X = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(1))


def loss_of(model: Any, x: Any = X) -> Any:
    return model(x).square().mean()


class Block(nn.Module):
    """A block that may keep no activations."""

    def __init__(self, width: int = WIDTH, reentrant: bool | None = None) -> None:
        super().__init__()
        self.norm, self.linear, self.reentrant = nn.LayerNorm(width), nn.Linear(width, width), reentrant

    def branch(self, x: Any) -> Any:
        return x + torch.tanh(self.linear(self.norm(x)))

    def forward(self, x: Any) -> Any:
        if self.reentrant is None:
            return self.branch(x)
        return torch.utils.checkpoint.checkpoint(self.branch, x, use_reentrant=self.reentrant)


def stack(reentrant: bool | None = None, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    blocks = [Block(reentrant=reentrant) for _ in range(DEPTH)]
    return Sequence(nn.Linear(WIDTH, WIDTH), blocks, nn.Linear(WIDTH, 3))


def recorded(model: Any, *losses: Any, steps: int = 2, **settings: Any) -> Any:
    """The flow of a model after `steps` steps, each of the backward passes of these losses."""
    flow = watch(model, quiet=True, **settings).start()
    for _ in range(steps):
        for loss in losses or (loss_of,):
            loss(model).backward()
        flow.step()
        model.zero_grad()
    flow.close()
    assert len(flow.rows) == len(range(0, steps, settings.get("every", 1)))  # none is left out
    return flow


def delta(flow: Any, row: int = -1) -> Any:
    return np.array(flow.rows[row]["delta"])


REFERENCE = delta(recorded(stack(), samples=None))


@pytest.mark.parametrize("row", [0, 1], ids=["the step that finds the axis", "a later step"])
@pytest.mark.parametrize(
    "losses",
    [
        [lambda model: loss_of(model, X[:4]) / 2, lambda model: loss_of(model, X[4:]) / 2],
        [lambda model: (loss_of(model, X[:4]) + loss_of(model, X[4:])) / 2],
        [lambda model: loss_of(model, X[:2]) / 4, lambda model: loss_of(model, X[2:]) * 3 / 4],
    ],
    ids=["accumulation", "two passes in one backward", "batches of two sizes"],
)
def test_all_samples_between_two_steps_are_one_batch(losses: list[Any], row: int) -> None:
    assert delta(recorded(stack(), *losses, samples=None), row) == pytest.approx(REFERENCE, abs=1e-5)


@pytest.mark.parametrize("row", [0, 1])
def test_two_backward_passes_through_one_graph_add_up(row: int) -> None:
    def twice(model: Any) -> Any:
        output = model(X).square().mean()
        (output / 4).backward(retain_graph=True)
        return output * 3 / 4

    assert delta(recorded(stack(), twice, samples=None), row) == pytest.approx(REFERENCE, abs=1e-5)


@pytest.mark.parametrize("unscaled", [False, True], ids=["scaled", "unscaled before"])
def test_the_scale_of_a_grad_scaler_is_divided_out(unscaled: bool) -> None:
    plain = recorded(stack(), samples=None)
    model = stack()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    with watch(model, scaler=scaler, samples=None, quiet=True) as flow:
        scaler.scale(loss_of(model)).backward()
        if unscaled:
            scaler.unscale_(optimizer)
        flow.step()
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)
    assert flow.rows[0]["dw"] == pytest.approx(plain.rows[0]["dw"], abs=1e-5)
    assert flow.rows[0]["loss_scale"] == 2.0**14


@pytest.mark.parametrize("mine", ["scaled", "unscaled"])
@pytest.mark.parametrize("other", ["stepped", "unscaled"])
def test_a_scaler_of_two_models_is_divided_out_of_each(other: str, mine: str) -> None:
    plain = recorded(stack(), samples=None)
    models = [stack(seed=1), stack()]
    rules = [torch.optim.SGD(model.parameters(), lr=1e-3) for model in models]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    with watch(models[1], scaler=scaler, samples=None, quiet=True) as flow:
        for model in models:
            scaler.scale(loss_of(model)).backward()
        scaler.unscale_(rules[0])
        if other == "stepped":
            scaler.step(rules[0])
        if mine == "unscaled":
            scaler.unscale_(rules[1])
        flow.step()
        scaler.step(rules[1])
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)
    assert flow.rows[0]["dw"] == pytest.approx(plain.rows[0]["dw"], abs=1e-5)
    assert flow.rows[0]["clip_share"] == 1.0


@pytest.mark.parametrize("held", [2, 1], ids=["two optimizers", "one optimizer of a part"])
def test_a_scale_that_is_out_of_a_part_of_the_gradients_is_divided_out_of_the_rest(held: int) -> None:
    plain, model = recorded(stack(), samples=None), stack()
    parts = [model.blocks[:2].parameters(), [*model.blocks[2:].parameters(), *model.head.parameters()]]
    rules = [torch.optim.SGD(part, lr=1e-3) for part in parts[:held]]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    with watch(model, scaler=scaler, samples=None, quiet=True) as flow:
        scaler.scale(loss_of(model)).backward()
        scaler.unscale_(rules[0])
        flow.step()
        for rule in rules:
            scaler.step(rule)
    assert flow.rows[0]["dw"] == pytest.approx(plain.rows[0]["dw"], abs=1e-5)


def test_an_optimizer_that_the_garbage_collector_hides_is_the_models() -> None:
    model = stack()
    rule, scaler = torch.optim.SGD(model.parameters(), lr=1e-3), torch.amp.GradScaler("cpu")
    with watch(model, scaler=scaler, samples=None, quiet=True) as flow:
        scaler.scale(loss_of(model)).backward()
        scaler.unscale_(rule)
        gc.freeze()
        flow.step()
        gc.unfreeze()
    assert flow.rows[0]["dw"] == pytest.approx(recorded(stack(), samples=None).rows[0]["dw"], abs=1e-5)


@pytest.mark.parametrize("row", [0, 1])
def test_bfloat16_autocast_is_right_to_its_digits(row: int) -> None:
    def loss(model: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return loss_of(model)

    assert delta(recorded(stack(), loss, samples=None), row) == pytest.approx(REFERENCE, abs=0.05)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("reentrant", [False, True])
def test_activations_that_are_computed_again_count_once(reentrant: bool, row: int) -> None:
    flow = recorded(stack(reentrant), samples=None)
    assert delta(flow, row) == pytest.approx(REFERENCE, abs=1e-5)
    assert flow.rows[row]["backwards"] == 1


def test_the_axis_starts_where_a_gradient_is_needed() -> None:
    model = stack()
    for module in (model.stem, model.blocks[0], model.blocks[1]):
        module.requires_grad_(False)
    flow = recorded(model, samples=None)
    assert flow.axis.names == ("blocks.3", "blocks.4")
    assert delta(flow) == pytest.approx(REFERENCE[3:], abs=1e-5)


@pytest.mark.parametrize("made", [False, True])
def test_a_block_that_is_given_a_leaf_is_said_to_be(made: bool) -> None:
    """As the first behind a frozen embedding whose output is made to need a gradient."""

    def loss(model: Any) -> Any:
        x = X.clone().requires_grad_()
        return loss_of(model, x * 1 if made else x)

    flow = recorded(nn.Sequential(*stack().blocks), loss, samples=None)
    assert flow.axis.names == tuple(str(i) for i in range(0 if made else 1, DEPTH))
    why = "" if made else "; 1 other (0) is given a leaf, which no module made"
    stream = f"{DEPTH - (not made)} Block inputs (residual stream)"
    assert flow.axis.told == f"{stream}{why}; what comes before and after is left out"


def test_a_model_that_is_wholly_frozen_is_refused() -> None:
    model = stack().requires_grad_(False)
    flow = watch(model, quiet=True).start()
    loss_of(model)
    with pytest.raises(GradflowError, match="no gradient came to the model at step 0"):
        flow.step()


class LowRank(nn.Module):
    """A frozen Linear and a trained correction that starts at 0."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down, self.up = nn.Linear(WIDTH, 2, bias=False), nn.Linear(2, WIDTH, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Any) -> Any:
        return self.layer(x) + self.up(self.down(x))


def test_corrections_that_start_at_zero_do_not_make_a_network_dead() -> None:
    model = stack()
    for block in model.blocks:
        block.norm.requires_grad_(False)
        block.linear = LowRank(block.linear)
    flow = recorded(model, samples=None)
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)
    assert flow.flow.verdict == "stable"


def test_branches_that_start_at_zero_are_gated_and_not_dead() -> None:
    torch.manual_seed(0)
    linears = [nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)]
    for linear in linears:
        nn.init.zeros_(linear.weight)
    model = Sequence(nn.Linear(WIDTH, WIDTH), [Residual(linear) for linear in linears], nn.Linear(WIDTH, 3))
    flow = recorded(model)
    assert flow.rows[0]["branch"] == [0.0] * DEPTH
    assert (flow.flow.verdict, flow.c) == ("stable", 1.0)


def test_tied_weights_close_no_short_way() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])

        def forward(self, x: Any) -> Any:
            z = self.embed(x)
            for block in self.blocks:
                z = block(z)
            return z @ self.embed.weight.T

    flow = recorded(Tied(), lambda model: model(torch.arange(8) % 10).square().mean())
    assert flow.axis.names == tuple(f"blocks.{i}" for i in range(DEPTH))
    assert list(flow.rows[0]["dw"]) == ["mlp", "norm", "embedding"]


def test_batches_may_change_their_size() -> None:
    model = stack()
    with watch(model, samples=None, quiet=True) as flow:
        for batch in (8, 3, 8, 1):
            loss_of(model, X[:batch]).backward()
            flow.step()
    assert [row["batch"] for row in flow.rows] == [8, 3, 8, 1]
    assert delta(flow, 2) == pytest.approx(REFERENCE, abs=1e-5)


class Windows(nn.Module):
    """Blocks over all tokens as samples, then blocks over the mean of each sample's."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = (nn.ModuleList(Block() for _ in range(3)) for _ in range(2))
        self.enter = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        h = self.enter(x).flatten(0, 1)
        for block in self.low:
            h = block(h)
        h = h.unflatten(0, x.shape[:2]).mean(1)
        for block in self.high:
            h = block(h)
        return h


@pytest.mark.parametrize("samples", [16, 2, None])
def test_points_of_batches_of_several_sizes_are_refused(samples: int | None) -> None:
    model, x = Windows(), torch.randn(4, 7, WIDTH)
    told = (
        r"the samples of the batch are 28 at low\.0 and 4 at high\.0: name the modules of one part with axis"
    )
    with pytest.raises(InputError, match=told):
        recorded(model, lambda model: loss_of(model, x), samples=samples)
    flow = recorded(model, lambda model: loss_of(model, x), axis=["high.0", "high.1", "high.2"])
    assert flow.rows[0]["batch"] == 4


def test_a_sample_without_a_batch_is_told_to_be_one_of_one() -> None:
    model = nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    told = r"are 6 at 0 and 8 at 2: .*, or give one sample as a batch of one, x\[None\]"
    with pytest.raises(InputError, match=told):
        recorded(model, lambda model: loss_of(model, X[0]))


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"what": ("mean",)}, "what='mean': there are delta, branch, dw, update, clip"),
        ({"what": ("delta", "brunch")}, r"what='brunch': there are .*; did you mean branch\?"),
        ({"reduce": "delta"}, "reduce='delta': there are rank0, mean"),
        ({"reduce": "rank"}, r"reduce='rank': there are rank0, mean; did you mean rank0\?"),
    ],
)
def test_a_choice_is_one_of_its_own(choices: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=f"^watch: {told}$"):
        watch(stack(), **choices)


def test_the_first_samples_stand_for_the_batch() -> None:
    alone = recorded(stack(), lambda model: loss_of(model, X[:3]), samples=None)
    assert delta(recorded(stack(), samples=3)) == pytest.approx(delta(alone), abs=1e-5)


def test_the_axis_of_the_batch_may_be_another_one() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0)
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), model)
    x = torch.randn(7, 4, WIDTH)
    both = recorded(model, lambda model: loss_of(model, x), batch_dim=1)
    one = [recorded(model, lambda m, i=i: loss_of(m, x[:, i : i + 1]), batch_dim=1) for i in range(4)]
    assert delta(both) == pytest.approx(np.mean([delta(flow) for flow in one], axis=0), abs=1e-5)


@pytest.mark.parametrize("axis", [2, 5, -3])
def test_an_axis_of_the_batch_that_no_point_has_is_refused(axis: int) -> None:
    with pytest.raises(InputError, match=f"batch_dim={axis}: the gradients along the axis have 2 dimensions"):
        recorded(stack(), batch_dim=axis)


def test_what_is_looked_at_may_be_one_word() -> None:
    assert watch(stack(), what="delta").settings.what == {"delta"}
    with pytest.raises(InputError, match="'deltas'"):
        watch(stack(), what="deltas")


@pytest.mark.parametrize("name", ["every", "samples", "batch_dim", "seed"])
def test_a_setting_that_is_no_whole_number_is_refused(name: str) -> None:
    for value in (2.5, None) if name != "samples" else (2.5,):
        settings: dict[str, Any] = {name: value}
        with pytest.raises(InputError, match=f"{name}={value}: give a whole number"):
            watch(stack(), **settings)
    watch(stack(), **{name: np.int64(2)})


@pytest.mark.parametrize("with_gradients", [False, True], ids=["no_grad", "without a backward pass"])
def test_passes_that_evaluate_are_passed_over(with_gradients: bool) -> None:
    model = stack()
    with watch(model, samples=None, quiet=True) as flow:
        for _ in range(3):
            with torch.set_grad_enabled(with_gradients):
                loss_of(model, X[:2])
            loss_of(model).backward()
            with torch.set_grad_enabled(with_gradients):
                loss_of(model, X[:2])
            flow.step()
    assert [row["backwards"] for row in flow.rows] == [1, 1, 1]
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)


def test_a_step_whose_gradients_are_nan_is_in_the_verdict(tmp_path: Path) -> None:
    model = stack()
    with watch(model, quiet=True, save=tmp_path / "lost") as flow:
        for scale in (1.0, math.nan):
            (loss_of(model) * scale).backward()
            flow.step()
    assert flow.flow.verdict == "overflow"
    assert flow.run.summary.flow.initial.verdict == "stable"
    assert flow.run.summary.training.diverged_step == 1


def test_a_step_before_any_backward_pass_is_refused() -> None:
    model = stack()
    flow = watch(model, quiet=True).start()
    with pytest.raises(GradflowError, match=r"call step\(\) after backward\(\)"):
        flow.step()


def test_blocks_that_are_skipped_leave_their_step_out_with_a_note(capsys: Any) -> None:
    model = stack()
    with watch(model) as flow:
        for skipped in (None, 2, None):
            for i, block in enumerate(model.blocks):
                block.forward = (lambda x: x) if i == skipped else block.branch
            kept = list(model.blocks)
            model.blocks = nn.ModuleList([b for i, b in enumerate(kept) if i != skipped])
            loss_of(model).backward()
            flow.step()
            model.blocks = nn.ModuleList(kept)
    assert [row["step"] for row in flow.rows] == [0, 2]
    assert "step 1 is left out: another block than blocks.2 came in its place" in capsys.readouterr().err


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_batch_leaves_its_step_out_with_a_note(empty: int, capsys: Any) -> None:
    model = stack()
    with watch(model, samples=None) as flow:
        for number in range(3):
            loss_of(model, X[:0] if number == empty else X).backward()
            flow.step()
            model.zero_grad()
    assert [row["step"] for row in flow.rows] == [number for number in range(3) if number != empty]
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)
    assert f"step {empty} is left out: its batch is empty" in capsys.readouterr().err


@pytest.mark.parametrize("row", [0, 1])
def test_an_empty_part_of_a_batch_adds_no_sample(row: int) -> None:
    parts = [lambda model: loss_of(model, X), lambda model: model(X[:0]).square().sum()]
    assert delta(recorded(stack(), *parts, samples=None), row) == pytest.approx(REFERENCE, abs=1e-5)


def test_gradients_that_are_gone_are_told() -> None:
    model = stack()
    told = r"no parameter has a gradient: call step\(\) before zero_grad\(\)"

    def train() -> None:
        with watch(model, quiet=True) as flow:
            loss_of(model).backward()
            model.zero_grad()
            flow.step()

    with pytest.raises(GradflowError, match=told):
        train()
    assert hooks_of(model) == global_hooks() == 0


def test_a_step_of_a_recording_that_was_not_begun_says_how_to_begin_it() -> None:
    model = stack()
    flow = watch(model, quiet=True)
    loss_of(model).backward()
    with pytest.raises(InputError, match=r"has not begun: enter it, with watch\(\.\.\.\) as flow, or call"):
        flow.step()


def test_an_activation_that_overwrites_its_input_changes_nothing() -> None:
    def net(inplace: bool) -> Any:
        torch.manual_seed(0)
        layers = [each for _ in range(5) for each in (nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=inplace))]
        return nn.Sequential(*layers, nn.Linear(WIDTH, 3))

    one, other = (recorded(net(inplace)) for inplace in (False, True))
    for row in (0, 1):
        assert delta(one, row) == pytest.approx(delta(other, row), abs=1e-6)


def test_a_model_may_be_called_in_pieces() -> None:
    def loss(model: Any) -> Any:
        z = model.stem(X)
        for block in model.blocks:
            z = block(z)
        return model.head(z).square().mean()

    assert delta(recorded(stack(), loss, samples=None)) == pytest.approx(REFERENCE, abs=1e-5)


@pytest.mark.parametrize("both", [False, True], ids=["one in the loss", "both in the loss"])
def test_heads_side_by_side_share_the_chain_below_them(both: bool) -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.other = stack(), nn.Linear(WIDTH, 2)

        def forward(self, x: Any) -> Any:
            z = self.trunk.stem(x)
            for block in self.trunk.blocks:
                z = block(z)
            return {"one": self.trunk.head(z), "two": self.other(z)}

    def loss(model: Any) -> Any:
        output = model(X)
        return output["one"].square().mean() + (output["two"].square().mean() if both else 0)

    assert len(recorded(Heads(), loss).axis.names) == DEPTH


class Fork(nn.Module):
    """A small U-Net: the way down and the way up are tied at every level."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv1d(1 if i == 0 else 4, 4, 3, padding=1) for i in range(4)])
        self.up = nn.ModuleList([nn.Conv1d(8, 4, 3, padding=1) for _ in range(3)])
        self.out = nn.Conv1d(4, 1, 1)

    def forward(self, x: Any) -> Any:
        kept = []
        for conv in self.down:
            x = torch.relu(conv(x))
            kept.append(x)
        for conv, level in zip(self.up, reversed(kept[:-1]), strict=True):
            x = torch.relu(conv(torch.cat([x, level], dim=1)))
        return self.out(x)


def test_where_there_is_no_chain_the_segments_are_listed() -> None:
    model = Fork()
    flow = watch(model, quiet=True).start()
    loss_of(model, torch.randn(4, 1, 8)).backward()
    with pytest.raises(GradflowError, match=r"no chain.*outputs of down\.0, up\.2, out alone.*axis=\["):
        flow.step()


def test_modules_of_a_branch_may_be_named() -> None:
    flow = recorded(Fork(), lambda model: loss_of(model, X[:, None]), axis=["down.0", "down.1", "down.3"])
    assert flow.axis.names == ("down.0", "down.1", "down.3")


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ("depth", "axis 'depth': there are auto, blocks, modules, time"),
        (["blocks.0", "blocks.9"], "the model has no module 'blocks.9'"),
        ("time", "no module is called twice"),
    ],
)
def test_an_axis_that_cannot_be_is_refused(axis: Any, told: str) -> None:
    model = stack()
    flow = watch(model, axis=axis, quiet=True).start()
    loss_of(model).backward()
    with pytest.raises(GradflowError, match=told.replace("[", r"\[")):
        flow.step()


def test_a_fused_recurrent_module_says_what_cannot_be_seen() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.LSTM(8, 8, batch_first=True))
    flow = watch(model, axis="time", quiet=True).start()
    model(torch.randn(3, 6, 4))[0].square().mean().backward()
    with pytest.raises(GradflowError, match=r"1 \(LSTM\) is one call over all steps.*nn\.LSTMCell in a loop"):
        flow.step()


def test_every_call_of_a_shared_module_is_a_point() -> None:
    flow = recorded(Shared(), lambda model: loss_of(model, torch.randn(8, 30)))
    assert flow.axis.names[:3] == ("enter", "again[0]", "again[1]")
    assert 0.5 < flow.c < 0.65


def test_a_loss_that_is_kept_keeps_no_gradients() -> None:
    def held() -> int:
        gc.collect()
        tensors = (one for one in gc.get_objects() if type(one) is torch.Tensor)
        return sum(one.untyped_storage().nbytes() for one in tensors)

    model, x, losses = stack(), torch.randn(6400, WIDTH), []
    with watch(model, samples=None, quiet=True) as flow:
        for _ in range(3):
            before = held()
            losses.append(loss_of(model, x))
            losses[-1].backward()
            flow.step()
    assert held() - before < x.numel() * x.element_size()  # not even one gradient of the last


@pytest.mark.parametrize("every", [1, 3])
def test_a_backward_pass_after_the_step_is_none_of_it(every: int) -> None:
    model = stack()
    with watch(model, samples=None, quiet=True, every=every) as flow:
        for _ in range(4):
            loss = loss_of(model)
            loss.backward(retain_graph=True)
            flow.step()
            loss.backward()
            model.zero_grad()
    assert delta(flow) == pytest.approx(REFERENCE, abs=1e-5)


def global_hooks() -> int:
    """On all optimizers."""
    optimizer = import_module("torch.optim.optimizer")
    return len(optimizer._global_optimizer_pre_hooks) + len(optimizer._global_optimizer_post_hooks)


def hooks_of(model: Any) -> int:
    return sum(
        len(getattr(module, name))
        for module in model.modules()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    )


@pytest.mark.parametrize(
    ("numbers", "every", "recorded"),
    [
        (range(0, 60, 1), 10, [0, 10, 20, 30, 40, 50]),
        (range(0, 60, 4), 10, [0, 12, 20, 32, 40, 52]),
        (range(0, 320, 32), 10, [0, *range(64, 320, 32)]),
        ([7, 8, 19, 20, 21, 40, 41], 10, [7, 20, 41]),
        ([*range(13), *range(13)], 10, [0, 10, 10]),
    ],
    ids=["each", "strides", "strides that are longer", "gaps", "epochs"],
)  # fmt: skip
def test_steps_of_any_numbers_are_recorded_as_often(numbers: Any, every: int, recorded: list[int]) -> None:
    model = stack()
    with watch(model, quiet=True, every=every, what=("delta",)) as flow:
        for number in numbers:
            loss_of(model).backward()
            flow.step(number)
    assert [row["step"] for row in flow.rows] == recorded


def test_numbers_that_begin_anew_are_told_once_with_what_they_replace(capsys: Any) -> None:
    model = stack()
    with watch(model) as flow:
        for number in [0, 1, 2, 0, 1, 2, 1]:
            loss_of(model).backward()
            flow.step(number)
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "again" in line)
    words = "step 0 comes again: it replaces what was recorded from there on"
    assert told == f"gradflow: {words}; count on over epochs, or give no number"


def test_no_hook_is_left_between_recorded_steps() -> None:
    model = stack()
    counted = []
    with watch(model, every=3, quiet=True) as flow:
        for _ in range(7):
            counted.append(hooks_of(model))
            loss_of(model).backward()
            flow.step()
    assert [count > 0 for count in counted] == [True, False, False, True, False, False, True]
    assert not global_hooks()
    assert hooks_of(model) == 0
    assert [row["step"] for row in flow.rows] == [0, 3, 6]


def test_dw_and_update_are_those_of_the_parameters() -> None:
    model = stack()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, quiet=True) as flow:
        loss_of(model).backward()
        norms = [torch.cat([b.linear.weight.grad.flatten(), b.linear.bias.grad]) for b in model.blocks]
        weights = [torch.cat([b.linear.weight.flatten(), b.linear.bias]) for b in model.blocks]
        expected = torch.cat(norms).norm().item()
        ratio = 0.1 * expected / torch.cat(weights).norm().item()
        flow.step()
        optimizer.step()
    assert math.exp(flow.rows[0]["dw"]["mlp"]) == pytest.approx(expected, rel=1e-5)
    assert flow.rows[0]["update"]["mlp"] == pytest.approx(ratio, rel=1e-4)
    assert list(flow.rows[0]["dw"]) == ["mlp", "norm", "other"]


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm"])
@pytest.mark.parametrize("layer", [lambda: nn.Conv2d(4, 4, 3, padding=1), lambda: nn.Linear(6, 6)])
def test_weights_that_are_parametrized_are_of_the_group_of_the_plain_ones(layer: Any, name: str) -> None:
    def groups(wrapped: Any) -> list[str]:
        layers = [module for _ in range(4) for module in (wrapped(layer()), nn.ReLU())]
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 1))
        flow = recorded(model, lambda model: model(torch.randn(8, 4, 6, 6)).mean(), steps=1)
        return list(flow.rows[0]["dw"])

    assert groups(getattr(torch.nn.utils.parametrizations, name)) == groups(lambda module: module)


TOGETHER = Path(__file__).with_name("together.py")


def test_of_processes_that_train_together_the_first_writes(tmp_path: Path) -> None:
    command = [sys.executable, str(TOGETHER), str(tmp_path)]
    both = [subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
