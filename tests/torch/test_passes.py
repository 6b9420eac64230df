"""Which passes through a model make up a step, and which of them are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gradflow.errors import InputError
from tests.torch.models import nn, torch
from tests.torch.test_mechanics import WIDTH, delta, loss_of, recorded, stack

from gradflow.torch import watch  # isort: skip

D = torch.distributions
X, Y = (torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def chain(readout: int = 1, activation: Any = nn.Tanh) -> Any:
    torch.manual_seed(0)
    layers = [module for _ in range(5) for module in (nn.Linear(WIDTH, WIDTH), activation())]
    return nn.Sequential(*layers, nn.Linear(WIDTH, readout))


def contrast(one: Any, other: Any) -> Any:
    return (one - 1).square().mean() + (other + 1).square().mean()


def own_delta(model: Any, *passes: Any) -> Any:
    """Mean over all samples of ln of the norm at each Linear of a chain, by autograd."""
    caught: list[list[Any]] = []
    outputs = []
    for x in passes:
        caught.append([])
        for module in model:
            x = module(x)
            if isinstance(module, nn.Linear):
                caught[-1].append(x)
        outputs.append(x)
    flat = [tensor for tensors in caught for tensor in tensors[:-1]]
    gradients = iter(torch.autograd.grad(contrast(*outputs), flat))
    per_pass = [torch.stack([next(gradients) for _ in tensors[:-1]]) for tensors in caught]
    both = torch.cat(per_pass, dim=1) * sum(map(len, passes))
    return both.norm(dim=2).log().mean(dim=1).tolist()


@pytest.mark.parametrize("shared", [False, True])
def test_passes_that_share_only_the_casts_of_weights_are_two(shared: bool) -> None:
    def loss(model: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=shared):
            return contrast(model(X), model(Y))

    model = chain()
    flow = recorded(model, loss, samples=None)
    assert flow.axis.names == ("0", "2", "4", "6", "8")
    for row in flow.rows:
        assert (row["batch"], row["backwards"]) == (12, 2)
        assert row["delta"] == pytest.approx(own_delta(model, X, Y), abs=0.05)


class Twins(nn.Module):
    """One chain, called for each of two inputs in one call of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.net = chain()

    def forward(self, one: Any, other: Any) -> Any:
        return self.net(one), self.net(other)


def test_two_passes_in_one_call_of_the_model_count_once_each() -> None:
    model = Twins()
    flow = recorded(model, lambda model: contrast(*model(X, Y)), samples=None, steps=3)
    assert flow.axis.names == tuple(f"net.{2 * i}" for i in range(5))
    for row in flow.rows:
        assert (row["batch"], row["backwards"]) == (12, 2)
        assert row["delta"] == pytest.approx(own_delta(model.net, X, Y), abs=1e-5)


