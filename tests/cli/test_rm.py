"""gradflow rm: what it removes, what it asks, and what it refuses."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradflow.store.names import PARTIAL
from gradflow.store.partial import claim
from tests.cli.test_app import environment
from tests.cli.test_latest import NET
from tests.promises.calls import gradflow
from tests.store.small import names


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "net.yaml").write_text(NET)
    for words in (["run", "net.yaml"], ["sweep", "net.yaml", "name=two", "seed=1,2", "--executor", "serial"]):
        done = gradflow(folder, *words, "--quiet")
        assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def left(folder: Path) -> list[str]:
    return [name.rpartition("-")[0] for name in names(folder / "runs")]


@pytest.mark.parametrize(
    ("reference", "stays"), [("net", ["two"]), ("two", ["net"]), ("*", []), ("runs/ne*", ["two"])]
)
def test_what_is_named_goes_and_is_said(folder: Path, reference: str, stays: list[str]) -> None:
    done = gradflow(folder, "rm", reference, "--yes")
    assert (done.code, done.out) == (0, "")
    assert all(line.startswith("removed runs/") for line in done.err.splitlines())
    assert left(folder) == stays


def test_the_document_has_what_went_and_what_stays(folder: Path) -> None:
    run = next((folder / "runs").glob("net-*"))
    (run / "NOTES.md").write_text("mine")
    done = gradflow(folder, "rm", run.name, "--yes", "--json")
    assert json.loads(done.out) == {"removed": [f"runs/{run.name}"], "kept": [f"runs/{run.name}"]}
    assert names(run) == ["NOTES.md"]
    assert "holds files of yours" in gradflow(folder, "rm", run.name, "--yes").err


def test_a_point_that_is_named_with_its_sweep_goes_with_it(folder: Path) -> None:
    sweep = next((folder / "runs").glob("two-*"))
    point = next(sweep.glob("two-*"))
    named = f"runs/{sweep.name}", f"runs/{sweep.name}/{point.name}"
    done = gradflow(folder, "rm", *named, "--yes")
    assert (done.code, done.err.splitlines()) == (0, [f"removed {name}" for name in named])
    assert left(folder) == ["net"]


def test_an_interrupted_run_is_discarded_by_its_name(folder: Path) -> None:
    partial = folder / "runs" / PARTIAL
    partial.mkdir()
    (partial / "cut-00000001-checkpoint").touch()
    assert gradflow(folder, "rm", "cut", "--yes").err == "removed runs/cut-00000001\n"
    assert "cut" not in gradflow(folder, "ls").out


def test_a_folder_that_lost_its_document_goes_too(folder: Path) -> None:
    run = next((folder / "runs").glob("net-*"))
    (run / "run.json").unlink()
    assert gradflow(folder, "rm", run.name, "--yes").code == 0
    assert left(folder) == ["two"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["net"], "add --yes"),
        (["nothing", "--yes"], "nothing is no run in runs"),
        (["net", "nothing", "--yes"], "nothing is no run in runs"),
        (["net.yaml", "--yes"], "net.yaml is no run in runs"),
        (["", "--yes"], "a run's name is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_goes(folder: Path, words: list[str], told: str) -> None:
    done = gradflow(folder, "rm", *words)
    assert done.code == 2
    assert told in done.err
    assert left(folder) == ["net", "two"]


@pytest.mark.parametrize("reference", ["", ".", "./", "/"])
def test_what_has_no_name_removes_neither_the_folder_of_runs_nor_what_is_left_in_it(
    folder: Path, reference: str
) -> None:
    sweep = next((folder / "runs").glob("two-*"))
    (sweep / PARTIAL).mkdir(exist_ok=True)
    (sweep / PARTIAL / "cut-00000001-checkpoint").touch()
    before = sorted(sweep.rglob("*"))
    assert gradflow(folder, "rm", reference, "--yes", "--runs-dir", f"runs/{sweep.name}").code == 2
    assert sorted(sweep.rglob("*")) == before


def test_a_run_that_is_being_computed_is_not_removed(folder: Path) -> None:
    run = next((folder / "runs").glob("net-*"))
    with claim(folder / "runs", run.name):
        done = gradflow(folder, "rm", "net", "--yes")
    assert done.code == 1
    assert "is working on it" in done.err
    assert "net" in left(folder)


@pytest.mark.parametrize(("answer", "code", "stays"), [("y", 0, ["two"]), ("n", 1, ["net", "two"])])
def test_on_a_terminal_it_asks(folder: Path, answer: str, code: int, stays: list[str]) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "gradflow", "rm", "net"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdin=follower, stdout=follower, stderr=subprocess.PIPE
    )
    os.close(follower)
    os.write(leader, f"{answer}\n".encode())
    _, told = process.communicate(timeout=60)
    os.close(leader)
    assert told.startswith(b"remove 1 run (net-")
    assert process.returncode == code
    assert left(folder) == stays


def test_the_folder_of_the_runs_can_come_from_the_environment(folder: Path, tmp_path: Path) -> None:
    (folder / "runs").rename(tmp_path / "elsewhere")
    env = environment(GRADFLOW_RUNS_DIR=str(tmp_path / "elsewhere"))
    for words, found in ((["ls"], b"2 runs"), (["ls", "--runs-dir", "runs"], b"There are no runs")):
        command = [sys.executable, "-m", "gradflow", *words]
        done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, check=True)
        assert found in done.stdout
