"""Every lever of blocks and norms is worth what it does: failing networks run again as first advised."""

import pytest

from gradflow.analysis.commands import overrides_of
from tests.studies.lab import at_initialization, study

NET = """
model: {depth: 40, width: 128, activation: tanh, init: xavier_normal}
seeds: 4
data: {name: gaussian, samples: 80, features: 128}
training: {steps: 0, batch_size: 64}
"""
SKIP = ["block=residual"]


def norm(name: str, place: str = "before") -> list[str]:
    return [f"norm={name}", f"norm.place={place}"]


def gaussian(sigma_w: float, sigma_b: float = 0.0) -> list[str]:
    return ["init=gaussian", f"sigma_w={sigma_w}", f"sigma_b={sigma_b}"]


FAILING = {
    "plain relu": ["activation=relu"],
    "plain gelu": ["activation=gelu", *gaussian(2.5)],
    "plain sigmoid": ["activation=sigmoid"],
    "layer before tanh": norm("layer"),
    "layer before sigmoid": ["activation=sigmoid", *norm("layer")],
    "layer before hard_tanh": ["activation=hard_tanh", "init=orthogonal", *norm("layer")],
    "rms before erf": ["activation=erf", *norm("rms")],
    "rms before softplus": ["activation=softplus", "init=torch_default", *norm("rms")],
    "layer after relu": ["activation=relu", "init=he_normal", *norm("layer", "after")],
    "layer after gelu": ["activation=gelu", "init=lecun_normal", *norm("layer", "after")],
    "rms after sigmoid": ["activation=sigmoid", *norm("rms", "after")],
    "rms after tanh": [*gaussian(3, 0.3), *norm("rms", "after")],
    "batch before relu": ["activation=relu", "init=he_normal", *norm("batch")],
    "batch before silu": ["activation=silu", *norm("batch")],
    "batch before tanh": [*gaussian(2, 0.1), "depth=60", *norm("batch")],
    "batch after relu": ["activation=relu", "init=he_normal", *norm("batch", "after")],
    "batch after tanh": ["init=orthogonal", *norm("batch", "after")],
    "residual relu": ["activation=relu", "init=he_normal", *SKIP],
    "residual gelu": ["activation=gelu", *SKIP],
    "residual leaky_relu": ["activation=leaky_relu", "init=orthogonal", "depth=60", *SKIP, "block.scale=0.5"],
    "residual tanh": [*gaussian(2), *SKIP],
    "residual silu": ["activation=silu", "init=he_uniform", *SKIP],
    "residual selu": ["activation=selu", *gaussian(1.5, 0.5), *SKIP],
    "pre-norm layer tanh": ["depth=200", *SKIP, *norm("layer")],
    "pre-norm rms sin": ["activation=sin", "depth=100", *SKIP, *norm("rms")],
    "pre-norm batch relu": ["activation=relu", "init=he_normal", "depth=150", *SKIP, *norm("batch")],
    "post-norm layer tanh": [*gaussian(3), "depth=80", *SKIP, *norm("layer", "after")],
    "post-norm rms sigmoid": ["activation=sigmoid", *gaussian(3), *SKIP, *norm("rms", "after")],
    "post-norm batch relu": ["activation=relu", "init=he_normal", *SKIP, *norm("batch", "after")],
}
QUICK = ["layer before tanh", "layer after relu", "batch before relu", "residual relu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "failing" in metafunc.fixturenames:
        metafunc.parametrize("failing", FAILING if metafunc.config.getoption("--thorough") else QUICK)


def test_a_failing_network_is_stable_as_first_advised(failing: str) -> None:
    before = FAILING[failing]
    summary = study(NET, *before)
    assert summary.flow.initial.verdict in ("vanishing", "exploding")
    advice = summary.advice[0]
    after, _ = at_initialization(NET, *before, *overrides_of(advice.set))
    assert after.log10_ratio is not None
    assert abs(after.log10_ratio) < 1
    assert after.verdict == "stable"
    assert advice.predicted_c == pytest.approx(after.c, rel=0.03)


@pytest.mark.parametrize("name", ["silu", "tanh"])
def test_no_depth_is_told_under_a_batch_norm_that_settles_slowly(name: str) -> None:
    """Its first layers explode faster than by the c that holds later on."""
    summary = study(NET, f"activation={name}", "depth=60", *norm("batch"))
    assert summary.flow.initial.verdict == "exploding"
    assert "depth" not in {advice.lever for advice in summary.advice}
