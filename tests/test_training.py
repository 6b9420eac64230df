"""Training against the oracle: every recorded array, every optimizer, networks side by side, any depth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.data.batches import Batches
from gradflow.evaluation import EVALUATED, STEP
from gradflow.nn.activations import ACTIVATIONS, Linear, Relu, Sigmoid, Tanh
from gradflow.nn.initializers import Gaussian, HeNormal, Orthogonal, XavierNormal
from gradflow.nn.losses import CrossEntropy, Mse
from gradflow.nn.optimizers import Adam, AdamW, RmsProp, Sgd
from gradflow.nn.schedules import ConstantRate, Cosine, Schedule, Warmup
from gradflow.plan import STACKED_WIDTH
from gradflow.recording import Recording
from gradflow.training import Training
from tests import oracle, small
from tests.oracle import assert_agrees
from tests.small import trained

CURVES = (STEP, *EVALUATED)


def same_bits(one: Recording, other: Recording) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name], equal_nan=True) for name in one
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_array_is_the_oracles_for_every_activation(name: str) -> None:
    plan, data = small.plan(activation=ACTIVATIONS[name]()), small.data()
    assert_agrees(trained(plan, data).recording, oracle.train(plan, data))


RULES = [
    Sgd(lr=0.2),
    Sgd(lr=0.1, momentum=0.9),
    Sgd(lr=0.1, momentum=0.5, nesterov=True),
    Sgd(lr=0.2, weight_decay=0.3),
    Sgd(lr=0.1, momentum=0.5, weight_decay=0.1),
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


@pytest.mark.parametrize("schedule", [Warmup(5), Cosine(), Cosine(3, 0.1)], ids=repr)
@pytest.mark.parametrize("rule", [RULES[0], RULES[2], RULES[3], RULES[-2]], ids=repr)
@pytest.mark.parametrize("clip_norm", [None, 0.3])
def test_every_array_is_the_oracles_for_every_schedule(
    schedule: Schedule, rule: Sgd, clip_norm: float | None
) -> None:
    plan, data = small.plan(optimizer=rule, schedule=schedule, clip_norm=clip_norm, steps=9), small.data()
    found = trained(plan, data).recording
    assert_agrees(found, oracle.train(plan, data))
    assert not same_bits(found, trained(replace(plan, schedule=ConstantRate()), data).recording)


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
            alone, {name: v if name.endswith("step") else v[..., i : i + 1] for name, v in beside.items()}
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
    assert list(thinned["eval_step"]) == [0, 10]  # which are thinned by evaluate alone
    assert same_bits(thinned, {n: v if n in CURVES else v[[0, 4, 8, 10]] for n, v in whole.items()})


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
