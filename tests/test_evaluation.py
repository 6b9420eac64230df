"""Evaluation against the oracle, and when it happens: by the sizes alone, without a trace in the training."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from gradflow import evaluation
from gradflow.data import Data
from gradflow.evaluation import EVALUATED, MOST, ROOM, STEP, Split, pass_size
from gradflow.nn.activations import Linear, Relu, Sigmoid, Tanh
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Orthogonal
from gradflow.nn.losses import CrossEntropy, Mse
from gradflow.nn.norms import BatchNorm
from gradflow.nn.optimizers import Adam, Sgd
from gradflow.nn.parameters import Shape
from gradflow.plan import STACKED_WIDTH, Plan
from gradflow.recording import Recording
from tests import oracle, small
from tests.small import fitted, trained

CLASSES = {"outputs": 3, "classes": True}


def split(held_out: int, **sizes: Any) -> Data:
    """Small data, of which the last samples are held out."""
    data = small.data(**sizes)
    kept = data.samples - held_out
    return replace(data, x=data.x[:kept], y=data.y[:kept], x_test=data.x[kept:], y_test=data.y[kept:])


def curves(recording: Recording) -> dict[str, Any]:
    return {name: recording[name] for name in EVALUATED if name in recording}


def assert_is_the_oracles(plan: Plan, data: Data, rel: float = 1e-9) -> None:
    recording = trained(plan, data).recording
    rows = {"train": list(range(data.samples)), "test": list(range(len(data.x_test)))}
    steps = [int(step) for step in recording[STEP]]
    expected = oracle.evaluate(plan, data, steps, {part: kept for part, kept in rows.items() if kept})
    found = curves(recording)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        exact = name.startswith("accuracy")
        np.testing.assert_allclose(found[name], values, rtol=0 if exact else rel, atol=0 if exact else rel)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "classes": ({"loss": CrossEntropy()}, CLASSES, 3),
    "classes, none held out": ({"loss": CrossEntropy()}, CLASSES, 0),
    "classes by mean squared error": ({}, CLASSES, 3),
    "regression": ({}, {}, 3),
    "regression, none held out": ({}, {}, 0),
    "one held out": ({}, {}, 1),
    "no readout": ({"readout": False, "width": 2}, {}, 3),
    "no readout, classes": ({"readout": False, "width": 3, "loss": CrossEntropy()}, CLASSES, 3),
    "one layer": ({"depth": 1}, {}, 3),
    "more layers than a chunk": ({"depth": 37, "steps": 2}, {}, 3),
    "one sample a step": ({"batch_size": 1}, {}, 3),
    "all samples a step": ({"batch_size": 999}, {}, 3),
    "passes that the samples do not fill": ({"batch_size": 6}, {"samples": 13}, 2),
    "relu": ({"activation": Relu(), "init": HeNormal(), "bias": 0.1}, CLASSES | {"classes": False}, 3),
    "networks side by side": ({"seeds": 3, "loss": CrossEntropy()}, CLASSES, 3),
    "wide networks in turn": ({"seeds": 2, "width": STACKED_WIDTH + 1, "depth": 2, "steps": 3}, {}, 3),
    "clipped": ({"clip_norm": 0.1, "optimizer": Adam(lr=0.05)}, {}, 3),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("room", [ROOM, 0], ids=["own buffers", "the training's buffers"])
def test_every_curve_is_the_oracles(case: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "ROOM", room)
    changes, sizes, held_out = CASES[case]
    assert_is_the_oracles(small.plan(**{"evaluate": 2, **changes}), split(held_out, **sizes))


def test_single_precision_agrees_to_its_digits() -> None:
    plan = small.plan(dtype="float32", steps=2, evaluate=1, loss=CrossEntropy())
    assert_is_the_oracles(plan, split(3, **CLASSES), rel=1e-5)


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        (Relu(), Gaussian(3.0)),
        (Relu(), Gaussian(0.2)),
        (Relu(), Gaussian(0.3, 0.05)),
        (Linear(), Orthogonal(0.1)),
        (Linear(), Orthogonal(9.0)),
        (Tanh(), Gaussian(0.5)),
        (Sigmoid(), Gaussian(1.0)),
    ],
    ids=["exploding", "dying away", "biased", "tiny", "huge", "tanh", "sigmoid"],
)
@pytest.mark.parametrize("loss", [Mse(), CrossEntropy()], ids=["mse", "cross_entropy"])
def test_outputs_beyond_the_numbers_are_evaluated_with_their_exponent(
    activation: Relu, init: Gaussian, loss: Mse
) -> None:
    plan = small.plan(activation=activation, init=init, loss=loss, depth=160, width=8, steps=0, batch_size=3)
    data = split(3, samples=9, classes=loss.classes_only, outputs=3)
    assert_is_the_oracles(plan, data, rel=1e-8)


# --- which samples ------------------------------------------------------------------------------------------


def test_of_many_samples_a_fixed_part_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "MOST", 7)
    data = split(15, samples=60, **CLASSES)
    parts = {"train": Split("train", data.x, data.y), "test": Split("test", data.x_test, data.y_test)}
    rows = {name: part.rows.tolist() for name, part in parts.items()}
    for name, size in (("train", 45), ("test", 15)):
        assert len(rows[name]) == len({*rows[name]}) == 7
        assert 0 <= min(rows[name]) < max(rows[name]) < size
        assert rows[name] != list(range(7))  # of data that is sorted, the first ones would be of one class
    for seed in (3, 20):
        plan = small.plan(loss=CrossEntropy(), seeds=2, seed=seed, steps=4, evaluate=2)
        found = trained(plan, data).recording
        expected = oracle.evaluate(plan, data, [0, 2, 4], rows)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-9, err_msg=name)


def test_all_samples_are_evaluated_up_to_the_most() -> None:
    for samples, kept in ((5, 5), (MOST, MOST), (MOST + 1, MOST), (10 * MOST, MOST)):
        rows = Split("train", np.empty((samples, 1)), np.empty((samples, 1))).rows
        assert len(rows) == kept
        assert (np.diff(rows) > 0).all()


def test_what_was_evaluated_is_told_with_what_guessing_gets() -> None:
    y = np.eye(3)[[0] * 6 + [1] * 3 + [2]]
    y_test = np.eye(3)[[1, 1, 1, 0]]
    data = Data(np.ones((10, 2)), y, True, np.ones((4, 2)), y_test)
    facts = trained(small.plan(loss=CrossEntropy(), steps=0, evaluate=7), data).evaluated
    assert (facts.every, facts.samples_train, facts.samples_test) == (7, 10, 4)
    assert (facts.of_train, facts.of_test) == (10, 4)
    assert (facts.majority_train, facts.majority_test) == (0.6, 0.75)
    assert facts.chance == pytest.approx(-(0.6 * log(0.6) + 0.3 * log(0.3) + 0.1 * log(0.1)))
    facts = trained(small.plan(steps=0), small.data()).evaluated
    assert (facts.samples_test, facts.majority_train, facts.majority_test, facts.chance) == (
        0,
        None,
        None,
        None,
    )


def test_chance_is_that_of_the_evaluated_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that guesses by the shares of all training samples has exactly this loss over them."""
    monkeypatch.setattr(evaluation, "MOST", 10)
    data = small.data(samples=50, outputs=3, classes=True)
    plan = small.plan(loss=CrossEntropy(), steps=0, init=Gaussian(0.0), activation=Linear(), evaluate=1)
    training = trained(plan, data)
    shares = data.y.mean(axis=0)
    seen = data.y[Split("train", data.x, data.y).rows].mean(axis=0)
    assert training.evaluated.chance == pytest.approx(-(seen @ np.log(shares)))
    assert training.recording["loss_train"][0, 0] == pytest.approx(log(3))


