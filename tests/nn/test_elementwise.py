"""What activations are made of: to the last digits in single precision, whichever form a processor gets."""

from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.arrays import Array
from gradflow.nn import elementwise
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.elementwise import FAR, Counts, Work, number
from gradflow.nn.erf import erfc

LAST = 2.0**-23  # unit of the last place of 1


@pytest.fixture(params=[True, False], ids=["by exp", "by tanh"])
def _either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "_TANH_IS_SLOW", request.param)


@pytest.fixture(scope="module")
def z(request: pytest.FixtureRequest) -> Array:
    """Every so many-th float32 from the smallest normal number to far beyond saturation, both signs."""
    first, last = (int(np.float32(end).view(np.uint32)) for end in (1.2e-38, 80))
    step = 499 if request.config.getoption("--thorough") else 9973
    x = np.arange(first, last, step, dtype=np.uint32).view(np.float32)
    return np.stack([x, -x])


def falling(z: Array) -> Array:
    return np.exp(-np.abs(z.astype(np.float64)))


def logistic(z: Array) -> Array:
    return np.where(z < 0, falling(z), 1) / (1 + falling(z))


def normal(z: Array) -> Array:
    return erfc(z.astype(np.float64) / -sqrt(2)) / 2


VALUES = {
    "tanh": lambda z: np.tanh(z.astype(np.float64)),
    "sigmoid": logistic,
    "silu": lambda z: z * logistic(z),
    "gelu": lambda z: z * normal(z),
}
each = pytest.mark.parametrize("name", VALUES)


@pytest.mark.usefixtures("_either")
@each
def test_single_precision_is_within_two_units_of_the_last_place(name: str, z: Array) -> None:
    """Of 1 or, where it is larger, of z, which some are a share of; tanh also of its own."""
    exact = VALUES[name](z)
    error = np.abs(ACTIVATIONS[name]().phi(z) - exact)
    assert (error / np.maximum(1, np.abs(z))).max() < 1.2 * LAST
    if name == "tanh":
        assert (error / np.spacing(np.abs(exact).astype(np.float32))).max() < 2


logistics = pytest.mark.parametrize("name", ["sigmoid", "silu"])


def units(name: str, z: Array) -> tuple[Array, Array]:
    """Where a value is a normal number, its z and its error in units of its own last place."""
    exact = VALUES[name](z)
    held = np.abs(exact) > 1e-37
    return z[held], (np.abs(ACTIVATIONS[name]().phi(z) - exact) / np.spacing(np.abs(exact).astype(z.dtype)))[
        held
    ]


@logistics
def test_made_of_exp_it_keeps_its_digits_where_it_is_small(
    name: str, z: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four units of its own last place."""
    monkeypatch.setattr(elementwise, "_TANH_IS_SLOW", True)
    assert units(name, z)[1].max() < 4


@logistics
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_made_of_tanh_it_keeps_most_of_them_and_far_below_0_all(
    name: str, dtype: type[np.floating[Any]], z: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elementwise, "_TANH_IS_SLOW", False)
    z, off = units(name, z.astype(dtype))
    assert off[z < FAR].max() < 4
    assert off.max() * np.finfo(dtype).eps / 2 < 2e-3  # a unit is half of eps of it, or more


@logistics
@pytest.mark.parametrize("other", [-20.0, np.nan, -np.inf, 20.0])
def test_what_becomes_of_one_z_depends_on_no_other(
    name: str, other: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elementwise, "_TANH_IS_SLOW", False)
    z, phi = np.linspace(-12, 12, 4001, dtype=np.float32), ACTIVATIONS[name]()
    with np.errstate(invalid="ignore"):
        beside = phi.phi(np.append(z, np.float32(other)))[:-1]
    np.testing.assert_array_equal(beside[z >= FAR], phi.phi(z[z >= FAR]))
    np.testing.assert_array_equal(beside[z < FAR], phi.phi(z[z < FAR]))
    assert phi.phi(z[:0]).size == 0


@pytest.mark.usefixtures("_either")
@each
def test_values_and_slopes_go_together(name: str, z: Array) -> None:
    phi = ACTIVATIONS[name]()
    a, slope, work = np.empty_like(z), np.empty_like(z), Work.like(z)
    phi.evaluate(z, a, work)
    phi.quick_derivative(z, a, work, slope)
    assert np.abs(slope - phi.derivative(z.astype(np.float64))).max() < 8 * LAST * phi.steepest


@pytest.mark.usefixtures("_either")
@each
def test_double_precision_is_the_same_on_every_processor(name: str) -> None:
    z = np.linspace(-30, 30, 6001)
    np.testing.assert_allclose(ACTIVATIONS[name]().phi(z), VALUES[name](z), rtol=0, atol=4e-15)


@pytest.mark.usefixtures("_either")
@each
def test_what_is_not_finite_stays_so_or_comes_to_its_end(name: str) -> None:
    z = np.zeros((2, 64), np.float32)
    z[0, :3] = np.inf, -np.inf, np.nan
    with np.errstate(all="ignore"):
        value = ACTIVATIONS[name]().phi(z)
    ends = {"tanh": [1, -1], "sigmoid": [1, 0]}
    if name in ends:
        np.testing.assert_allclose(value[0, :2], ends[name], rtol=1e-6)
    assert np.isnan(value[0, 2])
    np.testing.assert_array_equal(value[1], 0.5 if name == "sigmoid" else 0)


@pytest.mark.usefixtures("_either")
@each
def test_the_input_is_left_as_it_was(name: str, z: Array) -> None:
    before = z.copy()
    ACTIVATIONS[name]().phi(z)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize(
    "shape", [(3, 4096), (1, 1), (2, 7), (5, 8 * 257), (2, 8 * 255 * 3), (4, 30)], ids=str
)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_all_that_is_true_is_counted(shape: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(0).random(shape) < share
    found = np.empty(shape[0], np.int64)
    Counts(mask).into(found)
    np.testing.assert_array_equal(found, mask.sum(axis=1))


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