class Loop(nn.Module):
    """One block, used as often as it is asked for, or a cell over as many steps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.block, self.head = nn.Linear(WIDTH, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x: Any, times: int) -> Any:
        x = self.enter(x)
        for _ in range(times):
            x = x + torch.tanh(self.block(x))
        return self.head(x)


@pytest.mark.parametrize("held", [False, True], ids=["the model", "a part of it"])
@pytest.mark.parametrize("later", [(8,), (2, 2), (4, 2), (8, 4)])
def test_calls_of_another_number_leave_their_step_out_with_a_note(
    later: Any, held: bool, capsys: Any
) -> None:
    called = Loop()
    model = nn.ModuleList([called]) if held else called
    with watch(model, samples=None) as flow:
        for counts in ((4,), later, (4, 4)):
            for times in counts:
                (called(X, times).square().mean() / len(counts)).backward()
            flow.step()
            model.zero_grad()
    assert [(row["step"], row["backwards"]) for row in flow.rows] == [(0, 1), (2, 2)]
    told = "step 1 is left out: its blocks are not called as often as at the first recorded step"
    assert told in capsys.readouterr().err


def test_steps_that_are_left_out_for_one_reason_are_told_once_with_their_number(capsys: Any) -> None:
    model, why = Loop(), "its blocks are not called as often as at the first recorded step"
    with watch(model, samples=None) as flow:
        for times in (4, 8, 8, 4, 8):
            model(X, times).square().mean().backward()
            flow.step()
            model.zero_grad()
        told = [line for line in capsys.readouterr().err.splitlines() if "left out: " in line]
        assert told == [f"gradflow: step 1 is left out: {why}"]
    assert capsys.readouterr().err == f"gradflow: 3 steps were left out: {why}\n"
    assert [row["step"] for row in flow.rows] == [0, 3]


def test_a_model_may_be_called_more_often_later() -> None:
    model = Twins()
    with watch(model, samples=None, quiet=True) as flow:
        for calls in (1, 2):
            for _ in range(calls):
                (contrast(*model(X, Y)) / calls).backward()
            with torch.no_grad():
                model(X, Y)
            flow.step()
            model.zero_grad()
    assert [(row["batch"], row["backwards"]) for row in flow.rows] == [(12, 2), (24, 4)]


@pytest.mark.parametrize("none", [True, False])
def test_a_generators_loss_is_none_of_a_critics(none: bool) -> None:
    generator, critic = nn.Linear(WIDTH, WIDTH), chain()
    rules = [torch.optim.SGD(each.parameters(), lr=1e-3) for each in (critic, generator)]
    loss = nn.functional.binary_cross_entropy_with_logits
    with watch(critic, samples=None, quiet=True) as flow:
        for _ in range(3):
            fake = generator(Y)
            rules[0].zero_grad(set_to_none=none)
            loss(critic(X), torch.ones(6, 1)).backward()
            loss(critic(fake.detach()), torch.zeros(6, 1)).backward()
            flow.step()
            rules[0].step()
            rules[1].zero_grad(set_to_none=none)
            loss(critic(fake), torch.ones(6, 1)).backward()
            rules[1].step()
    assert [(row["batch"], row["backwards"]) for row in flow.rows] == [(12, 2)] * 3


def test_gradients_that_are_thrown_away_within_one_graph_are_forgotten() -> None:
    """As those that the weights of several losses are found by."""

    def loss(model: Any) -> Any:
        output = model(X).square()
        (10 * output.mean()).backward(retain_graph=True)
        model.zero_grad()
        return output.mean()

    alone = recorded(chain(), lambda model: loss_of(model, X), samples=None)
    flow = recorded(chain(), loss, samples=None)
    for row in flow.rows:
        assert (row["batch"], row["backwards"]) == (6, 1)
        assert row["delta"] == pytest.approx(delta(alone), abs=1e-6)


def test_what_frozen_weights_pass_on_adds_up() -> None:
    """As in an attack, or where the inputs are learnt."""
    model, x = chain().requires_grad_(False), X.clone().requires_grad_()
    flow = recorded(model, *[lambda model: loss_of(model, x * 2)] * 2, samples=None, what=("delta",))
    assert [(row["batch"], row["backwards"]) for row in flow.rows] == [(12, 2)] * 2


@dataclass
class Given:
    logits: Any
    kept: int = 0


class Giving(nn.Module):
    """A chain whose output is made of what its last layer gives."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.net, self.made = chain(4), made

    def forward(self, x: Any) -> Any:
        return self.made(self.net(x))


@pytest.mark.parametrize(
    ("made", "loss"),
    [
        (Given, lambda output: output.logits.square().mean()),
        (lambda z: D.Categorical(logits=z), lambda output: -output.log_prob(torch.zeros(6)).mean()),
        (
            lambda z: D.Independent(D.Normal(*z.tanh().exp().chunk(2, dim=1)), 1),
            lambda output: -output.log_prob(torch.zeros(6, 2)).mean(),
        ),
    ],
    ids=["dataclass", "distribution", "distribution within another"],
)
def test_a_model_may_give_an_object_of_tensors(made: Any, loss: Any) -> None:
    flow = recorded(Giving(made), lambda model: loss(model(X)), samples=None)
    plain = recorded(chain(4), lambda model: loss(made(model(X))), samples=None)
    assert flow.axis.names == tuple(f"net.{2 * i}" for i in range(5))
    assert delta(flow) == pytest.approx(delta(plain), abs=1e-6)


class Hiding:
    """What `flat` does not look into."""

    def __init__(self, logits: Any) -> None:
        self.logits = logits


def test_a_model_that_gives_an_object_which_hides_its_tensors_is_told_so() -> None:
    told = "what Giving gives holds no tensor that can be seen.*: give a tensor, or a tuple, dict"
    with pytest.raises(InputError, match=told):
        recorded(Giving(Hiding), lambda model: model(X).logits.square().mean())


def test_a_later_loss_that_reaches_a_part_of_the_chain_is_left_out_with_a_note(capsys: Any) -> None:
    model = stack()
    with watch(model, samples=None) as flow:
        for early in (False, True, False):
            states = [model.stem(X)]
            for block in model.blocks:
                states.append(block(states[-1]))
            (states[2] if early else model.head(states[-1])).square().mean().backward()
            flow.step()
            model.zero_grad()
    assert [row["step"] for row in flow.rows] == [0, 2]
    assert "step 1 is left out: no gradient reaches blocks.3" in capsys.readouterr().err