def test_targets_that_are_all_alike_have_no_r2() -> None:
    data = replace(small.data(), y=np.full((10, 2), 0.5))
    recording = trained(small.plan(steps=0), data).recording
    assert np.isnan(recording["r2_train"]).all()
    assert np.isfinite(recording["loss_train"]).all()


# --- when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "held_out", "batch", "every"),
    [
        (1797, 359, 128, 50),  # 11 passes of 128 forward: the products of 3.7 steps
        (1797, 359, 64, 100),
        (1797, 359, 16, 500),
        (10_000, 2_000, 128, 100),  # twice 1,024
        (10_000, 2_000, 1024, 20),  # never sooner
        (40, 8, 40, 20),
        (40, 8, 4, 50),
        (40, 8, 1, 200),  # in passes of 40
    ],
)
def test_evaluations_take_under_a_tenth_of_the_products(
    samples: int, held_out: int, batch: int, every: int
) -> None:
    data = split(held_out, samples=samples, features=2, outputs=1)
    for width, seeds, steps in ((128, 1, 0), (128, 3, 1), (16, 2, 3)):
        plan = small.plan(batch_size=batch, width=width, seeds=seeds, steps=steps, depth=1, dtype="float32")
        assert trained(plan, data).evaluated.every == every
        shape = fitted(plan, data).model.shape
        forward = 2 * shape.parameters * sum(min(part, MOST) for part in (samples - held_out, held_out))
        assert forward <= 0.1 * every * 6 * shape.parameters * shape.batch


