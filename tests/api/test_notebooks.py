"""The notebooks that are kept as text run from a clean interpreter, to the numbers of the command line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.promises.calls import gradflow

CONFIGS = Path(__file__).parents[2] / "configs"
KERNEL = """
import sys
first, *cells = open(sys.argv[1], encoding="utf-8").read().split("\\n# %%")
assert all(line.startswith("#") for line in first.splitlines() if line), first
space = {"__name__": "__main__"}
for number, cell in enumerate(cells):
    head, _, body = cell.partition("\\n")
    if head == " [markdown]":
        assert all(line.startswith("#") for line in body.splitlines() if line), body
    else:
        assert head == ""
        exec(compile(body, f"cell {number}", "exec"), space)
exec(sys.argv[2], space)
"""
TOLD = """
import json
runs = {"drawn": before, "trained": after}
told = {name: {"summary": run.summary.document(), "norms": run["log_delta_norm"].tolist(),
               "steps": run["step"].tolist()} for name, run in runs.items()}
json.dump({**told, "c": watched.c}, open("told.json", "w"))
"""


def executed(name: str, folder: Path, last: str = "") -> str:
    """What the cells of a starter print, one after the other, as a notebook's kernel runs them.

    `last` is a further cell.
    """
    assert gradflow(folder, "new", name, "-o", "notebook.py").err.startswith("next: run it cell by cell")
    command = [sys.executable, "-c", KERNEL, "notebook.py", last]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tutorial_computes_to_the_last_bit_what_the_command_line_does(
    tmp_path: Path, thorough: bool
) -> None:
    printed = executed("tutorial", tmp_path)
    assert "c = 0.900000, and layer 1 gets 0.0052 of the gradient: 0.9^50 = 0.0052" in printed
    assert "tanh is critical at sigma_w = 1.1225" in printed
    assert "plain: -3.03 decades from layer 20 to layer 1: vanishing" in printed
    runs = sorted(tmp_path.glob("runs/*/config.yaml"))
    assert len(runs) == 8
    for config in runs if thorough else runs[::3]:
        again = gradflow(tmp_path, "run", str(config), "--runs-dir", "again", "--quiet")
        assert again.code == 0, again.err
        ours, theirs = (
            np.load(tmp_path / of / config.parent.name / "recording.npz") for of in ("runs", "again")
        )
        assert ours.files == theirs.files
        for name in ours.files:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{config}: {name}")


@pytest.fixture(scope="module")
def own_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the notebook on a PyTorch model was executed, and what it printed."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("own")
    return folder, executed("own-pytorch-model", folder, TOLD)


def told_in(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "told.json").read_text()))


def printed_by(folder: Path, *words: str) -> Any:
    """The document that a command prints."""
    done = gradflow(folder, *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_notebook_on_a_model_of_ones_own_leaves_runs_that_commands_open(
    own_model: tuple[Path, str],
) -> None:
    folder, printed = own_model
    assert "c = 0.563 within [0.547, 0.579]: vanishing" in printed
    assert "after step 20: c = 0.946, stable" in printed
    assert "trained" in gradflow(folder, "ls").out


def test_its_cells_open_their_own_run_when_they_are_executed_again(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    again = 'exec(open("notebook.py", encoding="utf-8").read())'
    printed = executed("own-pytorch-model", tmp_path, again)
    assert printed.count("after step 20: c = 0.946, stable") == 2
    assert len(list(tmp_path.glob("runs/trained-*"))) == 2


@pytest.mark.parametrize("name", ["drawn", "trained"])
def test_its_numbers_are_those_of_the_command_line_to_the_last_bit(
    own_model: tuple[Path, str], name: str
) -> None:
    folder, told = own_model[0], told_in(own_model[0])
    summary, norms = told[name]["summary"], np.array(told[name]["norms"])
    assert printed_by(folder, "show", summary["path"]) == summary
    exported = folder / f"{name}.csv"
    assert gradflow(folder, "export", name, "-o", str(exported), "--rows", "all").code == 0
    rows = list(csv.DictReader(StringIO(exported.read_text())))
    cells = {
        (int(row["row"]), int(row["layer"]) - 1, int(row["seed"])): row["log_delta_norm"] for row in rows
    }
    assert {place: float(cell) for place, cell in cells.items()} == dict(np.ndenumerate(norms))
    lines = [f"{told[name]['steps'][i]:.0f},{j + 1},{k},{value!r}" for (i, j, k), value in cells_of(norms)]
    (folder / "norms.csv").write_text("\n".join(["step,layer,seed,log_norm", *lines]))
    fitted, own = printed_by(folder, "fit", "norms.csv", "--kind", "delta"), summary["flow"]["initial"]
    keys = ("c", "c_low", "c_high", "log10_ratio", "verdict", "interval", "transitions", "step")
    assert {key: fitted[key] for key in keys} == {key: own[key] for key in keys}


def cells_of(norms: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    return [(place, float(value)) for place, value in np.ndenumerate(norms)]


def test_what_it_watched_is_what_show_says_of_the_last_step(own_model: tuple[Path, str]) -> None:
    folder = own_model[0]
    assert told_in(folder)["c"] == printed_by(folder, "show", "trained")["flow"]["final"]["c"]
    compared = printed_by(folder, "compare", "drawn", "trained")["rows"]
    c = {row["id"].partition("-")[0]: row["c"] for row in compared}
    assert c == {
        name: told_in(folder)[name]["summary"]["flow"]["initial"]["c"] for name in ("drawn", "trained")
    }


@pytest.mark.thorough
def test_another_kernel_gives_the_same_bits(own_model: tuple[Path, str], tmp_path: Path) -> None:
    executed("own-pytorch-model", tmp_path, TOLD)
    again, first = told_in(tmp_path), told_in(own_model[0])
    for name in ("drawn", "trained"):
        assert again[name]["norms"] == first[name]["norms"]
        assert again[name]["summary"]["flow"] == first[name]["summary"]["flow"]
    assert again["c"] == first["c"]
