"""Candidates of a config, the learning rates that are tried, and who has learnt."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from gradflow.analysis.candidates import (
    AS_GIVEN,
    LR,
    Change,
    badness,
    expected,
    has_learnt,
    networks,
    rates,
)
from gradflow.analysis.critical_rate import NOT_MEASURED, CriticalRate
from gradflow.analysis.predictions import Inputs
from gradflow.analysis.summary import Advice, Summary
from gradflow.analysis.summary_parts import Samples
from gradflow.nn.optimizers import Sgd
from tests.small import config
from tests.studies.lab import study

NET = """
model: {depth: 30, width: 64, activation: tanh, init: xavier_normal}
seeds: 2
data: {name: gaussian, samples: 64}
training: {steps: 0, batch_size: 64}
"""


@pytest.fixture(scope="module")
def vanishing() -> Summary:
    return study(NET, "init=gaussian", "init.sigma_w=0.5")


def ended(
    summary: Summary, status: str = "completed", task: str = "classification", **training: Any
) -> Summary:
    """A summary that ended so."""
    result = replace(summary.training, **{"loss_test_final": None, "loss_final": None, **training})
    return replace(summary, status=status, training=result, data=Samples(64, 8, 3, 16, task))


def test_a_failing_network_gets_the_levers_of_its_advice_and_both_skips(vanishing: Summary) -> None:
    found = networks(vanishing)
    assert found[0] == AS_GIVEN
    levers = [one.lever for one in found]
    assert levers[1:4] == ["initialization", "architecture", "architecture"]
    assert {"activation", "depth"} >= {*levers[4:]} - {"architecture"}
    assert [one.set["model.block"] for one in found[2:4]] == [
        {"name": "residual", "scale": "1/sqrt(depth)"},
        "residual",
    ]
    assert len({str(one.set) for one in found}) == len(found)


def test_a_stable_network_gets_the_skips_alone() -> None:
    found = networks(study(NET, "depth=3"))
    assert [one.lever for one in found] == ["as given", "architecture", "architecture"]


def test_data_that_are_standardized_first_are_so_in_every_candidate(vanishing: Summary) -> None:
    data = Advice("data", {"data.standardize": True}, None, None, None, "scale")
    advice = [data, *(replace(one, set={**data.set, **one.set}) for one in vanishing.advice)]
    found = networks(replace(vanishing, advice=tuple(advice)))
    assert all(one.set["data.standardize"] is True for one in found[1:])


def test_learning_rates_are_what_the_run_advises_a_safe_one_and_some_around_it(vanishing: Summary) -> None:
    tried, unmeasured = Change("architecture", {"model.norm": "layer", LR: 0.01}), NOT_MEASURED
    run = replace(ended(vanishing), critical_lr=unmeasured)
    found = rates(tried, run, Sgd(lr=0.01))
    assert [one.set[LR] for one in found] == [0.05, 0.002]
    assert all(one.set["model.norm"] == "layer" for one in found)
    run = replace(run, critical_lr=CriticalRate(4.0, 4.0, reason=None))  # whose share is 1
    assert [one.set[LR] for one in rates(tried, run, Sgd(lr=0.01))] == [1.0, 0.05, 0.002]
    run = replace(run, advice=(Advice("optimizer", {LR: 0.3}, None, None, None, "short"),))
    found = rates(tried, run, Sgd(lr=0.01))
    assert [one.set[LR] for one in found] == [0.3, 1.0, 0.05]
    assert len({str(one.set) for one in found}) == 3


def test_a_safe_learning_rate_near_the_one_that_was_tried_is_none_of_them(vanishing: Summary) -> None:
    run = replace(ended(vanishing), critical_lr=CriticalRate(0.05, 0.05, reason=None))
    assert [one.set[LR] for one in rates(AS_GIVEN, run, Sgd(lr=0.01))] == [0.05, 0.002]


def test_after_a_blow_up_learning_rates_are_smaller(vanishing: Summary) -> None:
    run = replace(ended(vanishing, "diverged"), critical_lr=NOT_MEASURED)
    assert [one.set[LR] for one in rates(AS_GIVEN, run, Sgd(lr=3.0))] == [0.3, 0.03]


def test_who_has_learnt_loses_clearly_less_than_guessing(vanishing: Summary) -> None:
    chance = 2.0
    assert has_learnt(ended(vanishing, loss_test_final=1.79), chance)
    assert not has_learnt(ended(vanishing, loss_test_final=1.81), chance)
    assert has_learnt(ended(vanishing, loss_final=1.0), chance)  # nothing is held out
    assert not has_learnt(ended(vanishing), chance)
    assert not has_learnt(ended(vanishing, "diverged", loss_test_final=1.0), chance)
    regression = {"task": "regression", "loss_test_final": 1.0}
    assert has_learnt(ended(vanishing, r2_test_final=0.2, **regression), None)
    assert not has_learnt(ended(vanishing, r2_test_final=0.05, **regression), None)
    assert has_learnt(ended(vanishing, r2_train_final=0.2, **regression), None)
    classes = {"loss_test_final": 0.05, "majority": 0.5}  # of a squared error
    assert has_learnt(ended(vanishing, accuracy_final=0.56, **classes), None)
    assert not has_learnt(ended(vanishing, accuracy_final=0.54, **classes), None)
    one_target = {"task": "regression", "loss_initial": 2.0, "r2_train_final": None}
    assert has_learnt(ended(vanishing, loss_final=1.7, **one_target), None)
    assert not has_learnt(ended(vanishing, loss_final=1.9, **one_target), None)


def test_runs_are_ranked_by_held_out_loss_and_blow_ups_last(vanishing: Summary) -> None:
    losses = (0.5, 2.0)
    assert [badness(ended(vanishing, loss_test_final=one)) for one in losses] == [*losses]
    assert badness(ended(vanishing, "diverged", loss_test_final=0.1)) == inf


def test_what_is_expected_is_theorys_c_and_whether_it_trains() -> None:
    inputs = Inputs(8, 3, 64, 1.0)
    c, trains = expected(config("init=gaussian", "init.sigma_w=0.5", "depth=40"), inputs)
    assert c == pytest.approx(0.49, abs=0.03)
    assert trains.verdict == "untrainable"
    c, trains = expected(config(), inputs)
    assert c == pytest.approx(0.87, abs=0.05)
    assert trains.verdict == "trainable"
    c, trains = expected(config("init=constant", "init.value=0.5"), inputs)
    assert (c, trains.verdict) == (None, "unknown")
