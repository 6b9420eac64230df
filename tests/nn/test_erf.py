"""The error function against the C library's, and where that is silent against its own laws."""

from __future__ import annotations

from math import erf as math_erf
from math import erfc as math_erfc
from math import exp, pi, sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.nn.erf import erf, erfc, normal_cdf

X = np.concatenate(
    [np.linspace(-7, 7, 20_001), np.geomspace(1e-300, 1, 2000), [0.0, 1.1, 30.0, -30.0, 1e300]]
)


def test_double_precision_is_within_two_units_of_the_last_place() -> None:
    expected = np.array([math_erf(x) for x in X])
    units = np.abs(erf(X) - expected) / np.spacing(np.maximum(np.abs(expected), 1e-308))
    assert units.max() <= 2


def test_single_precision_is_within_two_roundings_of_1() -> None:
    x = X[np.abs(X) < 1e30].astype(np.float32)
    expected = np.array([math_erf(v) for v in x.astype(np.float64)])
    value = erf(x)
    assert value.dtype == np.float32
    assert np.abs(value - expected).max() < 1.3e-7


def test_the_complement_keeps_its_digits() -> None:
    x = np.linspace(-6, 26, 5001)
    np.testing.assert_allclose(erfc(x), [math_erfc(v) for v in x], rtol=1e-13)


def test_it_is_odd() -> None:
    np.testing.assert_array_equal(erf(-X), -erf(X))


def test_complex_numbers_carry_the_slope() -> None:
    x = np.linspace(-5, 5, 101)
    value = erf(x + 1e-20j)
    np.testing.assert_array_equal(value.real, erf(x))
    np.testing.assert_allclose(value.imag / 1e-20, [2 / sqrt(pi) * exp(-(v**2)) for v in x], rtol=1e-14)


def test_it_writes_where_it_is_told() -> None:
    for dtype in (np.float32, np.float64):
        x, out, scratch = X[:50].astype(dtype), np.empty(50, dtype), np.empty(50, dtype)
        assert erf(x, out, scratch) is out
        np.testing.assert_array_equal(out, erf(x))


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1.2e-7), (np.float64, 2.3e-16)])
def test_the_normal_distribution_function_is_within_two_roundings_of_1(dtype: Any, bound: float) -> None:
    z = X[np.abs(X) < 1e30].astype(dtype)
    value = normal_cdf(z, np.empty_like(z), np.empty_like(z))
    assert np.abs(value - [(1 + math_erf(v / sqrt(2))) / 2 for v in z.astype(np.float64)]).max() < bound


def test_single_precision_knows_its_ends() -> None:
    z = np.array([-np.inf, -1e38, 0, 1e38, np.inf, np.nan], np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(erf(z), np.array([-1, -1, 0, 1, 1, np.nan], np.float32))
        cdf = normal_cdf(z, np.empty_like(z), np.empty_like(z))
    np.testing.assert_array_equal(cdf, np.array([0, 0, 0.5, 1, 1, np.nan], np.float32))
