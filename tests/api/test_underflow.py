"""What a program asks of NumPy's errors changes no result of gradflow in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradflow
from gradflow.api.foreseen import Foreseen
from gradflow.api.one_run import OneRun
from gradflow.yaml_file import parse
from tests.store.small import NET

PLAIN: dict[str, Any] = parse(NET, "net.yaml").value
WIDE = {"name": "gaussian", "sigma_w": 30.0}
ACTIVATIONS = ("gelu", "silu", "sigmoid", "erf", "mish", "tanh")


@pytest.mark.parametrize("activation", ["gelu", "mish"])
def test_a_run_is_the_same_where_underflow_is_an_error(activation: str, tmp_path: Path) -> None:
    usual = gradflow.run(PLAIN, runs=tmp_path / "usual", quiet=True, activation=activation, init=WIDE)
    with np.errstate(all="raise"):
        run = gradflow.run(PLAIN, runs=tmp_path, quiet=True, activation=activation, init=WIDE)
        loaded = gradflow.load(run.path)
        assert isinstance(loaded, OneRun)
        assert loaded.summary.flow == usual.summary.flow
        assert all(np.array_equal(loaded[name], usual[name], equal_nan=True) for name in usual.recording)
        assert loaded.text
        assert loaded._repr_html_()
        assert len(loaded.to_pandas()) == len(usual.to_pandas())
        assert loaded.plot() is not None
        assert np.geterr()["under"] == "raise"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_theory_is_the_same_where_underflow_is_an_error(activation: str) -> None:
    usual = gradflow.theory(activation=activation, sigma_w=30.0)
    assert isinstance(usual, Foreseen)
    with np.errstate(all="raise"):
        one = gradflow.theory(activation=activation, sigma_w=30.0)
        assert isinstance(one, Foreseen)
        assert (one.theory, one.layers) == (usual.theory, usual.layers)
        assert one.trainable == usual.trainable
        assert one._repr_html_()


def test_a_sweep_is_the_same_where_underflow_is_an_error(tmp_path: Path) -> None:
    with np.errstate(all="raise"):
        made = gradflow.sweep(
            PLAIN, runs=tmp_path, executor="serial", quiet=True, activation=ACTIVATIONS, init=WIDE
        )
        assert {one.status for one in made} == {"completed"}
        assert len(made.to_pandas()) == len(ACTIVATIONS)
        assert made.plot(x="model.activation", value="c") is not None
