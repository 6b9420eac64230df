"""Losses that look at a model's inside: blocks that they pass by are not on the axis."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from gradflow.errors import GradflowError
from tests.torch.models import Shared, nn, torch
from tests.torch.test_mechanics import DEPTH, WIDTH, X, loss_of, recorded, stack

from gradflow.torch import watch  # isort: skip

MIDST = 2  # the block at whose input the second loss looks


def hidden(model: Any, x: Any = X) -> list[Any]:
    """The stream at the input of each block, and what is read out."""
    states = [model.stem(x)]
    for block in model.blocks:
        states.append(block(states[-1]))
    return [*states, model.head(states[-1])]


def supervised_within(model: Any, x: Any = X) -> Any:
    states = hidden(model, x)
    return states[-1].square().mean() + states[MIDST].abs().mean()


class Telling(nn.Module):
    """Gives its hidden states beside its output, as models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = stack()

    def forward(self, x: Any) -> Any:
        *states, output = hidden(self.inner, x)
        return {"output": output, "states": tuple(states)}


def told_within(model: Any) -> Any:
    output = model(X)
    return output["output"].square().mean() + output["states"][MIDST].abs().mean()


def caught_within(model: Any) -> Any:
    caught: list[Any] = []
    hook = model.blocks[MIDST].register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    output = model(X)
    hook.remove()
    return output.square().mean() + caught[0].abs().mean()


@pytest.mark.parametrize(
    ("model", "loss"),
    [(stack, supervised_within), (Telling, told_within), (stack, caught_within)],
    ids=["called in pieces", "hidden states in the output", "caught by a hook"],
)
def test_blocks_that_a_loss_passes_by_are_not_on_the_axis(model: Any, loss: Any) -> None:
    flow = recorded(model(), loss, samples=None)
    assert [name[-8:] for name in flow.axis.names] == [f"blocks.{i}" for i in range(MIDST + 1)]
    assert f"; {DEPTH - MIDST - 1} others (" in flow.axis.told
    assert "are not between all of the loss and the input" in flow.axis.told
    logs = []
    for x in X:
        alone = stack()
        states = hidden(alone, x[None])
        for state in states:
            state.retain_grad()
        (states[-1].square().mean() + states[MIDST].abs().mean()).backward()
        logs.append(torch.stack([state.grad.norm().log() for state in states[: MIDST + 1]]))
    expected = torch.stack(logs).mean(0).tolist()
    for row in flow.rows:
        assert row["delta"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (DEPTH - 2, f"1 other (blocks.{DEPTH - 1}) is not between all of the loss and the input"),
        (DEPTH - 3, f"2 others (blocks.{DEPTH - 2} to blocks.{DEPTH - 1}) are not between all of the loss"),
    ],
)
def test_a_block_that_is_passed_by_alone_is_told_of_as_one(block: int, told: str) -> None:
    def loss(model: Any) -> Any:
        states = hidden(model)
        return states[-1].square().mean() + states[block].abs().mean()

    assert f"; {told}" in recorded(stack(), loss, samples=None).axis.told


def test_hidden_states_that_no_loss_looks_at_change_nothing() -> None:
    flow = recorded(Telling(), lambda model: model(X)["output"].square().mean(), samples=None)
    assert len(flow.axis.names) == DEPTH
    assert flow.rows[0]["delta"] == pytest.approx(recorded(stack(), samples=None).rows[0]["delta"], abs=1e-6)


def test_a_loss_at_every_block_leaves_no_chain() -> None:
    with pytest.raises(GradflowError, match="no chain: the gradient takes several ways past them"):
        recorded(stack(), lambda model: sum(state.square().mean() for state in hidden(model)))


def test_blocks_that_are_named_are_told_to_be_passed_by() -> None:
    names = [f"blocks.{i}" for i in range(DEPTH)]
    flow = recorded(stack(), supervised_within, axis=names)
    assert (
        flow.axis.told == f"5 modules as named; a part of the gradient passes by {DEPTH - MIDST - 1} of them"
    )
    assert recorded(stack(), axis=names).axis.told == "5 modules as named"


def test_a_second_backward_from_the_midst_is_refused() -> None:
    def loss(model: Any) -> Any:
        states = hidden(model)
        states[-1].square().mean().backward(retain_graph=True)
        return states[MIDST].abs().mean()

    with pytest.raises(GradflowError, match=r"further backward\(\).*reaches blocks\.2, not .*add the losses"):
        recorded(stack(), loss)


def test_a_second_backward_that_passes_all_of_the_chain_adds_up() -> None:
    def loss(model: Any) -> Any:
        states = hidden(model)
        states[MIDST].abs().mean().backward(retain_graph=True)
        return states[-1].square().mean()

    flow, once = recorded(stack(), loss, samples=None), recorded(stack(), supervised_within, samples=None)
    assert flow.axis.names == once.axis.names
    assert flow.rows[0]["delta"] == pytest.approx(once.rows[0]["delta"], abs=1e-6)


def test_calls_of_a_shared_module_that_a_loss_passes_by_are_passed_over() -> None:
    class Early(Shared):
        def forward(self, x: Any) -> Any:
            x = torch.tanh(self.enter(x))
            states = [x]
            for _ in range(self.times):
                states.append(torch.tanh(self.again(states[-1])))
            return self.head(states[-1]), states[10]

    def loss(model: Any) -> Any:
        late, early = model(torch.ones(4, 30))
        return late.square().mean() + early.square().mean()

    flow = recorded(Early(), loss, steps=3)
    assert flow.axis.names == ("enter", *(f"again[{i}]" for i in range(10)))
    assert len(flow.rows) == 3
    assert flow.rows[2]["delta"] == pytest.approx(flow.rows[0]["delta"], abs=1e-6)


