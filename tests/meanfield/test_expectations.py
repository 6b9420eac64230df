"""Moments against closed forms, against integrals made elsewhere, and against their own laws."""

from math import erf, erfc, exp, pi, sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.meanfield.expectations import Moments, TabulatedMoments, settles, tabulated
from gradflow.meanfield.integrands import (
    covariance,
    fourth,
    mixed,
    slope_fourth,
    slope_square,
    slope_tilt,
    square,
)
from gradflow.nn.activations import ACTIVATIONS, Activation, Elu, Erf, HardTanh, LeakyRelu, Relu, Sin

Q = np.logspace(-6, 4, 61)
LOG_Q = np.log(Q)
EVERY = sorted(ACTIVATIONS)
INTEGRANDS = (square, slope_square, slope_fourth, covariance, fourth, mixed, slope_tilt)

# E phi^2, E phi'^2, E phi'^4 by adaptive quadrature with 30 digits
REFERENCE = {
    ("tanh", 1e-6): (9.999980000056672e-07, 0.999998000007, 0.9999960000259998),
    ("tanh", 1e4): (0.992021482480513, 0.00531914464401462, 0.003647446397347907),
    ("sigmoid", 1e-6): (0.25000006249996876, 0.06249996875002734, 0.0039062460937563477),
    ("sigmoid", 1e4): (0.4960112332031644, 0.0006648609237265194, 2.8495068430748922e-05),
    ("elu", 1e-6): (9.992029896419585e-07, 0.9992031143763502, 0.9984082223835984),
    ("elu", 1e4): (5000.494016613579, 0.5019946615379617, 0.5009973494676473),
    ("gelu", 1e-6): (2.5000047746403363e-07, 0.25000063661849914, 0.06250095492896454),
    ("gelu", 1e4): (4999.998124582946, 0.5005624679562025, 0.5014580197181203),
    ("silu", 1e-6): (2.5000018749984386e-07, 0.25000024999975, 0.0625003749998125),
    ("silu", 1e4): (4999.986884385454, 0.5008561279308383, 0.5021797672640217),
    ("softplus", 1e-6): (0.48045343720502176, 0.25000006249996876, 0.06250009374996485),
    ("softplus", 1e4): (5000.009588622631, 0.4960112332031644, 0.4926873273300554),
    ("softsign", 1e-6): (9.96817436299254e-07, 0.9968184299460499, 0.9936527330062527),
    ("softsign", 1e4): (0.9332738187009751, 0.00265948538186515, 0.0011398312875059095),
    ("sin", 1e-6): (9.999990000006672e-07, 0.999999000001, 0.9999980000049999),
}


def check(activation: Activation, phi_square: Any, phi_slope_square: Any) -> None:
    moments = Moments(activation)
    np.testing.assert_allclose(np.exp(moments.log_square(LOG_Q)), phi_square, rtol=1e-12)
    np.testing.assert_allclose(moments.slope_square(LOG_Q), phi_slope_square, rtol=1e-12)


def test_relu_and_leaky_relu_equal_their_closed_forms() -> None:
    check(Relu(), Q / 2, 0.5)
    check(LeakyRelu(slope=0.3), Q * (1 + 0.09) / 2, (1 + 0.09) / 2)


def test_erf_equals_its_closed_form() -> None:
    check(Erf(), 2 / pi * np.arcsin(2 * Q / (1 + 2 * Q)), 4 / pi / np.sqrt(1 + 4 * Q))


def test_sin_equals_its_closed_form_though_it_oscillates_hundreds_of_times() -> None:
    check(Sin(), -np.expm1(-2 * Q) / 2, (1 + np.exp(-2 * Q)) / 2)


def test_hard_tanh_equals_its_closed_form_with_kinks_anywhere() -> None:
    inside = np.array([erf(1 / sqrt(2 * q)) for q in Q])
    edge = np.sqrt(2 * Q / pi) * np.exp(-1 / (2 * Q))
    check(HardTanh(), Q * inside - edge + np.array([erfc(1 / sqrt(2 * q)) for q in Q]), inside)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 3.0])
def test_elu_equals_its_closed_form_at_any_alpha(alpha: float) -> None:
    q = np.array([0.01, 0.5, 2.0, 20.0])
    bent = np.array([exp(2 * v) * erfc(sqrt(2 * v)) / 2 for v in q])  # E exp(2 z) below 0
    exact = 0.5 + alpha**2 * bent
    np.testing.assert_allclose(Moments(Elu(alpha=alpha)).slope_square(np.log(q)), exact, rtol=1e-12)


