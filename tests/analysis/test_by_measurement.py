"""Advice without a theory: what it says of narrow layers and constant weights comes true when followed."""

from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.by_measurement import by_measurement
from gradflow.analysis.commands import overrides_of
from gradflow.analysis.summary import Advice, Summary
from gradflow.analysis.theorist import Theorist
from gradflow.config import load_config, parse_config
from gradflow.execution.execute import execute
from gradflow.report.advice_pages import advice_sentence
from gradflow.yaml_file import parse
from tests.report.examples import flow
from tests.report.test_headlines import ONE

NARROW = """\
name: narrow
model: {depth: 20, width: 8, activation: relu, init: lecun_normal}
data: {name: gaussian, samples: 64, features: 8, classes: 3}
training: {steps: 0, batch_size: 64}
"""
CHAIN = """\
name: chain
seeds: 1
model: {depth: 31, width: 1, activation: linear, init: {name: constant, value: 0.9}, readout: none}
data: {name: inline, x: [[1.5]], y: [[0.2]], standardize: false}
training: {steps: 0, batch_size: 1, dtype: float64}
"""
VALUES = ", ".join(["0.5", "-2.0", *["0.8"] * 29])
HOMOGENEOUS = {
    "relu": (NARROW, []),
    "linear, exploding": (NARROW, ["activation=linear", "init=gaussian", "init.sigma_w=2", "width=4"]),
    "several widths": (
        NARROW,
        ["activation=leaky_relu", "init=xavier_normal", f"width={[12, 8] * 10}"],
    ),
    "the textbook's chain": (CHAIN, []),
    "an exploding chain": (CHAIN, ["activation=relu", "init.value=1.2"]),
    "a chain of values": (CHAIN, [f"init.value=[{VALUES}]"]),
}


def summary(text: str, overrides: list[str], folder: Path) -> Summary:
    return execute(parse_config(parse(text, "a.yaml"), Path(), overrides), folder / "runs").summary


def followed_by(found: Summary, advice: Advice) -> Summary:
    """As its command does."""
    path = Path(found.path)
    config = load_config(path / "config.yaml", overrides_of(advice.set))
    return execute(config, path.parent).summary


def advised(found: Summary, lever: str) -> Advice:
    return next(one for one in found.advice if one.lever == lever)


@pytest.mark.parametrize("case", HOMOGENEOUS)
def test_weights_scaled_by_what_was_measured_bring_the_ratio_to_one(case: str, tmp_path: Path) -> None:
    text, overrides = HOMOGENEOUS[case]
    found = summary(text, overrides, tmp_path)
    assert found.theory.c is None
    assert found.flow.initial.verdict in ("vanishing", "exploding")
    advice = advised(found, "initialization")
    assert advice.source == "measurement"
    assert "the measured factors then give c = " in advice_sentence(advice)
    followed = followed_by(found, advice).flow.initial
    assert followed.verdict == "stable"
    assert followed.log10_ratio == pytest.approx(0, abs=1e-4 if text == CHAIN else 0.4)
    assert followed.c == pytest.approx(advice.predicted_c, rel=1e-5 if text == CHAIN else 0.06)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (NARROW, ["activation=tanh", "init=xavier_normal"]),
        (NARROW, ["activation=softsign", "init=xavier_normal", "width=12", "depth=30"]),
        (NARROW, ["activation=tanh", "init=orthogonal", "init.gain=0.8", "width=4"]),
        (CHAIN, ["activation=sigmoid"]),
        (CHAIN, ["depth=40"]),
    ],
    ids=str,
)
def test_the_depth_that_was_measured_to_be_stable_is(text: str, overrides: list[str], tmp_path: Path) -> None:
    found = summary(text, overrides, tmp_path)
    advice = advised(found, "depth")
    assert advice.source == "measurement"
    followed = followed_by(found, advice).flow.initial
    assert followed.verdict == "stable"


