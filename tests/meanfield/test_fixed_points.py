"""Where the length map leads."""

from math import inf, log, sqrt

import numpy as np
import pytest

from gradflow.meanfield.expectations import Moments, log_or_minus_inf
from gradflow.meanfield.fixed_points import Asymptote, asymptote, limit
from gradflow.nn.activations import ACTIVATIONS


def end_of(name: str, sigma_w: float, sigma_b: float, v: float, mean: float = 0.0) -> Asymptote:
    moments = Moments(ACTIVATIONS[name](), mean)
    return asymptote(moments, *(log_or_minus_inf([x]) for x in (sigma_w**2, sigma_b**2, v)))


@pytest.mark.parametrize(
    ("sigma_w", "q_star", "chi"),
    [(1.3, 0.607047, 0.939807), (2.5, 4.079124, 1.585225), (4, 12.604149, 2.367261)],
)
def test_tanh_reaches_the_known_fixed_points(sigma_w: float, q_star: float, chi: float) -> None:
    for start in (1e-3, 1.0, 1e3):
        end = end_of("tanh", sigma_w, 0.3, start)
        assert end.q_star[0] == pytest.approx(q_star, abs=5e-7)
        assert np.exp(end.log_chi[0]) == pytest.approx(chi, abs=5e-7)


def test_the_limit_is_where_hundreds_of_layers_lead() -> None:
    moments = Moments(ACTIVATIONS["elu"]())
    v = np.array([log(30.0)])
    for _ in range(400):
        v = np.logaddexp(2 * log(1.2) + moments.log_square(v), 2 * log(0.3))
    assert end_of("elu", 1.2, 0.3, 30.0).log_v[0] == pytest.approx(v[0], abs=1e-11)


def test_selu_keeps_a_variance_of_one_and_still_explodes() -> None:
    end = end_of("selu", 1.0, 0.0, 2.0)
    assert end.q_star[0] == pytest.approx(1, abs=1e-12)
    assert end.chi_parallel[0] == pytest.approx(0.782648, abs=5e-7)
    assert np.exp(end.log_chi[0]) == pytest.approx(1.071575, abs=5e-7)
    assert np.exp(end.log_chi[0] / 2) == pytest.approx(1.035169, abs=5e-7)


def test_q_that_decays_to_zero_is_a_value() -> None:
    for sigma_w in (0.5, 1.0):  # at 1 it decays as a power of the layer only
        end = end_of("tanh", sigma_w, 0.0, 1.0)
        assert end.log_v[0] == -inf
        assert end.q_star[0] == 0
        assert np.exp(end.log_chi[0]) == pytest.approx(sigma_w**2, rel=1e-12)


def test_q_that_grows_without_bound_has_no_fixed_point_but_a_chi() -> None:
    for name in ("relu", "gelu", "elu", "softplus"):
        end = end_of(name, 3.0, 0.1, 1.0)
        assert end.log_v[0] == inf
        assert np.isnan(end.q_star[0])
        assert np.exp(end.log_chi[0]) == pytest.approx(4.5, rel=1e-10)


def test_a_critical_relu_keeps_whatever_q_it_is_given() -> None:
    assert end_of("relu", sqrt(2), 0.0, 7.0).q_star[0] == pytest.approx(7, rel=1e-12)


def test_the_start_decides_between_two_ends() -> None:
    # gelu at sigma_b = 0 has an unstable fixed point: below it q decays, above it grows
    threshold = end_of("gelu", 1.45, 0.0, 1e-6).log_v[0], end_of("gelu", 1.45, 0.0, 100.0).log_v[0]
    assert threshold == (-inf, inf)


def test_a_constant_bias_moves_the_fixed_point() -> None:
    v = float(np.exp(end_of("relu", 1.0, 0.0, 1.0, mean=0.1).log_v[0]))
    unit = np.linspace(-12, 12, 200_001)
    z = np.maximum(0.1 + sqrt(v) * unit, 0)
    mean_square = float((z**2 * np.exp(-(unit**2) / 2)).sum() * (unit[1] - unit[0]) / sqrt(2 * np.pi))
    assert mean_square == pytest.approx(v, rel=1e-7)


def test_many_networks_at_once_equal_each_alone() -> None:
    moments = Moments(ACTIVATIONS["tanh"]())
    gains, biases, starts = (
        np.log([0.8, 1.5, 4.0]),
        log_or_minus_inf([0.0, 0.01, 0.0]),
        np.log([1.0, 2.0, 1e-5]),
    )
    together = limit(moments, gains, biases, starts)
    for k in range(3):
        alone = limit(moments, gains[k : k + 1], biases[k : k + 1], starts[k : k + 1])
        assert together[k] == alone[0] or together[k] == pytest.approx(alone[0], abs=1e-13)
