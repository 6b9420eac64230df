"""Whether a network trains: the rule, and what it makes of networks that are known to train or not to."""

from dataclasses import replace
from math import isclose

import numpy as np
import pytest

from gradflow.analysis.candidates import expected
from gradflow.analysis.predictions import Inputs
from gradflow.analysis.trainable import (
    ALIKE,
    EXPLODES,
    FEW,
    STOPPED,
    VANISHES,
    Trainable,
    assess,
    edges_of,
    of_those_alive,
    score_of,
    withheld,
)
from tests.small import config
from tests.studies.lab import study

NET = """
seeds: 1
model: {depth: 20, width: 32, activation: tanh, init: xavier_normal}
training: {steps: 0, batch_size: 32}
"""


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_half_of_the_networks_train_at_the_edge(optimizer: str, sign: int) -> None:
    at = edges_of(optimizer)["gradient"]
    assert isclose(assess(sign * at, None, optimizer).score or 0, 0.5)
    inside, outside = (assess(sign * share * at, None, optimizer) for share in (0.9, 1.1))
    assert (inside.verdict, outside.verdict) == ("trainable", "untrainable")
    assert outside.reason == {-1: VANISHES, 1: EXPLODES}[sign]


@pytest.mark.parametrize(("cosine", "reason"), [(0.9999, ALIKE), (0.3, FEW), (None, FEW)])
def test_few_directions_stop_a_network_whose_gradient_arrives(cosine: float | None, reason: str) -> None:
    edge = edges_of("sgd")["spread"]
    found = assess(0.0, 1.05 * edge, "sgd", cosine=cosine)
    assert (found.verdict, found.reason) == ("untrainable", reason)
    assert assess(0.0, 0.95 * edge, "sgd", cosine=cosine).verdict == "trainable"
    assert assess(0.9 * edges_of("sgd")["gradient"], 0.95 * edge, "sgd").verdict == "untrainable"


def test_a_spread_that_is_not_known_stops_nothing() -> None:
    assert assess(-0.5, None, "sgd").score == assess(-0.5, 0.0, "sgd").score


