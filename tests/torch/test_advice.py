"""Advice on models that were spoilt in one place: followed, it mends them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gradflow import load
from tests.torch.models import nn, torch

from gradflow.torch import watch  # isort: skip

DEPTH, WIDTH = 20, 64
GAINS = {nn.Tanh: 1.1, nn.ReLU: 2**0.5, nn.GELU: 1.5, nn.SiLU: 1.6}


def chain(activation: Any) -> Any:
    """Linear modules by turns with an activation, each of them stable."""
    gain = GAINS[activation]
    model = nn.Sequential(*[part for _ in range(DEPTH) for part in (nn.Linear(WIDTH, WIDTH), activation())])
    for layer in model[::2]:
        nn.init.xavier_normal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return model.append(nn.Linear(WIDTH, 10))


def looked_at(model: Any, save: Path | None = None) -> Any:
    """The summary of one recorded step."""
    torch.manual_seed(1)
    x, y = torch.randn(64, WIDTH), torch.randint(10, (64,))
    with watch(model, samples=None, quiet=True, save=save) as flow:
        nn.functional.cross_entropy(model(x), y).backward()
        flow.step()
    return flow._run.summary if save is None else load(flow.run.path).summary


def follow(module: Any, advice: Any) -> None:
    """Do to a module what the advice says."""
    with torch.no_grad():
        exec(advice.torch.removeprefix("with torch.no_grad(): "), {"layer": module})


SPOILT = [(nn.Tanh, 0, 1e3), (nn.GELU, 0, 1e-3), (nn.GELU, 20, 1e-3), (nn.GELU, 20, 1e3)]
SPOILT += [
    (one, layer, times) for one in (nn.Tanh, nn.ReLU) for layer in (2, 20, 38) for times in (1e-3, 1e3)
]


@pytest.mark.parametrize(("activation", "layer", "times"), SPOILT)
def test_weights_of_another_size_are_brought_to_that_of_the_others(
    activation: Any, layer: int, times: float
) -> None:
    """Too large, they saturate their own layer, and the factor that stands out is not theirs."""
    torch.manual_seed(0)
    model = chain(activation)
    with torch.no_grad():
        model[layer].weight.mul_(times)
    before = looked_at(model)
    (advice,) = before.advice
    assert advice.message.startswith(f"the weights of layer {layer} are ")
    assert float(re.findall(r"mul_\((.*)\)", advice.torch)[0]) == pytest.approx(1 / times, rel=0.05)
    follow(model[layer], advice)
    after = looked_at(model)
    assert (after.flow.initial.verdict, after.advice, after.symptoms) == ("stable", (), ())


@pytest.mark.parametrize(("activation", "bias"), [(nn.Tanh, 3.0), (nn.SiLU, -8.0)])
def test_a_layer_that_its_biases_shut_is_told_to_look_at_them(
    activation: Any, bias: float, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = chain(activation)
    nn.init.constant_(model[20].bias, bias)
    before = looked_at(model, tmp_path / "shut")
    assert before.flow.initial.verdict == "vanishing"
    (advice,) = before.advice
    assert advice.message.startswith(
        "layer 20 alone decides, though neither its weights nor those of layer 22"
    )
    assert "look at its biases" in advice.message
    assert advice.torch is None
    nn.init.zeros_(model[20].bias)
    assert looked_at(model).flow.initial.verdict == "stable"


class Block(nn.Module):
    """x + scale * f(x), with a norm before f or without."""

    def __init__(self, norm: bool, scale: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH) if norm else nn.Identity()
        self.enter, self.leave, self.scale = nn.Linear(WIDTH, 256), nn.Linear(256, WIDTH), scale

    def forward(self, x: Any) -> Any:
        return x + self.scale * self.leave(torch.relu(self.enter(self.norm(x))))


def scaled_as_told(block: Any, advice: Any) -> None:
    block.scale *= float(re.findall(r"x = x \+ (.*) \* branch\(x\)", advice.torch)[0])


@pytest.mark.parametrize("times", [30, 1e4])
@pytest.mark.parametrize(("norm", "at"), [(True, 0), (True, 1), (True, 12), (True, 22), (False, 12)])
def test_one_block_that_decides_is_scaled_alone(norm: bool, at: int, times: float) -> None:
    torch.manual_seed(0)
    blocks = [Block(norm, 1.0) for _ in range(24)]
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), *blocks, nn.Linear(WIDTH, 10))
    with torch.no_grad():
        blocks[at].leave.weight.mul_(times)
    before = looked_at(model)
    assert before.flow.initial.verdict == "exploding"
    (advice,) = before.advice
    name = f"layer {at + 1} alone decides, by what it adds: scale that by "
    assert advice.message.startswith(name)
    scaled_as_told(blocks[at], advice)
    after = looked_at(model)
    assert (after.flow.initial.verdict, after.advice, after.symptoms) == ("stable", (), ())


@pytest.mark.parametrize(("norm", "scale"), [(True, 20.0), (False, 3.0)])
def test_blocks_that_all_add_much_are_all_scaled(norm: bool, scale: float) -> None:
    """Of pre-norm blocks the first has the largest factor by far, though its branch is like the others'."""
    torch.manual_seed(0)
    blocks = [Block(norm, scale) for _ in range(24)]
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), *blocks, nn.Linear(WIDTH, 10))
    before = looked_at(model)
    assert before.flow.initial.verdict == "exploding"
    assert [one.layer for one in before.symptoms] == ([1] if norm else [])
    (advice,) = before.advice
    assert ("put a norm before it" in advice.message) is not norm
    for block in blocks:
        scaled_as_told(block, advice)
    assert looked_at(model).flow.initial.verdict == "stable"
