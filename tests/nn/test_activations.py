"""The laws that every activation of the table obeys."""

from __future__ import annotations

from math import erf as math_erf
from math import exp, pi, sqrt
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

from gradflow.nn import elementwise
from gradflow.nn.activations import ACTIVATIONS, ALIASES, Activation, Celu, Elu, Expression, LeakyRelu, Selu
from gradflow.nn.elementwise import Work
from gradflow.nn.gradcheck import slope_error

Array = np.ndarray[Any, Any]
ALL = [cls() for cls in ACTIVATIONS.values()] + [LeakyRelu(slope=0.3), LeakyRelu(slope=0.0)]
ALL += [Elu(alpha=2.0), Celu(alpha=2.0), Celu(alpha=0.3)]
FORMULAS = [Expression("z * tanh(log1p(exp(z)))"), Expression("(exp(z) - exp(-z)) / (exp(z) + exp(-z))")]
FORMULAS += [Expression("z / (1 + abs(z))"), Expression("max(z, 0.3 * z)"), Expression("-tanh(2 * z)")]
FORMULAS += [
    Expression("clip(z + 3, 0, 6) / 6"),
    Expression("z * exp(-z**2)"),
    Expression("erf(z) + 0.1 * z"),
]
of_the_table = pytest.mark.parametrize("activation", ALL, ids=repr)  # whose ends are known by name
ALL = [*ALL, *FORMULAS]
each = pytest.mark.parametrize("activation", ALL, ids=repr)


def points(activation: Activation, dtype: Any = np.float64) -> Array:
    """Moderate z, both signs and 0, at no kink; two axes, as the engine has them, and enough for passes."""
    z = np.concatenate(
        [np.linspace(-8, 8, 3999), np.geomspace(1e-8, 1e-2, 60), -np.geomspace(1e-8, 1e-2, 60)]
    )
    for kink in activation.kinks:
        z = z[np.abs(z - kink) > 1e-9]
    return np.stack([z, z[::-1], z]).astype(dtype)


def quick(activation: Activation, z: Array) -> Array:
    a, out, work = np.empty_like(z), np.empty_like(z), Work.like(z)
    activation.evaluate(z, a, work)
    activation.quick_derivative(np.full_like(z, np.nan) if activation.from_output else z, a, work, out)
    return out


