"""Which run a name stands for: the latest that was made or found, and folders that were renamed."""

from pathlib import Path

import pytest

from tests.promises.calls import gradflow

NET = """\
name: net
seeds: 2
model: {depth: 3, width: 16, activation: tanh, init: he_normal}
data: {name: gaussian, samples: 32, features: 8, classes: 3}
training: {steps: 2, batch_size: 8}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def first_line(folder: Path, *words: str) -> str:
    done = gradflow(folder, *words)
    assert done.code == 0, done.err
    return done.out.splitlines()[0]


def test_at_one_is_the_run_that_was_shown_finished_not_the_one_trained_last(folder: Path) -> None:
    first, second = (first_line(folder, "run", "net.yaml", f"seed={seed}") for seed in (1, 2))
    assert first_line(folder, "show", "@1") == second
    assert first_line(folder, "run", "net.yaml", "seed=1") == first
    assert first_line(folder, "show", "@1") == first
    assert first_line(folder, "show", "@2") == second
    assert first_line(folder, "ls").startswith("2 runs and sweeps")
    assert first_line(folder, "show", "@1") == first  # reading makes nothing the latest


def test_what_ls_lists_of_a_renamed_folder_show_opens(folder: Path) -> None:
    id = first_line(folder, "run", "net.yaml")
    (folder / "runs" / id).rename(folder / "runs" / "figure-2")
    assert "figure-2" in gradflow(folder, "ls").out
    for name in ("figure-2", "figure", id, "net", "runs/figure-2"):
        assert first_line(folder, "show", name) == id


@pytest.mark.parametrize("words", [["nowhere"], ["--runs-dir", "nowhere"], ["nowhere", "--csv"]])
def test_a_folder_that_is_not_there_is_refused(folder: Path, words: list[str]) -> None:
    done = gradflow(folder, "ls", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: nowhere: does not exist: name a folder of runs\n"


@pytest.mark.parametrize("place", ["net.yaml", "net.yaml/runs"])
@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["compare"],
        ["show", "net"],
        ["rm", "net", "--yes"],
        ["run", "net.yaml"],
        ["sweep", "net.yaml", "seed=1,2", "--executor", "serial"],
    ],
    ids=" ".join,
)
def test_a_file_is_no_folder_of_runs(folder: Path, words: list[str], place: str) -> None:
    done = gradflow(folder, *words, "--runs-dir", place)
    assert (done.code, done.out) == (2, "")
    told = "is no folder of runs: choose another with --runs-dir, in Python with runs="
    assert done.err == f"error: {place}: {told}\n"
    assert gradflow(folder, "ls", place).err == done.err


def test_ls_of_a_run_points_to_show_unless_runs_are_in_it(folder: Path) -> None:
    run = Path("runs", first_line(folder, "run", "net.yaml"))
    done = gradflow(folder, "ls", str(run))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {run}: is a run: gradflow show {run} shows it\n"
    first_line(folder, "run", "net.yaml", "seed=2", "--runs-dir", str(run))
    assert first_line(folder, "ls", str(run)).startswith("Runs in")