@pytest.mark.parametrize(
    "overrides",
    [
        ["activation=tanh", "init=xavier_normal"],
        ["activation=linear", "init=orthogonal", "init.gain=0.8", "width=3"],
    ],
    ids=str,
)
def test_narrow_layers_are_advised_to_be_as_wide_as_theory_needs(
    overrides: list[str], tmp_path: Path
) -> None:
    found = summary(NARROW, overrides, tmp_path)
    advice = advised(found, "architecture")
    assert advice.source == "theory"
    assert advice.set["model.width"] >= 16
    followed = followed_by(found, advice)
    assert followed.theory.c_finite_width == pytest.approx(advice.predicted_c, rel=1e-3)
    assert abs(followed.flow.initial.log10_ratio or 9.0) < 1.0


SKIPPED = ["width=64", "block=residual", "bias=constant", "bias.value=0.1"]


@pytest.mark.parametrize(
    "overrides",
    [
        SKIPPED,
        [*SKIPPED, "activation=tanh", "init=xavier_normal", "init.gain=2"],
        [*SKIPPED, "activation=linear"],
    ],
    ids=str,
)
def test_biases_that_add_up_along_a_skip_are_advised_to_start_at_zero(
    overrides: list[str], tmp_path: Path
) -> None:
    found = summary(NARROW, overrides, tmp_path)
    assert found.theory.c is None
    assert found.flow.initial.verdict in ("vanishing", "exploding")
    assert found.advice
    for advice in found.advice:
        assert advice.set["model.bias"] == "zeros"
        followed = followed_by(found, advice)
        assert followed.flow.initial.verdict == "stable", advice.set
        assert followed.theory.c_finite_width == pytest.approx(advice.predicted_c, rel=1e-3)


@pytest.mark.parametrize(
    ("overrides", "proportional"),
    [
        ([], True),
        (["activation=linear", "init=lecun_uniform"], True),
        (["init=gaussian"], True),
        (["init=constant", "init.value=0.3"], True),
        (["activation=tanh"], False),  # its slopes change with the weights
        (["init=gaussian", "init.sigma_b=0.5"], False),  # biases are not scaled
        (["bias=constant", "bias.value=0.1"], False),
        (["init=torch_default"], False),
        (["init=torch_trunc_normal"], False),  # cut off at 2, whatever its scale
        (["block=residual"], False),
        (["norm=layer"], False),
    ],
    ids=str,
)
def test_weights_are_scaled_by_measurement_only_where_they_alone_make_the_factors(
    overrides: list[str], proportional: bool
) -> None:
    config = parse_config(parse(NARROW, "a.yaml"), Path(), overrides)
    theorist = Theorist(config, {"features": 8, "outputs": 3, "samples": 64, "q_0": 1.0})
    found = [one.lever for one in by_measurement(theorist, flow(0.8, depth=20))]
    assert ("initialization" in found) is proportional
    assert by_measured(theorist, dead_networks=1) == by_measured(theorist, weakest=ONE) == []


def by_measured(theorist: Theorist, **changes: Any) -> list[Advice]:
    return [*by_measurement(theorist, flow(0.8, depth=20, **changes))]


def test_networks_that_differ_by_decades_are_said_to(tmp_path: Path) -> None:
    config = parse_config(parse(NARROW, "a.yaml"), Path())
    theorist = Theorist(config, {"features": 8, "outputs": 3, "samples": 64, "q_0": 1.0})
    alike, apart = by_measured(theorist, log10_ratio_sd=0.3)[0], by_measured(theorist, log10_ratio_sd=1.7)[0]
    assert "differ" not in alike.message
    assert "; single networks still differ by 10^1.7: make the layers wider" in apart.message


def test_a_stable_narrow_network_gets_no_advice_on_how_it_is_drawn(tmp_path: Path) -> None:
    found = summary(CHAIN, ["init.value=1.01"], tmp_path)
    assert found.flow.initial.verdict == "stable"
    assert {one.lever for one in found.advice} <= {"optimizer"}


def test_advice_of_an_older_document_is_theorys() -> None:
    old: dict[str, Any] = {"lever": "depth", "set": {}, "predicted_c": 0.9, "command": None, "torch": None}
    assert "; theory then expects c = 0.900" in advice_sentence(Advice(**old, message="fewer layers"))
