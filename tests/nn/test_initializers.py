"""What initializations draw: variance, law, orthogonality; within five standard deviations."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from gradflow.nn.initializers import (
    ALIASES,
    INITIALIZERS,
    Constant,
    Gaussian,
    HeNormal,
    Initializer,
    Matrix,
    Orthogonal,
    TorchDefault,
    XavierNormal,
)
from gradflow.streams import Purpose, stream

RANDOM = [cls() for name, cls in INITIALIZERS.items() if name != "constant"]
RANDOM += [Gaussian(1.7, 0.4), Orthogonal(0.9), HeNormal(gain=0.5), XavierNormal(gain=5 / 3)]
each = pytest.mark.parametrize("init", RANDOM, ids=repr)
SHAPES = [(200, 200), (300, 100), (100, 300)]


def drawn(init: Initializer, fan_in: int, fan_out: int, seed: int = 0) -> Matrix:
    return init.draw(stream(seed, Purpose.WEIGHTS), fan_in, fan_out, 0)


@each
@pytest.mark.parametrize("shape", SHAPES)
def test_the_variance_is_what_theory_is_told(init: Initializer, shape: tuple[int, int]) -> None:
    w = drawn(init, *shape)
    assert w.shape == shape
    kurtosis = {"gaussian": 3.0, "uniform": 1.8, "orthogonal": 1.0}[str(init.law)]
    bound = 5 * sqrt((kurtosis - 1) / w.size) + 1e-12  # an orthogonal matrix has its norm exactly
    assert (w**2).mean() == pytest.approx(init.variance(*shape), rel=bound)
    assert abs(w.mean()) < 5 * sqrt(init.variance(*shape) / w.size)


@each
def test_the_law_is_what_theory_is_told(init: Initializer) -> None:
    w = drawn(init, 200, 200)
    largest = np.abs(w).max() / sqrt(init.variance(200, 200))
    if init.law == "uniform":
        assert largest <= sqrt(3)
    else:
        assert 3.5 < largest < 6  # of 40,000 normal numbers
        # sd of the sample kurtosis is sqrt(24 / n)
        assert (w**4).mean() / (w**2).mean() ** 2 == pytest.approx(3, abs=5 * sqrt(24 / w.size) + 3 / 200)


VARIANCES = {
    "xavier_normal": 2 / 400, "xavier_uniform": 2 / 400, "he_normal": 2 / 300, "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300, "lecun_uniform": 1 / 300, "orthogonal": 1 / 300, "gaussian": 1 / 300,
    "torch_default": 1 / 900, "constant": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", INITIALIZERS)
def test_variances_are_the_published_ones(name: str) -> None:
    init = Constant(0.3) if name == "constant" else INITIALIZERS[name]()
    assert init.variance(300, 100) == pytest.approx(VARIANCES[name], rel=1e-14)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 0.9])
def test_orthogonal_matrices_keep_lengths(shape: tuple[int, int], gain: float) -> None:
    w = drawn(Orthogonal(gain), *shape) / gain
    product = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-13)


def test_orthogonal_matrices_are_haar_distributed() -> None:
    corner = np.array([drawn(Orthogonal(), 3, 3, seed)[0, 0] for seed in range(2000)])
    # an entry of a random rotation in three dimensions is uniform on [-1, 1]: mean 0, variance 1/3
    assert abs(corner.mean()) < 5 / sqrt(3 * 2000)
    assert (corner**2).mean() == pytest.approx(1 / 3, abs=5 * sqrt(4 / 45 / 2000))
    assert {round(np.linalg.det(drawn(Orthogonal(), 3, 3, seed))) for seed in range(20)} == {-1, 1}


def test_biases_have_the_variance_of_the_initialization() -> None:
    for init, variance in ((Gaussian(1.0, 0.4), 0.16), (TorchDefault(), 1 / (3 * 50))):
        b = init.draw_bias(stream(0, Purpose.BIASES), 50, 20_000)
        assert b is not None
        assert b.shape == (20_000,)
        assert (b**2).mean() == pytest.approx(variance, rel=5 * sqrt(2 / 20_000))
    assert XavierNormal().draw_bias(stream(0, Purpose.BIASES), 5, 5) is None


def test_a_constant_is_one_number_or_one_a_layer() -> None:
    rng = stream(0, Purpose.WEIGHTS)
    assert (Constant(0.9).draw(rng, 2, 3, 7) == 0.9).all()
    assert (Constant((0.1, -0.2)).draw(rng, 2, 3, 1) == -0.2).all()


def test_other_names_lead_to_the_same_initializations() -> None:
    assert set(ALIASES.values()) <= set(INITIALIZERS)
    assert not set(ALIASES) & set(INITIALIZERS)