def test_a_longer_training_is_evaluated_at_the_same_steps() -> None:
    data = split(20, samples=120, **CLASSES)
    plan = small.plan(loss=CrossEntropy(), batch_size=16, width=8, seeds=2)
    short, long = (trained(replace(plan, steps=steps), data).recording for steps in (60, 110))
    assert short[STEP].tolist() == [0, 50, 60]
    assert long[STEP].tolist() == [0, 50, 100, 110]
    for name, values in curves(short).items():
        np.testing.assert_array_equal(values[:-1], long[name][:2])


@pytest.mark.parametrize(
    ("every", "steps", "expected"),
    [(1, 3, [0, 1, 2, 3]), (2, 6, [0, 2, 4, 6]), (4, 6, [0, 4, 6]), (99, 6, [0, 6]), (3, 0, [0])],
)
@pytest.mark.parametrize("kept", [1, 4])
def test_a_number_of_steps_is_kept_to_whatever_rows_are_recorded(
    every: int, steps: int, expected: list[int], kept: int
) -> None:
    recording = trained(small.plan(steps=steps, evaluate=every, every=kept), small.data()).recording
    assert recording[STEP].tolist() == expected
    assert recording["loss_train"].shape == (len(expected), 1)


def test_a_training_that_blows_up_keeps_its_evaluations_until_then() -> None:
    plan = small.plan(activation=Relu(), optimizer=Sgd(lr=40.0), steps=200, evaluate=1, depth=6)
    training = trained(plan, small.data())
    diverged, recording = training.outcome.diverged_step, training.recording
    assert diverged is not None
    assert 2 <= diverged < 100
    assert recording[STEP].tolist() == list(range(diverged + 1))
    assert recording["step"][-1] == diverged
    rarely = trained(replace(plan, evaluate=diverged - 1), small.data()).recording
    assert rarely[STEP].tolist() == [0, diverged - 1]
    np.testing.assert_array_equal(rarely["loss_train"], recording["loss_train"][[0, -2]])
    assert training.outcome.accuracy_final is None


def test_outputs_that_are_not_a_number_guess_no_class() -> None:
    data = small.data(**CLASSES)
    data = replace(data, y=np.eye(3)[np.zeros(data.samples, int)])  # argmax takes nan for the largest
    plan = small.plan(
        activation=Relu(), loss=CrossEntropy(), optimizer=Sgd(lr=1e200), depth=6, steps=9, evaluate=1
    )
    recording = trained(plan, data).recording
    unknown = np.isnan(recording["loss_train"])
    assert unknown.any()
    assert not recording["accuracy_train"][unknown].any()


