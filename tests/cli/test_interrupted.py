"""A run that was cut short is shown as far as it got, from `.partial`, and nothing there is changed."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gradflow import load
from gradflow.config import Config
from gradflow.execution.execute import execute
from gradflow.store.names import PARTIAL, SWEEP
from tests.promises.calls import Done, gradflow
from tests.store.small import NET, names, small
from tests.sweeps.small import run
from tests.sweeps.small import small as swept

HERE = {"PYTHONPATH": str(Path(__file__).parents[2])}
STEPS = ("steps=200", "data.samples=64", "evaluate=10")


@pytest.fixture(scope="module")
def config() -> Config:
    return small(*STEPS)


@pytest.fixture
def folder(tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in whose `runs` the config was interrupted at step 96."""
    interrupt(config, tmp_path / "runs", monkeypatch)
    return tmp_path


def interrupt(config: Config, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At step 96."""
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 32)
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))

    def strike(done: object) -> None:
        nonlocal blocks
        blocks += 1
        if blocks == 3:
            raise KeyboardInterrupt

    blocks = 0
    with pytest.raises(KeyboardInterrupt):
        execute(config, runs, progress=strike, interval=0)


def checkpoint(folder: Path, config: Config) -> Path:
    return folder / "runs" / PARTIAL / f"{config.id}-checkpoint"


WAYS: dict[str, tuple[str, ...]] = {
    "show": ("show", "net"),
    "show by path": ("show", "runs/{id}"),
    "every layer": ("show", "{id}", "--layers"),
    "the chain": ("show", "{id}", "--trace"),
    "document": ("show", "net", "--json"),
    "report": ("report", "net", "-o", "net.html"),
    "markdown": ("report", "net", "-o", "net.md"),
    "flow": ("plot", "net", "-o", "flow.svg"),
    "heatmap": ("plot", "net", "-o", "map.svg", "--figure", "heatmap"),
    "compare": ("compare", "net"),
    "export": ("export", "net", "-o", "net.csv"),
    "arrays": ("export", "net", "-o", "net.json"),
    "ls": ("ls",),
}


@pytest.mark.parametrize("words", WAYS.values(), ids=WAYS)
def test_whatever_shows_a_run_takes_what_there_is_and_changes_nothing(
    folder: Path, config: Config, words: tuple[str, ...]
) -> None:
    before = checkpoint(folder, config).read_bytes()
    done = gradflow(folder, *(word.format(id=config.id) for word in words))
    assert done.code == 0, done.err
    assert checkpoint(folder, config).read_bytes() == before
    assert names(folder / "runs") == [PARTIAL]
    assert names(folder / "runs" / PARTIAL) == [checkpoint(folder, config).name]


def test_the_report_says_how_far_it_got_and_what_was_learnt_until_then(folder: Path) -> None:
    text = gradflow(folder, "show", "net").out
    assert "Interrupted at step 96 of 200: run its config again to go on." in text
    assert " in 90 steps" in text  # to the last evaluation
    assert "saved in" not in text
    document = json.loads(gradflow(folder, "show", "net", "--json").out)
    assert document["status"] == "interrupted"
    assert (document["training"]["steps"], document["flow"]["final"]["step"]) == (90, 95)
    assert document["training"]["loss_final"] is not None


def test_a_point_goes_on_by_the_command_of_its_sweep(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "runs" / "study-00000000"
    place.mkdir(parents=True)
    (place / SWEEP).touch()
    interrupt(config, place, monkeypatch)
    (place / PARTIAL / "cut-00000001-12").mkdir()
    remedy = "type the command of its sweep to go on"
    point = f"runs/{place.name}/{config.id}"
    for brief in ([], ["--brief"]):
        shown = gradflow(tmp_path, "show", point, *brief).out
        assert f"Interrupted at step 96 of 200: {remedy}." in shown
        assert "its config" not in shown
    lost = gradflow(tmp_path, "show", f"runs/{place.name}/cut-00000001")
    assert (lost.code, lost.err) == (2, f"error: cut-00000001 was interrupted: {remedy}\n")


def test_among_other_runs_it_is_told_from_those_that_ended(folder: Path) -> None:
    execute(small("steps=90", "data.samples=64", "evaluate=10", "name=whole"), folder / "runs")
    lines = gradflow(folder, "compare", "net", "whole").out.splitlines()
    gradflow(folder, "report", "net", "whole", "-o", "both.md")
    lines += (folder / "both.md").read_text().splitlines()
    assert [line for line in lines if "(interrupted)" in line] == [
        line for line in lines if line.lstrip("| ").startswith("net") and "stable" in line
    ]
    assert sum("(interrupted)" in line for line in lines) == 2


def test_its_accuracy_is_that_of_its_last_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(small(*STEPS, "data.test_fraction=0.25"), tmp_path, monkeypatch)
    found = load("net", tmp_path)
    training = found.summary.training
    assert training.accuracy_final == training.accuracy_test_final == found["accuracy_test"][-1].mean()


@pytest.mark.parametrize("every", [1, 7, 64, 1000])
def test_what_was_learnt_until_then_is_told_whatever_was_recorded(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(*STEPS, f"recording.every={every}")
    interrupt(config, tmp_path / "runs", monkeypatch)
    summary, whole = load("net", tmp_path / "runs").summary, execute(small(*STEPS), tmp_path / "whole")
    found, losses = summary.training, whole["loss_train"].mean(axis=1)
    assert (found.steps, found.evaluations, summary.flow.final.step) == (90, 10, 95)
    assert (found.loss_initial, found.loss_final) == (losses[0], losses[9])
    assert summary.evaluation.steps == tuple(range(0, 91, 10))


def test_the_arrays_are_the_first_rows_of_the_whole_run(folder: Path, config: Config) -> None:
    found = load("net", folder / "runs")
    whole = execute(config, folder / "whole")
    assert found.summary.status == "interrupted"
    assert found["loss"].shape == (96, 2)
    for name, array in found.recording.items():
        np.testing.assert_array_equal(array, whole[name][: len(array)])
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_ls_says_how_far_it_got(folder: Path, config: Config) -> None:
    assert "interrupted at step 96 of 200" in gradflow(folder, "ls").out
    assert "Interrupted at step 96 of 200" in gradflow(folder, "show", "net").out
    (row,) = json.loads(gradflow(folder, "ls", "--json").out)["rows"]
    assert (row["id"], row["status"]) == (config.id, "interrupted")
    assert (row["steps_done"], row["steps"]) == (96, 200)


def test_advice_gives_the_keys_to_set_and_names_no_config_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanishing = "depth=30", "width=32", "activation=sigmoid", "steps=40"
    config = small(*vanishing)
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 8)
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))
    struck = iter((False, True))

    def strike(done: object) -> None:
        if next(struck):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(config, tmp_path / "runs", progress=strike, interval=0)
    text = gradflow(tmp_path, "show", "net").out
    assert "What to change" in text
    assert "\n  model.init=" in text
    advice = json.loads(gradflow(tmp_path, "show", "net", "--json").out)["advice"]
    assert {one["command"] for one in advice} == {None}
    assert ["model.init"] in [list(one["set"]) for one in advice]
    gradflow(tmp_path, "report", "net", "-o", "net.md")
    assert "config.yaml" not in text + (tmp_path / "net.md").read_text()


@pytest.mark.parametrize("command", ["precision", "jacobian"])
def test_what_needs_its_config_says_that_there_is_none(folder: Path, config: Config, command: str) -> None:
    done = gradflow(folder, command, "net")
    words = "was interrupted and has no config here: name the one that was run"
    assert (done.code, done.out, done.err) == (2, "", f"error: {config.id} {words}\n")


@pytest.mark.parametrize("reference", ["net", "runs/{id}", "{id}"])
def test_rm_discards_it(folder: Path, config: Config, reference: str) -> None:
    done = gradflow(folder, "rm", reference.format(id=config.id), "--yes")
    assert (done.code, done.err) == (0, f"removed runs/{config.id}\n")
    assert not (folder / "runs" / PARTIAL).exists()


def test_the_finished_run_takes_its_place(folder: Path, config: Config) -> None:
    execute(config, folder / "runs")
    assert "Interrupted" not in gradflow(folder, "show", "net").out
    assert "interrupted" not in gradflow(folder, "ls").out


def test_an_export_has_the_point_that_is_finished_rather_than_it(folder: Path, config: Config) -> None:
    sweep = swept(*STEPS, "depth=2,3", text=NET)
    run(sweep, folder / "runs")
    words = "export", f"runs/{config.id}", sweep.id, "-o", "runs.csv", "--table", "runs"
    assert gradflow(folder, *words).code == 0
    with (folder / "runs.csv").open(newline="") as file:
        found = {row["id"]: row["status"] for row in csv.DictReader(file)}
    assert found == {point.id: "completed" for point in sweep.points}
    assert config.id in found


def shown(folder: Path) -> Done:
    return gradflow(folder, "show", "net")


def test_a_damaged_checkpoint_is_told_of_in_one_line(folder: Path, config: Config) -> None:
    path = checkpoint(folder, config)
    content = path.read_bytes()
    for changed in (content[:-7], content[:900], content.replace(b"xavier", b"javier"), b""):
        path.write_bytes(changed)
        done = shown(folder)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done.err
        assert str(path.relative_to(folder)) in done.err
        assert gradflow(folder, "ls").code == 0


def test_a_checkpoint_under_another_name_is_not_shown_as_that(folder: Path, config: Config) -> None:
    path = checkpoint(folder, config)
    path.rename(path.with_name("net-00000000-checkpoint"))
    done = shown(folder)
    assert (done.code, "is of another run" in done.err) == (1, True)


def test_one_of_which_nothing_was_kept_cannot_be_shown(folder: Path) -> None:
    partial = folder / "runs" / PARTIAL
    (partial / "cut-00000001-12").mkdir()
    done = gradflow(folder, "show", "cut")
    assert (done.code, done.err) == (
        2,
        "error: cut-00000001 was interrupted: run its config again to go on\n",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_ended_leaves_a_run_that_can_be_shown(tmp_path: Path, number: int) -> None:
    code = """
import sys
from pathlib import Path
from gradflow import interrupts
from gradflow.execution import checkpoint
from gradflow.execution.execute import execute
from tests.store.small import small
interrupts.listen()
checkpoint.SHARE = 1e9
execute(small("steps=1000000", "recording.every=1000"), Path("runs"), interval=0)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=HERE,
        stderr=subprocess.PIPE,
    ) as process:
        while not list(tmp_path.glob("runs/.partial/*-checkpoint")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate()
    assert "Interrupted at step" in gradflow(tmp_path, "show", "net").out
    assert "interrupted at step" in gradflow(tmp_path, "ls").out
