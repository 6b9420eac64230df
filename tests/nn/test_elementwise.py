"""tanh in passes: as good as NumPy's own, whichever of the two a processor gets."""

from itertools import combinations

import numpy as np
import pytest

from gradflow.nn import elementwise
from gradflow.nn.elementwise import Array, Work, half_tanh, number, tanh


@pytest.fixture(params=[True, False], ids=["passes", "numpy"])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "_NUMPY_IS_SLOW", request.param)


def points() -> Array:
    """From the smallest normal numbers to far beyond saturation, both signs; (2, N)."""
    x = np.concatenate([np.geomspace(1e-36, 1e4, 60_000), np.linspace(0, 20, 60_000)]).astype(np.float32)
    return np.stack([x, -x])


def applied(function, x: Array) -> Array:  # type: ignore[no-untyped-def]
    out: Array = function(x, np.empty_like(x), np.empty_like(x))
    return out


@pytest.mark.usefixtures("_either")
def test_tanh_is_within_four_units_of_the_last_place() -> None:
    x = points()
    exact = np.tanh(x.astype(np.float64))
    units = np.abs(applied(tanh, x) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert units.max() < 4


@pytest.mark.usefixtures("_either")
def test_tanh_never_leaves_its_range_and_is_odd() -> None:
    value = applied(tanh, points())
    assert np.abs(value).max() <= 1
    np.testing.assert_array_equal(value[0], -value[1])


@pytest.mark.usefixtures("_either")
def test_half_tanh_is_the_logistic_function_less_a_half() -> None:
    x = np.clip(points(), -80, 80)
    logistic = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(applied(half_tanh, x), logistic - 0.5, rtol=5e-7, atol=1e-15)


@pytest.mark.usefixtures("_either")
def test_what_is_not_finite_stays_what_it_is() -> None:
    x = np.zeros((2, 8192), np.float32)
    x[0, :3] = np.inf, -np.inf, np.nan
    value = applied(tanh, x)
    np.testing.assert_allclose(value[0, :2], [1, -1], rtol=1e-6)
    assert np.isnan(value[0, 2])
    assert not value[1].any()


def test_the_input_is_left_as_it_was() -> None:
    x = points()
    before = x.copy()
    applied(tanh, x)
    np.testing.assert_array_equal(x, before)


def test_a_constant_takes_the_type_that_it_meets() -> None:
    x = np.ones(3, np.float32)
    assert (x * number(0.5, x.dtype)).dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        number(0.5, x.dtype)[...] = 2


def test_arrays_to_work_with_belong_to_whoever_asked_for_them() -> None:
    x = np.ones((3, 5), np.float32)
    mine, yours = Work.like(x), Work.like(x)
    arrays = [x, *mine, *yours]
    assert not any(np.shares_memory(a, b) for a, b in combinations(arrays, 2))
