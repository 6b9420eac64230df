"""Candidates of a config, the learning rates that are tried, and who has learnt."""

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.candidates import (
    AS_GIVEN,
    COMMON_STEP,
    LR,
    Change,
    badness,
    first_step_of,
    fitted_rate,
    has_learnt,
    networks,
    predicted_c,
    rates,
)
from gradflow.analysis.summary import Advice, Samples, Summary
from gradflow.nn.schedules import ConstantRate, Warmup
from tests.small import config
from tests.studies.lab import study

NET = """
model: {depth: 30, width: 64, activation: tanh, init: xavier_normal}
seeds: 2
data: {name: gaussian, samples: 64}
training: {steps: 0, batch_size: 64}
"""
DATA = {"samples": 64, "features": 8, "outputs": 3, "q_0": 1.0}


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


def test_learning_rates_are_those_that_the_run_advises_and_some_around_it(vanishing: Summary) -> None:
    tried, stepped = Change("architecture", {"model.norm": "layer", LR: 0.01}), ended(vanishing)
    found = rates(tried, stepped, COMMON_STEP, 0.01)
    assert [one.set[LR] for one in found] == [0.05, 0.002]
    assert all(one.set["model.norm"] == "layer" for one in found)
    advice = Advice("optimizer", {LR: 0.3}, None, None, None, "short")
    found = rates(tried, replace(stepped, advice=(advice,)), COMMON_STEP / 30, 0.01)
    assert [one.set[LR] for one in found] == [0.3, 0.05, 0.002]
    assert len({str(one.set) for one in found}) == 3


def test_a_step_far_from_a_common_one_is_tried_at_that(vanishing: Summary) -> None:
    found = rates(AS_GIVEN, ended(vanishing), COMMON_STEP / 40, 0.01)
    assert [one.set[LR] for one in found] == [0.4, 0.05, 0.002]


def test_after_a_blow_up_learning_rates_are_smaller(vanishing: Summary) -> None:
    found = rates(AS_GIVEN, ended(vanishing, "diverged"), None, 3.0)
    assert [one.set[LR] for one in found] == [0.3, 0.03]


@pytest.mark.parametrize(
    ("step", "fitted"),
    [
        (None, 2.0),
        (0.05, 2.0),
        (1e-3, 2.0),
        (1e-6, 2e4),
        (0.5, 0.04),
        (100.0, 2e-4),
        (1e-300, 2e6),
        (1e300, 2e-6),
    ],
)
def test_a_learning_rate_is_fitted_where_its_first_step_is_absurd(step: float | None, fitted: float) -> None:
    assert fitted_rate(2.0, step) == pytest.approx(fitted)


def test_the_first_step_is_that_of_the_layer_that_moves_most_at_the_full_rate() -> None:
    recording = {"update_ratio": np.array([[[0.1, 0.3], [0.0, 0.1]], [[9.0, 9.0], [9.0, 9.0]]])}
    assert first_step_of(recording, ConstantRate(), 1) == pytest.approx(0.2)
    warm = Warmup(steps=10)
    assert first_step_of(recording, warm, 50) == pytest.approx(0.2 / warm.share(1, 50))
    for nothing in (0.0, np.nan, inf):
        assert first_step_of({"update_ratio": np.full((2, 3, 1), nothing)}, ConstantRate(), 1) is None


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


def test_the_c_that_is_predicted_is_theorys_or_none() -> None:
    found = predicted_c(config("init=gaussian", "init.sigma_w=0.5"), DATA)
    assert found == pytest.approx(0.49, abs=0.03)
    assert predicted_c(config("depth=1"), DATA) is None
    assert predicted_c(config("init=constant", "init.value=0.5"), DATA) is None
