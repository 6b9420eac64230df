"""Advice that leaves a network untrainable stands behind what trains; else the order stays."""

from typing import Any

import pytest

from gradflow.analysis import promising
from gradflow.analysis.summary import Advice
from tests.studies.lab import run, study

NET = "model: {depth: 20, width: 128, activation: sigmoid, init: xavier_normal}\ntraining: {steps: 0}\n"


def levers(*overrides: str) -> list[str]:
    return [one.lever for one in study(NET, *overrides).advice]


@pytest.mark.parametrize("overrides", [("width=32",), ("width=32", "activation=gelu", "depth=30")])
def test_weights_that_would_be_stable_and_not_train_come_last(overrides: tuple[str, ...]) -> None:
    found = levers(*overrides)
    assert found[-1] == "initialization"
    assert found[:-1] == ["architecture", "architecture", "activation", "depth"]


@pytest.mark.parametrize("overrides", [(), ("activation=relu", "width=64")])
def test_the_order_stays_where_the_first_advice_trains(overrides: tuple[str, ...]) -> None:
    found = levers(*overrides)
    assert found[0] == "initialization"
    assert found[-1] == "depth"


def change(**settings: Any) -> Advice:
    return Advice("initialization", settings, None, None, None, "")


def test_what_is_untrainable_comes_last_and_nothing_is_lost() -> None:
    config, _, info = run(NET)
    dead, deader = change(**{"model.depth": 21}), change(**{"model.depth": 40})
    fine, better = change(**{"model.depth": 3}), change(**{"model.depth": 2})
    for given, expected in (
        ((dead, fine, deader, better), (fine, better, dead, deader)),
        ((fine, dead, better), (fine, dead, better)),
        ((dead, deader), (dead, deader)),
        ((dead,), (dead,)),
        ((), ()),
    ):
        assert promising.trainable_first(config, info["data"], given) == expected


def test_layers_that_have_widths_of_their_own_keep_the_order() -> None:
    config, _, info = run(NET, f"width={[32] * 20}")
    given = change(**{"model.depth": 21}), change(**{"model.depth": 2})
    assert promising.trainable_first(config, info["data"], given) == given
    assert levers(f"width={[32] * 20}")
