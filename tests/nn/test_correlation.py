"""The mean cosine of pairs of samples against every pair looked at, at any scale."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from gradflow.nn.correlation import mean_cosine

Array = np.ndarray[Any, Any]


def by_pairs(z: Array) -> float:
    unit = z / np.linalg.norm(z, axis=0)
    return float(np.mean([unit[:, i] @ unit[:, j] for i, j in combinations(range(z.shape[1]), 2)]))


def drawn(shared: float = 0.0, *shape: int) -> Array:
    """Samples that share a direction to some degree."""
    rng = np.random.default_rng(0)
    shape = shape or (6, 9)
    return shared * rng.standard_normal((*shape[:-1], 1)) + rng.standard_normal(shape)


@pytest.mark.parametrize("shared", [0.0, 1.0, 30.0, 1e6])
def test_it_is_the_mean_over_all_pairs(shared: float) -> None:
    z = drawn(shared)
    assert mean_cosine(z) == pytest.approx(by_pairs(z), abs=1e-14)


def test_layers_and_networks_stand_side_by_side() -> None:
    z = drawn(1.0, 3, 2, 6, 9)
    found = mean_cosine(z)
    assert found.shape == (3, 2)
    for layer, seed in np.ndindex(3, 2):
        assert found[layer, seed] == pytest.approx(by_pairs(z[layer, seed]), abs=1e-14)


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e40, 1e300])
def test_no_scale_changes_it_though_squares_leave_the_range(scale: float) -> None:
    z = drawn(1.0)
    assert mean_cosine(scale * z) == pytest.approx(by_pairs(z), abs=1e-14)


def test_each_sample_may_have_its_own_scale() -> None:
    z = drawn(1.0)
    assert mean_cosine(z * 10.0 ** np.arange(-40, 41, 10)) == pytest.approx(by_pairs(z), abs=1e-13)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_sample_without_a_direction_is_left_out(value: float) -> None:
    z = drawn(1.0)
    z[:, 4] = value
    assert mean_cosine(z) == pytest.approx(by_pairs(np.delete(z, 4, axis=1)), abs=1e-14)


@pytest.mark.parametrize("z", [drawn(0.0, 6, 1), np.zeros((6, 9)), drawn()[:, :2] * [1, 0]], ids=len)
def test_one_sample_alone_has_no_cosine(z: Array) -> None:
    assert np.isnan(mean_cosine(z))


def test_equal_samples_have_one_and_never_more() -> None:
    z = np.repeat(drawn(0.0, 6, 1), 9, axis=1)
    assert 1 - 1e-15 <= mean_cosine(z) <= 1
