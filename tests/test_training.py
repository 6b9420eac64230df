"""Training against the oracle: every recorded array, every optimizer, networks side by side, any depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.nn.activations import ACTIVATIONS, Linear, Relu, Sigmoid, Tanh
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Orthogonal, XavierNormal
from gradflow.nn.losses import CrossEntropy, Mse
from gradflow.nn.optimizers import Adam, AdamW, RmsProp, Sgd
from gradflow.nn.parameters import Parameters
from gradflow.recording import PER_LAYER, Recording
from gradflow.training import STACKED_WIDTH, Batches, Plan, Training
from tests import oracle, small

LOGS = {name for name in PER_LAYER if name.startswith("log_")}
COUNTS = {"saturated", "dead", "zero_delta"}


def trained(plan: Plan, data: Data) -> Training:
    training = Training(plan, data)
    list(training)
    return training


def assert_agrees(
    measured: Recording, expected: Mapping[str, Any], rel: float = 1e-9, logs: float = 1e-9
) -> None:
    """Counts are equal, natural logs agree to `logs`, all else to `rel`."""
    assert set(measured) == set(expected) == {"step", "loss", *PER_LAYER}
    for name, array in measured.items():
        if name in LOGS:
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=logs, err_msg=name)
        else:
            exact = name in COUNTS or name == "step"
            tolerance = 0 if exact else rel
            np.testing.assert_allclose(array, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)


def same_bits(one: Recording, other: Recording) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_array_is_the_oracles_for_every_activation(name: str) -> None:
    plan, data = small.plan(activation=ACTIVATIONS[name]()), small.data()
    assert_agrees(trained(plan, data).recording, oracle.train(plan, data))


RULES = [
    Sgd(lr=0.2),
    Sgd(lr=0.1, momentum=0.9),
    Sgd(lr=0.1, momentum=0.5, nesterov=True),
    Adam(lr=0.05),
    Adam(lr=0.02, weight_decay=0.1, beta1=0.5, beta2=0.9),
    AdamW(lr=0.05, weight_decay=0.3),
    RmsProp(lr=0.01),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("clip_norm", [None, 0.3])
def test_every_array_is_the_oracles_for_every_optimizer(rule: Sgd, clip_norm: float | None) -> None:
    plan, data = small.plan(optimizer=rule, clip_norm=clip_norm, steps=12), small.data()
    assert_agrees(trained(plan, data).recording, oracle.train(plan, data))


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "classes": ({"loss": CrossEntropy()}, {"outputs": 3, "classes": True}),
    "no readout": ({"readout": False, "width": 2}, {}),
    "no readout, classes": (
        {"readout": False, "width": 3, "loss": CrossEntropy()},
        {"outputs": 3, "classes": True},
    ),
    "one layer": ({"depth": 1}, {}),
    "one neuron": ({"width": 1, "depth": 3}, {"features": 1, "outputs": 1}),
    "one sample": ({"batch_size": 1}, {}),
    "more outputs than units": ({"width": 2, "batch_size": 1}, {"outputs": 7}),
    "batch beyond the data": ({"batch_size": 999}, {}),
    "batch that does not divide the data": ({"batch_size": 7}, {}),
    "more layers than a chunk": ({"depth": 37}, {}),
    "relu": ({"activation": Relu(), "init": HeNormal(), "bias": 0.1}, {}),
    "saturated": ({"activation": Sigmoid(), "init": Gaussian(30.0, 5.0)}, {}),
    "networks side by side": ({"seeds": 3}, {}),
    "wide networks in turn": ({"seeds": 2, "width": STACKED_WIDTH + 1, "depth": 2}, {}),
    "side by side, clipped": ({"seeds": 3, "clip_norm": 0.1, "optimizer": Sgd(lr=0.1, momentum=0.9)}, {}),
}


@pytest.mark.parametrize("case", SHAPES)
def test_every_array_is_the_oracles_for_every_shape(case: str) -> None:
    changes, sizes = SHAPES[case]
    plan, data = small.plan(**changes), small.data(**sizes)
    assert_agrees(trained(plan, data).recording, oracle.train(plan, data))


def test_single_precision_agrees_to_its_digits() -> None:
    plan, data = small.plan(dtype="float32", steps=2), small.data()
    assert_agrees(trained(plan, data).recording, oracle.train(plan, data), rel=1e-5, logs=1e-5)


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        (Tanh(), Gaussian(0.5)),
        (Tanh(), Gaussian(4.0)),
        (Sigmoid(), XavierNormal()),
        (Relu(), Gaussian(3.0)),
        (Relu(), Gaussian(0.2)),
        (Linear(), Orthogonal(0.1)),
        (Linear(), Orthogonal(9.0)),
        (Relu(), Gaussian(0.3, 0.05)),
    ],
    ids=["vanishing", "chaotic", "sigmoid", "exploding", "dying away", "tiny", "huge", "biased"],
)
@pytest.mark.parametrize("loss", [Mse(), CrossEntropy()], ids=["mse", "cross_entropy"])
def test_scaled_passes_equal_plain_ones_in_extended_precision(
    activation: Tanh, init: Gaussian, loss: Mse
) -> None:
    classes = loss.classes_only
    plan = small.plan(activation=activation, init=init, loss=loss, depth=300, width=8, steps=0, batch_size=3)
    data = small.data(classes=classes)
    measured, expected = trained(plan, data).recording, oracle.train(plan, data)
    chaos = 0.5 if isinstance(init, Gaussian) and init.sigma_w == 4 else 1e-9  # it amplifies rounding errors
    for name in ("log_delta_norm", "log_weight_factor", "log_slope_factor"):
        np.testing.assert_allclose(measured[name][0, -20:], expected[name][0, -20:], atol=chaos, err_msg=name)
        if chaos < 0.5:
            np.testing.assert_allclose(measured[name], expected[name], atol=chaos, err_msg=name)


def test_factors_sum_to_the_increments_exactly() -> None:
    for activation in (Tanh(), Relu()):
        plan = small.plan(activation=activation, depth=30, width=40, seeds=2)
        record = trained(plan, small.data()).recording
        log_delta = record["log_delta_norm"]
        factors = record["log_weight_factor"] + record["log_slope_factor"]
        np.testing.assert_allclose(factors[:, :-1], log_delta[:, :-1] - log_delta[:, 1:], rtol=0, atol=1e-13)


# --- networks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [5, STACKED_WIDTH, STACKED_WIDTH + 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_network_i_of_seed_s_is_network_0_of_seed_s_plus_i(width: int, dtype: str) -> None:
    plan = small.plan(width=width, dtype=dtype, seeds=4, seed=3, optimizer=Adam(lr=0.01), depth=6)
    beside = trained(plan, small.data(samples=40)).recording
    for i in range(4):
        alone = trained(replace(plan, seed=3 + i, seeds=1), small.data(samples=40)).recording
        assert same_bits(
            alone, {name: v if name == "step" else v[..., i : i + 1] for name, v in beside.items()}
        )


def test_a_network_beside_one_that_vanishes_or_explodes_has_its_own_bits() -> None:
    for sigma_w in (0.03, 30.0):
        plan = small.plan(depth=60, seeds=3, init=Gaussian(sigma_w), activation=Relu(), steps=0, width=8)
        beside = trained(plan, small.data()).recording
        for i in range(3):
            alone = trained(replace(plan, seed=3 + i, seeds=1), small.data()).recording
            for name in ("log_delta_norm", "log_weight_grad_norm", "q", "loss"):
                assert np.array_equal(alone[name][..., 0], beside[name][..., i], equal_nan=True), (
                    sigma_w,
                    name,
                )


def test_every_thins_the_rows_but_keeps_the_first_and_the_last() -> None:
    whole = trained(small.plan(steps=10), small.data()).recording
    thinned = trained(small.plan(steps=10, every=4), small.data()).recording
    assert list(thinned["step"]) == [0, 4, 8, 10]
    assert same_bits(thinned, {name: array[[0, 4, 8, 10]] for name, array in whole.items()})


def test_no_steps_study_initialization_alone() -> None:
    record = trained(small.plan(steps=0), small.data()).recording
    assert list(record["step"]) == [0]
    assert np.isnan(record["update_ratio"]).all()


def test_row_t_does_not_depend_on_how_many_steps_follow() -> None:
    short = trained(small.plan(steps=3), small.data()).recording
    long = trained(small.plan(steps=9), small.data()).recording
    for name in ("loss", "log_delta_norm", "log_weight_grad_norm", "q"):
        assert np.array_equal(short[name], long[name][:4])


def test_progress_ends_at_the_last_step() -> None:
    plan = small.plan(steps=130)
    steps = [progress.step for progress in Training(plan, small.data())]
    assert steps[-1] == 130
    assert steps == sorted(set(steps))


def test_accuracy_is_the_share_of_held_out_samples_classified_right() -> None:
    rng = np.random.default_rng(0)
    y = np.eye(2)[rng.integers(0, 2, 60)]
    x = y * 4 + rng.standard_normal((60, 2))
    data = Data(x[:40], y[:40], True, x[40:], y[40:])
    plan = small.plan(loss=CrossEntropy(), steps=60, depth=2, optimizer=Sgd(lr=0.5), seeds=2)
    assert trained(plan, data).outcome.accuracy_final == pytest.approx(1.0, abs=0.1)
    labels_swapped = replace(data, y_test=1 - data.y_test)
    assert trained(plan, labels_swapped).outcome.accuracy_final == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("samples", "size"), [(10, 4), (7, 7), (5, 1), (6, 4)])
def test_minibatches_go_through_every_sample_once_an_epoch(samples: int, size: int) -> None:
    batches = Batches(5, samples, size)
    row = np.concatenate([batches.indices(t) for t in range(3 * samples)])
    for epoch in range(3 * size):
        assert sorted(row[epoch * samples : (epoch + 1) * samples]) == list(range(samples))
    assert list(batches.indices(2)) == oracle.batch(5, samples, size, 2)  # whatever was asked for before


# --- depth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
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
    norms = record["update_ratio"][0, :, 0] * 4.0 * np.sqrt(plan.width)  # ||W|| is about sigma_w sqrt n
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
    parameters = Parameters(plan.shape(small.data()), np.float64)
    parameters.draw(range(plan.seed, plan.seed + 1), plan.init, plan.bias)
    np.testing.assert_array_equal(training.state()["network.0.0"], parameters.flat)
