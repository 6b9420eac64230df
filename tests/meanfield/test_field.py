"""The length map, chi, and what a finite width does to them."""

from itertools import pairwise
from math import asin, log, log10, pi, sqrt

import numpy as np
import pytest

from gradflow.meanfield.expectations import log_or_minus_inf, tabulated
from gradflow.meanfield.field import MeanField, own
from gradflow.meanfield.plain import PlainField, trajectory
from gradflow.nn.activations import ACTIVATIONS, Activation, Linear, Relu, Tanh
from gradflow.nn.initializers import (
    INITIALIZERS,
    Gaussian,
    HeNormal,
    Initializer,
    LecunNormal,
    Orthogonal,
    XavierNormal,
)  # fmt: skip
from tests.meanfield.networks import field_of, log_increments, relu_shift


def field(activation: Activation, init: Initializer, *sizes: int, q_0: float = 1.0) -> MeanField:
    return field_of(activation, init, sizes, q_0)


def test_the_length_map_and_chi_of_erf_equal_their_closed_forms_layer_by_layer() -> None:
    network = field(ACTIVATIONS["erf"](), Gaussian(sigma_w=1.4, sigma_b=0.3), *[64] * 9, q_0=0.7)
    q = [1.4**2 * 0.7 + 0.09]
    for _ in range(7):
        q.append(1.4**2 * 2 / pi * asin(2 * q[-1] / (1 + 2 * q[-1])) + 0.09)
    np.testing.assert_allclose(network.q, q, rtol=1e-12)
    chi = [1.4**2 * 4 / pi / sqrt(1 + 4 * value) for value in q[:-1]]
    np.testing.assert_allclose(np.exp(network.log_chi), chi, rtol=1e-12)


def test_the_length_map_and_chi_of_sin_equal_their_closed_forms_layer_by_layer() -> None:
    network = field(ACTIVATIONS["sin"](), Gaussian(sigma_w=2.0, sigma_b=0.1), *[64] * 9, q_0=50.0)
    q = [200.01]
    for _ in range(7):
        q.append(-2 * np.expm1(-2 * q[-1]) + 0.01)
    np.testing.assert_allclose(network.q, q, rtol=1e-12)
    np.testing.assert_allclose(np.exp(network.log_chi), 2 * (1 + np.exp(-2 * np.array(q[:-1]))), rtol=1e-12)


def test_layers_of_any_size_count_with_their_own_fans() -> None:
    sizes = (10, 40, 20, 80)
    network = field(Relu(), INITIALIZERS["xavier_normal"](), *sizes, q_0=3.0)
    gain = [n * 2 / (n + m) for n, m in pairwise(sizes)]
    q = [gain[0] * 3, gain[0] * 3 * gain[1] / 2, gain[0] * 3 * gain[1] / 2 * gain[2] / 2]
    np.testing.assert_allclose(network.q, q, rtol=1e-12)
    np.testing.assert_allclose(np.exp(network.log_chi), [gain[1] / 2, gain[2] / 2], rtol=1e-12)
    np.testing.assert_allclose(network.shifts, [relu_shift(40), relu_shift(20)], rtol=1e-12)


def test_torch_default_draws_its_own_bias_and_a_constant_bias_is_for_the_others() -> None:
    torch = field_of(Linear(), INITIALIZERS["torch_default"](), (50, 20), 2.0, bias=0.5)
    assert torch.q[0] == pytest.approx(2 / 3 + 1 / 150, rel=1e-12)
    lecun = field_of(Linear(), LecunNormal(), (50, 20, 20), 2.0, bias=0.5)
    np.testing.assert_allclose(lecun.q, [2.25, 2.5], rtol=1e-12)


def test_an_exploding_forward_pass_is_followed_beyond_a_float() -> None:
    network = field(Relu(), Gaussian(sigma_w=3.0), *[64] * 3001)
    assert network.log_v[-1] == pytest.approx(log(9) + 2999 * log(4.5), rel=1e-12)
    np.testing.assert_allclose(network.log_chi, log(4.5), rtol=1e-12)


def test_a_vanishing_forward_pass_is_followed_beyond_a_float() -> None:
    network = field(Tanh(), Gaussian(sigma_w=0.5), *[64] * 2001)
    assert network.log_v[-1] == pytest.approx(-2000 * log(4), abs=1)
    assert network.log_chi.sum() / (2 * log(10)) == pytest.approx(-1999 * log10(2), abs=0.2)


def test_own_of_relu_and_linear_is_what_the_literature_has() -> None:
    half, one = np.array(0.5), np.array(1.0)
    assert own("gaussian", half, half) == 5
    assert own("uniform", half, half) == 5
    assert own("gaussian", one, one) == 2
    assert own("orthogonal", one, one) == 0
    assert own("orthogonal", half, half) == 3