REFERENCE = {
    "linear": lambda z: z,
    "tanh": lambda z: (exp(2 * z) - 1) / (exp(2 * z) + 1),
    "sigmoid": lambda z: 1 / (1 + exp(-z)),
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "elu": lambda z: z if z > 0 else exp(z) - 1,
    "selu": lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * (exp(z) - 1)),
    "gelu": lambda z: z * (1 + math_erf(z / sqrt(2))) / 2,
    "silu": lambda z: z / (1 + exp(-z)),
    "softplus": lambda z: float(np.logaddexp(0, z)),
    "softsign": lambda z: z / (1 + abs(z)),
    "hard_tanh": lambda z: min(max(z, -1.0), 1.0),
    "erf": math_erf,
    "sin": lambda z: float(np.imag(np.exp(1j * z))),
    "mish": lambda z: z * exp(z) * (exp(z) + 2) / (exp(z) * (exp(z) + 2) + 2),
    "relu6": lambda z: min(max(z, 0.0), 6.0),
    "celu": lambda z: z if z > 0 else exp(z) - 1,
    "hard_sigmoid": lambda z: min(max(z / 6 + 0.5, 0.0), 1.0),
    "hard_swish": lambda z: z * min(max(z / 6 + 0.5, 0.0), 1.0),
    "squared_relu": lambda z: max(z, 0.0) ** 2,
}
TORCH = {"linear": "nn.Identity()", "gelu": "nn.functional.gelu", "hard_tanh": "nn.functional.hardtanh"}
TORCH |= {"hard_sigmoid": "nn.functional.hardsigmoid", "hard_swish": "nn.functional.hardswish"}
TORCH |= {
    name: f"nn.functional.{name}" for name in ("leaky_relu", "elu", "selu", "silu", "softplus", "softsign")
}
TORCH |= {name: f"nn.functional.{name}" for name in ("mish", "relu6", "celu")}
TORCH |= {name: name for name in ("tanh", "sigmoid", "relu", "erf", "sin")}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_value_is_the_textbooks(name: str) -> None:
    z = np.linspace(-6, 6, 241)
    expected = [REFERENCE[name](float(point)) for point in z]
    np.testing.assert_allclose(ACTIVATIONS[name]().phi(z), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_slopes_are_pytorchs(name: str) -> None:
    """At kinks too, where both take the slope of the flatter side."""
    torch = pytest.importorskip("torch")
    theirs = (lambda z: z.relu() ** 2) if name == "squared_relu" else attrgetter_of(torch, TORCH[name])
    z = np.concatenate([np.linspace(-20, 20, 2001), [-3.0, -1.0, 0.0, 1.0, 3.0, 6.0]])
    tensor = torch.tensor(z, requires_grad=True)
    a = theirs(tensor)
    (slope,) = torch.autograd.grad(a.sum(), tensor)
    ours = ACTIVATIONS[name]()
    # PyTorch's softplus is z beyond 20, and it keeps 1/6 in single precision for the slope of a hard sigmoid
    bound = {"softplus": 1e-8, "hard_sigmoid": 1e-7}.get(name, 1e-12)
    np.testing.assert_allclose(ours.phi(z), a.detach().numpy(), rtol=min(bound, 1e-8), atol=1e-12)
    jumps = name in ("elu", "selu", "hard_swish")  # whose slope at a kink is one's own choice
    near = np.abs(z[:, None] - np.array(ours.kinks)).min(axis=1, initial=1) < 1e-6
    ours_at, theirs_at = (slopes[~(near & jumps)] for slopes in (ours.derivative(z), slope.numpy()))
    np.testing.assert_allclose(ours_at, theirs_at, rtol=bound, atol=1e-12)


def test_other_names_are_the_same_functions() -> None:
    """As the others' documentation states them, beside PyTorch's own names, which TORCH has."""
    stated = {"swish": lambda z: z / (1 + exp(-z)), "logistic": lambda z: 1 / (1 + exp(-z))}
    stated |= {"identity": lambda z: z, "hard_silu": lambda z: z * min(max(z + 3, 0), 6) / 6}
    of_torch = {text.rpartition(".")[2]: name for name, text in TORCH.items()} | {"leakyrelu": "leaky_relu"}
    assert not set(ALIASES) & set(ACTIVATIONS)
    for other, name in ALIASES.items():
        assert of_torch.get(other) == name or other in stated
        z = np.linspace(-6, 6, 25)
        expected = [stated.get(other, REFERENCE[name])(float(point)) for point in z]
        np.testing.assert_allclose(ACTIVATIONS[name]().phi(z), expected, rtol=1e-14, atol=1e-15)


def attrgetter_of(torch: Any, dotted: str) -> Any:
    if dotted.endswith("()"):
        return attrgetter(dotted[:-2])(torch)()
    return attrgetter(dotted)(torch)


@each
def test_the_derivative_is_that_of_the_value_by_the_complex_step(activation: Activation) -> None:
    z = points(activation)
    step = activation.phi(z + 1e-30j).imag / 1e-30
    np.testing.assert_allclose(activation.derivative(z), step, rtol=2e-14, atol=1e-15)


@each
def test_the_derivative_is_that_of_the_value_by_central_differences(activation: Activation) -> None:
    if not activation.kinks:
        assert slope_error(activation) < 1e-9
    h = 1e-6
    z = np.array(
        [z for z in np.linspace(-5, 5, 101) if all(abs(z - kink) > 1e-3 for kink in activation.kinks)]
    )
    differences = (activation.phi(z + h) - activation.phi(z - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(z), differences, atol=2e-9)


@each
@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, 2.2e-16), (np.float32, 1.2e-7)])
def test_the_quick_derivative_is_off_by_rounding_errors_of_the_steepest(
    activation: Activation, dtype: Any, eps: float
) -> None:
    z = points(activation, dtype)
    error = np.abs(quick(activation, z) - activation.derivative(z.astype(np.float64)))
    assert error.max() <= 8 * eps * activation.steepest


