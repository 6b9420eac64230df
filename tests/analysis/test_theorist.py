"""What theory is asked before advice is given."""

import pytest

from gradflow.analysis.changes import changed
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.analysis.summarize import summarize
from gradflow.analysis.theorist import Theorist
from gradflow.meanfield import balance
from gradflow.nn.initializers import Gaussian
from tests.small import config
from tests.studies.lab import run

DATA = {"samples": 64, "features": 32, "outputs": 10}


def theorist(q_0: float, *overrides: str) -> Theorist:
    return Theorist(config("width=64", "init=gaussian", *overrides), {**DATA, "q_0": q_0})


@pytest.mark.parametrize(
    ("name", "depth", "q_0"),
    [
        ("sigmoid", 40, 1e3), ("sigmoid", 16, 1e2), ("tanh", 20, 1e3), ("erf", 40, 1e4),
        ("softsign", 20, 1e3), ("hard_tanh", 20, 1e4),
    ],
)  # fmt: skip
def test_a_ratio_of_1_that_only_balances_two_wrongs_is_none(name: str, depth: int, q_0: float) -> None:
    """A first layer of saturated units that pass next to nothing, and later layers that each grow."""
    unscaled = theorist(q_0, f"activation={name}", f"depth={depth}")
    wrong = balance(unscaled.changed(Gaussian()), q_0, first=1)
    assert wrong is not None
    outlook = unscaled.expect(wrong)
    assert outlook.ratio == pytest.approx(0, abs=1e-6)
    assert outlook.profile_range >= 1 or outlook.steps[-1] > 0.095
    assert unscaled.balanced(Gaussian()) is None
    scaled = theorist(1.0, f"activation={name}", f"depth={depth}")
    right = scaled.balanced(Gaussian())
    assert right is not None
    assert scaled.expect(right).profile_range < 1


def test_wider_layers_stray_less() -> None:
    narrow = theorist(1.0, "depth=40", "activation=relu")
    wide = narrow.with_width(256)
    assert wide.expect().spread == pytest.approx(narrow.expect().spread / 2, rel=0.01)


NET = """
seeds: 1
model: {depth: 60, width: 24, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 24}
training: {steps: 0, batch_size: 32}
"""
WIDTHS = "[64, 32, 32, 64, 48, 48, 32, 16, 16, 16, 24]"


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["activation=gelu"],
        ["norm=layer", "depth=80"],
        ["block=residual", "init=gaussian", "sigma_w=2"],
        ["block=residual", "norm={name: layer, place: after}", "activation=relu", "init=gaussian",
         "sigma_w=2", "depth=100"],
        [f"width={WIDTHS}", "depth=11", "activation=relu"],
    ],
    ids=str,
)  # fmt: skip
def test_advice_on_depth_tells_the_c_that_theory_has_of_a_network_so_deep(overrides: list[str]) -> None:
    config, recording, info = run(NET, *overrides)
    (advice,) = (one for one in summarize(config, recording, info).advice if one.lever == "depth")
    expected = predicted(changed(config, advice.set), inputs_of(info["data"])).c_finite_width
    assert advice.predicted_c == pytest.approx(expected, rel=1e-12)


def test_no_depth_is_advised_where_the_branch_is_scaled_by_it() -> None:
    """Of fewer layers each branch would weigh more: the ratio hardly falls with the depth."""
    scaled = ["block={name: residual, scale: 1/sqrt(depth)}", "activation=relu", "init=gaussian", "sigma_w=4"]
    summary = summarize(*run(NET, *scaled))
    assert summary.flow.initial.verdict == "exploding"
    assert "depth" not in {advice.lever for advice in summary.advice}
