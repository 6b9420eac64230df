"""The intervals of c and of log10_ratio hold the truth as often as they say, over networks of all kinds."""

from dataclasses import replace

import numpy as np
import pytest

from tests.studies.coverage import DRAWS, SEEDS, TABLE, one_by_one, rows
from tests.studies.held_out import Network, networks

LEAST, MOST = 0.93, 0.97


@pytest.mark.parametrize("seeds", [1, *SEEDS])
@pytest.mark.parametrize("name", ["c", "ratio"])
def test_intervals_hold_the_truth_in_93_to_97_of_100(name: str, seeds: int) -> None:
    """Of networks that nothing was fitted to: coverage.csv is what the study of that name found."""
    table = rows()
    draws = sum(getattr(row, f"draws_{seeds}") for row in table)
    held = sum(getattr(row, f"{name}_{seeds}") for row in table)
    assert draws >= 1_100
    assert LEAST <= held / draws <= MOST


def test_the_table_has_the_networks_of_the_study() -> None:
    told = [(row.number, row.width, row.depth) for row in rows()]
    assert told == [(one.number, one.width, one.depth) for one in networks("held_out")]
    assert TABLE.exists()


def test_no_kind_of_network_is_left_out() -> None:
    """The worst are no worse than chance makes some of 120: of 12 draws, 8 or more hold the truth."""
    full = [row for row in rows() if row.draws_1 == DRAWS]
    assert len(full) > 100
    assert min(row.c_1 for row in full) >= 8
    assert min(row.ratio_1 for row in full) >= 8


def small(thorough: bool) -> list[Network]:
    """Networks of the study that are quickly drawn."""
    light = sorted(networks("held_out"), key=lambda one: one.width**2 * one.depth)
    return light[: 40 if thorough else 3]


def test_one_network_holds_the_mean_of_others_as_often_as_it_says(thorough: bool) -> None:
    """Each against the mean of all, to which it is nearer than to the truth by sqrt(1 - 1 / n)."""
    held, count = 0, 0
    for network in small(thorough):
        for estimates in one_by_one(replace(network, number=network.number + 500), 24).values():
            means = np.array([one.mean for one in estimates])
            halves = np.array([one.half for one in estimates], dtype=float)
            off = np.abs(means - means.mean()) / np.sqrt(1 - 1 / len(means))
            held, count = held + int((off <= halves).sum()), count + len(means)
    error = np.sqrt(0.95 * 0.05 / count)
    assert abs(held / count - 0.95) < 0.02 + 2.5 * error