ENDLESS = ("sin", "squared_relu")  # slopes that come to no end
FAR = [activation for activation in (*ALL, Elu(alpha=1e-100)) if activation.name not in ENDLESS]


@pytest.mark.parametrize("activation", FAR, ids=repr)
@pytest.mark.parametrize("slow", [True, False], ids=["by exp", "by tanh"])
def test_far_from_0_values_and_slopes_are_those_of_the_ends(
    activation: Activation, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elementwise, "_TANH_IS_SLOW", slow)
    z = np.resize(np.array([30, -30, 1e4, -1e4, 1e8, -1e8, 1e30, -1e30], np.float32), (100, 100))
    with np.errstate(all="ignore"):
        value, slope = activation.phi(z), quick(activation, z)
        exact, steep = activation.phi(z.astype(np.float64)), activation.derivative(z.astype(np.float64))
    np.testing.assert_allclose(value, exact, rtol=1e-6, atol=1e-6)
    assert np.abs(slope - steep).max() <= 8 * 1.2e-7 * activation.steepest


@each
def test_a_quick_derivative_said_to_be_exact_keeps_its_digits_where_it_is_small(
    activation: Activation,
) -> None:
    if activation.exact_quick:
        z = points(activation)
        exact = activation.derivative(z)
        # softplus reads its slope from a, which below 1e-300 is all that is left of it
        np.testing.assert_allclose(quick(activation, z), exact, rtol=1e-14, atol=1e-14 * (activation.signed))


@each
def test_the_steepest_slope_is_the_largest(activation: Activation) -> None:
    z = points(activation)
    if not activation.bounded_slope:  # that at 1 is the unit
        z = np.append(z[z < 1], 1.0)
    assert np.abs(activation.derivative(z)).max() == pytest.approx(activation.steepest, rel=1e-3)


@each
def test_flags_say_what_the_function_is(activation: Activation) -> None:
    z = points(activation)
    slopes = activation.derivative(z)
    assert activation.signed == bool((slopes < 0).any())
    assert activation.flat == bool((slopes == 0).sum() > 100)
    homogeneous = all(
        np.allclose(activation.phi(s * z), s * activation.phi(z), rtol=1e-14) for s in (0.5, 3.0)
    )
    assert activation.homogeneous == homogeneous


@each
def test_kinks_are_where_the_slope_or_its_slope_jumps(activation: Activation) -> None:
    def second(z: float) -> float:
        h = 1e-4
        return float(np.diff(activation.derivative(np.array([z - h, z + h])))[0]) / (2 * h)

    jumps = []
    for tenths in range(-70, 71):
        z = tenths / 10
        slope = activation.derivative(np.array([z - 1e-9, z + 1e-9]))
        jumps += [z] * bool(
            abs(slope[1] - slope[0]) > 1e-3 or abs(second(z - 1e-3) - second(z + 1e-3)) > 0.05
        )
    assert tuple(jumps) == activation.kinks


@each
def test_single_precision_stays_single_and_near_double(activation: Activation) -> None:
    z = points(activation, np.float32)
    for function in (activation.phi, activation.derivative):
        value = function(z)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, function(z.astype(np.float64)), rtol=2e-6, atol=3e-7)


@each
def test_infinity_gives_no_nan_where_the_limit_is_known(activation: Activation) -> None:
    z = np.array([[-np.inf, np.inf, -1e300, 1e300]])
    with np.errstate(all="ignore"):
        slope = activation.derivative(z)
    if activation.name == "squared_relu":
        np.testing.assert_array_equal(slope[0], [0, np.inf, 0, 2e300])
    elif activation.name != "sin":
        assert np.isfinite(slope).all()
    if activation.name in ("gelu", "silu", "mish", "hard_swish", "celu"):
        np.testing.assert_allclose(slope[0], [0, 1, 0, 1], atol=1e-300)


@each
def test_the_complex_value_branches_on_the_real_part(activation: Activation) -> None:
    z = points(activation)
    for sign in (1, -1):
        complex_value = activation.phi(z + sign * 1e-30j)
        np.testing.assert_allclose(complex_value.real, activation.phi(z), rtol=1e-14, atol=4e-15)


