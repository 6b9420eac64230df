"""Adding a choice is adding a class to its table: every command takes it, with no other line changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CUBE = """
@dataclass(frozen=True)
class Cubic(Activation):
    name = "cubic_tanh"
    from_output = False
    power: float = 1.0

    def evaluate(self, z, out, work):
        np.tanh(self.power * z, out=out)

    def derivative(self, z):
        return self.power / np.cosh(np.clip(self.power * z, -300, 300)) ** 2

    def log_tail(self, z):
        return np.log(4 * self.power) - 2 * np.abs(self.power * z)

    def quick_derivative(self, z, a, work, out):
        np.copyto(out, self.derivative(z))

ACTIVATIONS[Cubic.name] = Cubic
"""
SIGN = """
@dataclass(frozen=True)
class SignDescent(Optimizer):
    name = "sign_descent"
    lr: float = 0.01

    def step(self, g, p, state, t, scale):
        np.multiply(np.sign(g), self.lr, out=g)

OPTIMIZERS[SignDescent.name] = SignDescent
"""
TWO_POINT = """
@dataclass(frozen=True)
class TwoPoint(Initializer):
    name = "two_point"
    scale_key = "gain"
    gain: float = 0.5

    def variance(self, fan_in, fan_out):
        return self.gain**2 / fan_in

    def draw(self, rng, fan_in, fan_out, layer):
        return self.gain / fan_in**0.5 * rng.choice([-1.0, 1.0], (fan_in, fan_out))

    def torch(self):
        return f"w.bernoulli_().mul_(2).sub_(1).mul_({self.gain:.4g} / w.shape[1] ** 0.5)"

INITIALIZERS[TwoPoint.name] = TwoPoint
"""
HALVING = """
@dataclass(frozen=True)
class Halving(Schedule):
    name = "halving"
    every: int = 2

    def share(self, t, steps):
        return 0.5 ** ((t - 1) // self.every)

SCHEDULES[Halving.name] = Halving
"""
GAIN = """
@dataclass(frozen=True)
class Gain(Part):
    factor = label = "gain"
    gain: float

    def value(self, p, x):
        return self.gain * x

    def vjp(self, p, x, delta):
        return self.gain * delta

    def bind(self, place, span):
        return QuickGain(self.gain, place, span)


class QuickGain(Quick):
    def __init__(self, gain, place, span):
        self.gain, self.place, self.span = gain, place, span

    def forward_calls(self, i):
        x, y = self.span.value[self.place - 1][i], self.span.value[self.place][i]
        return [(np.multiply, (x, self.gain, y))]

    def backward_calls(self, i):
        below, above = self.span.delta[self.place - 1][i], self.span.delta[self.place][i]
        return [(np.multiply, (above, self.gain, below))]


@dataclass(frozen=True)
class Amplified(Plain):
    name = "amplified"
    bare = False
    gain: float = 0.9

    def parts(self, layer):
        return (*super().parts(layer), Gain(self.gain))

BLOCKS[Amplified.name] = Amplified
"""
ABSOLUTE = """
@dataclass(frozen=True)
class Absolute(Part):
    factor = label = "norm"
    homogeneous = False
    reads = True

    def value(self, p, x):
        return x / np.where(x.real < 0, -x, x).mean(axis=-2, keepdims=True)

    def vjp(self, p, x, delta):
        y, size = self.value(p, x), np.abs(x).mean(axis=-2, keepdims=True)
        return (delta - np.sign(x) * (y * delta).mean(axis=-2, keepdims=True)) / size

    def bind(self, place, span):
        return QuickAbsolute(self, place, span)


class QuickAbsolute(Quick):
    def __init__(self, part, place, span):
        self.part, self.place, self.span = part, place, span

    def forward_calls(self, i):
        x, y = self.span.value[self.place - 1][i], self.span.value[self.place][i]
        return [(lambda: np.copyto(y, self.part.value(None, x)), ())]

    def backward_calls(self, i):
        x, above = self.span.value[self.place - 1][i], self.span.delta[self.place][i]
        below = self.span.delta[self.place - 1][i]
        return [(lambda: np.copyto(below, self.part.vjp(None, x, above)), ())]


@dataclass(frozen=True)
class AbsoluteNorm(Norm):
    name = "absolute"

    def parts(self, units):
        return (Absolute(),)

NORMS[AbsoluteNorm.name] = AbsoluteNorm
"""
BEFORE = """
import sys
from dataclasses import dataclass
import numpy as np
from gradflow.nn.activations import ACTIVATIONS, Activation
from gradflow.nn.blocks import BLOCKS, Plain
from gradflow.nn.initializers import INITIALIZERS, Initializer
from gradflow.nn.norms import NORMS, Norm
from gradflow.nn.optimizers import OPTIMIZERS, Optimizer
from gradflow.nn.parts.base import Part, Quick
from gradflow.nn.schedules import SCHEDULES, Schedule
"""
AFTER = """
from gradflow.cli.entry import main
sys.exit(main())
"""
NET = """\
name: added
seeds: 2
model: {depth: 12, width: 24, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 64, features: 6, classes: 3}
training: {steps: 4, batch_size: 16}
"""
ADDITIONS = {
    "activation": (CUBE, ["activation=cubic_tanh", "activation.power=0.5"], "cubic_tanh"),
    "optimizer": (SIGN, ["optimizer=sign_descent"], "sign_descent"),
    "initializer": (TWO_POINT, ["init=two_point"], "two_point"),
    "schedule": (HALVING, ["schedule=halving", "schedule.every=1"], "halving"),
    "part": (GAIN, ["block=amplified", "block.gain=0.8"], "amplified"),
    "norm": (ABSOLUTE, ["norm=absolute", "norm.place=after"], "absolute"),
}
WITHOUT_LAW = {"amplified": "block amplified", "absolute": "norm absolute"}


@pytest.fixture(params=ADDITIONS)
def added(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, list[str], str]:
    """What runs a command where a choice stands in its table, what chooses it, and its name."""
    source, overrides, name = ADDITIONS[request.param]
    (tmp_path / "net.yaml").write_text(NET)
    script = tmp_path / "with_more.py"
    script.write_text(BEFORE + source + AFTER)

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(script), *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command, overrides, name


def test_every_command_takes_a_choice_that_was_put_into_its_table(
    added: tuple[Any, list[str], str],
) -> None:
    command, overrides, name = added
    theory = json.loads(command("theory", "net.yaml", *overrides, "--json"))["theory"]
    if name in WITHOUT_LAW:
        assert theory["c"] is None
        assert theory["reason"] == f"{WITHOUT_LAW[name]} has parts of which theory has no law"
    else:
        assert theory["c"] > 0
    assert json.loads(command("check", "net.yaml", *overrides, "--json"))["passed"]
    run = json.loads(command("run", "net.yaml", *overrides, "--json"))
    assert run["status"] == "completed"
    assert name in json.dumps(run["config"])
    assert run["flow"]["initial"]["c"] > 0
    assert name in command("show", "@1", "--json")
    shown = command("show", "@1")
    assert shown.startswith("added-")
    if name == "amplified":
        assert run["flow"]["initial"]["factors"]["gain"] == pytest.approx(0.8, rel=1e-6)
        assert "tanh, amplified (gain 0.8)" in shown
    if name == "absolute":
        assert run["flow"]["initial"]["factors"]["norm"] > 1  # mean |a| < 1 divides
        assert "tanh, absolute norm after" in shown
    if name == "two_point":  # halves the gradient: what draws it the same in PyTorch is its own line
        assert "w.bernoulli_().mul_(2)" in shown
    command("report", "@1", "-o", "added.html")
