"""The ways of four users from end to end."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cli.shells import STARTS, Typist, home_for
from tests.faults.commands import ROOT, crowd
from tests.faults.commands import gradflow as by_itself
from tests.promises.calls import gradflow

SWEEP = """\
name: study
seeds: 2
model: {depth: 4, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 8, classes: 2}
training: {steps: 3, batch_size: 8}
sweep:
  model.depth: [2, 4, 6, 8, 10]
  model.init: [xavier_normal, he_normal, orthogonal, lecun_normal]
  model.activation: [tanh, relu, gelu]
"""
FEWER = "depth=2,6,10 init=xavier_normal,orthogonal activation=tanh,gelu"  # of its 60 points 12
FLOWERS = """\
seeds: 2
model: {depth: 20, width: 32, activation: sigmoid, init: xavier_normal}
data: {name: csv, path: flowers.csv, target: species, drop: [id]}
training: {steps: 200, batch_size: 64}
"""
SPECIES = np.array(["setosa", "virginica", "versicolor"])
INCH = 96  # pixels of an SVG's own


class Shell:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, line: str) -> str:
        """What `gradflow LINE` writes on stdout, without an error."""
        done = gradflow(self.folder, *shlex.split(line))
        assert done.code == 0, f"gradflow {line}: {done.err}"
        return done.out

    def document(self, line: str) -> dict[str, Any]:
        """The document of `gradflow LINE --json`."""
        found: dict[str, Any] = json.loads(self(f"{line} --json"))
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    return Shell(tmp_path)


def test_a_student_finds_the_textbooks_number_in_every_place_that_tells_it(
    shell: Shell, thorough: bool
) -> None:
    told = shell("run configs/textbook-0.9.yaml")
    assert told.splitlines()[1].startswith("vanishing: each layer passes 0.9 of the gradient")
    for page in (told, shell("show textbook-0.9"), shell("theory configs/textbook-0.9.yaml")):
        assert "from layer 51 to layer 1, 50 factors: 0.0052" in page
    found = shell.document("show textbook-0.9")["flow"]["initial"]
    assert isclose(10 ** found["log10_ratio"], 0.9**50, rel_tol=1e-9)
    assert isclose(found["c_power_depth"]["50"], 0.9**50, rel_tol=1e-9)
    expected = shell.document("show textbook-0.9")["theory"]
    assert isclose(expected["c"] ** 50, 0.9**50, rel_tol=1e-6)
    for name in ("report.md", "report.html")[: 1 + thorough]:
        shell(f"report textbook-0.9 -o {name}")
        assert "0.0052" in (shell.folder / name).read_text(encoding="utf-8")


def test_a_practitioner_gets_from_a_csv_to_a_trained_network_by_the_printed_commands(shell: Shell) -> None:
    flowers(shell.folder / "flowers.csv")
    (shell.folder / "flowers.yaml").write_text(FLOWERS)
    first = shell("run flowers.yaml")
    assert "\nUntrainable " in first
    assert "480 samples + 120 held out, 8 features, classification, 3 classes" in first
    (skip,) = [line for line in printed(first) if "1/sqrt(depth)" in line]
    (other,) = [line for line in printed(first) if "model.activation=" in line]
    better = shell.document(skip)
    assert better["trainable"]["verdict"] == "trainable"
    trained = shell.document(other)
    assert trained["trainable"]["verdict"] == "trainable"
    assert trained["training"]["accuracy_final"] > 0.8
    assert trained["training"]["majority"] < 0.5  # of guessing the most frequent kind
    ranked = shell.document("compare 'flowers*' --sort -accuracy_final")["rows"]
    assert ranked[0]["id"] == trained["id"]


def flowers(file: Path) -> None:
    """600 flowers of three kinds, which planes through eight measures part."""
    rng = np.random.default_rng(0)
    measures, planes = rng.standard_normal((600, 8)), rng.standard_normal((8, 3))
    table = pd.DataFrame(measures, columns=[f"measure{i}" for i in range(8)])
    table["species"] = SPECIES[(measures @ planes).argmax(axis=1)]
    table.to_csv(file, index_label="id")


def printed(report: str) -> list[str]:
    """The commands of the section on what to change."""
    advice = report.partition("What to change")[2]
    return re.findall(r"^  gradflow (run .*)$", advice, re.MULTILINE)


def test_a_researcher_gets_from_a_sweep_to_a_figure_and_a_table(shell: Shell, thorough: bool) -> None:
    (shell.folder / "study.yaml").write_text(SWEEP)
    points = shell.document(f"sweep study.yaml --executor serial {'' if thorough else FEWER}")["points"]
    count = len({point["id"] for point in points})
    assert count == (5 * 4 * 3 if thorough else 3 * 2 * 2)
    shell("plot study -o law.svg --figure depth-law --width 3.3")
    choice = "--x depth --value c --where \"activation == 'tanh'\" --height 2.4 --font-size 7"
    shell(f"plot study -o tanh.svg --width 3.3 {choice}")
    assert [sides(shell.folder / name)[0] for name in ("law.svg", "tanh.svg")] == ["3.3in", "3.3in"]
    assert sides(shell.folder / "tanh.svg")[1] == "2.4in"
    shell("export study -o tables --to parquet")
    runs, steps = (pd.read_parquet(shell.folder / "tables" / f"{name}.parquet") for name in ("runs", "steps"))
    axes = ["model.depth", "model.init", "model.activation"]
    assert len(runs) == count == len(runs[axes].drop_duplicates())
    assert len(steps) == count * 2 * 4  # networks, rows 0 to 3
    assert {"c", "c_low", "c_high", "verdict", "loss_final", "accuracy_final"} <= {*runs.columns}
    told = {point["id"]: point["c"] for point in points}
    assert runs.set_index("id")["c"].to_dict() == told


def sides(svg: Path) -> tuple[str, ...]:
    """The width and height that a picture says of itself."""
    found = re.search(r'<svg[^>]* width="([^"]*)" height="([^"]*)"', svg.read_text(encoding="utf-8"))
    assert found is not None
    return found.groups()


def test_a_clusters_shards_give_the_table_of_one_sweep(shell: Shell, thorough: bool) -> None:
    (shell.folder / "study.yaml").write_text(SWEEP)
    axes = f"init=xavier_normal,orthogonal activation=tanh {'' if thorough else 'depth=2,6,10'}"
    line = f"sweep study.yaml {axes} --executor serial --quiet"
    shards = [[*shlex.split(line), "--shard", f"{i}/3"] for i in (3, 1, 2)]
    if thorough:  # all at once
        orders = [{"folder": str(shell.folder), "arguments": shard} for shard in shards]
        assert [done.code for done in crowd(shell.folder, orders)] == [0, 0, 0]
    else:
        for shard in shards:
            shell(shlex.join(shard))
    shell(f"{line} --runs-dir whole")
    together, whole = (table(shell, folder) for folder in ("runs", "whole"))
    assert len(together) == (10 if thorough else 6)
    pd.testing.assert_frame_equal(together, whole)
    again = shell.document(line)
    assert {point["status"] for point in again["points"]} == {"completed"}
    assert again["depth_law"] == shell.document(f"{line} --runs-dir whole")["depth_law"]


@pytest.mark.thorough
def test_dask_gives_a_cluster_the_table_of_one_sweep(shell: Shell) -> None:
    (shell.folder / "study.yaml").write_text(SWEEP)
    line = f"sweep study.yaml {FEWER}"
    done = by_itself(shell.folder, *shlex.split(line), "--executor", "dask", "--workers", "2")
    assert done.code == 0, done.err
    shell(f"{line} --executor serial --runs-dir whole")
    pd.testing.assert_frame_equal(table(shell, "runs"), table(shell, "whole"))


@pytest.mark.thorough
@pytest.mark.parametrize("name", STARTS)
def test_at_a_clusters_prompt_tab_types_a_sweep_and_names_what_it_made(shell: Shell, name: str) -> None:
    (shell.folder / "study.yaml").write_text(SWEEP)
    home = home_for(name, shell.folder / "home")
    with closing(Typist(name, home, shell.folder)) as first:
        first.enter("gradflow --install-completion")
    with closing(Typist(name, home, shell.folder)) as typist:
        keys = "gradflow swe\tstu\tdep\t2,4 init=orth\tactivation=ta\t--exec\tser\t--qui\t"
        line = "sweep study.yaml depth=2,4 init=orthogonal activation=tanh --executor serial --quiet"
        assert typist.words(keys) == ["gradflow", *line.split()]
        typist.enter(keys)
        assert len(shell.document("compare study")["rows"]) == 2
        (sweep,) = (path.name for path in (shell.folder / "runs").glob("study-*"))
        assert typist.words("gradflow compare stu\t--sort log10_ratio_sd_\t") == [
            "gradflow", "compare", sweep, "--sort", "log10_ratio_sd_theory",
        ]  # fmt: skip


def table(shell: Shell, runs: str) -> pd.DataFrame:
    """What `compare` makes of the sweep in a folder of runs."""
    shell(f"export {runs}/study* -o {runs}.csv --table runs")
    return pd.read_csv(shell.folder / f"{runs}.csv").drop(columns="path")
