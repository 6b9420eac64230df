"""Activations that are written as formulas are what they say: values, slopes, kinks, at any magnitude."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.meanfield.critical import critical_point
from gradflow.meanfield.expectations import Moments
from gradflow.nn.activations import ACTIVATIONS, Activation, Expression
from gradflow.nn.expressions.tree import ExpressionError
from gradflow.nn.gradcheck import slope_error
from gradflow.nn.initializers import Gaussian
from gradflow.nn.losses import CrossEntropy
from tests import oracle, small
from tests.nn.expressions import FORTY, Same
from tests.nn.test_gradcheck import checked
from tests.sampling import each

Array = np.ndarray[Any, Any]
every = pytest.mark.parametrize("same", FORTY, ids=lambda same: same.text)


@every
def test_values_and_slopes_are_those_of_the_table_or_of_pytorch(same: Same) -> None:
    if same.torch:
        pytest.importorskip("torch")
    ours, theirs = Expression(same.text), same.activation
    z = np.concatenate([np.linspace(-20, 20, 4001) + 1e-3, np.geomspace(1e-8, 300, 200), [0.0]])
    z = np.concatenate([z, -z])
    np.testing.assert_allclose(ours.phi(z), theirs.phi(z), rtol=1e-12, atol=1e-12)
    z = z[np.abs(z[:, None] - np.array([*same.kinks, np.inf])).min(axis=1) > 1e-9]
    np.testing.assert_allclose(ours.derivative(z), theirs.derivative(z), rtol=1e-12, atol=1e-12)


@every
def test_kinks_are_found(same: Same) -> None:
    assert Expression(same.text).kinks == same.kinks


@pytest.mark.parametrize("same", each(8, FORTY), ids=lambda same: same.text)
@pytest.mark.parametrize("sigma_b", [0.0, 0.5])
def test_the_critical_sigma_w_is_that_of_the_table_or_of_pytorch(same: Same, sigma_b: float) -> None:
    if same.torch:
        pytest.importorskip("torch")
    ours = critical_point(Moments(Expression(same.text)), sigma_b)
    theirs = critical_point(Moments(same.activation), sigma_b)
    assert (ours.sigma_w is None) == (theirs.sigma_w is None)
    if ours.sigma_w is not None:
        assert ours.sigma_w == pytest.approx(theirs.sigma_w, rel=1e-8)


@pytest.mark.parametrize(
    "text",
    [
        "(sqrt(z**2 + 1) - 1) / 2 + z",
        "z + sqrt(1 + z**2) - 1",
        "cosh(z) - 1 + z",
        "1 - cos(z) + sin(z)",
        "2 * cosh(z) + tanh(z) - 2",
        "z - 1 + exp(-z**2)",
        "erf(z) * sqrt(pi) / 2 + 3 - 3 * sqrt(1 + z**4)",
    ],
)
def test_a_small_z_keeps_its_digits_beside_constants_that_cancel(text: str) -> None:
    z = np.array([-1e-13, -1e-20, 1e-30, 1e-20, 1e-13])
    np.testing.assert_allclose(Expression(text).phi(z) / z, 1, rtol=0, atol=1e-12)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_no_float_is_left_in_either_precision(same: Same, dtype: Any) -> None:
    if same.torch:
        pytest.importorskip("torch")
    ours = Expression(same.text)
    z = np.array([[-np.inf, -1e30, -1e4, -800, -95, 95, 800, 1e4, 1e30, np.inf]], dtype)
    value, slope = ours.phi(z), ours.derivative(z)
    finite = z[:, 1:-1]
    assert not np.isnan(value[:, 1:-1]).any()
    assert not np.isnan(value).any() or same.text == "sin(z)"  # at infinity
    assert not np.isnan(slope).any()
    if ours.bounded_slope:  # then |phi(z)| <= |phi(0)| + steepest |z|
        most = np.abs(ours.phi(np.zeros(1))) + ours.steepest * np.abs(finite)
        assert (np.abs(value[:, 1:-1]) <= most * (1 + 1e-6)).all()
    with np.errstate(over="ignore"):
        expected = same.activation.phi(finite.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(value[:, 1:-1], expected, rtol=2e-6, atol=1e-6)


TAILS = {  # ln of the slope, far out
    "tanh(z)": (1e3, np.log(4) - 2e3),
    "(exp(z) - exp(-z)) / (exp(z) + exp(-z))": (-1e4, np.log(4) - 2e4),
    "exp(z) / (1 + exp(z))": (-2e3, -2e3),
    "1 - 1 / (1 + exp(z))": (3e3, -3e3),
    "log(1 + exp(z))": (-5e3, -5e3),
    "z * tanh(log1p(exp(z)))": (-1e3, -1e3 + np.log(999)),
    "z * exp(z) * (exp(z) + 2) / (exp(z) * (exp(z) + 2) + 2)": (-1e3, -1e3 + np.log(999)),
    "erf(z)": (200.0, np.log(2 / np.sqrt(np.pi)) - 4e4),
    "z / (1 + abs(z))": (1e20, -40 * np.log(10)),
    "z / sqrt(1 + z**2)": (1e20, -60 * np.log(10)),
    "where(z > 0, z, exp(z) - 1)": (-3e3, -3e3),
    "0.5 * z * (1 + erf(z / sqrt(2)))": (-300.0, -45000 - np.log(np.sqrt(2 * np.pi)) + np.log(300)),
    "0.5 * z * (1 + tanh(z))": (-1e3, -2e3 + np.log(1999)),
    "log(cosh(z)) - abs(z) + z": (400.0, 0.0),
    "atan(z)": (1e9, -18 * np.log(10)),
}


@pytest.mark.parametrize("text", TAILS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_slope_has_its_logarithm_where_no_float_holds_it(text: str, dtype: Any) -> None:
    z, expected = TAILS[text]
    ours = Expression(text)
    m, k = ours.scaled_derivative(np.array([z], dtype))
    assert k is not None
    assert np.log(np.abs(m)) + k * np.log(2) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert ours.log_tail(np.array([z])) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("same", each(8, FORTY), ids=lambda same: same.text)
def test_the_gradient_check_passes(same: Same) -> None:
    ours = Expression(same.text)
    cancels = same.text == "z - tanh(z)"  # at 0, where its value is known to few digits
    for init in [Gaussian(1.2, 0.3)] + [Gaussian(4.0), Gaussian(1e-6)] * (not cancels):
        assert checked(ours, init=init, depth=6).passed, init
    assert checked(ours, init=Gaussian(0.0), bias=0.0).passed  # all z at 0, a kink or not
    if ours.borrowed_step:
        assert slope_error(ours) < 1e-8


@pytest.mark.parametrize(("text", "name"), each(4, [(same.text, same.name) for same in FORTY if same.name]))
@pytest.mark.parametrize("scale", [1e-12, 1.0, 30.0, 3000.0])
def test_training_records_what_the_tables_activation_does(text: str, name: str, scale: float) -> None:
    steps = 3 if scale <= 1 else 0  # where large weights would make chaos of rounding
    made = {"depth": 6, "init": Gaussian(scale, 0.1), "loss": CrossEntropy(), "steps": steps}
    data = small.data(classes=True)
    ours = recorded(made, data, Expression(text))
    theirs = recorded(made, data, ACTIVATIONS[name]())
    for key in ("log_delta_norm", "log_slope_factor", "log_weight_factor", "loss"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-7, atol=1e-7, err_msg=key)


def recorded(made: dict[str, Any], data: Data, activation: Activation) -> dict[str, Array]:
    return small.trained(small.plan(activation=activation, **made), data).recording


def test_the_engine_is_the_oracles_on_a_formula_that_nobody_wrote() -> None:
    plan = small.plan(activation=Expression("z * exp(-z**2) + 0.2 * max(z - 0.3, 0)"), dtype="float64")
    measured = small.trained(plan, small.data()).recording
    oracle.assert_agrees(measured, oracle.train(plan, small.data()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read at character 1, the end"),
        ("3 * 4", "is 12 whatever z is"),
        ("z +", "a number, z, a function or a bracket was expected"),
        ("z z", "the end was expected"),
        ("(z", ") for the bracket before was expected"),
        ("tanh z", "tanh is a function: write tanh(z)"),
        ("tanh(z, 1)", "tanh takes 1 argument, not 2"),
        ("max(z)", "max takes 2 arguments, not 1"),
        ("tahn(z)", "unknown name tahn at character 1; did you mean tanh?"),
        ("x", "unknown name x at character 1: there are numbers, z"),
        ("where(z, 1, 2)", "where compares first"),
        ("where(z < 0, 1)", "a comma, and what holds else, was expected"),
        ("z.real", "cannot be read at character 2, ."),
        ("z\n", "cannot be read at character 2, \\n"),
        ("1 / 0", "divides by 0"),
        ("1e999 * z", "holds a number that no float has"),
        ("exp(1000) * z", "holds a number that no float has"),
        ("(-2) ** 0.5 + z", "which is no real number"),
        ("z ** z", "has a power that is no number"),
        ("(-2) ** z", "has no value for all z"),
        ("z ** 65", "at most 64"),
        ("clip(z, 1, -1)", "clips between ends"),
        ("log(z)", "has no value at z = -1e+100 to 0, where it is not a number"),
        ("sqrt(z - 3)", "has no value at z = -1e+100 to 3"),
        ("1 / z", "has no value at z = 0, where it is infinite"),
        ("sin(z) / z", "has no value at z = 0, where it is not a number"),
        ("1 / (z - 0.3)", "has no value at z = 0.3, where it is infinite"),
        ("sign(z)", "jumps at z = 0 from -1 to 1"),
        ("where(z > 0.5, z, 0)", "jumps at z = 0.5 from 0 to 0.5"),
        ("sqrt(abs(z))", "has an infinite slope at z = 0"),
        ("sqrt(abs(z - 1))", "has an infinite slope at z = 1"),
        ("max(z, 1e12)", "has the slope 0 wherever networks get"),
        ("z * (sqrt(z**2 + 1) - abs(z))", "loses the digits of its slope at z ="),
        ("sin(exp(z))", "where it is not a number"),
    ],
)  # fmt: skip
def test_what_is_no_activation_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as error:
        Expression(text)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_kink_that_is_not_found_may_be_given() -> None:
    text = "max(z, 0) * max(z - 1e-9, 0)"  # both between two places that are looked at
    assert 5e-10 not in Expression(text).kinks
    assert 5e-10 in Expression(text, kinks_at=(5e-10,)).kinks


def test_a_kink_may_lie_far_out() -> None:
    for text, kink in (("max(z, 2 * z - 2e6)", 2e6), ("min(tanh(z), z + 3e5)", -300001.0)):
        ours = Expression(text)
        assert ours.kinks == (kink,)
        z = np.array([kink - 1e3, kink + 1e3])
        slopes = {2e6: [1, 2], -300001.0: [1, 0]}[kink]
        np.testing.assert_allclose(ours.derivative(z), slopes, atol=1e-12)
        np.testing.assert_allclose(ours.formula.wide_slope(z).float64, slopes, atol=1e-12)
        np.testing.assert_allclose(ours.formula.wide_value(z).float64, ours.phi(z), rtol=1e-12)


def test_a_slope_at_a_kink_is_that_of_the_side_away_from_0_and_below_0_itself() -> None:
    same = {"max(z, 0)": "relu", "clip(z, -1, 1)": "hard_tanh", "min(max(0, z), 6)": "relu6"}
    for text, name in same.items():
        kinks = np.array(Expression(text).kinks)
        np.testing.assert_array_equal(
            Expression(text).derivative(kinks), ACTIVATIONS[name]().derivative(kinks)
        )


def test_a_formula_steeper_than_any_of_the_table_is_still_integrated_to_rounding() -> None:
    """tanh(k z) at sigma_w is tanh at k sigma_w, as the critical point says."""
    for k in (30.0, 300.0):
        point = critical_point(Moments(Expression(f"tanh({k} * z) / {k}")), 0.0)
        assert point.sigma_w == pytest.approx(1.0, rel=1e-9)
        steep = Moments(Expression(f"tanh({k} * z)")).slope_square(np.array([0.3]))
        same = k**2 * Moments(ACTIVATIONS["tanh"]()).slope_square(np.array([0.3 + 2 * np.log(k)]))
        assert steep == pytest.approx(same, rel=1e-12)


def test_nan_goes_on_so_that_a_blow_up_is_seen() -> None:
    for text in ("max(z, 0)", "clip(z, -1, 1)", "tanh(z)", "where(z > 0, z, 0)", "exp(z) / (1 + exp(z))"):
        for dtype in (np.float32, np.float64):
            a = Expression(text).phi(np.array([[np.nan, 1.0]], dtype))
            assert np.isnan(a).tolist() == [[True, False]]
