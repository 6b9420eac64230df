"""Critical points against published and closed values."""

from math import pi, sqrt

import numpy as np
import pytest

from gradflow.meanfield.critical import critical_point, half_stable
from gradflow.meanfield.expectations import Moments, log_or_minus_inf
from gradflow.meanfield.fixed_points import asymptote
from gradflow.nn.activations import ACTIVATIONS, Elu, LeakyRelu

EVERY = sorted(ACTIVATIONS)


def sigma_w_of(name: str, sigma_b: float) -> float | None:
    return critical_point(Moments(ACTIVATIONS[name]()), sigma_b).sigma_w


@pytest.mark.parametrize(
    ("name", "sigma_b", "sigma_w"),
    [
        ("tanh", 0.0, 1.0),
        ("tanh", 0.1, 1.193401),
        ("tanh", 0.2, 1.304146),
        ("tanh", 0.5, 1.549674),
        ("tanh", 1.0, 1.855589),
        ("elu", 0.2, 1.2292511),
        ("relu", 0.0, sqrt(2)),
        ("relu", 0.3, sqrt(2)),
        ("linear", 0.0, 1.0),
        ("leaky_relu", 0.0, sqrt(2 / 1.0001)),
        ("erf", 0.0, sqrt(pi) / 2),
        ("sin", 0.0, 1.0),
        ("hard_tanh", 0.0, 1.0),
        ("softsign", 0.0, 1.0),
    ],
)
def test_the_critical_sigma_w_is_the_known_one(name: str, sigma_b: float, sigma_w: float) -> None:
    assert sigma_w_of(name, sigma_b) == pytest.approx(sigma_w, abs=5e-7)


def test_parameters_of_an_activation_count() -> None:
    assert critical_point(Moments(LeakyRelu(slope=0.5)), 0.0).sigma_w == pytest.approx(sqrt(1.6), rel=1e-12)
    assert critical_point(Moments(Elu(alpha=2.0)), 0.0).sigma_w == pytest.approx(sqrt(2 / 5), rel=1e-10)


@pytest.mark.parametrize("sigma_b", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", EVERY)
def test_at_a_critical_point_chi_is_1_and_q_comes_back(name: str, sigma_b: float) -> None:
    moments = Moments(ACTIVATIONS[name]())
    point = critical_point(moments, sigma_b)
    if point.sigma_w is None:
        assert point.reason == f"{name} has no attracting critical point at sigma_b = {sigma_b:g}"
        assert name in ("gelu", "silu", "softplus", "mish", "hard_swish", "squared_relu")
        return
    if not point.q_star:  # any q, or a q that decays too slowly to be followed
        assert moments.activation.homogeneous or sigma_b == 0
        return
    for push in (0.95, 1.05):
        start = log_or_minus_inf([push * point.q_star])
        end = asymptote(moments, log_or_minus_inf([point.sigma_w**2]), log_or_minus_inf([sigma_b**2]), start)
        assert end.log_chi[0] == pytest.approx(0, abs=1e-9)
        assert end.q_star[0] == pytest.approx(point.q_star, rel=1e-8)
        assert end.chi_parallel[0] < 1


def test_gelu_and_silu_are_half_stable_where_roberts_yaida_and_hanin_say() -> None:
    gelu, silu = half_stable(ACTIVATIONS["gelu"]()), half_stable(ACTIVATIONS["silu"]())
    assert gelu is not None
    assert silu is not None
    assert gelu.q_star == pytest.approx((3 + sqrt(17)) / 2, rel=1e-9)
    assert gelu.sigma_b**2 == pytest.approx(0.172922390756, abs=1e-11)
    assert gelu.sigma_w**2 == pytest.approx(1.983058257438, abs=1e-11)
    assert silu.q_star == pytest.approx(14.320173618, abs=1e-8)
    assert silu.sigma_b**2 == pytest.approx(0.555143170722, abs=1e-11)
    assert silu.sigma_w**2 == pytest.approx(1.988004678269, abs=1e-11)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_critical_points_attract_above_the_half_stable_sigma_b_only(name: str) -> None:
    point = half_stable(ACTIVATIONS[name]())
    assert point is not None
    assert sigma_w_of(name, 0.0) is None
    assert sigma_w_of(name, 0.999 * point.sigma_b) is None
    above = sigma_w_of(name, 1.001 * point.sigma_b)
    assert above == pytest.approx(point.sigma_w, rel=2e-3)


def test_softplus_is_nowhere_critical_and_the_others_have_no_half_stable_point() -> None:
    assert [sigma_w_of("softplus", sigma_b) for sigma_b in (0.0, 0.3, 2.0)] == [None] * 3
    assert [half_stable(ACTIVATIONS[name]()) for name in ("softplus", "elu", "selu", "tanh", "relu")] == [
        None
    ] * 5


def test_sigmoid_is_critical_at_large_weights() -> None:
    # chi(q) E phi^2 = q E phi'^2 on a dense grid, made without the room's own quadrature
    unit = np.linspace(-12, 12, 100_001)
    density = np.exp(-(unit**2) / 2) / sqrt(2 * pi) * (unit[1] - unit[0])
    point = critical_point(Moments(ACTIVATIONS["sigmoid"]()), 0.0)
    assert point.sigma_w is not None
    assert point.q_star is not None
    a = 1 / (1 + np.exp(-sqrt(point.q_star) * unit))
    assert point.sigma_w**2 * float((a * (1 - a)) ** 2 @ density) == pytest.approx(1, rel=1e-9)
    assert point.sigma_w**2 * float(a**2 @ density) == pytest.approx(point.q_star, rel=1e-9)