# --- batch norm without eps, of units that do not vary ------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_without_eps_it_is_what_an_eps_that_counts_for_nothing_makes_of_it(dtype: str, seeds: int) -> None:
    def recorded(eps: float) -> Recording:
        plan = small.plan(
            activation=Relu(), init=HeNormal(), norm=BatchNorm("after", eps), width=16, seeds=seeds,
            steps=15, evaluate=1, dtype=dtype, batch_size=4, loss=CrossEntropy(), optimizer=Sgd(lr=0.01),
        )  # fmt: skip
        return trained(plan, small.data(samples=40, **CLASSES)).recording

    found, expected = recorded(0.0), recorded(1e-30)
    assert found["dead"].any()
    for name in ("loss", "loss_train", "accuracy_train", "q"):
        assert np.isfinite(found[name]).all()
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7 if dtype == "float64" else 1e-2)


def test_a_unit_that_never_varied_in_training_is_0_at_evaluation() -> None:
    data = split(3, samples=12)
    data = replace(data, x=-np.abs(data.x), x_test=np.abs(data.x_test))
    plan = small.plan(
        activation=Relu(), init=Constant(1.0), bias=0.0, depth=1, norm=BatchNorm("after", 0.0), steps=0
    )
    recording = trained(plan, data).recording
    assert recording["loss_test"] == pytest.approx(np.mean(data.y_test**2))
    assert recording["loss_train"] == pytest.approx(np.mean(data.y**2))


# --- without a trace ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [ROOM, 0], ids=["own buffers", "the training's buffers"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": Adam(lr=0.01), "clip_norm": 0.2, "seeds": 3},
        {"width": STACKED_WIDTH + 4, "seeds": 2, "dtype": "float32"},
        {"activation": Relu(), "init": Gaussian(0.1), "depth": 60, "dtype": "float32"},
        {"activation": Linear(), "init": Orthogonal(4.0), "depth": 60, "optimizer": Sgd(lr=1e-90)},
        {"activation": Sigmoid(), "init": Gaussian(8.0), "depth": 25},
    ],
    ids=["plain", "clipped", "in turn", "vanishing", "exploding", "saturated"],
)
def test_a_training_has_the_same_bits_however_often_it_is_evaluated(
    changes: dict[str, Any], room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "ROOM", room)
    data = split(3, samples=23, **CLASSES)
    plan = small.plan(**{"steps": 8, "loss": CrossEntropy(), **changes})
    often, rarely = (trained(replace(plan, evaluate=every), data).recording for every in (1, 99))
    for name in rarely.keys() - {STEP, *EVALUATED}:
        np.testing.assert_array_equal(often[name], rarely[name], err_msg=name)
    for name, values in curves(rarely).items():
        np.testing.assert_array_equal(often[name][[0, -1]], values, err_msg=name)


@pytest.mark.parametrize("width", [5, STACKED_WIDTH + 1])
@pytest.mark.parametrize("batch", [1, 64])
def test_network_i_is_evaluated_to_the_same_bits_alone(width: int, batch: int) -> None:
    data = split(20, samples=90, **CLASSES)
    plan = small.plan(width=width, seeds=10, batch_size=batch, steps=3, evaluate=1, loss=CrossEntropy())
    plan = replace(plan, dtype="float32")
    beside = trained(plan, data).recording
    for i in (0, 8):
        alone = trained(replace(plan, seed=plan.seed + i, seeds=1), data).recording
        for name, values in curves(alone).items():
            np.testing.assert_array_equal(values[:, 0], beside[name][:, i], err_msg=name)


@pytest.mark.parametrize("depth", [1, 3, 30, 1000])
@pytest.mark.parametrize(("width", "seeds"), [(8, 8), (64, 1), (128, 1), (4096, 1)])
@pytest.mark.parametrize("batch", [1, 16, 128])
def test_passes_are_few_and_their_buffers_small(depth: int, width: int, seeds: int, batch: int) -> None:
    shape = Shape(64, width, depth, 10, batch, seeds=seeds)
    size = pass_size(shape, 4, 1383)
    assert batch <= size <= 1383
    if size > batch:
        assert size * (4 * seeds * (2 * depth * (width + 1) + 64) + 8 * 64) <= ROOM
        assert -(-1383 // size) * size < 1383 + 1383 // size + 1  # the last pass is nearly full
