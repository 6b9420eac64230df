"""Powers of two and the exponents that keep norms in range."""

import numpy as np
import pytest

from gradflow.nn.scaled import RANGES, power_of_two, shared_exponent


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_of_two_are_exact_or_beyond_the_dtype(dtype: type) -> None:
    assert [float(power_of_two(e, dtype)) for e in (0, 1, -3, 100)] == [1, 2, 0.125, 2.0**100]
    assert power_of_two(10**9, dtype) == np.inf
    assert power_of_two(-(10**9), dtype) == 0
    assert power_of_two(np.array([1, 2]), dtype).dtype == dtype


def test_samples_that_are_alike_share_an_exponent_below_one() -> None:
    k = shared_exponent(np.array([[3.0, 1.0, 0.001]]))
    assert k.tolist() == [[2, 2, 2]]
    assert (np.ldexp(np.array([3.0, 1.0, 0.001]), -k[0]) < 1).all()


def test_samples_far_below_the_largest_have_their_own() -> None:
    assert shared_exponent(np.array([[1.0, 2.0**-40, 0.0, np.inf, np.nan]])).tolist() == [[1, -39, 1, 1, 1]]


def test_where_nothing_is_usable_the_exponent_is_0() -> None:
    assert shared_exponent(np.array([[0.0, np.nan], [2.0**-2000, np.inf]])).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("dtype", RANGES)
def test_a_range_holds_only_squares_with_all_their_digits(dtype: np.dtype[np.floating]) -> None:
    bounds = RANGES[dtype]
    assert (
        np.finfo(dtype).tiny < bounds.tiny < bounds.low < 1 < bounds.high < bounds.huge < np.finfo(dtype).max
    )
    assert bounds.holds(np.array([1.0, 2.0]))
    assert bounds.central(np.array([bounds.low, bounds.high]))
    for bad in (0.0, np.inf, np.nan, bounds.tiny, bounds.huge):
        assert not bounds.holds(np.array([1.0, bad]))
        assert not bounds.central(np.array([1.0, bad]))