@pytest.mark.parametrize(("name", "q"), REFERENCE)
def test_moments_are_good_to_ten_digits_at_both_ends_of_the_range(name: str, q: float) -> None:
    moments, log_q = Moments(ACTIVATIONS[name]()), np.array([np.log(q)])
    found = [float(moments.expectation(f, log_q)[0]) for f in (square, slope_square, slope_fourth)]
    np.testing.assert_allclose(found, REFERENCE[name, q], rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_every_moment_agrees_with_a_dense_trapezoid_sum(name: str) -> None:
    activation, q, mean = ACTIVATIONS[name](), 2.3, 0.4
    unit = np.linspace(-12, 12, 120_001)
    density = np.exp(-(unit**2) / 2) / sqrt(2 * pi) * (unit[1] - unit[0])
    for integrand in INTEGRANDS:
        brute = float(integrand(activation, mean + sqrt(q) * unit, unit) @ density)
        found = float(Moments(activation, mean).expectation(integrand, np.array([np.log(q)]))[0])
        # a kinked slope costs the trapezoid sum a jump times half a step: 2e-4
        assert found == pytest.approx(brute, rel=4e-4 if activation.kinks else 1e-10)


@pytest.mark.parametrize("name", EVERY)
def test_growth_is_the_derivative_of_ln_e_phi_squared(name: str) -> None:
    moments, log_q = Moments(ACTIVATIONS[name](), 0.2), np.linspace(-5, 5, 11)
    h = 1e-4
    slope = (moments.log_square(log_q + h) - moments.log_square(log_q - h)) / (2 * h)
    np.testing.assert_allclose(moments.growth(log_q), slope, atol=1e-7)


@pytest.mark.parametrize("name", EVERY)
def test_a_constant_bias_shifts_z(name: str) -> None:
    activation, mean = ACTIVATIONS[name](), -0.7
    tiny = np.array([np.log(1e-20)])  # all of z is the bias
    at_mean = np.array([mean])
    moments = Moments(activation, mean)
    expected = activation.phi(at_mean) ** 2
    np.testing.assert_allclose(moments.expectation(square, tiny), expected, rtol=1e-8, atol=1e-19)
    np.testing.assert_allclose(moments.slope_square(tiny), activation.derivative(at_mean) ** 2, rtol=1e-8)


@pytest.mark.parametrize("name", EVERY)
def test_interpolated_moments_equal_the_integrals(name: str) -> None:
    activation = ACTIVATIONS[name]()
    direct, table = Moments(activation), TabulatedMoments(activation)
    log_q = np.random.default_rng(0).uniform(-15, 9.9, (3, 17))
    log_q[0, :3] = -60, -np.inf, 57  # beyond the integrals
    for name_of in ("log_square", "slope_square"):
        expected = getattr(direct, name_of)(log_q)
        np.testing.assert_allclose(getattr(table, name_of)(log_q), expected, rtol=1e-12, atol=1e-11)
    found, expected = (one.expectation(slope_fourth, log_q) for one in (table, direct))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(table.growth(log_q), direct.growth(log_q), atol=1e-12)


@pytest.mark.parametrize("mean", [-0.1, 0.1, 2.5])
@pytest.mark.parametrize("name", EVERY)
def test_moments_of_a_shifted_z_are_interpolated_where_interpolants_serve(name: str, mean: float) -> None:
    """E phi^2 of relu with mean -0.1 is 1e-29 at v = 1e-4 and 6e-14 at 3e-4: no polynomial has both."""
    activation, log_v = ACTIVATIONS[name](), np.linspace(-12, 2, 23)
    table, direct = tabulated(activation, mean), Moments(activation, mean)
    for integrand in (square, slope_square, slope_fourth, covariance):
        found, expected = table.expectation(integrand, log_v), direct.expectation(integrand, log_v)
        np.testing.assert_allclose(found, expected, rtol=2e-12, atol=1e-300)
        assert integrand is covariance or (found >= 0).all()


def test_ln_e_phi_squared_goes_on_where_a_float_ends() -> None:
    log_q = np.array([-6000.0, 6000.0])
    relu, tanh, sigmoid = (Moments(ACTIVATIONS[name]()) for name in ("relu", "tanh", "sigmoid"))
    np.testing.assert_allclose(relu.log_square(log_q), log_q - np.log(2), rtol=1e-12)
    np.testing.assert_allclose(tanh.log_square(log_q), [-6000, 0], atol=1e-8)
    np.testing.assert_allclose(sigmoid.log_square(log_q), [-2 * np.log(2), -np.log(2)], atol=1e-8)


def test_inputs_of_zero_give_phi_at_the_bias() -> None:
    none = np.array([-np.inf])
    assert Moments(ACTIVATIONS["tanh"]()).log_square(none)[0] == -np.inf
    assert Moments(ACTIVATIONS["sigmoid"]()).log_square(none)[0] == pytest.approx(-2 * np.log(2))
    assert Moments(Relu(), 0.5).log_square(none)[0] == pytest.approx(2 * np.log(0.5))


def test_ln_e_phi_squared_is_nan_where_ln_v_is() -> None:
    """Not what stood in the memory before."""
    shape = (1 << 16,)
    np.empty(shape).fill(7.0)  # handed out again, as likely as not
    log_v = np.where(np.arange(*shape) % 2, np.nan, 0.0)
    found = Moments(Relu(), 1.0).log_square(log_v)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(log_v))


def test_an_interpolated_moment_is_nan_where_ln_v_is_and_right_elsewhere() -> None:
    moments, log_v = tabulated(Elu(1.0), 0.0), np.array([[-5.0, np.nan], [np.nan, 1.0]])
    found = moments.expectation(square, log_v)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(log_v))
    np.testing.assert_array_equal(found[~np.isnan(log_v)], moments.expectation(square, np.array([-5.0, 1.0])))


def test_only_sin_never_settles() -> None:
    assert [name for name in EVERY if not settles(ACTIVATIONS[name]())] == ["sin"]
