"""A read-out that starts at zero: no gradient enters before the first update, which kills nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradflow.config import Config
from gradflow.execution.execute import execute
from gradflow.nn.activations import ACTIVATIONS
from gradflow.store.run import Run
from tests import oracle, small
from tests.small import config


def run(runs: Path, *overrides: str) -> Run:
    return execute(chosen(*overrides), runs)


def chosen(*overrides: str) -> Config:
    return config("data=gaussian", "data.samples=64", "data.features=8", "readout=zeros", *overrides)


def test_the_first_outputs_are_0_and_the_loss_is_that_of_guessing(tmp_path: Path) -> None:
    found = run(tmp_path, "steps=3", "data.classes=5")
    np.testing.assert_allclose(found["loss"][0], np.log(5), rtol=1e-6)
    assert (found["log_delta_norm"][0] == -np.inf).all()
    assert np.isfinite(found["log_delta_norm"][1:]).all()


def test_the_verdict_is_of_the_first_gradient_that_enters(tmp_path: Path) -> None:
    flow = run(tmp_path, "steps=3").summary.flow
    assert (flow.initial.step, flow.initial.dead_networks) == (1, 0)
    assert flow.initial.verdict == "stable"
    assert flow.initial.c is not None
    assert flow.final.step == 3


def test_before_any_update_the_verdict_is_open_not_dead(tmp_path: Path) -> None:
    summary = run(tmp_path, "steps=0").summary
    assert summary.flow.initial.verdict == summary.flow.final.verdict == "undetermined"
    assert str(summary.flow.initial.reason).startswith("the read-out starts at zero")
    assert not [symptom for symptom in summary.symptoms if "dead" in symptom.name]


def test_theory_is_not_held_against_a_gradient_that_follows_the_activations(tmp_path: Path) -> None:
    theory = run(tmp_path, "steps=2").summary.theory
    assert theory.c is not None
    assert theory.sigmas is None
    assert "along the activations" in str(theory.reason)


@pytest.mark.parametrize("init", ["torch_default", "{name: constant, value: 0.3}", "orthogonal"])
@pytest.mark.parametrize("bias", ["zeros", "{name: constant, value: 0.5}"])
def test_weights_and_biases_are_0_whatever_draws_the_others(tmp_path: Path, init: str, bias: str) -> None:
    found = run(tmp_path, "steps=1", f"init={init}", f"bias={bias}", "data.classes=4")
    np.testing.assert_allclose(found["loss"][0], np.log(4), rtol=1e-6)


def test_a_plain_read_out_keeps_its_digest() -> None:
    assert config("readout=linear").digest == config().digest != config("readout=zeros").digest


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_training_from_a_zero_read_out_is_the_oracles(name: str) -> None:
    plan, data = small.plan(activation=ACTIVATIONS[name](), zero_readout=True), small.data()
    oracle.assert_agrees(small.trained(plan, data).recording, oracle.train(plan, data))
