"""gradflow advise as it is typed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gradflow.report.advice_pages import advice_page
from gradflow.report.terminal import Look, render
from tests.promises.calls import gradflow
from tests.workers.test_lanes import wait_until_gone

NET = """
name: net
model: {depth: 12, width: 16, activation: tanh, init: {name: gaussian, sigma_w: 0.25}}
training: {steps: 20, batch_size: 64, optimizer: {name: sgd, lr: 0.05}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advise")
    (folder / "net.yaml").write_text(NET, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tried(folder: Path) -> dict[str, Any]:
    """The document of candidates that were tried, of digits."""
    done = gradflow(folder, "advise", "net.yaml", "--try", "--steps", "80", "--workers", "1", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_candidates_are_listed_with_the_c_that_theory_expects(folder: Path) -> None:
    found = json.loads(gradflow(folder, "advise", "net.yaml", "--json").out)
    rows = found["candidates"]
    assert (found["name"], found["steps"]) == ("net", None)
    assert rows[0]["lever"] == "as given"
    assert rows[0]["set"] == {}
    assert rows[0]["command"] == "gradflow run net.yaml"
    assert rows[0]["predicted_c"] == pytest.approx(0.25, abs=0.03)
    assert rows[1]["lever"] == "initialization"
    assert rows[1]["predicted_c"] == pytest.approx(1, abs=0.05)
    assert (rows[0]["trainable"], rows[1]["trainable"]) == ("untrainable", "trainable")
    assert rows[0]["trainable_score"] < 0.5 < rows[1]["trainable_score"]
    assert "loss_final" not in rows[0]
    text = gradflow(folder, "advise", "net.yaml").out
    assert "as given" in text
    assert "--try tells" in text


def test_the_command_of_the_best_trains(folder: Path, tried: dict[str, Any]) -> None:
    rows = tried["candidates"]
    assert tried["trains"]
    assert not rows[0]["learnt"]
    best = rows[tried["best"]]
    assert best["learnt"]
    assert best["loss_test_final"] == min(
        row["loss_test_final"] for row in rows if row["status"] == "completed"
    )
    assert tried["command"] == best["command"]
    assert "training.steps=80" in best["command"]
    words = shlex.split(tried["command"])[1:]
    done = json.loads(gradflow(folder, *words, "seeds=1", "--json", "-q", "--runs-dir", "out").out)
    assert done["training"]["loss_test_final"] == pytest.approx(best["loss_test_final"], rel=1e-3)
    assert done["training"]["accuracy_final"] > 0.5


def test_nothing_is_saved(folder: Path, tried: dict[str, Any]) -> None:
    assert tried["candidates"]
    assert {path.name for path in folder.iterdir()} <= {"net.yaml", "out"}


def test_the_page_has_a_row_each_and_the_command_and_fits_eighty_columns(tried: dict[str, Any]) -> None:
    text = render(advice_page(tried), Look(wrap=True, columns=80))
    assert "Guessing loses 2.30" in text
    assert "held out" in text
    assert f"Number {tried['best']} did best:" in text
    assert tried["command"] in text
    assert max(len(line) for line in text.splitlines() if tried["command"] not in line) <= 80


def row(**changes: Any) -> dict[str, Any]:
    one = {
        "lever": "as given", "set": {}, "message": "", "predicted_c": None, "trainable": "unknown",
        "trainable_score": None, "command": "gradflow run x.yaml",
        "status": "completed", "reason": None, "c": None, "loss_final": 2.3, "loss_test_final": 2.3,
        "accuracy_final": 0.1, "r2_test_final": None, "learnt": False,
    }  # fmt: skip
    return {**one, **changes}


@pytest.mark.parametrize(
    ("changes", "trains", "words"),
    [
        ({}, False, "None of them has learnt in 50 steps; number 0 lost least. Try more --steps."),
        ({"learnt": True}, True, "Number 0 did best; it trains as it is:"),
        ({"accuracy_final": None, "r2_test_final": 0.5}, True, "R2"),
        ({"status": "diverged"}, False, "diverged"),
        ({"status": "failed", "loss_final": None}, False, "failed"),
    ],
)
def test_the_page_says_how_it_ended(changes: dict[str, Any], trains: bool, words: str) -> None:
    document = {"name": "x", "steps": 50, "chance": None, "candidates": [row(**changes)], "best": 0}
    page = advice_page({**document, "trains": trains, "command": "gradflow run x.yaml"})
    assert words in render(page, Look(columns=80))


def test_the_page_says_that_the_best_keeps_the_depth_where_another_lost_less() -> None:
    rows = [row(depth=16), row(depth=2, set={"model.depth": 2}), row(depth=16, set={"seed": 1})]
    found = {"name": "x", "steps": 50, "chance": 2.3, "candidates": rows, "trains": True, "command": "x"}
    text = render(advice_page({**found, "best": 2, "least": 1}), Look(columns=80))
    assert "Number 2 did best of those that keep 16 layers, and hardly worse than number 1:" in text
    assert "as given, 2 layers" in text
    assert "layer" not in render(advice_page({**found, "candidates": rows[:1], "best": 0}), Look(columns=80))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.yaml"], "none.yaml"),
        (["net.yaml", "deepth=3"], "did you mean"),
        (["net.yaml", "--steps", "5"], "--steps is of no use here: they are for --try"),
        (["net.yaml", "--workers", "2"], "--workers is of no use here"),
        (["net.yaml", "--try", "--steps", "0"], "--steps"),
        (["net.yaml", "sweep={seed: [0, 1]}"], "this config is many runs"),
    ],
)
def test_what_is_no_config_is_refused_in_a_line(folder: Path, words: list[str], message: str) -> None:
    done = gradflow(folder, "advise", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_an_interrupt_ends_it_and_its_workers(folder: Path) -> None:
    words = [sys.executable, "-m", "gradflow", "advise", "net.yaml", "--try", "--steps", "1000000"]
    process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(found := children.read_text().split()) < 2:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told == "error: interrupted\n"
    assert all(wait_until_gone(int(child)) for child in found)
    assert {path.name for path in folder.iterdir()} <= {"net.yaml", "out"}
