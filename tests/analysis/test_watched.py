"""Symptoms and advice of a record that has no config, from planted arrays."""

from __future__ import annotations

import numpy as np
import pytest

from gradflow.analysis.summary import Flow
from gradflow.analysis.watched import watched_advice, watched_symptoms

ROWS, LAYERS = 4, 6


def record(**changed: np.ndarray) -> dict[str, np.ndarray]:
    by_layer, by_step = (ROWS, LAYERS, 1), (ROWS, 1)
    return {
        "step": np.arange(0.0, 10 * ROWS, 10),
        "log_delta_norm": np.zeros(by_layer),
        "branch_ratio": np.full(by_layer, 0.3),
        "lost_samples": np.zeros(by_step),
        "samples": np.full(by_step, 16.0),
        "update_ratio": np.full(by_layer, np.nan),
        "update_mlp": np.array([[1e-3], [1e-3], [1e-3], [np.nan]]),
        **changed,
    }


def planted(rows: int, layer: int | None = None, value: float = 0.0) -> np.ndarray:
    array = np.full((ROWS, LAYERS, 1), 0.3)
    array[rows:, layer] = value
    return array


GATED, JUMP = planted(0, 2), planted(2, 4, 10.0)


@pytest.mark.parametrize(
    ("changed", "name", "step", "layer"),
    [
        ({"branch_ratio": GATED}, "gated-blocks", 30, 3),
        ({"log_delta_norm": JUMP}, "gradient-jump", 20, 5),
        ({"lost_samples": np.array([[0], [9], [9], [0.0]])}, "lost-samples", 10, None),
        ({"update_mlp": np.array([[0], [0], [0], [np.nan]])}, "no-update", 0, None),
    ],
)
def test_a_symptom_that_was_planted_is_found(
    changed: dict[str, np.ndarray], name: str, step: int, layer: int | None
) -> None:
    (found,) = watched_symptoms(record(**changed))
    assert (found.name, found.step, found.layer) == (name, step, layer)


def test_a_healthy_record_has_none() -> None:
    assert watched_symptoms(record()) == ()


def test_a_record_of_a_file_is_passed_over() -> None:
    assert watched_symptoms({"log_delta_norm": JUMP}) == ()


PLAIN, BLOCKS = {"watched": "Net", "expected_c": 0.5}, {"watched": "Net", "axis": "auto"}


def test_a_plain_chain_is_told_the_factor_of_its_weights() -> None:
    (advice,) = watched_advice(Flow(0, c=0.5, verdict="vanishing", transitions=19), PLAIN)
    assert advice.torch == "with torch.no_grad(): layer.weight.mul_(2)"


def test_blocks_that_explode_are_told_to_scale_their_branches() -> None:
    (advice,) = watched_advice(Flow(0, c=1.3, verdict="exploding", transitions=15), BLOCKS)
    assert advice.torch == "x = x + 0.25 * branch(x)"


@pytest.mark.parametrize("data", [PLAIN, BLOCKS, {}])
def test_what_is_stable_is_left_alone(data: dict[str, object]) -> None:
    assert watched_advice(Flow(0, c=1.0, verdict="stable", transitions=15), data) == ()
