from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.analysis.history import history_of
from gradflow.analysis.summary import Flip


def record(ratios: list[float], depth: int = 12, networks: int = 2) -> dict[str, NDArray[np.float64]]:
    """A record whose log10 of ||delta_1|| / ||delta_L|| is given for each row, every layer alike."""
    slope = np.linspace(1, 0, depth)[None, :, None] * log(10)
    log_delta = np.array(ratios)[:, None, None] * slope * np.ones((1, 1, networks))
    rows = len(ratios)
    return {
        "step": np.arange(rows, dtype=float),
        "log_delta_norm": log_delta,
        "loss": np.linspace(2, 1, rows)[:, None] * np.ones((1, networks)),
    }


def test_every_row_has_its_c_and_ratio() -> None:
    history = history_of(record([-2.0, 0.0, 1.1]), 1.0, 2)
    assert history.steps == (0, 1, 2)
    assert history.c == pytest.approx([10 ** (-2 / 11), 1.0, 10 ** (1.1 / 11)])
    assert history.log10_ratio == pytest.approx([-2.0, 0.0, 1.1], abs=1e-12)
    assert history.loss == pytest.approx([2.0, 1.5, 1.0])


def test_a_history_has_the_seven_digits_of_a_picture() -> None:
    """Of c and the loss, however small; of the ratio seven decimals, the digits of a norm."""
    third = record([-1 / 3, -1 / 7, -2000 / 7])
    noise = np.random.default_rng(0).standard_normal(third["log_delta_norm"].shape)
    third["log_delta_norm"] += 0.1 * noise
    third["loss"][:] = np.array([1e-9, 1, 1e9])[:, None] / 3
    history = history_of(third, 1.0, 2)
    assert history.loss == (3.333333e-10, 0.3333333, 333333300.0)
    for column in (history.c, history.c_low, history.c_high):
        assert all(value == float(f"{value:.7g}") for value in column if value is not None)
    low, exact, high = (np.array(values, float) for values in (history.c_low, history.c, history.c_high))
    assert ((low < exact) & (exact < high)).all()
    assert all(value == round(value, 7) for value in history.log10_ratio if value is not None)
    expected = (third["log_delta_norm"][:, 0] - third["log_delta_norm"][:, -1]).mean(axis=1) / log(10)
    assert history.log10_ratio == pytest.approx(expected, abs=5.1e-8)


def test_a_verdict_flips_when_the_new_one_holds() -> None:
    ratios = [-2.0] * 4 + [0.0, 0.0] + [-2.0] * 3 + [0.0] * 6
    assert history_of(record(ratios), 1.0, 3).flips == (Flip(9, "vanishing", "stable"),)
    assert history_of(record(ratios), 1.0, 7).flips == ()


def test_at_most_200_rows_are_kept_with_both_ends() -> None:
    history = history_of(record([0.0] * 1000), 1.0, 3)
    assert len(history.steps) == 200
    assert (history.steps[0], history.steps[-1]) == (0, 999)


def test_a_record_of_one_layer_has_no_c() -> None:
    history = history_of(record([0.0, 0.0], depth=1), 1.0, 3)
    assert history.c == (None, None)
    assert history.log10_ratio == (None, None)


def test_a_verdict_turns_dead_when_most_networks_are() -> None:
    made = record([0.0] * 12, networks=4)
    made["log_delta_norm"][3:, :4, :2] = -np.inf  # half of them: the others still tell
    assert history_of(made, 1.0, 3).flips == ()
    made["log_delta_norm"][5:, :4, 2] = -np.inf
    assert history_of(made, 1.0, 3).flips == (Flip(5, "stable", "dead"),)
