"""Overrides at the commands that take them: what was typed is what runs, in any order."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.promises.calls import Done, gradflow

NET = """\
name: net
seeds: 2
model: {depth: 3, width: 16, activation: tanh, init: {name: orthogonal, gain: 2}}
data: {name: gaussian, samples: 32, features: 8, classes: 3}
training: {steps: 2, batch_size: 8, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
"""
TAKERS = ["run", "sweep", "theory", "check"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def document(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("words", [("lr=0.3", "optimizer=adam"), ("optimizer=adam", "lr=0.3")])
def test_run_trains_adam_at_the_rate_that_was_typed(folder: Path, words: tuple[str, ...]) -> None:
    done = gradflow(folder, "run", "net.yaml", *words, "--json")
    optimizer = document(done)["config"]["training"]["optimizer"]
    assert (optimizer["name"], optimizer["lr"]) == ("adam", 0.3)
    line = "training.optimizer is replaced whole, without the momentum: 0.9 that it had"
    assert line in done.err.splitlines()
    quiet = gradflow(folder, "run", "net.yaml", *words, "--quiet")
    assert "replaced" not in quiet.err


@pytest.mark.parametrize("words", [("lr=0.3", "optimizer=sgd,adam"), ("optimizer=sgd,adam", "lr=0.3")])
def test_sweep_trains_every_optimizer_at_the_rate_that_was_typed(
    folder: Path, words: tuple[str, ...]
) -> None:
    found = document(gradflow(folder, "sweep", "net.yaml", *words, "--executor", "serial", "--json"))
    runs = [document(gradflow(folder, "show", point["id"], "--json")) for point in found["points"]]
    optimizers = [run["config"]["training"]["optimizer"] for run in runs]
    assert [(one["name"], one["lr"]) for one in optimizers] == [("sgd", 0.3), ("adam", 0.3)]


@pytest.mark.parametrize("words", [("sigma_w=2", "init=gaussian"), ("init=gaussian", "sigma_w=2")])
def test_theory_predicts_with_the_sigma_that_was_typed(folder: Path, words: tuple[str, ...]) -> None:
    for start in (["net.yaml"], ["activation=tanh"]):
        found = document(gradflow(folder, "theory", *start, *words, "--json"))
        assert found["theory"]["phase"] == "chaotic"  # sigma_w 2; at the default of 1 it is critical
    found = document(
        gradflow(folder, "theory", "sigma_w=0.5,2", "activation=tanh", "init=gaussian", "--json")
    )
    assert [point["theory"]["phase"] for point in found["points"]] == ["ordered", "chaotic"]


def test_theory_takes_one_q0(folder: Path) -> None:
    done = gradflow(folder, "theory", "activation=tanh", "q0=1", "q0=2")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: command line: q0: q0=1 and q0=2 cannot both hold: leave one out\n"
    assert gradflow(folder, "theory", "activation=tanh", "q0=2", "q0=2").code == 0


@pytest.mark.parametrize("command", TAKERS)
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            ["optimizer.nesterov=true", "optimizer=adam"],
            ["training.optimizer.nesterov", "training.optimizer=adam"],
        ),
        (["depth=2", "depth=3"], ["model.depth=2", "model.depth=3"]),
        (["sigma_w=2", "init=he_normal"], ["model.init.sigma_w", "model.init=he_normal"]),
    ],
)
def test_what_another_wipes_out_is_refused_by_every_command_and_nothing_is_written(
    folder: Path, command: str, words: list[str], named: list[str]
) -> None:
    for order in (words, words[::-1]):
        more = ["seed=1,2"] if command == "sweep" else []
        done = gradflow(folder, command, "net.yaml", *order, *more)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith("error: command line: ")
        assert all(name in done.err for name in named)
    assert [path.name for path in folder.iterdir()] == ["net.yaml"]


@pytest.mark.parametrize("command", TAKERS)
def test_every_command_tells_what_of_the_file_is_left_out(folder: Path, command: str) -> None:
    more = ["seed=1,2", "--dry-run"] if command == "sweep" else []
    done = gradflow(folder, command, "net.yaml", "init=he_normal", *more)
    assert done.code == 0
    assert done.err.count("model.init is replaced whole, without the gain: 2 that it had\n") == 1
    quiet = gradflow(folder, command, "net.yaml", "init=he_normal", *more, "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
