"""The ends and the curves of what was evaluated, from a recording."""

from typing import Any

import numpy as np
import pytest

from gradflow.analysis.intervals import over_networks
from gradflow.analysis.learning import TOLD, curves_until, evaluation_of, training_result

STEPS = 10
OUTCOME = {"accuracy_final": 0.5, "diverged_step": None, "diverged_reason": None}
INFO = dict.fromkeys(TOLD, 1) | {"chance": 2.3, "of_a_later_version": 3}


def recording(*steps: int) -> dict[str, Any]:
    """Of two networks, evaluated at these steps; each value tells its quantity, step and network."""
    at = np.array(steps, float)[:, None]
    return {
        "step": np.arange(STEPS + 1.0),
        "loss": 100 + np.arange(STEPS + 1.0)[:, None] + [0, 1],
        "eval_step": at[:, 0],
        "loss_train": 200 + at + [0, 1],
        "loss_test": 300 + at + [0, 1],
        "r2_train": 400 + at + [0, 1],
        "r2_test": 500 + at + [0, 1],
    }


def test_each_end_has_the_samples_that_it_is_over() -> None:
    found = training_result(recording(0, 4, 10), STEPS, OUTCOME, INFO)
    last = over_networks(np.array([210.0, 211.0]))
    assert (found.loss_initial, found.loss_final) == (200.5, 210.5)
    assert (found.loss_final_low, found.loss_final_high) == (last.low, last.high)
    assert (found.loss_test_initial, found.loss_test_final) == (300.5, 310.5)
    assert (found.r2_train_final, found.r2_test_initial) == (410.5, 500.5)
    assert (found.minibatch_loss_initial, found.minibatch_loss_final) == (100.5, 110.5)
    assert (found.accuracy_train_final, found.accuracy_final, found.evaluations) == (None, 0.5, 3)


def test_a_last_row_that_was_not_evaluated_has_no_final_loss() -> None:
    """A run that diverged between two evaluations."""
    found = training_result(recording(0, 4), STEPS, OUTCOME, INFO)
    assert (found.loss_initial, found.loss_final, found.loss_test_final_low) == (200.5, None, None)
    assert found.minibatch_loss_final == 110.5
    assert found.evaluations == 2


@pytest.mark.parametrize("rows", [[0, 7], [0]])
def test_what_was_evaluated_after_the_last_row_is_the_end(rows: list[int]) -> None:
    """A run that was interrupted, of which few rows are recorded."""
    whole = recording(0, 4, 8)
    found = training_result(
        {**whole, **{name: whole[name][rows] for name in ("step", "loss")}}, 8, OUTCOME, INFO
    )
    assert (found.loss_initial, found.loss_final, found.r2_test_final) == (200.5, 208.5, 508.5)
    assert (found.minibatch_loss_final, found.evaluations) == (100.5 + rows[-1], 3)


def test_losses_that_are_not_finite_are_kept_without_a_warning() -> None:
    record = recording(0, 10)
    record["loss_train"][-1] = np.inf, 1.0
    record["loss_test"][-1] = np.nan, 1.0
    found = training_result(record, STEPS, OUTCOME, INFO)
    assert found.loss_final == np.inf
    assert evaluation_of(curves_until(record, 10), INFO).loss_test == (300.5, None)


def test_r2_of_targets_that_are_all_the_same_is_none() -> None:
    found = training_result({**recording(0, 10), "r2_train": np.full((2, 2), np.nan)}, 10, OUTCOME, INFO)
    assert found.r2_train_initial is found.r2_train_final is None


def test_curves_are_means_over_networks_at_few_enough_steps() -> None:
    found = evaluation_of(curves_until(recording(0, 4, 10), 10), INFO)
    assert (found.steps, found.loss_train, found.accuracy_train) == ((0, 4, 10), (200.5, 204.5, 210.5), ())
    many = evaluation_of(curves_until(recording(*range(1000)), 999), INFO)
    assert len(many.steps) == len(many.loss_test) == 200
    assert (many.steps[0], many.steps[-1]) == (0, 999)


@pytest.mark.parametrize(("step", "kept"), [(10, [0, 4, 10]), (9, [0, 4]), (4, [0, 4]), (0, [0])])
def test_curves_end_where_the_rows_that_are_looked_at_do(step: int, kept: list[int]) -> None:
    found = curves_until(recording(0, 4, 10), step)
    assert found["eval_step"].tolist() == kept
    assert len(found["r2_test"]) == len(kept)


def test_a_recording_without_evaluations_has_no_curves() -> None:
    record = {name: array for name, array in recording(0).items() if name in ("step", "loss")}
    assert curves_until(record, 10) == {}
    assert evaluation_of({}, None).steps == ()
    assert training_result(record, STEPS, OUTCOME, None).loss_initial is None
