"""The one layer that decides: found where it was planted, by its cause, and never in a healthy network."""

from dataclasses import asdict
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import convert
from numpy.typing import NDArray

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.outside import Norms, summarize_outside
from gradflow.analysis.summary import Flow, Weakest, strict
from gradflow.analysis.weakest import FALSE_ALARM, FEWEST, bound, standing_out, weakest_symptom
from gradflow.config import parse_config
from gradflow.report.headlines import verdict_sentence
from gradflow.starters import is_script, starter_names, starter_text
from gradflow.store.save import config_text
from gradflow.sweeps.points import parse_sweep
from gradflow.yaml_file import parse
from tests.planted import planted
from tests.sampling import each
from tests.studies.lab import study

Array = NDArray[np.float64]
STARTERS = [name for name in starter_names() if not is_script(name)]


def walk(depth: int, networks: int, c: float = 0.97, seed: int = 0, **factors: float) -> Array:
    """ln ||delta_l|| (depth, networks) of a random walk, `l31=0.004`: in which that factor is another."""
    rising = log(c) + 0.05 * np.random.default_rng(seed).standard_normal((depth - 1, networks))
    for layer, factor in factors.items():
        rising[int(layer[1:]) - 1] += log(factor / c)
    return np.vstack([np.cumsum(rising[::-1], axis=0)[::-1], np.zeros((1, networks))])


def fitted(log_delta: Array, **arrays: Array) -> Flow:
    return fit_flow({"log_delta_norm": log_delta, **arrays}, 0)


def weakest_of(flow: Flow) -> Weakest:
    assert flow.weakest is not None
    return flow.weakest


@pytest.mark.parametrize("networks", [1, 2, 4, 10])
@pytest.mark.parametrize(("depth", "layer"), [(12, 1), (12, 5), (40, 2), (40, 31), (40, 39), (300, 150)])
@pytest.mark.parametrize("factor", [0.004, 250.0])
def test_a_planted_factor_is_found_with_c_without_it(
    depth: int, layer: int, factor: float, networks: int
) -> None:
    c = 0.999 if depth == 300 else 0.97
    flow = fitted(walk(depth, networks, c, **{f"l{layer}": factor}))
    one = weakest_of(flow)
    assert one.layer == layer
    assert one.factor == pytest.approx(factor, rel=0.2)
    assert min(one.factor, c) < one.allowed < max(one.factor, c)
    assert (flow.verdict, one.verdict_without) == ("vanishing" if factor < 1 else "exploding", "stable")
    healthy = fitted(walk(depth, networks, c))
    assert one.c_without == pytest.approx(healthy.c, rel=0.03)
    assert one.c_without_low is not None
    assert one.c_without_high is not None
    assert one.c_without_low < c < one.c_without_high
    assert (one.cause, one.cause_layer) == (None, None)  # of norms alone


def test_the_rest_may_vanish_by_itself() -> None:
    one = weakest_of(fitted(walk(40, 4, 0.7, l31=0.004)))
    assert (one.layer, one.verdict_without) == (31, "vanishing")
    assert one.c_without == pytest.approx(0.7, rel=0.02)


@pytest.mark.parametrize("layer", [2, 12, 29])
@pytest.mark.parametrize("scale", [0.003, 200.0])
@pytest.mark.parametrize(("activation", "sigma_w"), [("relu", 1.41), ("linear", 1.0), ("leaky_relu", 1.41)])
def test_a_bad_matrix_is_found_in_a_network_that_runs(
    activation: str, sigma_w: float, layer: int, scale: float
) -> None:
    """W_k stands in the factor of layer k - 1: ||delta_{k-1}|| / ||delta_k||."""
    one = weakest_of(planted(activation, sigma_w, layer=layer, scale=scale))
    assert (one.layer, one.cause, one.cause_layer) == (layer - 1, "weights", layer)
    assert one.factor == pytest.approx(scale, rel=0.3)
    healthy = planted(activation, sigma_w)
    assert healthy.weakest is None
    assert one.c_without_low < healthy.c < one.c_without_high  # type: ignore[operator]


