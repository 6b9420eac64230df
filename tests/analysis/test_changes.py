"""Advice laid over its config: it is still a config, also where layers have numbers of their own."""

from pathlib import Path

import pytest

from gradflow.analysis.changes import is_sound
from gradflow.analysis.commands import overrides_of
from gradflow.config import load_config, parse_config
from gradflow.yaml_file import parse
from tests.analysis.test_by_measurement import CHAIN, NARROW, followed_by, summary

WIDE = """\
name: wide
seeds: 2
model: {depth: 20, width: 32, activation: tanh, init: {name: gaussian, sigma_w: 2.5}}
data: {name: gaussian, samples: 64, features: 8, classes: 10}
training: {steps: 0, batch_size: 16}
"""
WIDTHS = f"width={[32] * 10 + [24] * 10}"
ENDED = ["width=10", "readout=none", "training.loss=mse"]
VALUES = f"init.value={[0.5] * 30 + [0.7]}"
LEVERS = {
    "a width a layer": (WIDE, [WIDTHS], {"initialization", "architecture", "depth"}),
    "a width a layer, measured": (
        NARROW,
        ["activation=tanh", "init=xavier_normal", f"width={[12, 8] * 10}"],
        {"architecture", "depth"},
    ),
    "no read-out": (WIDE, [*ENDED, "init.sigma_w=0.5"], set()),
    "no read-out, deep": (WIDE, [*ENDED, "init.sigma_w=0.9", "depth=40"], None),
    "no read-out, a width a layer": (WIDE, [*ENDED[1:], f"width={[32] * 19 + [10]}"], None),
    "a constant a layer": (CHAIN, [VALUES], {"initialization", "depth"}),
    "a constant a layer and a read-out": (
        CHAIN,
        ["readout=linear", f"init.value={[0.5] * 31 + [0.7]}"],
        {"initialization", "depth"},
    ),
    "a constant and a width a layer": (CHAIN, [VALUES, f"width={[1] * 31}"], {"initialization", "depth"}),
}


@pytest.mark.parametrize("case", LEVERS)
def test_advice_is_a_config_that_loads(case: str, tmp_path: Path) -> None:
    text, overrides, levers = LEVERS[case]
    found = summary(text, overrides, tmp_path)
    assert found.flow.initial.verdict in ("vanishing", "exploding")
    assert levers is None or {one.lever for one in found.advice} == levers
    for advice in found.advice:
        load_config(Path(found.path) / "config.yaml", overrides_of(advice.set))
        if advice.lever == "depth":
            assert followed_by(found, advice).flow.initial.verdict == "stable"


def test_fewer_layers_keep_what_is_theirs(tmp_path: Path) -> None:
    found = summary(
        CHAIN, ["readout=linear", f"init.value={[0.5] * 31 + [0.7]}", f"width={[1] * 31}"], tmp_path
    )
    (depth,) = (one.set for one in found.advice if one.lever == "depth")
    layers = depth["model.depth"]
    assert 2 <= layers < 31
    assert depth["model.width"] == [1] * layers
    assert depth["model.init.value"] == [0.5] * layers + [0.7]


def test_a_network_that_does_not_go_with_the_rest_is_not_sound() -> None:
    config = parse_config(parse(WIDE, "a.yaml"), Path(), ENDED)
    data = {"features": 8, "outputs": 10, "samples": 64, "q_0": 1.0}
    assert is_sound(config, data, {"model.depth": 3})
    assert not is_sound(config, data, {"model.width": 64})
    assert is_sound(config, data, {"model.width": 64, "model.readout": "linear"})
