"""The spread of one network's gradients, q's fluctuation passed on included."""

from math import exp, log, pi, sqrt

import numpy as np
import pytest

from gradflow.meanfield.field import MeanField
from gradflow.meanfield.fluctuations import drift, ratio_variance
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import INITIALIZERS, Gaussian, HeNormal, Initializer, Orthogonal
from tests.meanfield.networks import field_of, log_increments

NETWORKS, LAYERS, WIDTH = 250, 20, 48


def network(name: str, init: Initializer) -> MeanField:
    return field_of(ACTIVATIONS[name](), init, (WIDTH,) * (LAYERS + 1), 1.0)


@pytest.mark.parametrize(
    ("name", "init"),
    [
        ("relu", HeNormal()),
        ("tanh", INITIALIZERS["xavier_normal"]()),
        ("tanh", Orthogonal()),
        ("tanh", Gaussian(sigma_w=2.0, sigma_b=0.5)),
        ("selu", INITIALIZERS["lecun_normal"]()),
        ("silu", Gaussian(sigma_w=2.0, sigma_b=0.1)),
    ],
)
def test_the_spread_over_networks_is_the_predicted_one(name: str, init: Initializer) -> None:
    ratio = log_increments(ACTIVATIONS[name](), init, NETWORKS, LAYERS, WIDTH).sum(axis=1)
    # 4 standard errors of a standard deviation, and the next order in 1 / n
    expected = sqrt(ratio_variance(network(name, init), 1)) / 2
    assert ratio.std() == pytest.approx(expected, rel=4 / sqrt(2 * NETWORKS) + 4 / WIDTH)


def test_where_q_does_not_settle_its_fluctuation_is_most_of_the_spread() -> None:
    unsteady = network("gelu", HeNormal())
    own_part = float(unsteady.variances.sum())
    assert ratio_variance(unsteady, 1) > 5 * own_part
    ratio = log_increments(ACTIVATIONS["gelu"](), HeNormal(), NETWORKS, LAYERS, WIDTH).sum(axis=1)
    # to first order 3.0, where own alone is 0.5: too wide a spread to be followed closely
    assert 2 * sqrt(own_part) < 2 * ratio.std() < sqrt(ratio_variance(unsteady, 1))


def test_homogeneous_networks_have_only_their_own_fluctuation() -> None:
    relu = network("relu", HeNormal())
    assert ratio_variance(relu, 6) == pytest.approx(5 * (LAYERS - 6) / WIDTH, rel=1e-12)
    assert ratio_variance(network("linear", Orthogonal(gain=1.1)), 1) == pytest.approx(0, abs=1e-14)


def test_the_spread_of_the_window_is_below_that_of_all_layers() -> None:
    tanh = network("tanh", Gaussian(sigma_w=1.5, sigma_b=0.1))
    assert 0 < ratio_variance(tanh, 6) < ratio_variance(tanh, 1) < log(10) ** 2


def test_what_a_layer_does_to_all_later_ones_is_a_derivative_of_the_recursion() -> None:
    tanh, init, depth = ACTIVATIONS["tanh"](), Gaussian(sigma_w=1.5, sigma_b=0.3), 7
    whole = field_of(tanh, init, (WIDTH,) * (depth + 1), 40.0)  # q falls steeply: every layer differs

    def log_chi_from(layer: int, log_v: float) -> float:
        q_0 = (exp(log_v) - 0.3**2) / 1.5**2  # the network whose first layer has this v
        return float(field_of(tanh, init, (WIDTH,) * (depth - layer + 2), q_0).log_chi.sum())

    unit = np.linspace(-12, 12, 40_001)
    density = np.exp(-(unit**2) / 2) / sqrt(2 * pi) * (unit[1] - unit[0])
    variance, h = 0.0, 1e-4
    for layer in range(1, depth):
        above = float(whole.log_v[layer])
        later = (log_chi_from(layer + 1, above + h) - log_chi_from(layer + 1, above - h)) / (2 * h)
        z = exp(float(whole.log_v[layer - 1]) / 2) * unit
        square, slope = tanh.phi(z) ** 2, tanh.derivative(z) ** 2
        off_square, off_slope = square / (square @ density) - 1, slope / (slope @ density) - 1
        share = 1 - 0.3**2 / exp(above)
        # of the sampled z, with W given: off_slope moves this ratio, off_square those of all later layers
        variance += float((off_slope + later * share * off_square) ** 2 @ density) / WIDTH
        variance += 2 * float((1 + off_slope) ** 2 @ density) / WIDTH  # chi-square of the u_i
    assert ratio_variance(whole, 1) == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "init", "width"),
    [
        ("softplus", Gaussian(sigma_w=1.0), 96),
        ("softplus", Gaussian(sigma_w=0.7), 96),
        ("softplus", Orthogonal(gain=1.2), 192),
        ("sigmoid", Gaussian(sigma_w=4.0), 96),
        ("silu", Gaussian(sigma_w=1.0, sigma_b=1.0), 96),
        ("elu", Orthogonal(gain=1.2), 96),
        ("sin", Gaussian(sigma_w=1.5, sigma_b=0.1), 96),
    ],
    ids=str,
)
def test_the_completed_shift_is_nowhere_worse_than_the_spread_alone(
    name: str, init: Initializer, width: int, thorough: bool
) -> None:
    """By more than the error of the measurement: where it would be, it is not taken."""
    layers, first, networks = 30, 6, 40 if not thorough else 300 if width < 100 else 120
    found = field_of(ACTIVATIONS[name](), init, (width,) * (layers + 1))
    assert drift(found).total.any()
    increments = log_increments(ACTIVATIONS[name](), init, networks, layers, width, seed=4242)
    measured = increments[:, first - 1 :].mean(axis=1) - float(found.log_c(first))
    error = measured.std(ddof=1) / sqrt(networks)
    completed, alone = float(found.shift(first)), float(-found.variances[first - 1 :].mean() / 4)
    assert abs(measured.mean() - completed) <= abs(measured.mean() - alone) + error
    assert abs(measured.mean() - completed) < 3.5 * error
