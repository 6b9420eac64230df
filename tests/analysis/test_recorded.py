"""Symptoms and advice of norms from a file: planted ones are found, and what is ordinary is none."""

from dataclasses import replace
from math import log
from random import Random
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.outside import Norms, summarize_outside
from gradflow.analysis.recorded import recorded_advice
from gradflow.analysis.summarize import flow_in
from gradflow.analysis.summary import Advice, Flow, Summary
from gradflow.data.batches import Batches
from gradflow.units import LN10
from tests.studies.lab import run
from tests.studies.pathologies import NET, Ran, healthy, ran

ROWS, LAYERS = 40, 6
NAMES = tuple(f"fc{layer}" for layer in range(1, LAYERS + 1))
Array = np.ndarray[Any, Any]


def summary(
    logs: Array, steps: Array | None = None, kind: str = "delta", loss: Array | None = None
) -> Summary:
    """Of ln of norms (rows, layers, networks)."""
    steps = np.arange(len(logs)) if steps is None else steps
    names = NAMES if logs.shape[1] == LAYERS else tuple(f"fc{i}" for i in range(1, logs.shape[1] + 1))
    more = {} if loss is None else {"loss": loss}
    norms = Norms(tuple(map(int, steps)), names, {kind: logs}, more=more)
    return summarize_outside("x", norms.config("x", "x.csv"), norms.recording())


def told(logs: Array, steps: Array | None = None, kind: str = "delta") -> list[tuple[str, int, int | None]]:
    return [(one.name, one.step, one.layer) for one in summary(logs, steps, kind).symptoms]


def calm(rows: int = ROWS, networks: int = 1, noise: float = 0.05) -> Array:
    """A healthy record: hardly any change from layer to layer, and a slow fall as the loss falls."""
    rng = np.random.default_rng(0)
    falling = -np.arange(rows)[:, None, None] / rows
    return falling + noise * rng.standard_normal((rows, LAYERS, networks))


def planted(where: Any, value: float, networks: int = 1, added: bool = True) -> Array:
    logs = calm(networks=networks)
    logs[where] = logs[where] + value if added else value
    return logs


