"""The error function against the C library's, and where that is silent against its own laws."""

from __future__ import annotations

from math import erf as math_erf
from math import erfc as math_erfc
from math import exp, pi, sqrt

import numpy as np

from gradflow.nn.erf import erf, erfc

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
