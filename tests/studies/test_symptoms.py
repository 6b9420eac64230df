"""Symptoms of real training: healthy starters have none, planted failures theirs."""

from pathlib import Path

import pytest

from tests.studies.lab import study

CONFIGS = Path(__file__).parents[2] / "configs"
NET = """
model: {depth: 10, width: 64, activation: tanh, init: xavier_normal}
seeds: 2
training: {steps: 150}
"""


def names(text: str, *overrides: str) -> list[str]:
    return [symptom.name for symptom in study(text, *overrides).symptoms]


@pytest.mark.parametrize("name", ["quickstart", "he-relu", "selu-lecun", "orthogonal"])
def test_a_healthy_starter_has_no_symptom(name: str) -> None:
    summary = study((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert summary.symptoms == ()
    assert summary.flow.initial.verdict == "stable"


@pytest.mark.parametrize(
    ("plant", "symptom"),
    [
        (["lr=1e-6"], "loss-stalled"),
        (["init=gaussian", "sigma_w=4"], "saturated-units"),
    ],
)
def test_a_planted_failure_has_its_symptom_alone(plant: list[str], symptom: str) -> None:
    assert names(NET, *plant) == [symptom]


def test_layers_behind_sigmoids_are_frozen() -> None:
    assert "frozen-layers" in names(NET, "activation=sigmoid", "depth=20")


def test_a_rate_that_overshoots_spikes_before_it_blows_up() -> None:
    found = names(NET, "activation=relu", "init=he_normal", "lr=1")
    assert found[0] == "loss-spiking"
    assert found[-1] == "non-finite"
