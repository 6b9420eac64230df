"""What initializations draw: variance, law, orthogonality; within five standard deviations."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, exp, inf, pi, sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.nn.initializers import (
    ALIASES,
    INITIALIZERS,
    Constant,
    Gaussian,
    HeNormal,
    HeUniform,
    Initializer,
    Matrix,
    Orthogonal,
    TorchDefault,
    TorchTruncNormal,
    TruncatedNormal,
    XavierNormal,
    cut_variance,
)
from gradflow.streams import Purpose, stream

RANDOM = [cls() for name, cls in INITIALIZERS.items() if name != "constant"]
RANDOM += [Gaussian(1.7, 0.4), Orthogonal(0.9), HeNormal(gain=0.5), XavierNormal(gain=5 / 3)]
RANDOM += [HeNormal(mode="fan_out"), HeUniform(2.0, "fan_out"), TorchTruncNormal(0.02), TorchTruncNormal(2.0)]
RANDOM += [TruncatedNormal(correct=False), TruncatedNormal(mode="fan_out"), TruncatedNormal(0.7, "fan_avg")]
each = pytest.mark.parametrize("init", RANDOM, ids=repr)
SHAPES = [(200, 200), (300, 100), (100, 300)]


def cut_of(init: Initializer) -> float:
    """Of its deviations before the cut, where the law is cut off; inf where it is not."""
    if isinstance(init, TorchTruncNormal):
        return 2 / init.std
    return 2.0 if isinstance(init, TruncatedNormal) else inf


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
    elif cut_of(init) < 3:
        assert 0.97 * cut_of(init) < largest * sqrt(cut_variance(cut_of(init))) <= cut_of(init) * (1 + 1e-12)
    else:
        assert 3.5 < largest < 6  # of 40,000 normal numbers
        # sd of the sample kurtosis is sqrt(24 / n)
        assert (w**4).mean() / (w**2).mean() ** 2 == pytest.approx(3, abs=5 * sqrt(24 / w.size) + 3 / 200)


VARIANCES = {
    "xavier_normal": 2 / 400, "xavier_uniform": 2 / 400, "he_normal": 2 / 300, "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300, "lecun_uniform": 1 / 300, "orthogonal": 1 / 300, "gaussian": 1 / 300,
    "torch_default": 1 / 900, "constant": 0,
    "truncated_normal": 1 / 300, "torch_trunc_normal": 0.87962566103423978**2,
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


def torch_of(init: Initializer, fan_in: int, fan_out: int) -> tuple[Any, Any]:
    """Weight (fan_in, fan_out) and bias, drawn by the line that an initializer writes."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    linear = torch.nn.Linear(fan_in, fan_out)
    names = {"nn": torch.nn, "w": linear.weight, "b": linear.bias, "layer": 0}
    with torch.no_grad():
        exec(init.torch(), names)
    return linear.weight.detach().double().numpy().T, linear.bias.detach().double().numpy()


@each
@pytest.mark.parametrize("shape", [(300, 200), (150, 400)])
def test_its_line_draws_the_same_in_pytorch(init: Initializer, shape: tuple[int, int]) -> None:
    theirs, bias = torch_of(init, *shape)
    ours = drawn(init, *shape)
    assert (theirs**2).mean() == pytest.approx(init.variance(*shape), rel=5 * sqrt(2 / theirs.size) + 1e-3)
    for power in (2, 4):
        spread = 5 * (ours ** (2 * power)).mean() ** 0.5 * sqrt(2 / ours.size)
        assert (theirs**power).mean() == pytest.approx((ours**power).mean(), abs=spread)
    if init.law == "uniform" or cut_of(init) < 3:
        assert np.abs(theirs).max() == pytest.approx(np.abs(ours).max(), rel=0.02)
    variance = init.bias_variance(shape[0])
    if variance:
        assert (bias**2).mean() == pytest.approx(variance, rel=5 * sqrt(2 / bias.size))


@pytest.mark.parametrize("value", [0.3, (0.3, 0.5)])
def test_the_line_of_a_constant_is_a_constant(value: float | tuple[float, ...]) -> None:
    assert (torch_of(Constant(value), 3, 4)[0] == np.float32(0.3)).all()


@pytest.mark.parametrize("init", [cls() for cls in INITIALIZERS.values() if cls.scale_key], ids=repr)
def test_all_weights_are_proportional_to_the_scale(init: Initializer) -> None:
    assert init.scale_key is not None
    larger = init.rescaled(3 * getattr(init, init.scale_key))
    np.testing.assert_allclose(drawn(larger, 20, 30), 3 * drawn(init, 20, 30), rtol=1e-14, atol=1e-15)


def test_what_a_cut_leaves_of_a_variance_is_kerass_number_and_pytorchs() -> None:
    assert cut_variance(2.0) == pytest.approx(0.87962566103423978**2, rel=1e-15)
    assert cut_variance(100.0) == cut_variance(1e300) == 1.0
    z = np.linspace(-1.3, 1.3, 200_001)
    density = np.exp(-z * z / 2)
    assert cut_variance(1.3) == pytest.approx((z * z * density).sum() / density.sum(), rel=1e-5)


@pytest.mark.parametrize("std", [0.02, 0.5, 1.0, 2.0])
def test_the_quantiles_of_trunc_normal_are_pytorchs(std: float) -> None:
    theirs, _ = torch_of(TorchTruncNormal(std), 300, 300)
    ours = drawn(TorchTruncNormal(std), 300, 300)
    shares = np.linspace(0.01, 0.99, 33)
    np.testing.assert_allclose(
        np.quantile(theirs, shares), np.quantile(ours, shares), atol=0.03 * min(std, 1.0)
    )


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(("ours", "theirs"), [(HeNormal, "normal"), (HeUniform, "uniform")])
def test_he_of_either_fan_has_kaimings_variance(
    ours: Callable[..., Initializer], theirs: str, mode: str
) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    w = torch.empty(500, 120)  # (fan_out, fan_in)
    getattr(torch.nn.init, f"kaiming_{theirs}_")(w, mode=mode, nonlinearity="relu")
    variance = ours(mode=mode).variance(120, 500)
    assert float(w.double().var()) == pytest.approx(variance, rel=5 * sqrt(2 / w.numel()))


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 120), ("fan_out", 500), ("fan_avg", 310)])
def test_a_truncated_normal_scales_with_its_fan_with_and_without_correction(mode: Any, fan: float) -> None:
    left = 1 - 4 * exp(-2) / sqrt(2 * pi) / erf(sqrt(2))
    assert TruncatedNormal(1.5, mode).variance(120, 500) == pytest.approx(2.25 / fan, rel=1e-14)
    assert TruncatedNormal(1.5, mode, correct=False).variance(120, 500) == pytest.approx(2.25 * left / fan)
    largest = np.abs(drawn(TruncatedNormal(mode=mode, correct=False), 120, 500)).max()
    assert 1.97 / sqrt(fan) < largest <= 2 / sqrt(fan)
