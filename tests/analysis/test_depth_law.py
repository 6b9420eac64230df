"""Depth laws: planted ones are found, and networks obey those of He and of Xavier."""

from dataclasses import replace
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.depth_law import DepthLaw, FirstLayer, depth_law, first_layer, laws_across
from gradflow.analysis.summarize import summarize
from gradflow.config import Config, parse_config
from gradflow.execution.train import train
from gradflow.yaml_file import parse

DEPTHS = (5, 10, 20, 40)


def planted(c: float, depth: int, seeds: int = 8, spread: float = 0.0) -> FirstLayer:
    noise = spread * np.random.default_rng(depth).standard_normal((2, seeds))
    logs = depth * log(c) + np.arange(seeds) + noise
    return FirstLayer(depth, logs[0] - 3, logs[1], c, c)


def test_a_planted_law_is_found_exactly_in_any_order() -> None:
    law = depth_law([planted(0.8, depth) for depth in (20, 5, 40, 10)])
    assert law.depths == DEPTHS
    for found in (law.weight_grad, law.delta):
        assert found.c == pytest.approx(0.8, rel=1e-12)
        assert (found.c_low, found.c_high) == (pytest.approx(0.8, rel=1e-9), pytest.approx(0.8, rel=1e-9))
    assert law.c_inside == pytest.approx(0.8)
    assert law.c_theory == pytest.approx(0.8)


def test_what_is_expected_is_the_slope_of_theorys_log_ratio_and_no_mean_of_its_c() -> None:
    layers = [
        replace(planted(0.8, depth), log_ratio_theory=depth * log(0.9) - 3 * exp(-depth / 5), batch_size=32)
        for depth in DEPTHS
    ]
    law = depth_law(layers)
    off = np.array(DEPTHS) - np.mean(DEPTHS)
    slope = off @ [layer.log_ratio_theory for layer in layers] / (off @ off)
    assert law.c_expected == pytest.approx(exp(slope))
    assert law.c_expected != pytest.approx(0.9, rel=1e-2)
    assert law.c_theory == pytest.approx(0.8)
    assert law.batch_size == 32
    unknown = depth_law([*layers[:-1], replace(layers[-1], log_ratio_theory=None, batch_size=16)])
    assert (unknown.c_expected, unknown.batch_size) == (None, None)


def test_the_law_of_a_saved_run_tells_the_batch_that_the_data_allows() -> None:
    config = network("he_normal", 4)
    assert config.training.batch_size == 128
    assert first_layer_of(config).batch_size == 64


def test_the_interval_holds_the_law_as_often_as_it_says() -> None:
    held = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        layers = [FirstLayer(d, *(d * log(1.1) + rng.standard_normal((2, 6)))) for d in DEPTHS]
        law = depth_law(layers).delta
        assert law.c_low is not None
        assert law.c_high is not None
        held += law.c_low < 1.1 < law.c_high
    assert 180 <= held <= 198  # binomial(200, 0.95): five standard deviations below, three above


def test_one_seed_gives_a_law_without_an_interval() -> None:
    law = depth_law([planted(0.9, depth, seeds=1) for depth in DEPTHS]).delta
    assert (law.c, law.c_low, law.c_high) == (pytest.approx(0.9), None, None)


def test_a_seed_whose_gradient_dies_at_some_depth_is_left_out() -> None:
    layers = [planted(0.7, depth) for depth in DEPTHS]
    dead = layers[-1].log_delta.copy()
    dead[0] = -np.inf
    law = depth_law([*layers[:-1], replace(layers[-1], log_delta=dead)])
    assert law.delta.c == pytest.approx(0.7)
    gone = replace(layers[-1], log_delta=np.full(8, -np.inf))
    law = depth_law([*layers[:-1], gone])
    assert (law.delta.c, law.reason) == (None, "no seed has a gradient at every depth")


def test_there_is_no_law_of_one_depth_or_of_different_seeds() -> None:
    assert depth_law([planted(0.7, 5)]).reason == "a depth law needs two depths"
    assert depth_law([]).reason == "a depth law needs two depths"
    law = depth_law([planted(0.7, 5, seeds=2), planted(0.7, 10, seeds=3)])
    assert law.reason == "the depths were not run with the same seeds"


def network(init: str, depth: int, *overrides: str) -> Config:
    text = f"""
        seeds: 6
        model: {{depth: {depth}, width: 128, activation: relu, init: {init}}}
        data: {{name: gaussian, samples: 64, features: 64, classes: 10, seed: 0}}
        training: {{steps: 0, dtype: float64}}
    """
    return parse_config(parse(text, "net.yaml"), Path(), overrides)


def law_of(init: str, *overrides: str) -> DepthLaw:
    return depth_law([first_layer_of(network(init, depth, *overrides)) for depth in (4, 8, 16, 24)])


