"""Runs of blocks as a user has them: saved, read again, resumed with the same bits, shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradflow.config import Config, parse_config
from gradflow.training import Training
from gradflow.yaml_file import parse

MODELS = [
    "width: [24, 12, 24], norm: {name: batch, affine: true}",
    "width: 12, block: {name: residual, scale: 0, train_scale: true}",
    "width: 12, block: {name: residual, scale: 1/sqrt(depth)}, norm: {name: rms, place: after, affine: true}",
]


def text(model: str) -> str:
    return f"""\
name: net
seeds: 2
model: {{depth: 3, activation: relu, init: he_normal, {model}}}
data: {{name: gaussian, samples: 32, features: 4, classes: 3}}
training: {{steps: 90, batch_size: 8, evaluate: 20, optimizer: {{name: adam, lr: 0.01}}}}
"""


def config(model: str) -> Config:
    return parse_config(parse(text(model), "net.yaml"), Path())


@pytest.mark.parametrize("model", MODELS)
def test_a_training_goes_on_from_its_state_with_the_same_bits(model: str) -> None:
    net = config(model)
    data = net.data.load(Path())
    whole, first, second = (Training(net.plan(data), data) for _ in range(3))
    list(whole)
    next(iter(first))
    state = {name: array.copy() for name, array in first.state().items()}
    second.restore(state, len(first.recorded["step"]))
    list(second)
    assert len(first.recorded["step"]) < len(whole.recording["step"])
    for name, array in whole.recording.items():
        np.testing.assert_array_equal(array, second.recording[name], err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_is_saved_shown_and_checked(model: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(text(model))
    for command in (["run", "net.yaml"], ["show", "@1", "--trace"], ["check", "net.yaml"]):
        line = [sys.executable, "-m", "gradflow", *command]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
