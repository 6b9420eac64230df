"""What theory knows beforehand narrows the interval of one network, and never on its own authority."""

from math import log, sqrt

import numpy as np
import pytest

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.increments import increments
from gradflow.analysis.intervals import along_series
from gradflow.analysis.known_increments import NOTHING, Known
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.analysis.summarize import summarize
from gradflow.analysis.summary import Flow
from gradflow.meanfield import Prediction
from tests.studies.lab import run

NET = """
model: {depth: 50, width: 128, activation: tanh, init: xavier_normal}
seeds: 1
data: {name: gaussian, samples: 64, features: 64}
training: {steps: 0, batch_size: 16, evaluate: 1}
recording: {critical_lr: none}
"""


def half(low: float | None, high: float | None) -> float:
    assert low is not None
    assert high is not None
    return (high - low) / 2


def flow_of(*changes: str) -> Flow:
    return summarize(*run(NET, *changes)).flow.initial


def test_the_transient_at_the_input_is_no_noise_in_the_ratio_of_one_network() -> None:
    flow = flow_of()
    assert flow.interval == "t over layers"
    assert 0.1 < half(flow.log10_ratio_low, flow.log10_ratio_high) < 0.3  # with the transient as noise: 0.58


def test_the_history_begins_with_the_interval_of_the_flow() -> None:
    summary = summarize(*run(NET, "steps=3"))
    assert summary.history.c_low[0] == pytest.approx(summary.flow.initial.c_low, rel=1e-6)
    assert summary.flow.final.interval == "newey-west"  # what theory knows of parts holds before any update


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seeds", [1, 4])
def test_no_interval_misses_by_rounding(dtype: str, seeds: int) -> None:
    """Orthogonal linear networks scatter by nothing else: c is the gain."""
    for seed in range(6):
        flow = flow_of(
            "depth=20",
            "width=24",
            "activation=linear",
            "init=orthogonal",
            f"dtype={dtype}",
            f"seeds={seeds}",
            f"seed={seed}",
        )
        assert flow.c_low is not None
        assert flow.c_high is not None
        assert flow.log10_ratio_low is not None
        assert flow.log10_ratio_high is not None
        assert flow.c_low < 1 < flow.c_high
        assert flow.log10_ratio_low < 0 < flow.log10_ratio_high
        assert half(flow.c_low, flow.c_high) >= np.finfo(dtype).eps


@pytest.mark.parametrize(("block", "method"), [("plain", "t over layers"), ("residual", "newey-west")])
def test_the_method_is_named_after_what_theory_has_of_the_block(block: str, method: str) -> None:
    assert flow_of(f"block={block}", "depth=20").interval == method


def test_several_networks_are_taken_as_they_are() -> None:
    config, recording, info = run(NET, "seeds=3")
    row = {name: array[0] for name, array in recording.items() if array.ndim == 3}
    known = Known.of(predicted(config, inputs_of(info["data"])), "float32")
    assert fit_flow(row, 0, known=known) == fit_flow(row, 0)


def test_a_wrong_prediction_makes_no_interval_narrow() -> None:
    """Covered at least as often as without it, whatever the shape, where increments are plain noise."""
    rng = np.random.default_rng(3)
    wrong = np.linspace(-1, 1, 40) + np.sin(np.arange(40))
    series = 0.2 + rng.normal(size=(800, 40))
    for size in (0.1, 1.0, 30.0):
        found = [along_series(one, size * wrong) for one in series]
        covered = np.mean([one.low < 0.2 < one.high for one in found])  # type: ignore[operator]
        assert covered > 0.95 - 3 * sqrt(0.95 * 0.05 / 800)


def test_the_height_of_what_is_expected_has_no_influence() -> None:
    series = np.random.default_rng(4).normal(size=30)
    shape = np.exp(-np.arange(30.0))
    assert along_series(series, shape).error == pytest.approx(along_series(series, shape + 7.0).error)


def test_nothing_is_known_of_a_network_without_a_prediction() -> None:
    known = Known.of(Prediction(reason="no law"), "float32")
    assert (known.steps, known.network) == (None, None)
    assert known.rounding == np.finfo("float32").eps
    log_delta = np.cumsum(np.random.default_rng(5).normal(size=(30, 1)), axis=0)
    row = {"log_delta_norm": log_delta}
    flows = (fit_flow(row, 0, known=known), fit_flow(row, 0, known=NOTHING))
    assert flows[0] == flows[1]
    assert flows[0].c == pytest.approx(np.exp(increments(log_delta)[5:].mean()))


def test_an_exact_chain_has_an_interval_of_no_width_where_no_dtype_is_known() -> None:
    flow = fit_flow({"log_delta_norm": -log(0.9) * np.arange(20.0)[:, None]}, 0)
    assert flow.c == pytest.approx(0.9)
    assert half(flow.c_low, flow.c_high) < 1e-12