def first_layer_of(config: Config) -> FirstLayer:
    result = train(config)
    info = {"status": result.status, "data": result.data, "outcome": result.outcome}
    return first_layer(summarize(config, result.recording, info), result.recording)


@pytest.mark.parametrize(
    ("init", "c", "fed", "inside"),  # what the loss adds to ln of the slope and of c, by relu's exact chain
    [("he_normal", 1.0, 0.0029, 0.0044), ("xavier_normal", 1 / sqrt(2), 0.0, 0.0)],
)
def test_relu_networks_obey_the_law_of_their_init_in_their_weight_gradients(
    init: str, c: float, fed: float, inside: float
) -> None:
    law = law_of(init)
    expected = c * exp(-1.25 / 128)  # what relu networks of a finite width lose: theory.md
    for found in (law.weight_grad, law.delta):
        assert found.c == pytest.approx(expected, rel=0.03)
        assert found.c_low is not None
        assert found.c_high is not None
        assert found.c_low < expected < found.c_high
    assert law.c_inside == pytest.approx(expected, rel=0.03)
    assert law.c_expected == pytest.approx(expected * exp(fed), rel=1e-3)
    assert law.c_theory == pytest.approx(expected * exp(inside), rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        ("init=xavier_normal",),
        ("activation=tanh",),
        ("norm={name: layer, place: before}",),
        ("norm={name: layer, place: after}", "init=xavier_normal"),
        ("norm={name: rms, place: after}", "init=xavier_normal", "activation=sigmoid"),
        ("norm=batch",),
        ("block=residual", "norm=layer"),
    ],
    ids=" ".join,
)
def test_a_law_begins_at_a_single_layer(changes: tuple[str, ...]) -> None:
    layers = [first_layer_of(network("he_normal", depth, *changes)) for depth in (1, 2, 3)]
    law = depth_law(layers)
    assert law.c_expected == pytest.approx(law.delta.c, rel=0.06)
    assert law.c_inside == pytest.approx(depth_law(layers[1:]).c_inside)  # a single layer has none
    assert law.c_theory == pytest.approx(depth_law(layers[1:]).c_theory)


def test_what_some_networks_lack_is_null_in_the_key_of_their_law() -> None:
    configs = [
        {"model.depth": depth, "model.init": init} | ({"model.init.sigma_w": sigma} if sigma else {})
        for depth in (2, 3)
        for init, sigma in (("gaussian", 1.2), ("gaussian", 1.5), ("orthogonal", None))
    ]
    laws = laws_across((config, planted(0.8, config["model.depth"])) for config in configs)
    assert [law["model.init.sigma_w"] for law in laws] == [1.2, 1.5, None]


def test_branches_that_pass_nothing_leave_the_law_of_their_skips() -> None:
    """Their factors are nan, the norms are not."""
    law = law_of("xavier_normal", "block=residual", "block.scale=0", "block.train_scale=true")
    assert law.reason is None
    assert law.delta.c == pytest.approx(1, abs=0.02)
    assert law.c_expected == pytest.approx(1)


def test_a_read_out_that_starts_at_zero_has_the_law_of_the_first_gradient_that_enters() -> None:
    """Of rotations times g: the read-out's first update is g^L too, so that g^(2 L) comes to the bottom."""
    given = "{name: orthogonal, gain: 0.9}", "activation=linear", "readout=zeros", "lr=1e-6"
    law = law_of(*given, "steps=1")
    for found in (law.delta, law.weight_grad):
        assert found.c == pytest.approx(0.9**2, rel=1e-5)
    assert law.c_inside == pytest.approx(0.9, rel=1e-5)
    assert law.c_expected is None  # theory knows nothing of that update
    assert law_of(*given).reason == "no seed has a gradient at every depth"  # before it


def test_delta_is_measured_from_the_output_on() -> None:
    config = network("he_normal", 5)
    recording = train(config).recording
    row = {name: array[0] for name, array in recording.items() if array.ndim == 3}
    last = (
        row["log_delta_norm"][-1] - row["log_weight_factor"][-1] - row["log_slope_factor"][-1]
    )  # ln ||delta_out||
    result = train(config)
    info = {"status": result.status, "data": result.data, "outcome": result.outcome}
    found = first_layer(summarize(config, recording, info), recording)
    np.testing.assert_allclose(found.log_delta, row["log_delta_norm"][0] - last, atol=1e-12)
    np.testing.assert_array_equal(found.log_weight_grad, row["log_weight_grad_norm"][0])


def test_the_optimizer_counts_where_its_first_update_makes_the_read_out() -> None:
    def laws(readout: str) -> list[dict[str, Any]]:
        rate = "training.optimizer.lr"
        return laws_across(
            ({"model.depth": depth, "model.readout": readout, rate: lr}, planted(0.8, depth))
            for depth in (10, 20)
            for lr in (0.1, 0.001)
        )

    assert len(laws("linear")) == 1
    assert [law["training.optimizer.lr"] for law in laws("zeros")] == [0.1, 0.001]
