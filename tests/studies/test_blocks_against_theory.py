"""Measured c of blocks and norms against theory, in the engine itself: seeds are fixed."""

from math import log, sqrt

import numpy as np
import pytest

from gradflow.analysis.summary import Flow, Theory
from tests.studies.lab import at_initialization, study

NET = """
model: {depth: 50, width: 256, activation: tanh, init: {name: gaussian, sigma_w: 1.4, sigma_b: 0.2}}
seeds: 8
data: {name: gaussian, samples: 32, features: 256}
training: {steps: 0, batch_size: 16}
"""
BLOCKS = {
    "residual": ["block=residual"],
    "residual .3": ["block=residual", "block.scale=0.3"],
    "pre-norm": ["block=residual", "norm=layer"],
    "pre-norm rms": ["block=residual", "norm=rms"],
    "post-norm": ["block=residual", "norm=layer", "norm.place=after"],
    "layer before": ["norm=layer"],
    "rms before": ["norm=rms"],
    "layer after": ["norm=layer", "norm.place=after"],
    "rms after": ["norm=rms", "norm.place=after"],
}
NAMES = ("relu", "tanh", "gelu")
POINTS = [(name, block) for block in BLOCKS for name in NAMES]


@pytest.fixture(scope="module")
def measured(request: pytest.FixtureRequest) -> list[tuple[Flow, Theory]]:
    points = POINTS if request.config.getoption("--thorough") else POINTS[::4]
    return [at_initialization(NET, f"activation={name}", *BLOCKS[block]) for name, block in points]


def test_sigmas_of_blocks_are_those_of_a_normal_variable(measured: list[tuple[Flow, Theory]]) -> None:
    sigmas = np.array([theory.sigmas for _, theory in measured], dtype=float)
    assert sqrt((sigmas**2).mean()) <= 1.3
    assert np.abs(sigmas).max() <= 3.5


def test_without_the_width_shift_they_would_be_visibly_further_off(
    measured: list[tuple[Flow, Theory]],
) -> None:
    with_shift, without = (
        np.array([log(flow.c / getattr(theory, name)) for flow, theory in measured])
        for name in ("c_finite_width", "c")
    )
    assert sqrt((without**2).mean()) > 1.5 * sqrt((with_shift**2).mean())


@pytest.mark.parametrize(
    ("overrides", "law"),
    [
        (BLOCKS["residual"], "stretched"), (BLOCKS["pre-norm"], "power"),
        (BLOCKS["post-norm"], "exponential"),
        (BLOCKS["layer before"], "exponential"),
        (["block=residual", "block.scale=1/sqrt(depth)"], "bounded"),
    ],
)  # fmt: skip
def test_laws_are_named_rightly(overrides: list[str], law: str) -> None:
    small = ("width=32", "seeds=2", "data.samples=8", *overrides)
    found = study(NET, *small)
    assert found.theory.law == law
    assert found.flow.initial.law == law


@pytest.mark.parametrize("samples", [16, 32])
def test_relu_under_batch_norm_explodes_as_its_batch_says(samples: int) -> None:
    batch = (f"data.samples={samples}", f"batch_size={samples}", "norm=batch", "activation=relu", "depth=60")
    flow, theory = at_initialization(NET, *batch, "test_fraction=0")
    decades = np.array(flow.profile.log10_delta, dtype=float)
    assert theory.settling is not None
    settled = decades[theory.settling - 1 :]
    c = 10 ** ((settled[0] - settled[-1]) / (len(settled) - 1))
    assert c == pytest.approx(theory.c, rel=0.01)
