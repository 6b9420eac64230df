"""Symptoms and advice of a record that has no config, from planted arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradflow.analysis.block_laws import POST, PRE
from gradflow.analysis.summary import Advice, Flow, Weakest
from gradflow.analysis.watched import watched_advice, watched_symptoms

ROWS, LAYERS = 8, 6


def record(rows: int = ROWS, **changed: np.ndarray) -> dict[str, np.ndarray]:
    by_layer, by_step = (rows, LAYERS, 1), (rows, 1)
    return {
        "step": np.arange(0.0, 10 * rows, 10),
        "log_delta_norm": np.zeros(by_layer),
        "branch_ratio": np.full(by_layer, 0.3),
        "lost_samples": np.zeros(by_step),
        "samples": np.full(by_step, 16.0),
        "loss": np.full(by_step, np.nan),
        "update_ratio": np.full(by_layer, np.nan),
        "update_mlp": group(1e-3),
        **changed,
    }


def planted(row: int, layer: int, value: float, ordinary: float = 0.3) -> np.ndarray:
    array = np.full((ROWS, LAYERS, 1), ordinary)
    array[row:, layer] = value
    return array


def moved(row: int, layer: int, value: float) -> np.ndarray:
    """The update ratio of each layer; the last row has none yet."""
    array = planted(row, layer, value, 1e-3)
    array[-1] = np.nan
    return array


def group(ratio: float, row: int = ROWS) -> np.ndarray:
    """The update ratio of a group that stops at a row."""
    return np.array([[ratio if i < row else 0.0] for i in range(ROWS - 1)] + [[np.nan]])


def lost(*samples: float) -> np.ndarray:
    return np.array([[one] for one in (*samples, *[0.0] * (ROWS - len(samples)))])


@pytest.mark.parametrize(
    ("changed", "name", "step", "layer"),
    [
        ({"branch_ratio": planted(0, 2, 0.0)}, "gated-blocks", 70, 3),
        ({"log_delta_norm": planted(2, 4, 10.0)}, "gradient-jump", 20, 5),
        ({"lost_samples": lost(0, 9, 9)}, "lost-samples", 10, None),
        ({"update_mlp": group(0.0)}, "no-update", 0, None),
        ({"update_mlp": group(1e-3, 3)}, "no-update", 30, None),
        ({"update_mlp": group(0.0), "update_norm": group(1e-3)}, "no-update", 0, None),
        ({"update_mlp": group(0.0), "update_norm": group(1e-3, 5)}, "no-update", 50, None),
        ({"update_ratio": moved(0, 1, 0.0)}, "frozen-layers", 0, 2),
        ({"update_ratio": moved(2, 1, 0.0)}, "frozen-layers", 20, 2),
        ({"update_ratio": moved(0, 0, 1e-7)}, "frozen-layers", 0, 1),
        ({"update_ratio": moved(2, 0, 1e-7)}, "frozen-layers", 20, 1),
        ({"clip_share": np.full((ROWS, 1), 0.2)}, "gradient-clipped", 0, None),
    ],
)
def test_a_symptom_that_was_planted_is_found(
    changed: dict[str, np.ndarray], name: str, step: int, layer: int | None
) -> None:
    (found,) = watched_symptoms(record(**changed))
    assert (found.name, found.step, found.layer) == (name, step, layer)


@pytest.mark.parametrize(
    "changed",
    [
        {"update_mlp": group(1e-3, ROWS - 2)},  # a single step at the end of a schedule
        {"update_ratio": moved(0, 5, 1e-9)},  # the last layers
        {"update_ratio": moved(0, 0, np.nan)},  # frozen on purpose
        {"update_ratio": moved(0, 2, 1e-5)},
        {"clip_share": np.where(np.arange(ROWS)[:, None] % 2, 0.5, 1.0)},
    ],
)
def test_what_is_ordinary_is_no_symptom(changed: dict[str, np.ndarray]) -> None:
    assert watched_symptoms(record(**changed)) == ()


TIME = np.arange(1, 91) / 90
COURSES = {  # of the loss, and whether it has stalled
    "falling as an exponential": (np.exp(-2 * TIME), False),
    "falling as a power": (TIME**-0.1, False),
    "flat from the start": (0 * TIME + 2, True),
    "flat after a fall": (1 + np.exp(-40 * TIME), True),
    "rising again": (1 + (TIME - 0.5) ** 2, True),
    "fitted": (0.01 + np.exp(-40 * TIME), False),
}


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("name", COURSES)
def test_a_loss_that_has_stalled_is_told_from_one_that_falls(name: str, noise: float) -> None:
    course, stalled = COURSES[name]
    for seed in range(20):
        loss = course * (1 + noise * np.random.default_rng(seed).normal(size=90))
        rows = {"loss": loss[:, None], "update_mlp": np.full((90, 1), 1e-3)}
        found = [symptom.name for symptom in watched_symptoms(record(90, **rows))]
        told = stalled and noise < 0.1  # what noise may hide is not guessed at
        assert found == (["loss-stalled"] if told else found and stalled * ["loss-stalled"])


def test_a_loss_that_swings_tells_nothing() -> None:
    loss = 2 + np.random.default_rng(0).normal(size=(90, 1))
    assert watched_symptoms(record(90, loss=loss, update_mlp=np.full((90, 1), 1e-3))) == ()


def test_a_healthy_record_has_none() -> None:
    assert watched_symptoms(record()) == ()


def test_a_record_of_a_file_is_passed_over() -> None:
    assert watched_symptoms({"log_delta_norm": planted(2, 4, 10.0)}) == ()


NOWHERE = np.full((ROWS, 1), np.nan)


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        ({"log_dw_mlp": np.full((ROWS, 1), -3.0)}, "do not move, though they get a gradient"),
        ({"log_dw_mlp": NOWHERE}, "do not move: they get no gradient, so does the loss depend on them?"),
        (
            {"log_dw_mlp": np.full((ROWS, 1), -np.inf)},
            "do not move: they get no gradient, so does the loss depend on them?",
        ),
        ({}, "do not move: does the optimizer hold them?"),
    ],
)
def test_a_group_that_does_not_move_is_told_with_its_cause(
    gradient: dict[str, np.ndarray], words: str
) -> None:
    (found,) = watched_symptoms(record(update_mlp=group(0.0), update_norm=group(1e-3), **gradient))
    assert found.message == f"the mlp parameters {words}"


PLAIN = {"watched": "Net", "expected_c": 0.5}
OTHER = {"watched": "Net", "axis": "auto"}
BLOCKS = {**OTHER, "law": "exponential"}


def test_a_plain_chain_is_told_the_factor_of_its_weights() -> None:
    (advice,) = watched_advice(Flow(0, c=0.5, verdict="vanishing", transitions=19), PLAIN)
    assert advice.torch == "with torch.no_grad(): layer.weight.mul_(2)"


def test_blocks_that_explode_are_told_to_scale_their_branches() -> None:
    (advice,) = watched_advice(Flow(0, c=1.3, verdict="exploding", transitions=15), BLOCKS)
    assert advice.torch == "x = x + 0.25 * branch(x)"


def test_what_has_no_branches_is_not_told_to_scale_them() -> None:
    assert watched_advice(Flow(0, c=1.3, verdict="exploding", transitions=15), OTHER) == ()


@pytest.mark.parametrize("data", [PLAIN, BLOCKS, {}])
def test_what_is_stable_is_left_alone(data: dict[str, object]) -> None:
    assert watched_advice(Flow(0, c=1.0, verdict="stable", transitions=15), data) == ()


def test_a_plain_chain_that_one_layer_decides_is_told_of_that_layer() -> None:
    one = Weakest(5, 0.001, 0.1, name="8", c_without=0.8, verdict_without="stable")
    flow = Flow(0, c=0.4, verdict="vanishing", transitions=11, weakest=one)
    (advice,) = watched_advice(flow, {**PLAIN, "layers": [str(2 * i) for i in range(12)]})
    assert advice.message.startswith("layer 8 alone decides: 800 times the weights of layer 10 bring its")
    assert advice.torch == "with torch.no_grad(): layer.weight.mul_(800)"


def with_weights(**logs: float) -> dict[str, object]:
    """A plain chain of twelve layers, with ln of the scale of the weights of some."""
    weights = [logs.get(f"l{i}", 0.01 * (-1) ** i) for i in range(12)]
    return {**PLAIN, "weights": weights, "layers": [str(2 * i) for i in range(12)]}


SATURATED = Weakest(5, 0.001, 0.1, name="8", c_without=1.5, verdict_without="exploding")


@pytest.mark.parametrize(
    ("one", "decades", "planted", "layer"),
    [
        (SATURATED, -1.0, {"l4": 6.9}, 8),
        (SATURATED, -1.0, {"l5": -6.9}, 10),
        (SATURATED, -1.0, {"l4": 3.7, "l11": 8.0}, 8),
        (None, -1.5, {"l4": 6.9}, 8),
    ],
    ids=["its own weights", "those above it", "not those elsewhere", "none that decides"],
)
def test_weights_of_another_size_are_named_and_brought_back(
    one: Weakest | None, decades: float, planted: dict[str, float], layer: int
) -> None:
    flow = Flow(0, c=0.8, verdict="vanishing", transitions=11, weakest=one, log10_ratio=decades)
    (advice,) = watched_advice(flow, with_weights(**planted))
    assert advice.message.startswith(f"the weights of layer {layer} are ")
    factor = float((advice.torch or "").rpartition("(")[2][:-1])
    assert factor == pytest.approx(np.exp(-planted[f"l{layer // 2}"]), rel=0.02)


@pytest.mark.parametrize("planted", [{}, {"l0": 0.3}, {"l4": 0.3}])
def test_weights_of_about_one_size_are_not_to_blame(planted: dict[str, float]) -> None:
    flow = Flow(0, c=0.5, verdict="vanishing", transitions=11, log10_ratio=-3.3)
    (advice,) = watched_advice(flow, with_weights(**planted))
    assert advice.message == "the chain is plain: 2 times the weights of each layer bring c near 1"
    (advice,) = watched_advice(replace(flow, weakest=SATURATED), with_weights(**planted))
    assert "look at its biases" in advice.message
    assert advice.torch is None


def blocks_that_explode(layer: int, without: str = "stable", **data: object) -> tuple[Advice, ...]:
    """The advice where the block at a layer adds 20 times what passes by, and the others 0.3 times."""
    ratios = np.where(np.arange(LAYERS) == layer - 1, 20.0, 0.3)
    ratios[layer:] = 0.01
    recording = record(branch_ratio=np.tile(ratios[:, None], (ROWS, 1, 1)))
    one = Weakest(layer, 20.0, 2.0, name=f"b.{layer - 1}", c_without=1.02, verdict_without=without)
    flow = Flow(0, c=1.8, verdict="exploding", transitions=LAYERS - 1, weakest=one)
    return watched_advice(flow, {**OTHER, "law": "power", "expected": PRE, **data}, recording)


@pytest.mark.parametrize(("layer", "scale"), [(1, 0.01), (2, 0.015), (5, 0.015)])
def test_one_block_that_decides_is_told_to_add_as_much_as_the_others(layer: int, scale: float) -> None:
    """Of the first one it is told by how small the next is on the stream that it makes."""
    (advice,) = blocks_that_explode(layer)
    assert advice.torch == f"x = x + {scale} * branch(x)"
    assert advice.message.startswith(f"b.{layer - 1} alone decides, by what it adds")


def test_what_explodes_without_that_block_too_gets_advice_for_all() -> None:
    one, rest = blocks_that_explode(3, "exploding")
    assert "in this block alone" in one.message
    assert rest.message == "scale what each block adds by 1/sqrt(blocks), which bounds the gain"


def test_the_norm_of_a_post_norm_block_is_not_taken_for_its_branch() -> None:
    assert blocks_that_explode(3, law="exponential", expected=POST) == ()