@pytest.mark.parametrize("shift", [-4.0, 4.0])
@pytest.mark.parametrize("layer", [7, 12, 28])
@pytest.mark.parametrize("activation", ["tanh", "erf", "softsign"])
def test_a_layer_whose_biases_kill_its_slopes_is_found(activation: str, layer: int, shift: float) -> None:
    flow = planted(activation, 1.3, layer=layer, shift=3 * shift if activation == "softsign" else shift)
    one = weakest_of(flow)
    assert (one.layer, one.cause, one.cause_layer) == (layer, "slopes", layer)
    assert flow.verdict == "vanishing"
    assert flow.c < one.c_without  # type: ignore[operator]


def test_where_weights_and_slopes_do_it_together_both_are_the_cause() -> None:
    depth = 20
    slopes = np.full((depth, 3), log(0.9))
    weights = np.full((depth, 3), log(1.1))
    slopes[7], weights[7] = log(0.05), log(0.06)
    rising = (slopes + weights)[:-1]
    log_delta = np.vstack([np.cumsum(rising[::-1], axis=0)[::-1], np.zeros((1, 3))])
    one = weakest_of(fitted(log_delta, log_weight_factor=weights, log_slope_factor=slopes))
    assert (one.layer, one.cause, one.cause_layer) == (8, "both", None)
    assert one.by == "weights and slopes alike"


def test_a_layer_before_the_window_leaves_c_as_it_is() -> None:
    flow = fitted(walk(40, 4, l2=0.004))
    one = weakest_of(flow)
    assert flow.layers[0] > 2 == one.layer
    assert (one.c_without, one.c_without_low) == pytest.approx((flow.c, flow.c_low))


@pytest.mark.parametrize("depth", range(1, FEWEST + 1))
def test_a_few_factors_have_no_spread_to_stand_out_from(depth: int) -> None:
    assert fitted(walk(depth, 4, **({"l1": 0.004} if depth > 1 else {}))).weakest is None


def test_six_layers_are_enough() -> None:
    assert weakest_of(fitted(walk(6, 4, l3=1e-4))).layer == 3


@pytest.mark.parametrize(
    ("factors", "c"),
    [
        ({"l9": 0.5}, 0.999),  # far beyond the spread, but a fraction of a decade
        ({"l9": 12.0}, 0.5),  # the other way than the ratio goes
        ({"l9": 0.1}, 0.5),  # a small part of a ratio of many decades
        ({}, 0.5),
        ({}, 1.0),
    ],
)
def test_a_factor_that_does_not_decide_is_not_named(factors: dict[str, float], c: float) -> None:
    assert fitted(walk(50, 4, c, **factors)).weakest is None


def test_a_factor_that_keeps_the_ratio_stable_is_named() -> None:
    flow = fitted(walk(41, 4, 0.9, l20=60.0))
    one = weakest_of(flow)
    assert (flow.verdict, one.layer, one.verdict_without) == ("stable", 20, "vanishing")


def test_layers_that_are_exactly_alike_let_one_stand_out() -> None:
    log_delta = np.log(0.9) * np.arange(20.0, 0, -1)[:, None]
    log_delta[:7] += log(1e-3)
    assert weakest_of(fitted(log_delta)).layer == 7


def test_dead_networks_do_not_count() -> None:
    log_delta = walk(40, 5, l31=0.004)
    log_delta[:10, 0] = -np.inf
    flow = fitted(log_delta)
    assert weakest_of(flow).layer == 31
    assert (flow.networks, flow.dead_networks) == (5, 1)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape)


