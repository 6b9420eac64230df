"""What a summary takes from a run.json, those of older versions included."""

from typing import Any

import pytest

from gradflow.analysis.summarize import NOTHING_ENTERS, flow_in, samples_of, summarize
from gradflow.analysis.summary_parts import Samples
from tests.studies.lab import run, study

SIZES = {"samples": 80, "features": 4, "outputs": 3, "q_0": 1.0, "sha256": None}


@pytest.mark.parametrize(
    ("later", "loss", "held_out", "task"),
    [
        ({"chance": 1.1, "task": "classification", "samples_test": 20}, "mse", 20, "classification"),
        ({"chance": None, "task": "regression", "samples_test": 0}, "mse", 0, "regression"),
        ({"chance": 1.1}, "mse", None, "classification"),
        ({"chance": None}, "mse", None, "regression"),
        ({}, "cross_entropy", None, "classification"),
        ({}, "mse", None, None),
    ],
)
def test_the_task_of_an_older_run_is_told_as_far_as_it_is_known(
    later: dict[str, Any], loss: str, held_out: int | None, task: str | None
) -> None:
    assert samples_of({**SIZES, **later}, loss) == Samples(80, 4, 3, held_out, task)


NET = """
seeds: 1
model: {depth: 24, width: 32, activation: gelu, init: he_normal}
data: {name: gaussian, samples: 128, features: 16, classes: 5}
training: {steps: 6, optimizer: {name: sgd, lr: 0.01}}
"""
STUDIES = {
    "one network": [],
    "a power of the depth": ["block=residual", "norm=layer", "seeds=3"],
    "chaos": ["activation=tanh", "init=gaussian", "sigma_w=2.5", "seeds=2", "dtype=float64"],
    "a read-out of zeros": ["readout=zeros", "activation=relu", "seeds=2"],
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_flow_of_any_row_is_that_of_the_history(name: str) -> None:
    config, recording, info = run(NET, *STUDIES[name])
    summary = summarize(config, recording, info)
    history, steps = summary.history, [int(step) for step in recording["step"]]
    assert len(history.steps) > 5
    for i, step in enumerate(history.steps):
        flow = flow_in(summary, recording, steps.index(step), config, info)
        found = flow.c, flow.c_low, flow.c_high
        assert found == pytest.approx((history.c[i], history.c_low[i], history.c_high[i]), rel=1e-6)
        assert flow.log10_ratio == pytest.approx(history.log10_ratio[i], abs=1e-6)
        assert flow.law == summary.theory.law


def test_a_row_in_the_middle_is_told_as_if_the_run_had_ended_there() -> None:
    """Its cause and what rounding makes of it, too."""
    overrides = ["activation=tanh", "init=gaussian", "sigma_w=2.5", "depth=60", "lr=1e-9"]
    whole = run(NET, *overrides)
    ended = study(NET, *overrides, "steps=3").flow.final
    flow = flow_in(summarize(*whole), whole[1], 3, whole[0], whole[2])
    assert (flow.verdict, flow.cause) == ("exploding", "weights")
    assert flow.rounding is not None
    assert {name: value for name, value in vars(flow).items() if name != "profile"} == {
        name: value for name, value in vars(ended).items() if name != "profile"
    }


@pytest.mark.parametrize("gain", [0.3, 1.41, 5])
def test_a_trained_network_is_not_blamed_for_a_scale_that_its_norm_divides_out(gain: float) -> None:
    """At both ends and between them alike: a batch norm before relu explodes whatever the gain."""
    net = ["activation=relu", "norm=batch", "init=xavier_normal", f"gain={gain}", "lr=1e-4", "seeds=2"]
    config, recording, info = run(NET, *net, "depth=30")
    summary = summarize(config, recording, info)
    flows = [flow_in(summary, recording, row, config, info) for row in (0, 3, -1)]
    assert flows[-1] == summary.flow.final
    assert [(flow.verdict, flow.cause) for flow in flows] == 3 * [("exploding", "norm")]


def test_a_read_out_of_zeros_kills_nothing_at_step_0_of_a_longer_run() -> None:
    config, recording, info = run(NET, *STUDIES["a read-out of zeros"])
    flow = flow_in(summarize(config, recording, info), recording, 0, config, info)
    assert (flow.verdict, flow.reason, flow.dead_networks) == ("undetermined", NOTHING_ENTERS, 0)
