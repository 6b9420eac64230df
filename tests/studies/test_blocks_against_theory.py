"""Measured c of blocks and norms against theory, in the engine itself: seeds are fixed."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from gradflow.analysis.intervals import t_quantile
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.analysis.summary import Flow, Theory
from tests.studies.lab import at_initialization, run, study

NET = """
model: {depth: 50, width: 256, activation: tanh, init: {name: gaussian, sigma_w: 1.4, sigma_b: 0.2}}
seeds: 8
data: {name: gaussian, samples: 32, features: 256}
training: {steps: 0, batch_size: 16}
"""
SEEDS = 8
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
    """Each point on networks of its own: what all would share would not average out over points."""
    points = list(enumerate(POINTS))
    return [
        at_initialization(NET, f"activation={name}", *BLOCKS[block], f"seed={SEEDS * k}")
        for k, (name, block) in (points if request.config.getoption("--thorough") else points[::4])
    ]


def test_sigmas_of_blocks_are_those_of_a_normal_variable(measured: list[tuple[Flow, Theory]]) -> None:
    sigmas = np.array([theory.sigmas for _, theory in measured], dtype=float)
    assert sqrt((sigmas**2).mean()) <= 1.3
    assert np.abs(sigmas).max() <= 3.5


def test_without_the_width_shift_they_would_be_visibly_further_off(
    measured: list[tuple[Flow, Theory]],
) -> None:
    """Of a residual branch less than of a norm, whose shift is several standard errors."""
    off = {
        name: np.array([_errors(flow, getattr(theory, name)) for flow, theory in measured])
        for name in ("c_finite_width", "c")
    }
    assert sqrt((off["c"] ** 2).mean()) > 1.3 * sqrt((off["c_finite_width"] ** 2).mean())


def _errors(flow: Flow, expected: float) -> float:
    """Standard errors of ln c between measurement and expectation."""
    half = log(flow.c_high / flow.c_low) / 2
    return log(flow.c / expected) / (half / t_quantile(0.975, SEEDS - 1))


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


@pytest.mark.parametrize(
    ("name", "samples", "eps"),
    [("linear", 4, 0.1), ("linear", 4, 1.0), ("relu", 4, 1.0), ("relu", 8, 0.3), ("tanh", 16, 0.5)],
)
def test_eps_takes_from_a_small_batch_what_its_variance_adds(name: str, samples: int, eps: float) -> None:
    few = ("depth=30", "seeds=4", f"batch_size={samples}", "sigma_w=1", "sigma_b=0")
    flow, theory = at_initialization(NET, *few, f"activation={name}", "norm=batch", f"norm.eps={eps}")
    assert flow.c == pytest.approx(theory.c, rel=0.025)


UNITS, SAMPLES, COSINE = 256, 3, 0.4
MAPS = {
    "plain": ["activation=tanh", "init.sigma_w=1.5", "init.sigma_b=0.1"],
    "residual": ["block=residual", "init.sigma_w=1.5", "init.sigma_b=0"],
    "pre-norm": ["activation=relu", *BLOCKS["pre-norm"]],
    "post-norm": ["activation=gelu", "block.scale=0.5", "block=residual", "norm=rms", "norm.place=after"],
    "rms before": ["activation=relu", *BLOCKS["rms before"], "init.sigma_b=0.3"],
    "layer after": ["activation=gelu", *BLOCKS["layer after"], "init.sigma_b=0"],
}


def inputs_alike() -> str:
    """Samples of one length, every two of which have the same cosine."""
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((UNITS, SAMPLES + 1)))[0].T * sqrt(UNITS)
    x = sqrt(COSINE) * axes[0] + sqrt(1 - COSINE) * axes[1:]
    rest = f"y: {list(range(SAMPLES))}, task: classification, standardize: false"
    return f"data: {{name: inline, x: {x.tolist()}, {rest}}}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mapped" in metafunc.fixturenames:
        metafunc.parametrize(
            "mapped", MAPS if metafunc.config.getoption("--thorough") else ["plain", "pre-norm"]
        )


def test_samples_become_alike_as_the_map_of_their_cosine_says(mapped: str) -> None:
    """The recorded cosine, a mean over pairs, in every layer of 40 networks of width 256."""
    text = NET.replace("data: {name: gaussian, samples: 32, features: 256}", inputs_alike())
    few = ("depth=12", "seeds=40", f"batch_size={SAMPLES}")
    config, recording, info = run(text, *few, *MAPS[mapped])
    found = recording["correlation"][0]
    inputs = replace(inputs_of(info["data"]), cosines=np.array([COSINE]))
    expected = predicted(config, inputs).correlation
    assert inputs.q_0 == pytest.approx(1)
    off = (found.mean(axis=1) - expected) / (found.std(axis=1, ddof=1) / sqrt(found.shape[1]))
    assert np.abs(off).max() < 3, off
