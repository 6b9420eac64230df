"""What most networks do, and what one layer does, as run, compare, sweep and fit tell it to a shell."""

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_app import gradflow

# three relu units in a row: most draws have a negative weight and pass nothing
DYING = """\
model: {depth: 3, width: 1, activation: relu, init: xavier_uniform, readout: none}
seeds: 10
data: {name: inline, x: [[-1], [0], [1], [2], [3]], y: [[-3], [-1], [1], [3], [5]], standardize: false}
training: {steps: 200, batch_size: 5}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which most networks are dead, beside one of which none is; nothing may be written to it."""
    folder = tmp_path_factory.mktemp("dying")
    (folder / "dying.yaml").write_text(DYING)
    assert gradflow(folder, "run", "dying.yaml").returncode == 0
    alive = ["name=alive", "activation=linear", "steps=0"]
    assert gradflow(folder, "run", "dying.yaml", *alive).returncode == 0
    return folder


def rows(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    done = gradflow(folder, "compare", "--json", *arguments)
    return {row["id"].partition("-")[0]: row for row in json.loads(done.stdout)["rows"]}


def test_most_networks_dead_is_the_headline_and_stands_in_the_document(folder: Path) -> None:
    shown = gradflow(folder, "show", "dying", COLUMNS="80").stdout
    headline = shown.splitlines()[1]
    assert headline.startswith(
        "dead: 7 of 10 networks are dead; over the 3 that are alive and the 2.333 of 5 samples whose "
        "gradient is not 0, each layer passes"
    )
    assert "± " not in headline
    flow = json.loads(gradflow(folder, "show", "dying", "--json").stdout)["flow"]
    assert (flow["initial"]["networks"], flow["initial"]["dead_networks"]) == (10, 7)
    assert flow["initial"]["verdict"] == "dead"
    assert flow["final"]["dead_networks"] >= 7


def test_a_comparison_has_the_dead_networks_and_a_condition_sees_them(folder: Path) -> None:
    found = rows(folder)
    assert (found["dying"]["dead_networks"], found["alive"]["dead_networks"]) == (7, 0)
    assert "7/10" in gradflow(folder, "compare").stdout
    for condition in ("dead_networks > 0", "dead_networks > networks / 2", "verdict == 'dead'"):
        done = gradflow(folder, "compare", "--fail-if", condition)
        assert (done.returncode, "1 of 2 runs fulfil" in done.stderr) == (3, True), condition
    assert gradflow(folder, "compare", "--fail-if", "dead_networks > 9").returncode == 0


def test_symptoms_and_saturation_are_found_by_a_condition(folder: Path) -> None:
    assert "stalled" in rows(folder)["dying"]["symptoms"]
    assert rows(folder)["alive"]["symptoms"] == ""
    assert gradflow(folder, "compare", "--fail-if", "'stalled' in symptoms").returncode == 3
    assert gradflow(folder, "compare", "alive", "--fail-if", "symptoms != ''").returncode == 0
    assert rows(folder)["alive"]["saturated"] == 0.0
    assert gradflow(folder, "compare", "--fail-if", "saturated > 0.3").returncode == 3


def test_a_condition_says_how_many_runs_lack_what_it_needs(folder: Path) -> None:
    done = gradflow(folder, "compare", "--fail-if", "accuracy_final < 0.5")
    assert done.returncode == 0
    assert "2 of 2 runs lack a value that accuracy_final < 0.5 needs" in done.stderr
    words = " ".join(gradflow(folder, "compare", "--help", COLUMNS="100").stdout.split())
    assert "A row in which a value is missing does not fulfil it" in words


def test_a_sweep_tells_the_dead_networks_of_each_point(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dying.yaml").write_text(DYING)
    sweep = "sweep", "dying.yaml", "activation=relu,linear", "steps=0", "--executor", "serial"
    done = gradflow(tmp_path, *sweep)
    assert "7/10" in done.stdout
    points = json.loads(gradflow(tmp_path, *sweep, "--json").stdout)["points"]
    assert [point["dead_networks"] for point in points] == [7, 0]


def test_norms_of_which_one_layer_decides_name_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rising = log(0.97) + 0.05 * rng.standard_normal((3, 39))
    rising[:, 30] = log(0.004)
    logs = np.cumsum(rising[:, ::-1], axis=1)[:, ::-1]
    lines = [f"fc{layer + 1},{seed},{logs[seed, layer]}" for seed in range(3) for layer in range(39)]
    last = [f"fc40,{seed},0" for seed in range(3)]
    (tmp_path / "norms.csv").write_text("\n".join(["layer,seed,log_norm", *lines, *last]))
    done = gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta", COLUMNS="80")
    assert "vanishing: fc31 alone passes 0.0040 of the gradient; without it c = 0.97" in done.stdout
    assert "single-layer, step 0, layer 31" in done.stdout
    weakest = json.loads(gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta", "--json").stdout)[
        "weakest"
    ]
    assert (weakest["layer"], weakest["name"], weakest["cause"]) == (31, "fc31", None)
    assert weakest["c_without_low"] < 0.97 < weakest["c_without_high"]


def test_one_network_of_one_neuron_a_layer_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "dying.yaml").write_text(DYING)
    for depth in ("1", "2", "9"):
        for seed in ("0", "1"):
            small = f"depth={depth}", "seeds=1", f"seed={seed}", "steps=1"
            done = gradflow(tmp_path, "run", "dying.yaml", *small, COLUMNS="80")
            assert done.returncode == 0, done.stderr
            assert "networks are dead" not in done.stdout