def one_weight(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.log(np.abs(rng.standard_normal(shape)))  # ln|w|: a layer of one neuron


def eight_units(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(np.log(rng.chisquare(8, shape)) / 2)  # ln of a norm of eight


@pytest.mark.parametrize("law", [normal, one_weight, eight_units])
@pytest.mark.parametrize("count", [5, 6, 9, 19, 49])
def test_of_a_thousand_healthy_walks_hardly_one_has_a_factor_that_stands_out(count: int, law: Any) -> None:
    """Measured over 20,000 walks each: at most 0.25% from 7 factors on, 0.5% of 5 or 6."""
    draws = law(np.random.default_rng(count), (1000, count))
    assert sum(standing_out(walk)[1] != 0 for walk in draws) <= (12 if count < 7 else 5)


def test_of_the_heaviest_tail_about_as_many_stand_out_as_are_allowed_to() -> None:
    """A bound that is too high would pass over layers that decide."""
    counts, walks = (19, 30), 6000
    draws = (one_weight(np.random.default_rng(count), (walks, count)) for count in counts)
    alarms = sum(standing_out(walk)[1] != 0 for rows in draws for walk in rows)
    assert 0.5 < alarms / (len(counts) * walks * FALSE_ALARM) < 2


def test_the_bound_grows_with_the_number_of_factors_and_with_their_want() -> None:
    assert bound(1000) > bound(100)
    assert bound(5) > bound(10) > bound(30)


FEW = "data={name: gaussian, samples: 160, features: 64, classes: 10}"  # a batch and 32 held out


def runs_of(name: str, thorough: bool) -> list[str]:
    """The configs of a starter; of a sweep, all of its points.

    Unless thorough, every fourth and at most about ten, before training and on few samples, where all of
    the digits would be evaluated.
    """
    text = starter_text(name)
    short = [] if thorough else ["steps=0", *([] if "data: {name: inline" in text else [FEW])]
    if not name.startswith("sweep"):
        return [config_text(parse_config(parse(text, name), Path(), short))]
    points = parse_sweep(parse(text, name), Path(), short).points
    return [config_text(point.config) for point in points[:: 1 if thorough else max(4, len(points) // 10)]]


@pytest.mark.parametrize("name", each(3, STARTERS))
def test_no_starter_has_a_layer_that_decides(name: str, thorough: bool) -> None:
    for text in runs_of(name, thorough):
        found = study(text)
        assert (found.flow.initial.weakest, found.flow.final.weakest) == (None, None), text
        assert "single-layer" not in [symptom.name for symptom in found.symptoms]


def recorded(names: tuple[str, ...]) -> Any:
    norms = Norms((0, 5), names, {"delta": np.stack([walk(40, 3, l31=0.004)] * 2)})
    return summarize_outside("norms-0123abcd", norms.config("norms", "norms.csv"), norms.recording())


def test_a_layer_that_was_recorded_elsewhere_has_its_name() -> None:
    found = recorded(tuple(f"block.{i}" for i in range(40)))
    assert weakest_of(found.flow.initial).name == "block.30"
    (symptom,) = found.symptoms
    assert (symptom.name, symptom.step, symptom.layer) == ("single-layer", 0, 31)
    assert symptom.message.startswith("block.30 alone decides the ratio; without it c is 0.9")
    assert weakest_of(recorded(tuple(map(str, range(0, 80, 2)))).flow.initial).called == "layer 60"


def test_the_symptom_is_that_of_the_first_flow_that_has_one() -> None:
    bad = planted("relu", 1.41, layer=12, scale=0.003)
    healthy = fitted(walk(40, 4))
    assert weakest_symptom((healthy, healthy)) == ()
    (symptom,) = weakest_symptom((healthy, bad))
    assert (symptom.layer, symptom.value) == (11, weakest_of(bad).factor)
    assert symptom.threshold == weakest_of(bad).allowed
    assert "alone decides the ratio, by the weights of layer 12; without it c is 0.97" in symptom.message


def test_a_document_brings_it_back() -> None:
    for flow in (fitted(walk(40, 3, l31=0.004)), fitted(walk(40, 3))):
        assert convert(strict(asdict(flow)), Flow) == flow


@pytest.mark.parametrize(
    ("jump", "factor", "said"), [(900.0, None, "over 1e308"), (-900.0, 0.0, "under 1e-308")]
)
def test_a_factor_that_no_float_holds_is_told_to_be_so(jump: float, factor: float | None, said: str) -> None:
    logs = walk(12, 1)
    logs[:4] += jump
    flow = fitted(logs)
    assert weakest_of(flow).factor == factor
    assert f"layer 4 alone passes {said} of the gradient" in verdict_sentence(flow)
    (symptom,) = weakest_symptom([flow])
    assert symptom.value == factor
