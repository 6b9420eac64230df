"""What no scale and no learning rate mends: units that stay alike, and batches too small for their norm."""

import numpy as np
import pytest

from gradflow.analysis.commands import overrides_of
from gradflow.analysis.hindrances import SYMMETRIC, TINY, hindrance
from tests.small import config
from tests.studies.lab import study, train

NET = """
seeds: 2
model: {depth: 4, width: 32, activation: relu, init: he_normal}
data: {name: gaussian, samples: 64, features: 8, classes: 4}
training: {steps: 60, batch_size: 32, optimizer: {name: sgd, lr: 0.1}}
recording: {critical_lr: none}
"""
EQUAL = ["init=constant", "init.value=0.05"]
ALIKE = {
    "hidden layers": [],
    "one wide layer": ["width=[1, 5, 1, 1]"],
    "a zero read-out": ["readout=zeros"],
    "a number a layer": ["init.value=[0.1, 0.2, 0.3, 0.4, 0.5]"],
    "under a norm and a skip": ["block=residual", "norm=rms"],
    "constant biases": ["bias=constant", "bias.value=0.3"],
}
APART = {
    "one unit a layer": ["width=1"],
    "the outputs alone": ["depth=1", "width=10", "readout=none"],
    "above one unit a layer": ["depth=3", "width=[1, 1, 10]", "readout=none"],
}


def of(overrides: list[str], samples: int = 64) -> str | None:
    return hindrance(config("depth=4", *overrides), samples)


@pytest.mark.parametrize("name", ALIKE)
def test_units_that_start_alike_are_so_after_training(name: str) -> None:
    """That is what the rule claims, and why no learning rate helps."""
    values = [word for word in EQUAL if not any(one.startswith("init.value") for one in ALIKE[name])]
    overrides = [*(values or EQUAL[:1]), *ALIKE[name]]
    assert of(overrides) == SYMMETRIC
    _, training = train(NET, *overrides, "dtype=float64")
    (group,) = training._crew._groups
    *hidden, readout = [np.array(p) for p in group.network.parameters]  # (networks, fan_in + 1, fan_out)
    assert max(np.ptp(p, axis=-1).max() for p in hidden) < 1e-9
    assert np.ptp(readout, axis=-1).max() > 1e-3  # it has learnt what it can


@pytest.mark.parametrize("name", APART)
def test_equal_weights_keep_no_units_alike_that_are_one_or_are_outputs(name: str) -> None:
    assert hindrance(config(*EQUAL, *APART[name]), 64) is None


@pytest.mark.parametrize(
    ("overrides", "samples", "found"),
    [
        (["norm=batch", "batch_size=2"], 64, TINY),
        (["norm=batch", "batch_size=3"], 64, TINY),
        (["norm=batch", "batch_size=4"], 64, None),
        (["norm=batch"], 3, TINY),
        (["norm=layer", "batch_size=2"], 64, None),
        (["batch_size=1"], 64, None),
    ],
)
def test_a_norm_over_the_batch_needs_four_samples(
    overrides: list[str], samples: int, found: str | None
) -> None:
    assert of(overrides, samples) == found


def test_a_network_of_equal_weights_is_answered_by_random_ones_alone() -> None:
    """Stable or not: neither another constant nor another learning rate sets units apart."""
    before = ["init=constant", "loss=mse"]
    stable, unstable = (study(NET, *before, f"init.value={value}") for value in (1 / 32, 0.5))
    assert (stable.flow.initial.verdict, unstable.flow.initial.verdict) == ("stable", "exploding")
    for summary in (stable, unstable):
        (advice,) = summary.advice
        assert (advice.lever, advice.set["model.init"]["name"]) == ("initialization", "he_normal")
        assert "alike" in advice.message
        assert (summary.trainable.verdict, summary.trainable.reason) == ("unknown", SYMMETRIC)
        after = study(NET, *before, "init.value=0.5", *overrides_of(advice.set))
        assert advice.predicted_c == pytest.approx(after.flow.initial.c, rel=0.1)
        assert after.trainable.verdict == "trainable"
        assert (after.training.accuracy_train_final or 0) > (stable.training.accuracy_train_final or 1) + 0.2


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        (["batch_size=2"], {"training.batch_size": 64}),
        (["data.samples=12", "batch_size=3"], {"training.batch_size": 12}),
        (["data={name: inline, x: [[1, 2], [3, 1], [0, 5]], y: [0, 1, 1]}"], {"model.norm": "layer"}),
    ],
    ids=str,
)
def test_a_batch_too_small_for_its_norm_is_answered_by_a_larger_one(
    overrides: list[str], changes: dict[str, int | str]
) -> None:
    net = ["norm=batch", "steps=2", *overrides]
    summary = study(NET, *net)
    (advice,) = summary.advice
    assert advice.set == changes
    assert (summary.trainable.verdict, summary.trainable.reason) == ("unknown", TINY)
    after = study(NET, *net, *overrides_of(advice.set))
    assert after.trainable.reason != TINY
    assert advice.predicted_c is not None


def test_where_nothing_hinders_there_is_no_such_advice() -> None:
    assert study(NET).advice == ()
    assert study(NET, "norm=batch", "batch_size=64").advice == ()
