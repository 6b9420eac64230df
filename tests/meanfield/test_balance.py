"""The gain that makes the c of a finite depth 1."""

from dataclasses import replace
from math import sqrt

import pytest

from gradflow.meanfield import Targets
from gradflow.meanfield.balance import balance, gains, with_sigma_w
from gradflow.meanfield.prediction import Prediction, predict
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.initializers import INITIALIZERS, Constant, Gaussian, Initializer, TorchDefault, XavierNormal
from gradflow.nn.model import Model
from gradflow.nn.norms import BatchNorm
from tests.counted import calls_at_most
from tests.meanfield.networks import model_of


def network(name: str, init: Initializer) -> Model:
    return model_of(ACTIVATIONS[name](), init, (20, *[128] * 40))


def predicted(name: str, init: Initializer, first: int) -> Prediction:
    return predict(network(name, init), 0.9, first=first)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_balanced_network_neither_shrinks_nor_grows_its_gradients(name: str) -> None:
    balanced = balance(network(name, XavierNormal()), 0.9, first=1)
    if not ACTIVATIONS[name].bounded_slope:
        assert balanced is None
        return
    assert balanced is not None
    prediction = predicted(name, balanced, 1)
    steep = 10 if name == "hard_swish" else 1  # the ratio goes from -2.3 to 6.5 decades within 1.4% of gain
    assert prediction.log10_ratio == pytest.approx(0, abs=1e-7 * steep)
    assert prediction.c_finite_width == pytest.approx(1, abs=1e-8 * steep)


def test_the_shift_of_a_finite_width_can_be_left_out() -> None:
    balanced = balance(network("relu", XavierNormal()), 0.9, first=6, finite_width=False)
    assert isinstance(balanced, XavierNormal)
    assert balanced.gain == pytest.approx(sqrt(2), rel=1e-10)


def test_what_the_loss_sees_of_the_scaled_read_out_is_in_the_balance() -> None:
    narrow = model_of(ACTIVATIONS["relu"](), XavierNormal(), (16,) * 31, outputs=60)
    balanced = balance(narrow, 0.9, first=1, targets=Targets(True))
    assert balanced is not None
    prediction = predict(replace(narrow, init=balanced), 0.9, first=1, targets=Targets(True))
    assert prediction.c_finite_width == pytest.approx(1, abs=1e-6)


def test_the_window_alone_can_be_balanced_and_biases_are_kept() -> None:
    init = Gaussian(sigma_w=3.0, sigma_b=0.3)
    balanced = balance(network("tanh", init), 0.9, first=6)
    assert isinstance(balanced, Gaussian)
    assert balanced.sigma_b == 0.3
    prediction = predicted("tanh", balanced, 6)
    assert prediction.c_finite_width == pytest.approx(1, abs=1e-9)
    assert prediction.critical_sigma_w == pytest.approx(balanced.sigma_w, rel=0.02)


@pytest.mark.parametrize("init", [TorchDefault(), Constant(value=0.5)])
def test_a_scheme_without_a_gain_cannot_be_balanced(init: Initializer) -> None:
    assert balance(network("tanh", init), 1.0, first=1) is None
    assert with_sigma_w(init, 1.0, 32, 32) is None


@pytest.mark.parametrize("block", [Plain(), Residual()])
def test_no_gain_is_sought_where_a_batch_norm_undoes_it(block: Plain | Residual) -> None:
    model = replace(network("tanh", Gaussian()), norm=BatchNorm(), block=block)
    with calls_at_most(10_000):  # of as many moments as variances are tried, there would be millions
        assert balance(model, 1.0, first=1) is None


def test_a_single_layer_has_nothing_to_balance() -> None:
    assert balance(model_of(ACTIVATIONS["tanh"](), XavierNormal(), (32, 32)), 1.0, first=1) is None


@pytest.mark.parametrize(("fan_in", "fan_out"), [(64, 64), (100, 20), (20, 100)])
def test_the_gains_of_all_schemes_give_one_sigma_w(fan_in: int, fan_out: int) -> None:
    found = gains(1.3, fan_in, fan_out)
    assert set(found) == {name for name, cls in INITIALIZERS.items() if cls.scale_key == "gain"}
    for name, gain in found.items():
        scheme = with_sigma_w(INITIALIZERS[name](), 1.3, fan_in, fan_out)
        assert scheme is not None
        assert scheme == INITIALIZERS[name](gain=gain)
        assert fan_in * scheme.variance(fan_in, fan_out) == pytest.approx(1.3**2, rel=1e-12)
    if fan_in == fan_out:
        assert list(found.values()) == pytest.approx([1.3] * len(found))
