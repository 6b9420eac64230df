"""What is predicted for a config, and what is not, with the reason."""

from math import inf, log, log10, sqrt
from typing import Any

import numpy as np
import pytest

from gradflow.meanfield.prediction import Prediction, predict
from gradflow.nn.activations import ACTIVATIONS, Expression, Gelu, Linear, Relu, Selu, Sigmoid, Tanh
from gradflow.nn.initializers import (
    INITIALIZERS,
    Constant,
    Gaussian,
    HeNormal,
    LecunNormal,
    Orthogonal,
    TorchDefault,
    XavierNormal,
)  # fmt: skip
from tests.meanfield.networks import model_of, relu_shift
from tests.sampling import each


def predicted(
    activation: Any, init: Any, depth: int = 50, width: int = 128, *, features: int | None = None,
    q_0: float = 1.0, first: int | None = None, bias: float = 0.0, **changed: Any,
) -> Prediction:  # fmt: skip
    model = model_of(activation, init, (features or width, *[width] * depth), bias, **changed)
    return predict(model, q_0, first=first or 1 + min(5, depth // 4))


@pytest.mark.parametrize(
    ("init", "c"),
    [(HeNormal(), 1), (XavierNormal(), 0.7071067811865476), (TorchDefault(), 0.408248290463863)],
)
def test_relu_has_the_c_of_its_init_whatever_the_input(init: Any, c: float) -> None:
    for q_0 in (1e-9, 1.0, 1e9):
        prediction = predicted(Relu(), init, q_0=q_0)
        assert prediction.c == pytest.approx(c, rel=1e-12)
        assert prediction.c_asymptotic == pytest.approx(c, rel=1e-12)


def test_tanh_with_xavier_is_critical_but_not_at_a_finite_depth() -> None:
    prediction = predicted(Tanh(), XavierNormal())
    assert prediction.c_asymptotic == pytest.approx(1, abs=1e-12)
    assert prediction.phase == "critical"
    assert prediction.xi is None
    assert prediction.q_star == 0
    assert prediction.c == pytest.approx(0.9749, abs=5e-5)
    whole = predicted(Tanh(), XavierNormal(), first=1)
    assert whole.c == pytest.approx(0.9578, abs=5e-5)
    assert prediction.log10_gradient[0] == pytest.approx(-0.917, abs=5e-4)


@pytest.mark.parametrize("name", ["tanh", "elu", "softsign", "hard_tanh", "erf", "sin"])
def test_at_the_critical_point_without_biases_xi_is_infinite(name: str) -> None:
    sigma_w = 1 / float(ACTIVATIONS[name]().derivative(np.zeros(1))[0])
    found = predict(model_of(ACTIVATIONS[name](), Gaussian(sigma_w), (64,) * 5), 1.0, first=1)
    assert (found.xi, found.phase) == (None, "critical")


def test_selu_with_lecun_grows_gradients_thirtyfold_in_a_hundred_layers() -> None:
    prediction = predicted(Selu(), LecunNormal())
    assert prediction.c == pytest.approx(1.035169, abs=5e-7)
    assert prediction.chi == pytest.approx(1.071575, abs=5e-7)
    assert prediction.chi_parallel == pytest.approx(0.782648, abs=5e-7)
    assert prediction.phase == "chaotic"
    assert 31 < 1.035169**100 < 33


def test_the_shift_and_the_spread_of_relu_are_the_known_ones() -> None:
    prediction = predicted(Relu(), HeNormal(), width=512, depth=55)
    shift = relu_shift(512)
    assert prediction.shift == pytest.approx(shift, rel=1e-12)
    assert prediction.c_finite_width == pytest.approx(np.exp(shift), rel=1e-12)
    assert prediction.log_sd == pytest.approx(sqrt(5 / (4 * 512 * 49)), rel=1e-12)  # about 0.007
    assert prediction.log10_ratio == pytest.approx(shift * 54 / log(10), rel=1e-9)
    assert prediction.log10_ratio_sd == pytest.approx(sqrt(5 * 54 / (4 * 512)) / log(10), rel=1e-9)


def test_orthogonal_linear_networks_are_exact() -> None:
    prediction = predicted(Linear(), Orthogonal(gain=0.9), depth=51, width=32)
    assert prediction.c == pytest.approx(0.9, rel=1e-12)
    assert prediction.shift == pytest.approx(0, abs=1e-15)
    assert prediction.log_sd == pytest.approx(0, abs=1e-8)
    assert prediction.log10_gradient[0] == pytest.approx(50 * log10(0.9), rel=1e-12)


def test_ten_thousand_layers_are_predicted() -> None:
    prediction = predicted(Tanh(), Gaussian(sigma_w=0.5), depth=10_000, width=64)
    assert prediction.log10_gradient[0] == pytest.approx(-3010, abs=0.2)
    assert prediction.log10_ratio == pytest.approx(-3043, abs=2)


def test_a_relu_that_overflows_still_has_its_c() -> None:
    prediction = predicted(Relu(), Gaussian(sigma_w=3.0), depth=3000)
    assert prediction.c == pytest.approx(3 / sqrt(2), rel=1e-10)
    assert prediction.q_star is None
    assert prediction.reason == "q grows without bound: there is no q_star, and chi is its limit at large q"
    assert prediction.q[-1] == inf
    assert prediction.log10_gradient[0] == pytest.approx(2999 * log10(3 / sqrt(2)), rel=1e-10)


HELD = [name for name, cls in ACTIVATIONS.items() if cls.bounded_slope]  # whose q never runs away


@pytest.mark.parametrize("name", each(3, sorted(HELD)))
@pytest.mark.parametrize(
    "init", ["xavier_normal", "he_uniform", "lecun_normal", "orthogonal", "torch_default"]
)
def test_weight_factor_times_slope_factor_is_c_and_layers_agree_with_the_whole(name: str, init: str) -> None:
    prediction = predicted(ACTIVATIONS[name](), INITIALIZERS[init](), depth=12, features=30, q_0=0.6)
    assert prediction.c is not None
    weights, slopes = (prediction.factors[name] for name in ("weights", "slopes"))
    assert weights * slopes == pytest.approx(prediction.c, rel=1e-12)
    first = 1 + 12 // 4
    assert np.exp(np.log(prediction.chi_layers[first - 1 :]).mean() / 2) == pytest.approx(
        prediction.c, rel=1e-12
    )
    per_layer = np.log10(prediction.chi_layers) / 2
    np.testing.assert_allclose(-np.diff(prediction.log10_gradient), per_layer, atol=1e-12)
    assert [len(a) for a in (prediction.q, prediction.log10_gradient, prediction.shifts)] == [12, 12, 11]


@pytest.mark.parametrize(
    ("sigma_w", "phase"), [(0.9, "ordered"), (1.4, "ordered"), (1.5497, "critical"), (2.0, "chaotic")]
)
def test_the_phase_follows_chi(sigma_w: float, phase: str) -> None:
    prediction = predicted(Tanh(), Gaussian(sigma_w=sigma_w, sigma_b=0.5))
    assert prediction.phase == phase
    assert prediction.chi is not None
    assert prediction.xi == pytest.approx(-1 / log(prediction.chi), rel=1e-9)
    assert prediction.critical_sigma_w == pytest.approx(1.549674, abs=5e-7)


def test_a_transient_counts_at_a_finite_depth_only() -> None:
    small, large = (predicted(Sigmoid(), XavierNormal(), depth=10, first=1, q_0=q) for q in (0.01, 100.0))
    assert small.c_asymptotic == large.c_asymptotic
    assert large.c is not None
    assert small.c is not None
    assert large.c < 0.95 * small.c


def test_constant_weights_and_narrow_layers_are_not_predicted() -> None:
    constant = predicted(Tanh(), Constant(value=0.9))
    assert constant.reason == "constant weights are not random: theory predicts random networks only"
    narrow = predicted(Tanh(), XavierNormal(), width=15)
    assert narrow.reason == "mean field needs wide layers, of 16 units or more"
    for prediction in (constant, narrow):
        assert {
            value
            for key, value in vars(prediction).items()
            if key not in ("reason", "factors") and np.ndim(value) == 0
        } == {None}
        assert len(prediction.q) == 0
    assert predicted(Tanh(), XavierNormal(), width=16).c is not None


def test_one_layer_has_an_asymptote_but_no_c() -> None:
    prediction = predicted(Tanh(), Gaussian(sigma_w=2.0), depth=1)
    assert prediction.c is None
    assert prediction.shift is None
    assert prediction.reason == "c needs two hidden layers: there is no step between layers"
    assert (prediction.log10_ratio, prediction.log10_ratio_sd) == (0.0, None)
    assert prediction.log10_last is not None
    assert prediction.log10_last < 0  # the slopes of tanh
    assert prediction.c_asymptotic is not None
    assert len(prediction.q) == 1


@pytest.mark.parametrize("name", HELD)
def test_a_constant_bias_beyond_the_integrals_is_a_reason_at_once(name: str) -> None:
    activation, edge = ACTIVATIONS[name](), 1e2 if name == "sin" else 8e11
    for bias in (10 * edge, -1e100, 1e300):
        beyond = predicted(activation, XavierNormal(), bias=bias)
        assert (beyond.c, beyond.q.size) == (None, 0)
        assert str(beyond.reason).startswith("the constant bias is so large that it alone decides")
        assert predicted(activation, Gaussian(), bias=bias, depth=2).c is not None  # which draws its own
    assert predicted(activation, XavierNormal(), bias=edge, depth=2).c is not None


def test_no_critical_point_is_a_reason() -> None:
    prediction = predicted(Gelu(), HeNormal())
    assert prediction.critical_sigma_w is None
    assert prediction.reason == "gelu has no attracting critical point at sigma_b = 0"
    assert prediction.c is not None


def test_where_no_gradient_passes_c_is_zero_with_the_reason() -> None:
    for prediction in (predicted(Relu(), LecunNormal(), bias=-0.5), predicted(Tanh(), Gaussian(sigma_w=0.0))):
        assert prediction.c == 0
        assert prediction.c_finite_width is None
        assert prediction.reason is not None
        assert prediction.reason.startswith("no gradient is expected to pass")


def test_a_constant_bias_shifts_z_and_is_part_of_q() -> None:
    prediction = predicted(Linear(), Orthogonal(), depth=4, bias=0.5)
    np.testing.assert_allclose(prediction.q, [1.25, 1.5, 1.75, 2.0], rtol=1e-12)


@pytest.mark.parametrize("sigma_w", [0.5, 1.3])
def test_an_activation_whose_slopes_have_no_end_has_no_c_where_q_runs_away(sigma_w: float) -> None:
    found = predicted(ACTIVATIONS["squared_relu"](), Gaussian(sigma_w), depth=30, width=64)
    assert found.c is None
    assert "q runs away" in str(found.reason)


def test_an_activation_whose_slopes_have_no_end_has_its_c_while_q_is_held() -> None:
    """E phi'^2 = 2 v and E phi^2 = 3/2 v^2, so that v = 2/3 stays at sigma_w = 1, where chi is 4/3."""
    found = predicted(ACTIVATIONS["squared_relu"](), Gaussian(1.0), depth=4, width=64, q_0=2 / 3, first=1)
    np.testing.assert_allclose(found.q, 2 / 3, rtol=1e-9)
    np.testing.assert_allclose(found.chi_layers, 4 / 3, rtol=1e-9)


@pytest.mark.parametrize(
    ("init", "each"), [(HeNormal(), 2.0), (XavierNormal(), 2.0), (Orthogonal(gain=2**0.5), 1.0)]
)
def test_the_jacobian_of_relu_spreads_by_two_over_the_width_a_layer(init: Any, each: float) -> None:
    """mu2 / mu1^2 is 2 of slopes that are 0 or 1, less 1 of orthogonal weights; beyond first order too."""
    for depth, width in ((10, 512), (100, 64)):
        found = predicted(Relu(), init, depth, width)
        assert found.jacobian_spread == pytest.approx(each * (depth - 1) / width, rel=1e-9)
        assert (found.jacobian_variance is None) == (each * (depth - 1) >= width / 20)


@pytest.mark.parametrize("value", ["sinh(z)", "z + z**3"])
def test_an_activation_whose_slopes_have_no_end_is_linear_where_q_decays(value: str) -> None:
    found = predicted(Expression(value=value), Gaussian(0.5), depth=60, width=64, first=30)
    assert found.c == pytest.approx(0.5, rel=1e-6)
    assert "runs away" not in str(found.reason)