@pytest.mark.parametrize(
    ("name", "limit"), [("tanh", lambda z: 4 * exp(-2 * z)), ("sigmoid", lambda z: exp(-z))]
)
def test_slopes_of_saturated_units_keep_all_digits(name: str, limit: Any) -> None:
    for z in (25.0, 60.0, 300.0):
        for side in (z, -z):
            slope = ACTIVATIONS[name]().derivative(np.array([side]))[0]
            assert slope == pytest.approx(limit(z), rel=1e-10)
    assert 1 - np.tanh(25.0) ** 2 == 0  # what the quick form would say


def test_the_erf_slope_is_gaussian() -> None:
    z = np.array([0.0, 1.0, -3.0])
    expected = [2 / sqrt(pi) * exp(-(x**2)) for x in z]
    np.testing.assert_allclose(ACTIVATIONS["erf"]().derivative(z), expected, rtol=1e-15)


EDGES = {  # z at which the slope is a float64 of some 1e-290, on the side that vanishes
    "tanh": 334.0, "sigmoid": -668.0, "elu": -668.0, "selu": -668.0, "gelu": -36.2, "silu": -660.0,
    "celu": -668.0, "mish": -660.0, "softplus": -668.0, "softsign": 1e145, "erf": -25.8,
}  # fmt: skip


@of_the_table
def test_a_slope_that_leaves_float64_goes_on_as_its_logarithm(activation: Activation) -> None:
    edge = EDGES.get(activation.name)
    if edge and isinstance(activation, Celu):
        edge *= activation.alpha
    if edge is None:  # a slope that is 0 is meant, or none vanishes
        assert activation.flat or np.abs(activation.derivative(np.linspace(-1e3, 1e3, 999))).min() > 1e-9
        return
    slope = activation.derivative(np.array([edge]))
    assert 1e-295 < abs(slope[0]) < 1e-280
    np.testing.assert_allclose(activation.log_tail(np.array([edge])), np.log(np.abs(slope)), rtol=1e-13)
    m, k = activation.scaled_derivative(edge * np.array([1e-10, 1.0, 3.0, 1e3]))
    assert k is not None
    assert k[0] == 0
    assert (np.sign(m) == np.sign([m[0], slope[0], slope[0], slope[0]])).all()
    log_slope = np.log(np.abs(m)) + k * np.log(2)
    np.testing.assert_allclose(log_slope[1], np.log(np.abs(slope[0])), rtol=1e-13)
    assert log_slope[0] > log_slope[1] > log_slope[2] > log_slope[3] > -np.inf


@pytest.mark.parametrize("slope", [1e-270, 1e-272, 1e-300, 5e-324])
def test_a_leaky_slope_of_any_size_is_its_own_logarithm(slope: float) -> None:
    m, k = LeakyRelu(slope=slope).scaled_derivative(np.array([[-2.0, 3.0], [-1e-300, 1e300]]))
    log_slope = np.log(m) + (0 if k is None else k * np.log(2))
    np.testing.assert_allclose(log_slope, [[np.log(slope), 0.0]] * 2, rtol=1e-14)


@of_the_table
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_a_slope_far_out_is_that_of_the_side_whatever_the_precision(
    activation: Activation, dtype: Any
) -> None:
    z = np.array([-1e12, -1e30, 1e12, 1e30], dtype)
    with np.errstate(over="ignore", under="ignore"):
        slope = activation.derivative(z)
    if activation.name in ("sin", "squared_relu"):
        assert (np.abs(slope) <= (1 if activation.name == "sin" else 2 * np.abs(z))).all()
        return
    sides = {
        "linear": (1, 1),
        "relu": (0, 1),
        "elu": (0, 1),
        "gelu": (0, 1),
        "silu": (0, 1),
        "softplus": (0, 1),
        "mish": (0, 1),
        "celu": (0, 1),
        "hard_swish": (0, 1),
    }
    sides |= {"selu": (0, Selu.scale), "leaky_relu": (getattr(activation, "slope", 0), 1)}
    low, high = sides.get(activation.name, (0, 0))
    np.testing.assert_allclose(slope, np.array([low, low, high, high], dtype), rtol=1e-6, atol=1e-20)
