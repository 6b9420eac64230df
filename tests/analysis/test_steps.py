"""Steps of a record: which row is meant, and when a loss was reached."""

import numpy as np
import pytest

from gradflow.analysis.steps import row_at, steps_to_loss
from gradflow.errors import InputError

STEPS = [0.0, 20.0, 40.0, 45.0]


@pytest.mark.parametrize(("step", "row"), [("0", 0), ("40", 2), ("45", 3), ("last", 3)])
def test_a_step_that_was_recorded_has_a_row(step: str, row: int) -> None:
    assert row_at(STEPS, step) == row


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("30", "--step 30: the step was not recorded; the nearest are 20 and 40"),
        ("1000", "the nearest is 45$"),
        ("first", "--step takes the number of a step or last, not first"),
        ("-1", "takes the number"),
        ("1e3", "takes the number"),
        ("9" * 400, "takes the number"),
    ],
)
def test_any_other_is_refused_with_those_around_it(step: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        row_at(STEPS, step)


@pytest.mark.parametrize(("loss", "steps"), [(5.0, 0), (1.0, 20), (0.99, 40), (0.1, None)])
def test_a_loss_is_reached_where_the_mean_over_networks_first_is_at_most_that(
    loss: float, steps: int | None
) -> None:
    record = {
        "eval_step": np.array([0.0, 20, 40]),
        "loss_train": np.array([[2.0, 3], [0.5, 1.5], [0.5, 0.5]]),
    }
    assert steps_to_loss(record, loss) == steps
    assert steps_to_loss({"step": np.zeros(1)}, loss) is None  # of a version without evaluations


def test_a_loss_that_is_not_a_number_reaches_nothing() -> None:
    record = {"eval_step": np.array([0.0, 20]), "loss_train": np.array([[np.nan, 1.0], [np.nan, np.nan]])}
    assert steps_to_loss(record, 1e300) is None
