import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradflow.data.base import LARGEST_VALUE, MEMORY, one_hot, prepare, require_memory, standardize_in_place
from gradflow.errors import InputError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(arrays(np.float64, (7, 3), elements=FINITE))
def test_standardising_gives_mean_0_and_variance_1_over_the_whole_range_of_float64(x: np.ndarray) -> None:
    constant = x.max(axis=0) == x.min(axis=0)
    if constant.all():
        with pytest.raises(InputError, match="constant over the training samples"):
            standardize_in_place(x)
        return
    standardize_in_place(x)
    assert (x[:, constant] == 0).all()
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(x.var(axis=0)[~constant], 1, rtol=1e-12)


@pytest.mark.parametrize(("x", "y", "what"), [([1, 1], [1, 2], "feature"), ([1, 2], [5, 5], "target")])
def test_a_constant_target_is_not_taken_for_a_constant_feature(x: list[int], y: list[int], what: str) -> None:
    arrays = (np.array(values, dtype=np.float64)[:, None] for values in (x, y))
    with pytest.raises(InputError, match=f"every {what} is constant over the training samples"):
        prepare(*arrays, classes=False, standardize=True)


def test_a_large_offset_does_not_cost_the_digits_of_a_small_spread() -> None:
    x = 1.7e9 + np.arange(50_000.0)[:, None] % 2
    standardize_in_place(x)
    np.testing.assert_array_equal(np.unique(x), [-1, 1])


def test_test_samples_are_mapped_by_the_mean_and_sd_of_the_training_samples() -> None:
    x = np.random.default_rng(0).normal(5, 3, (100, 2))
    data = prepare(x, x[:, :1], classes=False, standardize=True, test_fraction=0.25, seed=1)
    raw = prepare(x, x[:, :1], classes=False, standardize=False, test_fraction=0.25, seed=1)
    expected = (raw.x_test - raw.x.mean(axis=0)) / raw.x.std(axis=0)
    np.testing.assert_allclose(data.x_test, expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(data.y_test, expected[:, :1], rtol=1e-13, atol=1e-14)


def test_a_feature_that_is_constant_in_training_is_0_in_the_test_samples_too() -> None:
    train, test = np.array([[1.0, 7.1], [2.0, 7.1]]), np.array([[3.0, 9.0], [1.5, 1e308]])
    standardize_in_place(train, test)
    np.testing.assert_array_equal(train, [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(test, [[3, 0], [0, 0]])


def test_a_test_sample_beyond_float64_after_standardising_is_refused() -> None:
    x = np.where(np.arange(10)[:, None] == 0, 1e300, np.arange(10.0)[:, None] * 1e-300)
    with pytest.raises(InputError, match="no square in float64"):
        prepare(x, np.eye(10), classes=True, standardize=True, test_fraction=0.8, seed=1)


def test_values_without_a_square_are_refused_unless_standardised_away() -> None:
    x, y = np.array([[1.0], [2 * LARGEST_VALUE]]), np.eye(2)
    assert prepare(x, y, classes=True, standardize=True).q_0 == pytest.approx(1)
    for bad in (2 * LARGEST_VALUE, -2 * LARGEST_VALUE, np.inf, np.nan):
        with pytest.raises(InputError, match="no square in float64"):
            prepare(np.array([[1.0], [bad]]), y, classes=True, standardize=False)


def test_chance_is_the_entropy_of_the_training_classes_whatever_is_held_out() -> None:
    y = np.eye(4)[[0] * 6 + [1] * 3 + [2] * 3]
    data = prepare(np.arange(12.0)[:, None], y, classes=True, standardize=True)
    assert data.chance == pytest.approx(1.5 * np.log(2))  # of 1/2, 1/4, 1/4 and 0
    assert prepare(np.arange(12.0)[:, None], y, classes=False, standardize=True).chance is None
    part = prepare(np.arange(12.0)[:, None], y, classes=True, standardize=True, test_fraction=0.5, seed=3)
    counts = part.y.sum(axis=0)[:3]
    assert part.chance == pytest.approx(-sum(n / 6 * np.log(n / 6) for n in counts if n))


def test_the_scale_of_targets_is_their_mean_square_and_that_of_classes_is_none() -> None:
    x, y = np.arange(4.0)[:, None], np.array([[3.0, 4.0]] * 4)
    assert prepare(x, y, classes=False, standardize=False).q_y == pytest.approx(12.5)
    assert prepare(x, np.eye(4), classes=True, standardize=False).q_y is None


def test_the_callers_arrays_stay_his_own() -> None:
    x = np.arange(6.0).reshape(3, 2)
    prepare(x, np.eye(3), classes=True, standardize=True)
    np.testing.assert_array_equal(x, np.arange(6.0).reshape(3, 2))
    assert x.flags.writeable


def test_a_training_sample_is_always_left() -> None:
    data = prepare(np.eye(2), np.eye(2), classes=True, standardize=False, test_fraction=0.99)
    assert (data.samples, len(data.x_test)) == (1, 1)


def test_one_hot_marks_the_label() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3, "k"), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(("classes", "message"), [(1, "only one class"), (10**9, "would need 16.0 GB")])
def test_one_class_and_too_many_are_refused(classes: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        one_hot(np.array([0]), classes, "data.y", "file")
    assert (caught.value.problems[0].key, caught.value.problems[0].source) == ("data.y", "file")


def test_memory_is_refused_above_the_limit_however_large_the_number() -> None:
    require_memory(MEMORY, "it", "data")
    for needed in (MEMORY + 1, 10**5000):
        with pytest.raises(InputError, match=r"it would need .* GB of memory, but data may take 0\.45 GB"):
            require_memory(needed, "it", "data")
