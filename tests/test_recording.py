"""What the recorder alone decides: logs of extreme sums, spread that cancels, rows that are bad, disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradflow.nn.activations import ACTIVATIONS, Linear, Sigmoid
from gradflow.nn.initializers import Constant, Gaussian, Orthogonal
from gradflow.nn.optimizers import Sgd
from gradflow.nn.schedules import Warmup
from gradflow.plan import record_bytes
from gradflow.record import Record
from gradflow.recording import Recording, first_bad_row
from gradflow.training import Training
from tests import small
from tests.oracle import PER_LAYER

Array = np.ndarray[Any, Any]


def recorded(**changes: Any) -> Recording:
    training = Training(small.plan(**changes), small.data())
    list(training)
    return training.recording


def test_all_arrays_are_float64_with_an_axis_each_for_steps_layers_and_seeds() -> None:
    record = recorded(seeds=3, depth=4, steps=5, dtype="float32")
    curves = {"loss_train": (2, 3), "r2_train": (2, 3)}  # at steps 0 and 5; nothing is held out
    shapes = {"step": (6,), "loss": (6, 3), "clip_share": (6, 3), "eval_step": (2,), **curves}
    assert set(record) == {*shapes, *PER_LAYER}
    for name, array in record.items():
        assert array.dtype == np.float64
        assert array.shape == shapes.get(name, (6, 4, 3))


def test_correlations_stand_in_the_rows_in_which_they_were_taken_and_in_no_other() -> None:
    taken = ~np.isnan(recorded(steps=150, evaluate=10)["correlation"]).all(axis=(1, 2))  # of three blocks
    assert np.flatnonzero(taken).tolist() == [*range(0, 141, 20), 150]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_spread_of_nearly_constant_activations_keeps_its_digits(dtype: str) -> None:
    # sigmoid of a bias of 8 +- a little: the mean is 0.9997, the spread a thousandth of what is left
    plan = {
        "activation": Sigmoid(),
        "init": Orthogonal(0.01),
        "bias": 8.0,
        "depth": 2,
        "width": 40,
        "steps": 0,
    }
    single, double = (recorded(dtype=kind, **plan)["activation_std"] for kind in (dtype, "float64"))
    np.testing.assert_allclose(single[0, 0], double[0, 0], rtol=0.05)
    assert double[0, 0, 0] < 1e-4


@pytest.mark.parametrize(
    ("dtype", "weight", "spread"), [("float32", 1.0, 1e-3), ("float32", 1e-3, 1e-3), ("float64", 1e20, 1e-6)]
)
def test_the_spread_keeps_its_share_where_activations_carry_an_exponent(
    dtype: str, weight: float, spread: float
) -> None:
    data = small.data()
    alike = replace(data, x=1 + spread * data.x)
    plan = small.plan(activation=Linear(), init=Constant(weight), depth=60, steps=0, dtype=dtype, batch=10)
    training = Training(plan, alike)
    list(training)
    mean, std = (training.recording[f"activation_{name}"][0, :, 0] for name in ("mean", "std"))
    held = np.isfinite(mean) & (mean > 1e-300)
    assert held.sum() > 10
    first = alike.x.sum(axis=1)  # all units of a layer are a multiple of it
    np.testing.assert_allclose(std[held] / mean[held], first.std() / first.mean(), rtol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_activations_have_no_spread(dtype: str) -> None:
    record = recorded(
        init=Constant(0.0), bias=0.7, dtype=dtype, steps=0, activation=ACTIVATIONS["softplus"]()
    )
    np.testing.assert_allclose(record["activation_std"], 0, atol=1e-7)


ROWS = {  # kinds of rows whose logarithms are taken row by row
    "plain": {},
    "vanishing, by sample": {"init": Gaussian(0.01), "depth": 30, "activation": ACTIVATIONS["gelu"]()},
    "exploding": {"init": Gaussian(30.0), "depth": 30, "activation": Linear(), "optimizer": Sgd(lr=1e-3)},
    "dead on some samples": {"width": 2, "depth": 6, "activation": ACTIVATIONS["relu"](), "seeds": 3},
}


@pytest.mark.parametrize("kind", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logarithms_of_many_rows_at_once_are_those_of_each(
    kind: dict[str, Any], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"steps": 45, "dtype": dtype, **kind}
    together = recorded(**plan)
    monkeypatch.setattr("gradflow.nn.memory.RING_ROWS", 1)
    for name, array in recorded(**plan).items():
        np.testing.assert_array_equal(together[name], array, err_msg=name)


def test_statistics_beyond_float64_are_infinite_not_nan() -> None:
    record = recorded(activation=Linear(), init=Orthogonal(1e60), depth=6, steps=0)
    assert np.isfinite(record["q"][0, :2]).all()
    assert (record["q"][0, 3:] == np.inf).all()
    assert np.isfinite(record["activation_std"][0, :5]).all()
    assert not np.isnan(record["activation_std"]).any()


def test_update_ratios_survive_where_squares_underflow() -> None:
    record = recorded(init=Gaussian(1e-30), depth=3, dtype="float32", steps=1)
    assert (record["update_ratio"][0] > 0).any()


def test_an_update_whose_share_of_the_learning_rate_underflows_is_0() -> None:
    record = recorded(optimizer=Sgd(lr=5e-324), schedule=Warmup(steps=4), steps=6)
    assert (record["update_ratio"][:2] == 0).all()
    assert np.isfinite(record["log_weight_grad_norm"]).all()


def block(**changes: Array) -> Recording:
    whole = {name: np.zeros((4, 2, 3)) for name in PER_LAYER} | {"loss": np.zeros((4, 3))}
    for name, (row, value) in changes.items():
        whole[name][row].flat[1] = value
    return whole


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_bad(value: float) -> None:
    assert first_bad_row(block(loss=(2, value))) == 2


@pytest.mark.parametrize("name", ["log_delta_norm", "log_weight_grad_norm", "log_bias_grad_norm"])
def test_a_norm_is_bad_unless_it_is_finite_or_zero(name: str) -> None:
    assert first_bad_row(block(**{name: (1, np.nan)})) == 1
    assert first_bad_row(block(**{name: (3, np.inf)})) == 3
    assert first_bad_row(block(**{name: (1, -np.inf)})) is None


@pytest.mark.parametrize("name", ["q", "activation_std", "log_weight_factor", "update_ratio"])
def test_other_statistics_may_be_anything(name: str) -> None:
    assert first_bad_row(block(**{name: (1, np.nan)})) is None


def test_the_first_bad_row_counts() -> None:
    assert first_bad_row(block(loss=(3, np.nan), log_delta_norm=(1, np.nan))) == 1


def rows(*steps: int) -> Recording:
    values = np.array(steps, float)
    layered = dict.fromkeys(PER_LAYER, values[:, None, None] * np.ones((1, 2, 3)))
    return {
        "step": values,
        **dict.fromkeys(("loss", "clip_share"), values[:, None] * np.ones((1, 3))),
        **layered,
    }


@pytest.mark.parametrize("every", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("sizes", [[12], [1] * 12, [5, 5, 2], [3, 8, 1]])
def test_a_record_keeps_every_kth_row_the_first_and_the_last(every: int, sizes: list[int]) -> None:
    record, first = Record(PER_LAYER, 11, 2, 3, every, np.empty), 0
    for size in sizes:
        record.add(rows(*range(first, first + size)))
        first += size
        expected = [step for step in range(first) if step % every == 0 or step == first - 1]
        for array in record.arrays.values():
            np.testing.assert_array_equal(array.T, np.broadcast_to(expected, array.T.shape))


def test_a_record_goes_on_from_what_another_had_kept() -> None:
    record, another = (Record(PER_LAYER, 11, 2, 3, 4, np.empty) for _ in range(2))
    record.add(rows(*range(7)))
    another.add(record.arrays)
    another.add(rows(*range(7, 12)))
    assert list(another.arrays["step"]) == [0, 4, 8, 11]


@pytest.mark.parametrize(("steps", "every"), [(100, 1), (100, 7), (0, 1), (5, 50)])
def test_disk_use_is_told_before_it_is_used(steps: int, every: int) -> None:
    plan = small.plan(steps=steps, every=every, seeds=2)
    training = Training(plan, small.data())
    list(training)
    size = sum(array.nbytes for array in training.recording.values())
    row = 8 * (plan.model.shape.depth * 2 * len(plan.recorded) + 5)
    assert size <= record_bytes(plan) <= size + 2 * row


@pytest.mark.parametrize(
    ("steps", "evaluate", "taken"),
    [(0, None, [0]), (7, None, [0, 7]), (50, None, [0, 20, 40, 50]), (50, 1, [0, 20, 40, 50]),
     (50, 15, [0, 30, 50]), (50, 25, [0, 25, 50])],
)  # fmt: skip
def test_the_correlation_is_of_the_first_and_last_row_and_of_some_evaluated_ones(
    steps: int, evaluate: int | None, taken: list[int]
) -> None:
    correlation = recorded(steps=steps, evaluate=evaluate)["correlation"]
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(correlation).all(axis=(1, 2))), taken)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(correlation).any(axis=(1, 2))), taken)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sigma_w", [1e-30, 1.0, 1e30])
def test_the_correlation_is_that_of_pairs_where_activations_carry_an_exponent(
    dtype: str, sigma_w: float
) -> None:
    plan = {"activation": Linear(), "depth": 6, "steps": 0, "seeds": 2}
    found = recorded(init=Gaussian(sigma_w), dtype=dtype, **plan)["correlation"]
    plain = recorded(init=Gaussian(1.0), dtype="float64", **plan)["correlation"]
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-5 if dtype == "float32" else 1e-12)