NETWORKS, LAYERS, WIDTH = 600, 12, 32


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        (Relu(), HeNormal()),
        (Relu(), INITIALIZERS["he_uniform"]()),
        (Relu(), Orthogonal(gain=sqrt(2))),
        (Linear(), LecunNormal()),
        (Linear(), INITIALIZERS["lecun_uniform"]()),
    ],
)
def test_a_finite_width_shifts_the_mean_and_spreads_ln_c_as_own_says(
    activation: Activation, init: Initializer
) -> None:
    log_c = log_increments(activation, init, NETWORKS, LAYERS, WIDTH).mean(axis=1)
    network = field(activation, init, *[WIDTH] * (LAYERS + 1))
    spread, expected = sqrt(-network.shift(1) / (LAYERS - 1)), network.log_c(1) + network.shift(1)
    # 4 standard errors, and the next order in 1 / n of a shift of own / (4 n)
    assert log_c.mean() == pytest.approx(expected, abs=4 * spread / sqrt(NETWORKS) + 3 / WIDTH**2)
    assert abs(log_c.mean()) > 6 * spread / sqrt(NETWORKS)  # the shift is seen: without it this fails
    assert log_c.std() == pytest.approx(spread, rel=4 / sqrt(2 * NETWORKS) + 3 / WIDTH)


def test_orthogonal_linear_networks_have_neither_shift_nor_spread() -> None:
    rising = log_increments(Linear(), Orthogonal(gain=0.9), 3, 30, 16)
    np.testing.assert_allclose(rising, log(0.9), rtol=1e-12)
    network = field(Linear(), Orthogonal(gain=0.9), *[16] * 31)
    np.testing.assert_allclose(network.log_chi / 2, log(0.9), rtol=1e-12)
    np.testing.assert_allclose(network.shifts, 0, atol=1e-14)


def test_scaled_networks_are_those_with_that_gain() -> None:
    network = field(Tanh(), XavierNormal(), 20, *[64] * 12)
    many = network.scaled(np.log([0.5, 1.0, 2.0]))
    for k, gain in enumerate((0.5, 1.0, 2.0)):
        one = field(Tanh(), XavierNormal(gain=gain), 20, *[64] * 12)
        np.testing.assert_allclose(many.log_chi[:, k], one.log_chi, atol=1e-12)
        np.testing.assert_allclose(many.shifts[:, k], one.shifts, rtol=1e-11)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "sigmoid", "linear", "sin"])
@pytest.mark.parametrize(
    ("sigma_w", "sigma_b"), [(0.5, 0.0), (1.0, 0.0), (3.0, 0.0), (1.2, 0.3), (50.0, 0.1)]
)
def test_a_trajectory_that_is_cut_short_ends_where_a_whole_one_does(
    name: str, sigma_w: float, sigma_b: float
) -> None:
    """Layer by layer to depth 600, as if no network ever settled."""
    moments, depth = tabulated(ACTIVATIONS[name]()), 600
    log_gain, log_bias = (
        np.full((depth, 1), 2 * np.log(sigma_w)),
        log_or_minus_inf(np.full((depth, 1), sigma_b**2)),
    )
    short = trajectory(moments, log_gain, log_bias, np.zeros(()))
    log_v = np.logaddexp(log_gain[0], log_bias[0])
    for layer in range(1, depth):
        log_v = np.logaddexp(log_gain[0] + moments.log_square(log_v), log_bias[0])
        np.testing.assert_allclose(short[layer], log_v, rtol=1e-11, atol=1e-11)


def test_moments_along_layers_are_those_of_every_layer() -> None:
    network = field_of(Tanh(), Gaussian(sigma_w=1.2, sigma_b=0.2), (30, *[50] * 60), 1.3)
    many = network.scaled(np.linspace(-1, 1, 7))
    for one in (network, many):
        assert isinstance(one, PlainField)
        np.testing.assert_allclose(one.local.mu1, one.moments.slope_square(one.log_v[:-1]), rtol=1e-13)


def test_orthogonal_weights_into_a_narrower_layer_keep_a_part_of_delta_by_chance() -> None:
    """log_c, shift and spread are those of 400 draws, within 4 standard errors."""
    network, count = field(Linear(), Orthogonal(), 64, 64, 128), 400
    rng, delta = np.random.default_rng(0), np.ones(128) / sqrt(128)
    logs = [log(np.linalg.norm(Orthogonal().draw(rng, 64, 128, 1) @ delta)) for _ in range(count)]
    spread = sqrt(network.ratio_variance(1)) / 2
    assert np.mean(logs) == pytest.approx(network.log_c(1) + network.shift(1), abs=4 * spread / sqrt(count))
    assert np.std(logs) == pytest.approx(spread, rel=4 / sqrt(2 * count))
