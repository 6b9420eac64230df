"""Norms of samples are exact where squares underflow or overflow, whatever the number of values."""

from __future__ import annotations

import math

import pytest

from tests.torch.models import nn, torch

from gradflow.torch.norms import CHUNK, TINY, log_norms, scaled_log_norms, squares  # isort: skip

SIZES = (1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e-30, 1e18, 1e30, TINY])
@pytest.mark.parametrize("values", SIZES)
def test_the_norm_is_that_of_float64(values: int, scale: float) -> None:
    torch.manual_seed(0)
    gradients = torch.randn(5, values) * scale
    expected = gradients.double().norm(dim=1).log()
    assert log_norms(gradients).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert scaled_log_norms(gradients.double()).tolist() == pytest.approx(expected.tolist(), abs=1e-12)


@pytest.mark.parametrize("values", SIZES)
def test_samples_of_zeros_or_of_no_numbers_are_told_beside_others(values: int) -> None:
    gradients = torch.ones(4, values)
    gradients[1] = 0.0
    gradients[2, -1] = math.nan
    gradients[3, 0] = math.inf
    found = log_norms(gradients).tolist()
    assert found[0] == pytest.approx(math.log(values) / 2, abs=1e-6)
    assert (found[1], math.isnan(found[2]), found[3]) == (-math.inf, True, math.inf)


def test_a_small_value_counts_beside_large_ones_of_another_sample() -> None:
    gradients = torch.zeros(2, 4 * CHUNK)
    gradients[0, -1], gradients[1, 0] = 1e-25, 1.0
    assert log_norms(gradients).tolist() == pytest.approx([math.log(1e-25), 0.0], abs=1e-6)


def test_squares_of_many_tensors_are_those_of_each_group() -> None:
    groups = {
        "mixed": [torch.full((3,), 2.0), torch.full((4,), 1.0, dtype=torch.float64)],
        "half": [torch.full((5,), 3.0, dtype=torch.bfloat16)],
        "none": [],
        "trained": [nn.Parameter(torch.eye(3))],
    }
    assert squares(groups) == pytest.approx({"mixed": 16, "half": 45, "none": 0, "trained": 3})