def test_torch_has_its_own_backward_again_after_the_axis_is_found() -> None:
    plain = torch.autograd.backward
    model = stack()
    flow = recorded(model)
    assert flow.rows
    assert torch.autograd.backward is plain
    with pytest.raises(GradflowError, match="no gradient came to the model"):
        recorded(model, lambda model: torch.zeros(1, requires_grad=True).sum())
    assert torch.autograd.backward is plain


def test_two_models_find_their_axes_in_one_step() -> None:
    one, other = stack(), stack(seed=1)
    with watch(one, quiet=True) as first, watch(other, quiet=True) as second:
        loss_of(one).backward()
        first.step()
        loss_of(other).backward()
        second.step()
    assert len(first.axis.names) == len(second.axis.names) == DEPTH


def gradient_at(model: Any, x: Any, create_graph: bool = False) -> tuple[Any, Any]:
    """The model's output at some inputs, and its gradient there by torch.autograd.grad."""
    x = x.clone().requires_grad_()
    output = model(x)
    (gradient,) = torch.autograd.grad(output.sum(), x, create_graph=create_graph)
    return output, gradient


def penalized(model: Any, x: Any = X) -> Any:
    """A loss that looks at the gradient (R1, WGAN-GP, PINN)."""
    output, gradient = gradient_at(model, x, create_graph=True)
    return output.square().mean() + gradient.square().sum(1).mean()


def attacked(model: Any, x: Any = X) -> Any:
    """At inputs that a gradient has moved (FGSM)."""
    return model(x + 0.1 * gradient_at(model, x)[1].sign()).square().mean()


def smooth() -> Any:
    torch.manual_seed(0)
    layers = [module for _ in range(DEPTH) for module in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 3))


@pytest.mark.parametrize("loss", [penalized, attacked])
def test_gradients_of_no_loss_are_not_recorded(loss: Any) -> None:
    names = [str(2 * i) for i in range(DEPTH)]
    flow = recorded(smooth(), loss, samples=None, axis=names, steps=3)
    logs = []
    for x in X:
        alone, caught = smooth(), list[Any]()
        for name in names:
            alone[int(name)].register_forward_hook(
                lambda module, args, output, caught=caught: caught.append(output)
            )
        gradients = torch.autograd.grad(loss(alone, x[None]), caught, allow_unused=True)
        logs.append(torch.stack([gradient.norm().log() for gradient in gradients if gradient is not None]))
    expected = torch.stack(logs).mean(0).tolist()
    for row in flow.rows:
        assert row["delta"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.LeakyReLU])
def test_a_pass_whose_gradient_alone_is_looked_at_is_none(activation: Any) -> None:
    """A penalty at other inputs (WGAN-GP)."""

    def critic() -> Any:
        torch.manual_seed(0)
        layers = [module for _ in range(DEPTH) for module in (nn.Linear(WIDTH, WIDTH), activation())]
        return nn.Sequential(*layers, nn.Linear(WIDTH, 1))

    def loss(model: Any) -> Any:
        penalty = gradient_at(model, X + 1, create_graph=True)[1].norm(dim=1).sub(1).square().mean()
        return model(X).square().mean() + penalty

    flow = recorded(critic(), loss, samples=None, steps=3)
    alone = recorded(critic(), samples=None)
    for row in flow.rows:
        assert (row["batch"], row["backwards"], row["lost"]) == (len(X), 1, 0)
        assert row["delta"] == pytest.approx(alone.rows[0]["delta"], abs=1e-6)


def test_passes_without_a_backward_are_let_go_at_once() -> None:
    """Such as those that an accuracy is looked at with, where no_grad was forgotten."""
    alive, counts = list[None](), []

    class Box:
        def __init__(self, tensor: Any) -> None:
            self.tensor = tensor.detach()
            alive.append(None)

        def __del__(self) -> None:
            alive.pop()

    model = smooth()
    with watch(model, quiet=True) as flow:
        loss_of(model).backward()
        flow.step()
        with torch.autograd.graph.saved_tensors_hooks(Box, lambda box: box.tensor):
            loss_of(model).backward()
            for _ in range(5):
                loss_of(model)
                counts.append(len(alive))
        flow.step()
    assert [row["backwards"] for row in flow.rows] == [1, 1]
    assert counts == [0] * 5


def test_what_a_model_gives_is_saved_without_a_warning() -> None:
    model = smooth()
    with watch(model, quiet=True) as flow:
        for _ in range(2):
            output = model(X)
            torch.save(output, BytesIO())
            output.square().mean().backward()
            flow.step()
    assert len(flow.rows) == 2


def test_a_penalty_may_have_a_backward_of_its_own() -> None:
    def loss(model: Any) -> Any:
        output, gradient = gradient_at(model, X, create_graph=True)
        output.square().mean().backward(retain_graph=True)
        return gradient.square().sum(1).mean()

    names = [str(2 * i) for i in range(DEPTH)]
    flow, once = (recorded(smooth(), each, samples=None, axis=names) for each in (loss, penalized))
    for row in flow.rows:
        assert row["delta"] == pytest.approx(once.rows[0]["delta"], abs=1e-5)
