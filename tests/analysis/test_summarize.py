"""What a summary takes from a run.json, those of older versions included."""

from typing import Any

import pytest

from gradflow.analysis.summarize import samples_of
from gradflow.analysis.summary_parts import Samples

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
