from pathlib import Path

import numpy as np
import pytest

from gradflow.data import DATASETS
from gradflow.data.generated import GaussianSamples, Spirals, Teacher
from gradflow.errors import InputError

HERE = Path()


def linear_accuracy(x: np.ndarray, y: np.ndarray) -> float:
    """The share of samples that the least-squares linear map of x classifies as y says."""
    bordered = np.hstack([x, np.ones((len(x), 1))])
    fit = bordered @ np.linalg.lstsq(bordered, y, rcond=None)[0]
    return float((fit.argmax(axis=1) == y.argmax(axis=1)).mean())


def test_gaussian_inputs_are_standard_normal_and_not_standardised_again() -> None:
    data = GaussianSamples(samples=4096).load(HERE)
    assert data.q_0 == pytest.approx(1, abs=4 * np.sqrt(2 / data.x.size))
    assert data.q_0 != 1
    assert np.abs(data.x.mean(axis=0)).max() > 1e-3


def test_gaussian_labels_can_be_learnt_by_a_linear_map() -> None:
    data = GaussianSamples(samples=4000, features=8, classes=4).load(HERE)
    assert linear_accuracy(data.x, data.y) > 0.85


def test_one_gaussian_sample_is_enough_to_study_initialization() -> None:
    assert GaussianSamples(samples=1).load(HERE).y.shape == (1, 10)


@pytest.mark.parametrize("cls", [GaussianSamples, Teacher])
def test_more_samples_extend_the_same_inputs(cls: type[GaussianSamples] | type[Teacher]) -> None:
    few, many = cls(samples=10).load(HERE), cls(samples=20).load(HERE)
    np.testing.assert_array_equal(few.x, many.x[:10])


def test_more_gaussian_samples_keep_the_labels_of_the_first() -> None:
    few, many = GaussianSamples(samples=10).load(HERE), GaussianSamples(samples=20).load(HERE)
    np.testing.assert_array_equal(few.y, many.y[:10])


def test_the_teacher_is_a_function_of_x_that_no_linear_map_matches() -> None:
    data = Teacher(samples=2000, features=4, width=32, depth=2).load(HERE)
    residual = np.linalg.lstsq(data.x, data.y, rcond=None)[1][0] / len(data.x)
    assert 0.01 < residual < 0.9


def test_teacher_noise_is_in_units_of_the_clean_targets() -> None:
    clean, noisy = (Teacher(samples=20_000, features=3, noise=noise).load(HERE) for noise in (0.0, 0.5))
    np.testing.assert_array_equal(clean.x, noisy.x)
    correlation = np.mean(clean.y * noisy.y)
    assert correlation == pytest.approx(1 / np.sqrt(1 + 0.5**2), abs=0.01)


def test_spirals_need_more_than_a_line() -> None:
    data = Spirals(noise=0.02, turns=1.5).load(HERE)
    distances = ((data.x_test[:, None] - data.x) ** 2).sum(axis=2)
    nearest = data.y[distances.argmin(axis=1)]
    assert (nearest == data.y_test).all(axis=1).mean() > 0.95
    assert linear_accuracy(data.x, data.y) < 0.75


def test_without_turns_or_noise_the_arms_are_straight() -> None:
    data = Spirals(noise=0.0, turns=0.0, classes=3, test_fraction=0.0).load(HERE)
    for arm in range(3):
        points = data.x[data.y[:, arm] == 1]
        assert np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] < 1e-12


@pytest.mark.parametrize("name", ["gaussian", "teacher", "spirals"])
def test_sizes_beyond_memory_are_refused_before_they_are_drawn(name: str) -> None:
    with pytest.raises(InputError, match=r"1,000,000,000 samples.* would need [\d,]+\.\d GB") as caught:
        DATASETS[name](samples=10**9).load(HERE)
    assert caught.value.problems[0].key == "data"
