"""The parts that one network's increments add up from: independent, and as large as networks really stray."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from gradflow.analysis.increments import increments, window
from gradflow.analysis.known_increments import Known, mean_square
from gradflow.analysis.predictions import inputs_of, predicted
from gradflow.meanfield.innovations import innovations
from tests.studies.lab import run

Array = NDArray[np.float64]
NET = """
model: {depth: 40, width: 64, activation: tanh, init: lecun_normal}
seeds: 64
data: {name: gaussian, samples: 64, features: 64}
training: {steps: 0, batch_size: 1, evaluate: 1}
recording: {critical_lr: none}
"""
CORRELATED = ("tanh", "orthogonal")  # chi_parallel near 1, and little noise beside what q passes on


@cache
def parts_of(activation: str, init: str, first: int = 1) -> tuple[Array, Array, Known]:
    """(parts, increments beyond the expected ones, what is known) of 64 networks."""
    config, recording, info = run(NET, f"activation={activation}", f"init={init}")
    row = {name: array[0] for name, array in recording.items() if array.ndim == 3}
    known = Known.of(predicted(config, inputs_of(info["data"])), config.training.dtype)
    rising, square = increments(row["log_delta_norm"]), mean_square(row)
    assert known.network is not None
    assert known.steps is not None
    assert square is not None
    found = innovations(known.network, known.steps, rising, square, first)
    assert found is not None
    return found, rising - known.steps[:, None], known


def neighbours(values: Array) -> float:
    """The correlation of neighbours along layers, over networks, each layer about its own mean."""
    off = values - values.mean(axis=1, keepdims=True)
    off = off / off.std(axis=1, keepdims=True)
    return float((off[1:] * off[:-1]).mean())


@pytest.mark.parametrize("case", [CORRELATED, ("tanh", "lecun_normal")])
def test_parts_of_different_layers_know_nothing_of_one_another(case: tuple[str, str]) -> None:
    parts, _, _ = parts_of(*case)
    assert abs(neighbours(parts)) < 4 / np.sqrt(parts.size)


def test_increments_themselves_are_correlated_over_many_layers_where_q_remembers() -> None:
    _, rising, _ = parts_of(*CORRELATED)
    assert rising.sum(axis=0).var(ddof=1) > 1.3 * rising.var(axis=1, ddof=1).sum()


@pytest.mark.parametrize("first", [1, window(40)[0]])
@pytest.mark.parametrize("case", [CORRELATED, ("sigmoid", "he_normal")])
def test_the_squares_of_the_parts_are_the_variance_of_the_sum(case: tuple[str, str], first: int) -> None:
    parts, rising, _ = parts_of(*case, first)
    told = (parts**2).sum(axis=0).mean()
    real = rising[first - 1 :].sum(axis=0).var(ddof=1)
    assert 0.6 < told / real < 1.6  # 64 networks: the variance has an error of 18%


def test_the_parts_of_a_homogeneous_activation_are_its_increments() -> None:
    """Slopes of relu do not see q: nothing is passed on."""
    parts, rising, _ = parts_of("relu", "he_normal")
    np.testing.assert_allclose(parts, rising, atol=1e-12)


def test_there_are_none_where_activations_left_what_a_float_holds() -> None:
    known = parts_of("relu", "he_normal")[2]
    assert known.network is not None
    assert known.steps is not None
    gone = np.full((40, 1), np.inf)
    assert innovations(known.network, known.steps, np.zeros((39, 1)), gone, 1) is None
