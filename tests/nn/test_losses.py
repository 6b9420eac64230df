"""Losses: the value by hand, delta as its derivative, and outputs that no float holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.nn.losses import LOSSES, CrossEntropy, Loss, Mse

Array = np.ndarray[Any, Any]
each = pytest.mark.parametrize("loss", [cls() for cls in LOSSES.values()], ids=repr)
RNG = np.random.default_rng(0)
Z = RNG.standard_normal((2, 4, 5))  # (S, outputs, B)
Y = np.eye(4)[RNG.integers(0, 4, (2, 5))].swapaxes(1, 2)


def delta(loss: Loss, z: Array, y: Array, exponent: int | None = None) -> tuple[Array, Array, Array | None]:
    out = np.empty_like(z)
    exponents = None if exponent is None else np.full((len(z), 1, 1), exponent)
    value, carried = loss.delta(z, y, out, exponents)
    return value, out, carried


def test_mse_is_the_mean_over_outputs() -> None:
    z, y = np.array([[[1.0], [3.0]]]), np.array([[[0.0], [1.0]]])
    value, out, _ = delta(Mse(), z, y)
    assert value[0, 0] == (1 + 4) / 2
    assert list(out[0, :, 0]) == [1, 2]


def test_cross_entropy_is_minus_the_log_of_the_share_of_the_class() -> None:
    z, y = np.log(np.array([[[1.0], [3.0]]])), np.array([[[0.0], [1.0]]])
    value, out, _ = delta(CrossEntropy(), z, y)
    assert value[0, 0] == pytest.approx(-np.log(0.75))
    np.testing.assert_allclose(out[0, :, 0], [0.25, -0.25])


@each
def test_delta_is_the_derivative_of_the_value_by_the_complex_step(loss: Loss) -> None:
    value, out, carried = delta(loss, Z, Y)
    np.testing.assert_allclose(value, loss.value(Z, Y), rtol=1e-14)
    assert carried is None
    for place in np.ndindex(Z.shape):
        z = Z.astype(complex)
        z[place] += 1e-20j
        derivative = loss.value(z, Y)[place[0], place[2]].imag / 1e-20
        assert out[place] == pytest.approx(derivative, rel=1e-13)


@each
@pytest.mark.parametrize("exponent", [-900, -3, 0, 3, 900])
def test_outputs_that_carry_an_exponent_give_the_same(loss: Loss, exponent: int) -> None:
    value, out, _ = delta(loss, Z, Y)
    scaled_value, scaled, carried = delta(loss, np.ldexp(Z, -exponent), Y, exponent)
    np.testing.assert_allclose(scaled_value, value, rtol=1e-14)
    np.testing.assert_allclose(np.ldexp(scaled, 0 if carried is None else carried), out, rtol=1e-14)


def test_outputs_beyond_float64_have_a_finite_delta() -> None:
    with np.errstate(over="ignore"):
        for loss in (Mse(), CrossEntropy()):
            value, out, _ = delta(loss, Z, Y, 2000)
            assert np.isinf(value).any()
            assert np.isfinite(out).all()


def test_outputs_that_have_vanished_leave_the_target() -> None:
    value, out, carried = delta(Mse(), Z, Y, -3000)
    np.testing.assert_allclose(value, (Y**2).mean(axis=1))
    np.testing.assert_allclose(np.ldexp(out, 0 if carried is None else carried), -Y / 2)
    value, out, _ = delta(CrossEntropy(), Z, Y, -3000)
    np.testing.assert_allclose(value, np.log(4))
    np.testing.assert_allclose(out, 0.25 - Y)


def test_delta_of_a_good_fit_keeps_its_digits() -> None:
    z, y = np.array([[[50.0], [0.0]]]), np.array([[[1.0], [0.0]]])
    _, out, _ = delta(CrossEntropy(), z, y)
    np.testing.assert_allclose(out[0, :, 0], [-np.exp(-50), np.exp(-50)], rtol=1e-14)


@pytest.mark.parametrize("margin", [5.0, 50.0, 500.0])
@pytest.mark.parametrize("label", [0, 2])
def test_the_complex_step_of_the_value_keeps_its_digits_too(margin: float, label: int) -> None:
    """At a class that is guessed and one that is not, between outputs that are alike."""
    z, y = np.array([[[margin], [0.0], [0.0]]]), np.eye(3)[label][None, :, None]
    _, out, _ = delta(CrossEntropy(), z, y)
    for unit in range(3):
        stepped = z.astype(complex)
        stepped[0, unit] += 1e-20j
        found = CrossEntropy().value(stepped, y)[0, 0].imag / 1e-20
        assert found == pytest.approx(out[0, unit, 0], rel=1e-13)


def test_huge_outputs_do_not_overflow_the_exponential() -> None:
    value, out, _ = delta(CrossEntropy(), np.array([[[1e4], [-1e4]]]), np.array([[[0.0], [1.0]]]))
    assert value[0, 0] == 2e4
    np.testing.assert_allclose(out[0, :, 0], [1, -1])


@each
def test_the_steps_on_paper_end_at_the_delta_of_the_engine(loss: Loss) -> None:
    out = delta(loss, Z, Y)[1]
    steps = loss.steps(Z[1, :, 2], Y[1, :, 2])
    assert [*steps.values()][-1] == pytest.approx(out[1, :, 2], rel=1e-12)
    assert len(steps) > 1


def test_the_steps_of_mse_are_those_of_a_hand() -> None:
    steps = Mse().steps(np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    assert {name: values.tolist() for name, values in steps.items()} == {
        "a - y": [1, 2],
        "2 (a - y) / n": [1, 2],
    }


def test_the_steps_of_cross_entropy_are_those_of_a_hand() -> None:
    steps = CrossEntropy().steps(np.log([3.0, 1.0]) + 1000, np.array([0.0, 1.0]))
    by_hand = {"exp(a - max a)": (1, 1 / 3), "softmax": (3 / 4, 1 / 4), "softmax - y": (3 / 4, -3 / 4)}
    assert list(steps) == list(by_hand)
    for name, values in by_hand.items():
        assert steps[name] == pytest.approx(values, rel=1e-12), name