def test_the_score_falls_from_one_to_zero_whatever_the_load() -> None:
    scores = [score_of(load, "sgd") for load in (0.0, 0.5, 1.0, 2.0, 1e300)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95
    assert scores[-1] < 1e-6


def test_what_nobody_knows_has_a_reason() -> None:
    found = assess(None, None, "sgd", unknown="mean field needs wide layers")
    assert (found.verdict, found.score, found.reason) == ("unknown", None, "mean field needs wide layers")
    assert assess(None, None, "sgd").reason


@pytest.mark.parametrize(
    ("overrides", "verdict", "reason"),
    [
        (["depth=5"], "trainable", None),
        (["activation=sigmoid"], "untrainable", VANISHES),
        (["init=gaussian", "sigma_w=3.0", "depth=60"], "untrainable", EXPLODES),
        (["norm=layer", "block=residual"], "trainable", None),
        (["activation=relu", "init=constant", "init.value=-1", "depth=4"], "untrainable", STOPPED["dead"]),
        (["activation=sigmoid", "init=gaussian", "sigma_w=10.15", "depth=60"], "untrainable", ALIKE),
        (["depth=1"], "trainable", None),
        (["width=8", "depth=3"], "trainable", None),  # measured
        (["init=constant", "init.value=0.12", "width=1", "depth=3"], "trainable", None),
    ],
    ids=str,
)  # fmt: skip
def test_the_summary_of_a_run_says_whether_it_trains(
    overrides: list[str], verdict: str, reason: str | None
) -> None:
    found = study(NET, *overrides).trainable
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.score is not None
    assert (found.score >= 0.5) == (verdict == "trainable")


def test_the_measured_ratio_and_cosine_stand_in_the_summary() -> None:
    summary = study(NET, "init=gaussian", "sigma_w=1.2", "sigma_b=0.2")
    found, flow, theory = summary.trainable, summary.flow.initial, summary.theory
    assert found.gradient_decades == flow.log10_ratio
    assert found.cosine == flow.profile.correlation[-1]
    assert theory.xi_c
    assert found.correlation_depth == 20 / theory.xi_c
    assert found.spread == theory.jacobian_spread
    document = summary.document()["trainable"]
    assert {*document} >= {"verdict", "score", "gradient_decades", "correlation_depth", "reason"}


@pytest.mark.parametrize(
    ("dead", "networks", "verdict", "reason"),
    [
        (0, 8, "trainable", None),
        (1, 8, "trainable", None),
        (4, 8, "untrainable", "no gradient reaches the first layer of 4 of 8 networks"),
    ],
)
def test_dead_networks_count_as_ones_that_did_not_train(
    dead: int, networks: int, verdict: str, reason: str | None
) -> None:
    alive = assess(-0.3, 0.2, "sgd")
    found = of_those_alive(alive, dead, networks)
    assert found.score == (alive.score or 0) * (networks - dead) / networks
    assert found == replace(alive, score=found.score, verdict=verdict, reason=reason)


@pytest.mark.parametrize(
    ("overrides", "q_0", "verdict"),
    [
        ([], 1.0, "trainable"),
        ([], 124.0**2, "unknown"),  # the first layer is saturated
        (["activation=sigmoid", "depth=50"], 124.0**2, "untrainable"),  # whatever its inputs
        (["activation=relu", "depth=50"], 124.0**2, "untrainable"),  # whose slopes no scale changes
        (["activation=relu", "init=he_normal"], 124.0**2, "trainable"),
    ],
    ids=str,
)  # fmt: skip
def test_inputs_of_another_scale_than_that_of_the_grid_alone_make_no_network_untrainable(
    overrides: list[str], q_0: float, verdict: str
) -> None:
    found = expected(config("width=64", *overrides), Inputs(64, 10, 1000, q_0))[1]
    assert found.verdict == verdict
    assert (found.score is None) == (verdict == "unknown")
    assert ("root mean square of 124 alone" in str(found.reason)) == (verdict == "unknown")


def test_a_run_on_inputs_as_they_came_is_not_called_untrainable_for_their_scale() -> None:
    """The same classes of the same points, one time standardized and one time in hundreds."""
    x = np.random.default_rng(0).normal(0, 300, (64, 8)).round()
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    inline = f"data={{name: inline, x: {x.tolist()}, y: {y.tolist()}}}"
    found = [
        study(NET, "depth=4", "width=64", inline, f"data.standardize={word}").trainable
        for word in ("true", "false")
    ]
    assert [one.verdict for one in found] == ["trainable", "unknown"]
    assert found[1].gradient_decades is not None
    assert found[1].gradient_decades < -1


def test_of_a_few_samples_that_are_left_no_network_is_called_trainable() -> None:
    """The units of the first two layers are off on nearly all samples, and c is that of the others."""
    off = ["depth=2", "activation=relu", "init=he_normal", "bias=constant", "batch_size=128"]
    few, most = (study(NET, *off, f"bias.value={value}") for value in (-2.0, -0.5))
    found, lost = few.trainable, few.flow.initial.lost_samples
    assert lost is not None
    assert (lost.samples, lost.are_most) == (128, True)
    assert (found.verdict, found.score) == ("unknown", None)
    assert f"the gradient of {lost.lost:.0f} of 128 samples is exactly 0" in str(found.reason)
    assert few.flow.initial.verdict == "stable"
    assert most.trainable.verdict == "trainable"
    assert not (most.flow.initial.lost_samples and most.flow.initial.lost_samples.are_most)


def test_lost_samples_do_not_unsay_that_a_network_is_untrainable() -> None:
    lost = assess(-9.0, None, "sgd")
    assert withheld(lost, "few samples are left") == lost


def test_dead_networks_change_no_reason_that_stands_already() -> None:
    lost = of_those_alive(assess(-9.0, None, "sgd"), 4, 8)
    assert (lost.verdict, lost.reason) == ("untrainable", VANISHES)
    unknown = Trainable(reason="mean field needs wide layers")
    assert of_those_alive(unknown, 1, 8) == unknown


def test_networks_of_which_half_are_dead_are_untrainable_and_do_not_train() -> None:
    narrow = ["width=6", "depth=30", "activation=relu", "init=he_normal", "seeds=4", "critical_lr=none"]
    summary = study(NET, *narrow)
    found = summary.trainable
    assert summary.flow.initial.dead_networks == 2
    assert (found.verdict, found.reason) == (
        "untrainable", "no gradient reaches the first layer of 2 of 4 networks"
    )  # fmt: skip
    for lr in (0.1, 0.01, 0.001):
        trained = study(NET, *narrow, "steps=60", f"lr={lr}").training
        assert (trained.accuracy_final or 0) < (trained.majority or 0)
        assert (trained.loss_final or 0) > 2.29  # ln 10 by chance


@pytest.mark.parametrize(("depth", "width", "dead"), [(1, 1, 6), (2, 1, 7), (18, 3, 6)])
def test_where_most_networks_are_dead_the_score_is_that_of_the_others_times_their_share(
    depth: int, width: int, dead: int
) -> None:
    narrow = ["activation=relu", "init=he_normal", "batch_size=1", "critical_lr=none", "seeds=8"]
    summary = study(NET, f"depth={depth}", f"width={width}", *narrow)
    found, flow = summary.trainable, summary.flow.initial
    assert (flow.verdict, flow.dead_networks, flow.networks) == ("dead", dead, 8)
    decades = 0.0 if depth == 1 else flow.log10_ratio  # nothing is on the way
    assert found == of_those_alive(assess(decades, found.spread, "sgd"), dead, 8)
    assert all(advice.predicted_c is None for advice in summary.advice if depth == 1)
    assert found.score is not None
    assert 0 < found.score <= (8 - dead) / 8


def test_where_all_networks_are_dead_the_score_is_0() -> None:
    found = study(NET, "depth=4", "activation=relu", "init=constant", "init.value=-1", "seeds=3").trainable
    assert (found.score, found.reason) == (0.0, STOPPED["dead"])