FAR = 4 * LN10
PLANTED = {
    "a jump": (planted(np.s_[20:, 2], FAR), [("gradient-jump", 20, 3)]),
    "a fall": (planted(np.s_[20:, 2], -FAR), [("gradient-jump", 20, 3)]),
    "a jump at the first step": (planted(np.s_[1:, 2], FAR), [("gradient-jump", 1, 3)]),
    "a burst of rows": (planted(np.s_[20:27, 2], FAR), [("gradient-jump", 20, 3)]),
    "a layer that dies": (planted(np.s_[10:, 3], -np.inf), [("dead-layer", 10, 4)]),
    "a layer that is dead": (planted(np.s_[:, 1], -np.inf), [("dead-layer", 0, 2)]),
    "layers that die with it": (planted(np.s_[10:, :4], -np.inf), [("dead-layer", 10, 4)]),
    "most networks die": (planted(np.s_[10:, 3, :2], -np.inf, 3), [("dead-layer", 10, 4)]),
    "a blow-up": (planted(np.s_[37:, 3], np.inf), [("non-finite", 37, None)]),
    "a blow-up after a jump": (
        planted(np.s_[37:, 3], np.nan) + np.where(np.arange(ROWS) > 35, FAR, 0)[:, None, None],
        [("gradient-jump", 36, 1), ("non-finite", 37, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_symptom_that_was_planted_is_found(name: str) -> None:
    logs, expected = PLANTED[name]
    found = told(logs)
    assert [one[:2] for one in found] == [one[:2] for one in expected]
    layers = [(layer, of[2]) for (*_, layer), of in zip(found, expected, strict=True)]
    assert all(layer == of or name == "a blow-up after a jump" for layer, of in layers)


ORDINARY = {
    "healthy": calm(),
    "several networks": calm(networks=3),
    "one row": calm(1),
    "one strange batch": planted(np.s_[20], FAR),
    "another that is gone at the end": planted(np.s_[-1], FAR),
    "a few rows": planted(np.s_[2:4], FAR)[:5],
    "one network of three dies": planted(np.s_[10:, 3, 0], -np.inf, 3),
    "a batch without a gradient": planted(np.s_[10:13, 3], -np.inf),
    "a row that is not finite": planted(np.s_[10, 3], np.nan),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_ordinary_is_no_symptom(name: str) -> None:
    assert told(ORDINARY[name]) == []


@pytest.mark.parametrize(
    ("sign", "first", "expected"), [(-1, 20, []), (1, 1, []), (1, 20, ["gradient-jump"])]
)
def test_between_rows_that_lie_apart_learning_is_no_jump(sign: int, first: int, expected: list[str]) -> None:
    """The gradient falls as the loss does, and rises from where it had vanished at the start."""
    logs = planted(np.s_[first:], sign * FAR)
    assert [name for name, *_ in told(logs, 50 * np.arange(ROWS))] == expected


@pytest.mark.parametrize("batch", [1, 4, 16, 60, 150])
def test_batches_whose_gradients_differ_by_decades_are_no_jump(batch: int) -> None:
    """Norms of 200 samples that span six decades, of which ten are far off, unchanged by any step."""
    for seed in range(10):
        each = np.exp(4 * np.random.default_rng(seed).standard_normal(200))
        each[:10] *= 1e4
        order = Batches(seed, 200, batch)
        norms = np.log([each[order.indices(t)].mean() for t in range(200)])
        assert told(np.tile(norms[:, None, None], (1, LAYERS, 1))) == []


FALLING = -LN10 * np.arange(LAYERS)[::-1, None]
ROW_OF = {
    "weight": ("weight", FALLING),
    "an underflow of float16": ("delta", np.where(log(1e-7) > 1.5 * FALLING, -np.inf, 1.5 * FALLING)),
    "one weak layer": ("delta", np.array([-7.0, -7, 0, 0, 0, 0])[:, None]),
    "a dead layer": ("delta", np.array([-np.inf, -np.inf, 0, 0, 0, 0])[:, None]),
}


@pytest.mark.parametrize("name", ROW_OF)
def test_a_step_in_the_middle_is_judged_as_the_first(name: str) -> None:
    kind, logs = ROW_OF[name]
    norms = Norms((0, 1, 2), NAMES, {kind: np.tile(logs, (3, 1, 1))})
    whole = summarize_outside("x", norms.config("x", "x.csv"), norms.recording())
    assert flow_in(whole, norms.recording(), 1, None, {}) == replace(whole.flow.initial, step=1)


UNEVEN = ("0", "3", "5", "8", "11", "14")


def of_uneven_names(logs: Array) -> Summary:
    """Of rows that are all `logs`, of layers whose numbers leave some out, as those of a Sequential do."""
    norms = Norms(tuple(range(ROWS)), UNEVEN, {"delta": np.tile(logs[:, None], (ROWS, 1, 1))})
    return summarize_outside("x", norms.config("x", "x.csv"), norms.recording())


def test_a_layer_that_is_dead_is_called_by_its_name_in_the_verdict_too() -> None:
    found = of_uneven_names(np.array([-np.inf, -np.inf, 0, 0, 0, 0]))
    (symptom,) = found.symptoms
    for words in (found.flow.initial.reason or "", symptom.message):
        assert words.startswith("no gradient passes layer 3")


def test_layers_beside_an_underflow_are_called_by_their_names() -> None:
    found = of_uneven_names(np.array([-np.inf, -np.inf, log(1e-7), log(1e-4), log(0.1), 0]))
    for words in ("0 up to layer 3", "1e-07 at layer 5", "layers 5 to 14 pass"):
        assert words in (found.flow.initial.reason or "")


def test_zeros_at_the_edge_of_a_dtype_are_no_dead_layer() -> None:
    falling = np.log(10.0) * np.arange(-9.0, 1, 1.5)
    logs = np.where(falling < log(1e-7), -np.inf, falling)
    assert told(np.tile(logs[:, None], (ROWS, 1, 1))) == []


def test_weight_norms_jump_too_and_are_never_dead() -> None:
    assert told(planted(np.s_[20:, 2], FAR), kind="weight") == [("gradient-jump", 20, 3)]
    assert told(planted(np.s_[10:, 3], -np.inf), kind="weight") == []


def test_a_dead_layer_is_called_by_its_name() -> None:
    (found,) = summary(planted(np.s_[10:, 3, :2], -np.inf, 3)).symptoms
    assert found.message.startswith("no gradient passes layer fc4 in 2 of 3 networks")


def test_a_loss_that_is_known_and_stays_has_stalled() -> None:
    loss = np.maximum(2.3 - 0.1 * np.arange(ROWS), 1.5)[:, None]
    assert [(one.name, one.step) for one in summary(calm(), loss=loss).symptoms] == [("loss-stalled", 27)]


@pytest.mark.parametrize("loss", [0.0, -1.5, 1.7e308, np.inf, np.nan])
def test_a_loss_that_has_no_shares_is_passed_over_and_one_of_any_size_is_not(loss: float) -> None:
    found = summary(calm(networks=2), loss=np.full((ROWS, 2), loss))
    assert found.symptoms == ()
    large = summary(calm(), loss=np.full((ROWS, 1), 1.7e308))
    assert [one.name for one in large.symptoms] == ["loss-stalled"]


def test_a_jump_is_judged_by_the_rows_near_it() -> None:
    """So that a look takes as long for each row, however long the record."""
    logs = calm(400)
    logs[:50] += 5 * np.random.default_rng(1).standard_normal((50, LAYERS, 1))
    logs[300:, 2] += FAR
    assert told(logs)[-1] == ("gradient-jump", 300, 3)


# of real trainings


def of_run(ran: Ran) -> Summary:
    logs = ran.record["log_delta_norm"]
    return summary(logs, ran.record["step"])


def test_healthy_trainings_have_none(thorough: bool) -> None:
    """Of any batch, data, optimizer and block, recorded at each step or at some."""
    source = healthy(Random(5))
    for _ in range(60 if thorough else 4):
        record = next(source).record
        for every in (1, 5, 25):
            logs, step = record["log_delta_norm"][::every], record["step"][::every]
            assert [one for one in summary(logs, step).symptoms if one.name != "single-layer"] == []


SHARED = ("gradient-jump", "non-finite")  # symptoms of a run that its norms alone tell


BLOWN = {
    "momentum": ("activation=tanh", "init=xavier_normal", "lr=30", "optimizer.momentum=0.9", "loss=mse"),
    "relu": ("activation=relu", "init=he_normal", "lr=10", "data=teacher"),
    "a batch of two": ("activation=relu", "init=he_normal", "lr=1", "data=teacher", "batch_size=2"),
    "slowly": ("activation=leaky_relu", "init=he_normal", "lr=0.3", "data=teacher", "batch_size=5000"),
}


@pytest.mark.parametrize("name", BLOWN)
def test_a_training_that_blew_up_has_the_symptoms_that_its_run_has(name: str) -> None:
    ran_so = ran(*BLOWN[name])
    own, found = ran_so.symptoms, {one.name for one in of_run(ran_so).symptoms}
    assert {*SHARED} & own == {*SHARED} & found


# advice


def chain(c: float, **changed: Any) -> Flow:
    depth = 12
    decades = (depth - 1) * np.log10(c)
    verdict = "vanishing" if decades < -1 else "exploding" if decades > 1 else "stable"
    plain = Flow(0, c=c, law="exponential", verdict=verdict, transitions=depth - 1)
    return replace(plain, **{"layers": (4, depth), "log10_ratio": decades, **changed})


TWELVE = tuple(f"fc{i}" for i in range(12))


@pytest.mark.parametrize(
    ("c", "factor", "words"),
    [
        (0.8, "1.25", ("c^12 from 0.069", "as relu's")),
        (0.2, "5", ("c^12 from 4.1e-09", "sigmoid's are 1/4 at most")),
        (1.25, "0.8", ("c^12 from 15", "1/sqrt(layers)")),
    ],
)
def test_a_chain_is_told_the_factor_of_its_weights(c: float, factor: str, words: tuple[str, ...]) -> None:
    (advice,) = recorded_advice(chain(c), TWELVE)
    assert (advice.lever, advice.command, advice.set) == ("initialization", None, {})
    assert advice.torch == f"with torch.no_grad(): layer.weight.mul_({factor})"
    assert all(one in advice.message for one in words)


@pytest.mark.parametrize(
    "flow",
    [
        chain(1.02),
        chain(0.8, law="power"),
        chain(0.8, law="stretched"),
        chain(0.99, verdict="vanishing", log10_ratio=-2.0),  # the first layers alone make it
        replace(chain(0.8), verdict="dead", c=None),
        replace(chain(0.8), verdict="overflow", c=None),
        replace(chain(0.8), verdict="undetermined", c=None),
    ],
    ids=["stable", "power", "stretched", "outside the fit", "dead", "overflow", "undetermined"],
)
def test_what_the_weights_do_not_make_gets_no_advice(flow: Flow) -> None:
    assert recorded_advice(flow, TWELVE) == ()


def of_network(*overrides: str) -> Summary:
    """The norms of a network at initialization, as a file has them."""
    return summary(run(NET, "training.steps=0", "depth=20", "width=64", *overrides)[1]["log_delta_norm"])


def factor_of(advice: Advice) -> float:
    return float((advice.torch or "").rpartition("(")[2][:-1])


RELU = ("activation=relu", "init=gaussian")


@pytest.mark.parametrize("sigma_w", [0.9, 1.1, 1.8, 2.5])
def test_advice_that_is_followed_makes_a_network_of_relu_stable(sigma_w: float) -> None:
    before = of_network(*RELU, f"sigma_w={sigma_w}")
    (advice,) = before.advice
    after = of_network(*RELU, f"sigma_w={factor_of(advice) * sigma_w!r}")
    assert (before.flow.initial.verdict, after.flow.initial.verdict) != ("stable", "stable")
    assert after.flow.initial.verdict == "stable"
    assert after.flow.initial.c == pytest.approx(1, abs=0.015)  # what enters has another direction
    assert after.advice == ()


@pytest.mark.parametrize("name", ["block=residual norm=layer", "block=residual norm=layer depth=60"])
def test_a_stream_whose_law_is_a_power_gets_no_advice_on_weights(name: str) -> None:
    assert of_network("activation=relu", "init=he_normal", *name.split()).advice == ()


def test_one_layer_that_decides_is_named_with_what_mends_it() -> None:
    logs = np.cumsum(np.random.default_rng(3).normal(log(0.98), 0.05, (1, 30, 4)), axis=1)[:, ::-1]
    logs[:, :12] += log(1e-3)
    found = summary(logs)
    assert [(one.name, one.layer) for one in found.symptoms] == [("single-layer", 12)]
    (advice,) = found.advice
    assert factor_of(advice) == pytest.approx(1000, rel=0.2)
    assert "fc12 alone decides" in advice.message
    assert "times the weights of layer fc13" in advice.message


def test_what_is_left_without_that_layer_gets_its_own_factor() -> None:
    logs = np.cumsum(np.random.default_rng(3).normal(log(0.8), 0.05, (1, 30, 4)), axis=1)[:, ::-1]
    logs[:, :12] += log(1e-4)
    one, all_layers = summary(logs).advice
    assert factor_of(one) == pytest.approx(1e4, rel=0.3)
    assert factor_of(all_layers) == pytest.approx(1.25, rel=0.05)


@pytest.mark.parametrize(("below", "above"), [(400, 1e4), (1e4, 300)])
def test_a_layer_that_saturates_itself_is_told_to_shrink_its_own_weights(below: float, above: float) -> None:
    """They multiply the factor of the layer below it; its slopes, which make its own, pass little."""
    logs = np.cumsum(np.random.default_rng(3).normal(log(0.98), 0.05, (1, 30, 4)), axis=1)[:, ::-1]
    logs[:, :11] += log(below)
    logs[:, :12] -= log(above)
    (advice,) = summary(logs).advice
    assert advice.message.startswith("layer fc12 saturates, as it seems")
    assert factor_of(advice) == pytest.approx(1 / below, rel=0.2)


def test_a_layer_beside_an_ordinary_one_does_not_saturate() -> None:
    logs = np.cumsum(np.random.default_rng(3).normal(log(0.98), 0.05, (1, 30, 4)), axis=1)[:, ::-1]
    logs[:, :11] += log(3)
    logs[:, :12] -= log(1e3)
    (advice,) = summary(logs).advice
    assert "times the weights of layer fc13" in advice.message
