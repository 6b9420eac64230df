"""The notebooks that are kept as text run from a clean interpreter, to the numbers of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
"""


def executed(name: str, folder: Path) -> str:
    """What the cells of a starter print, one after the other, as a notebook's kernel runs them."""
    assert gradflow(folder, "new", name, "-o", "notebook.py").err.startswith("next: run it cell by cell")
    command = [sys.executable, "-c", KERNEL, "notebook.py"]
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


def test_the_notebook_on_a_model_of_ones_own_leaves_runs_that_commands_open(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    printed = executed("own-pytorch-model", tmp_path)
    assert "c = 0.563 within [0.547, 0.579]: vanishing" in printed
    assert "after step 20: c = 0.946, stable" in printed
    assert "trained" in gradflow(tmp_path, "ls").out
