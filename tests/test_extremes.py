"""Training where floats give out: depth, blow-ups, dead layers, clipping, against oracle or theory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.nn.activations import ACTIVATIONS, Linear, Relu
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Orthogonal
from gradflow.nn.losses import CrossEntropy
from gradflow.nn.optimizers import Sgd
from gradflow.nn.parameters import Parameters
from gradflow.training import Training
from tests import oracle, small
from tests.oracle import assert_agrees
from tests.sampling import rarely
from tests.small import trained

# --- depth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", rarely("float64")])
def test_gradients_survive_ten_thousand_layers(dtype: str) -> None:
    plan = small.plan(
        depth=10_000, width=64, init=Gaussian(0.5), dtype=dtype, steps=0, batch_size=2, loss=CrossEntropy()
    )
    record = trained(plan, small.data(classes=True, features=64)).recording
    log10 = record["log_delta_norm"][0, :, 0] / np.log(10)
    assert np.isfinite(log10).all()
    # theory: 10^4 log10(1/2), shifted by -own / (4 n) = -1 / (2 n) a layer; 4 sd of the walk, var 1 / (2 n)
    shift, sd = 1e4 / 128 / np.log(10), np.sqrt(1e4 / 128) / np.log(10)
    assert log10[0] - log10[-1] == pytest.approx(1e4 * np.log10(0.5) - shift, abs=4 * sd)


def test_both_precisions_see_the_same_vanished_gradient() -> None:
    plan = small.plan(depth=2000, width=16, init=Gaussian(0.5), steps=0, batch_size=2)
    double, single = (
        trained(replace(plan, dtype=dtype), small.data()).recording["log_delta_norm"]
        for dtype in ("float64", "float32")
    )
    np.testing.assert_allclose(single, double, atol=1e-3)


def test_an_exploding_relu_keeps_its_gradients_though_its_loss_is_beyond_float64() -> None:
    plan = small.plan(activation=Relu(), init=Gaussian(3.0), depth=3000, width=32, steps=5, batch_size=2)
    training = trained(plan, small.data())
    assert (training.outcome.diverged_step, training.outcome.diverged_reason) == (0, "the loss is inf")
    log_delta = training.recording["log_delta_norm"][0, :, 0]
    assert np.isfinite(log_delta).all()
    # ln c = ln(3 / sqrt 2) less the 1.25 / n of finite width; the walk's sd is sqrt(5 / (4 n T))
    per_layer = (log_delta[0] - log_delta[-1]) / 2999
    assert per_layer == pytest.approx(np.log(3 / np.sqrt(2)) - 1.25 / 32, abs=4 * np.sqrt(5 / 128 / 2999))


# --- blow-ups and dead layers ------------------------------------------------------------------------------

BLOW_UPS: dict[str, dict[str, Any]] = {
    "linear": {"activation": Linear(), "optimizer": Sgd(lr=30.0)},
    "elu": {"activation": ACTIVATIONS["elu"](), "optimizer": Sgd(lr=100.0)},
    "leaky_relu": {"activation": ACTIVATIONS["leaky_relu"](), "optimizer": Sgd(lr=30.0)},
    "single precision": {"activation": Linear(), "optimizer": Sgd(lr=1e3), "dtype": "float32"},
    "momentum": {"activation": Linear(), "optimizer": Sgd(lr=5.0, momentum=0.9)},
    "tanh": {"optimizer": Sgd(lr=1e80)},
    "side by side": {"activation": Linear(), "optimizer": Sgd(lr=30.0), "seeds": 3},
}


@pytest.mark.parametrize("case", BLOW_UPS)
def test_a_blow_up_ends_at_the_oracles_step(case: str) -> None:
    plan, data = small.plan(steps=40, **BLOW_UPS[case]), small.data()
    training, expected = trained(plan, data), oracle.train(plan, data)
    last = len(expected["step"]) - 1
    assert training.outcome.diverged_step == last < 40
    assert training.recording["step"][-1] == last
    measured, before = (
        {name: array[:last] for name, array in record.items()} for record in (training.recording, expected)
    )
    digits = 1e-4 if plan.dtype == "float32" else 1e-6
    assert_agrees(measured, before, rel=digits, logs=digits)


def test_what_was_not_finite_is_said() -> None:
    plan = small.plan(activation=Linear(), optimizer=Sgd(lr=30.0), steps=40)
    assert trained(plan, small.data()).outcome.diverged_reason == "the loss is inf"
    plan = small.plan(optimizer=Sgd(lr=1e200), steps=40)
    assert trained(plan, small.data()).outcome.diverged_reason == "the loss is inf"


def test_a_network_that_blew_up_and_died_goes_on_as_the_oracle_does() -> None:
    plan, data = (
        small.plan(activation=Relu(), init=HeNormal(), optimizer=Sgd(lr=30.0), steps=12),
        small.data(),
    )
    training = trained(plan, data)
    assert training.outcome.diverged_step is None
    assert_agrees(training.recording, oracle.train(plan, data), rel=1e-6, logs=1e-6)


@pytest.mark.parametrize(("dtype", "depth", "largest"), [("float32", 150, 1e38), ("float64", 1000, 1e308)])
def test_clipping_tames_a_gradient_that_the_dtype_cannot_hold(dtype: str, depth: int, largest: float) -> None:
    rule = Sgd(lr=0.1, momentum=0.5)
    plan = small.plan(
        init=Gaussian(4.0),
        activation=ACTIVATIONS["sin"](),
        depth=depth,
        width=16,
        clip_norm=1e-3,
        dtype=dtype,
        steps=1,
        optimizer=rule,
    )
    training = trained(plan, small.data())
    assert training.outcome.diverged_step is None
    record = training.recording
    assert record["log_weight_grad_norm"].max() > np.log(largest)
    width = plan.model.shape.width
    norms = record["update_ratio"][0, :, 0] * 4.0 * np.sqrt(width)  # ||W|| is about sigma_w sqrt n
    assert np.sqrt((norms**2).sum()) == pytest.approx(rule.lr * 1e-3, rel=0.4)  # less what biases take


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_delta_whose_square_underflows_is_no_zero(dtype: str) -> None:
    tiny = 1e-25 if dtype == "float32" else 1e-170
    plan = small.plan(activation=Linear(), init=Orthogonal(), readout=False, width=3, dtype=dtype, steps=0)
    data = Data(tiny * np.eye(3), np.zeros((3, 3)), False, np.zeros((0, 3)), np.zeros((0, 3)))
    record = trained(plan, data).recording
    np.testing.assert_allclose(record["log_delta_norm"], np.log(tiny * 2 / 3), atol=1e-5)
    assert (record["zero_delta"] == 0).all()
    np.testing.assert_allclose(record["log_weight_factor"], 0, atol=1e-5)


def test_the_ratio_of_the_update_before_a_blow_up_is_kept() -> None:
    record = trained(
        small.plan(activation=Linear(), optimizer=Sgd(lr=30.0), steps=40), small.data()
    ).recording
    assert np.isfinite(record["update_ratio"][:-1]).all()


def test_a_dead_layer_is_minus_infinity_from_there_down() -> None:
    plan = small.plan(activation=Relu(), init=Constant((1.0, -1.0, 1.0, 1.0, 1.0)), steps=0, bias=0.0)
    data = small.data()
    data = replace(data, x=np.abs(data.x))
    record = trained(plan, data).recording
    assert_agrees(record, oracle.train(plan, data))
    assert list(record["zero_delta"][0, :, 0]) == [4, 4, 4, 4]  # dead above too: relu of 0 has slope 0
    assert (record["log_delta_norm"] == -np.inf).all()
    assert list(record["dead"][0, :, 0]) == [0, 1, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "z"),
    [("tanh", 1e3), ("sigmoid", -2e3), ("elu", -3e3), ("selu", -1e4), ("gelu", -300.0), ("silu", -1e3),
     ("softplus", -5e3), ("erf", 200.0), ("erf", -12.0), ("softsign", 1e30)],
)  # fmt: skip
def test_a_slope_that_leaves_the_dtype_is_small_and_not_zero(name: str, z: float, dtype: str) -> None:
    phi = ACTIVATIONS[name]()
    plan = small.plan(activation=phi, init=Constant((0.0, 0.0, 1.0)), bias=z, depth=2, steps=0, dtype=dtype)
    record = trained(plan, small.data()).recording
    tail = float(phi.log_tail(np.array(z))) if abs(z) < 1e20 else -2 * np.log(z)
    np.testing.assert_allclose(record["log_slope_factor"][0, 1], tail, rtol=1e-6)
    assert not record["zero_delta"][0, 1].any()
    assert not record["dead"].any()


def test_a_slope_beyond_the_dtype_is_taken_from_the_units_that_still_pass_something() -> None:
    z = np.array([-1000.0, -990.0, -1010.0, -2000.0, -30000.0])
    data = Data(np.ones((4, 1)), np.zeros((4, 2)), False, np.ones((0, 1)), np.ones((0, 2)))
    plan = small.plan(activation=ACTIVATIONS["sigmoid"](), depth=1, steps=0)
    training = Training(small.fitted(plan, data), data)
    (group,) = training._crew._groups
    first, readout = group.network.parameters
    first[0, 0], first[0, 1], readout[...] = z, 0, 1
    for _ in training:
        pass
    expected = z.max() + np.log(np.exp(2 * (z - z.max())).sum() / 5) / 2  # of all u alike
    assert training.recording["log_slope_factor"][0, 0, 0] == pytest.approx(expected, abs=1e-9)


def test_weight_gradients_whose_squares_leave_float64_are_recorded() -> None:
    plan = small.plan(depth=800, init=Gaussian(0.5), steps=1, batch_size=2, loss=CrossEntropy())
    data = small.data(classes=True)
    measured, expected = trained(plan, data).recording, oracle.train(plan, data)
    log_dw = measured["log_weight_grad_norm"]
    assert -700 < log_dw.min() < -600  # 1e-304 to 1e-260
    np.testing.assert_allclose(log_dw, expected["log_weight_grad_norm"], rtol=0, atol=1e-9)


def test_samples_that_died_leave_the_logs_of_their_row() -> None:
    plan = small.plan(activation=Relu(), init=HeNormal(), width=3, depth=8, steps=4, batch_size=8)
    seen = 0
    for seed in range(12):
        measured = trained(replace(plan, seed=seed), small.data(samples=24)).recording
        assert_agrees(measured, oracle.train(replace(plan, seed=seed), small.data(samples=24)))
        died = measured["zero_delta"][:, 0, 0]
        seen += int(((died > 0) & (died < 8)).any())
    assert seen >= 3  # rows where some samples died and some did not


def test_biases_count_again_after_a_huge_layer_has_died() -> None:
    init = Constant((1e200, 1e200, -1.0, 1.0, 1.0))
    plan = small.plan(activation=Relu(), init=init, bias=0.5, steps=0, width=2)
    data = replace(small.data(), x=np.ones((10, 3)))
    record = trained(plan, data).recording
    assert record["q"][0, :, 0].tolist() == [np.inf, np.inf, np.inf, 0.25]
    assert record["activation_mean"][0, 2:, 0].tolist() == [0, 0.5]


def test_the_last_row_is_followed_by_no_update() -> None:
    plan = small.plan(steps=0)
    training = trained(plan, small.data())
    parameters = Parameters(plan.model.shape, np.float64)
    parameters.draw(range(plan.seed, plan.seed + 1), plan.model.init, plan.model.bias)
    np.testing.assert_array_equal(training.state()["network.0.0"], parameters.flat)
