"""export of runs of which one stands in two sweeps, or has failed."""

import csv
import json
import shutil
from pathlib import Path
from typing import ClassVar

import pytest

from gradflow.store import Run
from gradflow.store.result import failed
from gradflow.store.save import save
from gradflow.store.sinks import SINKS
from tests.promises.calls import gradflow
from tests.store.small import names
from tests.sweeps.small import run, small

FIRST, SECOND = small("depth=2,3"), small("depth=3,4")
SHARED = FIRST.points[1]
IDS = sorted({point.id for sweep in (FIRST, SECOND) for point in sweep.points})
BOTH = (FIRST.id, SECOND.id)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps that share a point."""
    folder = tmp_path_factory.mktemp("made")
    for sweep in (FIRST, SECOND):
        run(sweep, folder / "runs")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def exported(folder: Path, *words: str) -> None:
    done = gradflow(folder, "export", *words)
    assert done.code == 0, done.err


def test_a_run_that_stands_twice_is_exported_once(folder: Path) -> None:
    exported(folder, *BOTH, "-o", "runs.csv", "--table", "runs")
    with (folder / "runs.csv").open(newline="") as file:
        assert sorted(row["id"] for row in csv.DictReader(file)) == IDS
    exported(folder, *BOTH, "-o", "all.json")
    layers = json.loads((folder / "all.json").read_text())["layers"]
    assert sum(row["run"] == SHARED.id for row in layers) == 2 * 2 * 3  # rows x seeds x layers
    exported(folder, *BOTH, "-o", "events", "--to", "tensorboard")
    assert names(folder / "events") == IDS


class Listed:
    """A tracker that keeps the ids of what it gets."""

    got: ClassVar[list[str]] = []

    def __init__(self, place: Path | None, project: str) -> None:
        self.place = str(place)

    def has(self, run: Run) -> bool:
        return False

    def add(self, run: Run, rows: str) -> None:
        self.got.append(run.id)


def test_a_tracker_gets_a_run_that_stands_twice_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "mlflow", Listed)
    done = gradflow(folder, "export", *BOTH, "--to", "mlflow")
    assert done.err == "3 runs in None, as gradflow\n"
    assert sorted(Listed.got) == IDS


class Holding(Listed):
    """A tracker that has every run."""

    removed: ClassVar[list[str]] = []

    def has(self, run: Run) -> bool:
        return True

    def remove(self, run: Run) -> None:
        self.removed.append(run.id)


@pytest.mark.parametrize("words", [["--rows", "frist"], ["--rows", "99"], ["--step", "lst"]])
def test_rows_that_are_none_take_no_run_away_from_a_tracker(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setitem(SINKS, "mlflow", Holding)
    done = gradflow(folder, "export", *BOTH, "--to", "mlflow", "--force", *words)
    assert (done.code, done.err.count("\n"), Holding.removed) == (2, 1, [])


def test_of_a_run_that_has_failed_elsewhere_the_finished_one_is_exported(folder: Path) -> None:
    save(folder / "runs" / FIRST.id, SHARED.config, failed("no memory"), force=True)
    exported(folder, *BOTH, "-o", "runs.csv", "--table", "runs")
    with (folder / "runs.csv").open(newline="") as file:
        found = sorted((row["id"], row["status"]) for row in csv.DictReader(file))
    assert found == [(id, "completed") for id in IDS]


@pytest.mark.parametrize("words", [["--to", "tensorboard", "-o", "out"], ["-o", "out.csv"]])
def test_a_step_is_exported_of_the_runs_that_have_a_record(folder: Path, words: list[str]) -> None:
    save(folder / "runs" / FIRST.id, SHARED.config, failed("no memory"), force=True)
    exported(folder, FIRST.id, *words, "--step", "2")
    for option in ("--step", "--rows"):
        done = gradflow(folder, "export", FIRST.id, *words, option, "99", "--force")
        assert (done.code, done.err) == (
            2, f"error: {option} 99: the step was not recorded; the nearest is 4\n",
        )  # fmt: skip


@pytest.mark.parametrize("words", [["--to", "tensorboard", "-o", "out"], ["-o", "out.csv"]])
@pytest.mark.parametrize("step", ["lst", "all"])
def test_a_word_that_is_no_step_is_refused_by_the_option_that_was_typed(
    folder: Path, words: list[str], step: str
) -> None:
    before = sorted(folder.iterdir())
    done = gradflow(folder, "export", *BOTH, *words, "--step", step)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: --step takes the number of a step or last, not {step}\n"
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "out.csv"], "1 of 2 runs failed and have no rows: the first is"),
        (
            ["-o", "out.parquet", "--table", "evaluations"],
            "1 of 2 runs failed and have no rows: the first is",
        ),
        (["-o", "out", "--to", "tensorboard"], "1 of 2 runs failed and have no rows: the first is"),
        (["-o", "out"], "1 of 2 runs failed and have rows in the table of runs alone: the first is"),
        (["-o", "out.json"], "1 of 2 runs failed and have rows in the table of runs alone: the first is"),
        (["-o", "out.csv", "--table", "runs"], ""),
    ],
)
def test_runs_that_failed_and_so_have_no_rows_are_told_of(folder: Path, words: list[str], told: str) -> None:
    save(folder / "runs" / FIRST.id, SHARED.config, failed("no memory"), force=True)
    done = gradflow(folder, "export", FIRST.id, *words)
    wrote = f"wrote {words[1]}\n"
    assert (done.code, done.err) == (0, f"{wrote}{told} {SHARED.id}\n" if told else wrote)


@pytest.mark.parametrize("words", [["-o", "out.csv"], ["-o", "out", "--to", "tensorboard"]])
def test_a_table_without_a_row_is_not_written_where_all_runs_failed(folder: Path, words: list[str]) -> None:
    run = save(folder / "runs", SHARED.config, failed("no memory"))
    done = gradflow(folder, "export", str(run.path), *words)
    assert (done.code, done.err) == (2, f"error: {run.id} failed: no memory\n")
    assert not (folder / words[1]).exists()
