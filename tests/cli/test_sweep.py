"""gradflow sweep: its plan, its table, its document, its progress and its exit codes."""

import csv
import json
import shlex
import sys
from dataclasses import replace
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gradflow.cli import main
from gradflow.report.charts.figures import draw
from gradflow.report.files import report_file, several_page
from gradflow.report.page import Command, Sentence, Table
from gradflow.report.sweep_pages import sweep_page
from gradflow.store import open_run
from gradflow.store.named import named_runs
from gradflow.sweeps.document import result_document
from gradflow.sweeps.driver import Options, run_sweep
from gradflow.sweeps.outcome import Ended, Started
from gradflow.telling.sweep_progress import SweepProgress
from tests.sweeps.small import NET, small


class Shell:
    """Calls the command line in this process, in a folder that holds net.yaml."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capfd = monkeypatch, capfd
        self.code, self.out, self.err = 0, "", ""

    def __call__(self, *arguments: str) -> str:
        self.monkeypatch.setattr(sys, "argv", ["gradflow", "sweep", "net.yaml", *arguments])
        self.code = main()
        self.out, self.err = self.capfd.readouterr()
        return self.out

    def document(self, *arguments: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self("--json", *arguments))
        return document


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "net.yaml").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)  # of this process, which is pytest's
    return Shell(monkeypatch, capfd)


SERIAL = ("--executor", "serial")


def test_a_dry_run_prints_points_and_costs_and_writes_nothing(sweep: Shell, tmp_path: Path) -> None:
    page = sweep("depth=2,30", "init=orthogonal,he_normal", "--dry-run")
    assert (sweep.code, sweep.err) == (0, "")
    titles = page.splitlines()[1].split()
    assert titles == ["depth", "init", "parameters", "memory", "steps", "disk"]
    assert page.splitlines()[6].split()[:2] == ["30", "he_normal"]
    assert "4 points, 16 steps:" in page
    assert "Nothing was computed." in page
    assert [path.name for path in tmp_path.iterdir()] == ["net.yaml"]


def test_the_plan_s_document_holds_every_cost(sweep: Shell) -> None:
    document = sweep.document("depth=2,3", "--dry-run")
    assert document["axes"] == {"model.depth": [2, 3]}
    first = document["points"][0]
    assert first.keys() == {"id", "model.depth", "parameters", "memory", "steps", "disk"}
    assert document["total"]["disk"] == sum(point["disk"] for point in document["points"])
    assert document["total"]["memory"] == max(point["memory"] for point in document["points"])


def test_a_sweep_prints_a_line_a_point_and_the_depth_law(sweep: Shell, tmp_path: Path) -> None:
    page = sweep("depth=3,5,8", "init=he_normal,orthogonal", "activation=relu", *SERIAL)
    assert sweep.code == 0
    assert "computed 6 points in" in sweep.err
    (folder,) = (tmp_path / "runs").glob("net-*")
    assert page.splitlines()[0] == folder.name
    assert [line.split()[:2] for line in page.splitlines()[3:9]] == [
        [depth, init] for depth in "358" for init in ("he_normal", "orthogonal")
    ]
    assert "Depth law: the first layer's gradient goes as c^L, depths 3 to 8" in page
    assert "he_normal" in page.split("Depth law")[1]
    titles = page.split("Depth law")[1].splitlines()[1]
    assert titles.split("  ")[-1].strip() == "c inside"
    order = [titles.index(title) for title in ("c of delta_1", "theory", "c of dL/dW_1, batch 8")]
    assert order == sorted(order)


def test_the_document_holds_points_axes_and_the_law(sweep: Shell, tmp_path: Path) -> None:
    document = sweep.document("depth=3,5,8", "activation=relu", *SERIAL)
    assert document["path"] == str(Path("runs") / document["id"])
    assert [point["model.depth"] for point in document["points"]] == [3, 5, 8]
    for point in document["points"]:
        run = json.loads((tmp_path / point["path"] / "summary.json").read_text())
        assert (point["id"], point["status"]) == (run["id"], "completed")
        assert point["c"] == run["flow"]["initial"]["c"]
        assert (point["trainable"], point["trainable_score"]) == tuple(
            run["trainable"][name] for name in ("verdict", "score")
        )
    law = document["depth_law"]
    assert law["c_low"] < law["c"] < law["c_high"]
    (group,) = law["groups"]
    assert group["depths"] == [3, 5, 8]
    assert {key: law[key] for key in ("c", "c_low", "c_high")} == group["weight_grad"]
    assert {key: law[key] for key in ("delta", "c_expected")} == {
        key: group[key] for key in ("delta", "c_expected")
    }


def test_a_sweep_and_its_plan_are_tables_too(sweep: Shell) -> None:
    for arguments in (["--dry-run"], SERIAL):
        document = sweep.document("depth=3,5", *arguments)
        rows = list(csv.DictReader(StringIO(sweep("depth=3,5", "--csv", *arguments))))
        assert [row["id"] for row in rows] == [point["id"] for point in document["points"]]
        assert [row["model.depth"] for row in rows] == ["3", "5"]
        assert sweep("depth=3,5", "--md", *arguments).startswith("# net-")
        assert "| ---: |" in sweep.out


def test_every_page_of_a_sweep_tells_the_command_that_finds_it_again(sweep: Shell, tmp_path: Path) -> None:
    page = sweep("depth=3,5", "init=orthogonal,{name: gaussian, sigma_w: 1.5}", *SERIAL)
    told = page.split("How to compute it again")[1].strip()
    words = shlex.split(told)
    assert words[:2] == ["gradflow", "sweep"]
    assert words[3:] == ["model.depth=3,5", "model.init=orthogonal,{name: gaussian, sigma_w: 1.5}"]
    (folder,) = (tmp_path / "runs").glob("net-*")
    runs = named_runs([folder.name], Path("runs"))
    markdown = report_file(runs, Path("a.md"))
    in_markdown = markdown.split("```sh\n")[1].split("\n```")[0]
    assert shlex.split(in_markdown)[3:] == words[3:]
    assert escape(shlex.join([*words[:2], "net.yaml", *words[3:]])) in report_file(runs, Path("a.html"))
    (tmp_path / "net.yaml").write_text(Path(words[2]).read_text())
    again = sweep(*words[3:], *SERIAL)
    assert "found 4 finished" in sweep.err
    assert again == page


@pytest.mark.parametrize("folder", ["runs", "runs/first", "elsewhere", "."])
def test_what_a_sweep_tells_to_type_leads_into_its_own_folder_of_runs(sweep: Shell, folder: str) -> None:
    init = ("init=gaussian", "init.sigma_w=0.5", *SERIAL, "--runs-dir", folder)
    documents = [sweep.document(depths, *init) for depths in ("depth=20,22", "depth=21,23")]
    points = [open_run(Path(document["points"][0]["path"])) for document in documents]
    saved = [json.loads((point.path / "summary.json").read_text())["advice"] for point in points]
    assert [point.summary.document()["advice"] for point in points] == saved
    blocks = several_page(points).blocks
    told = [document["command"] for document in documents]
    told += [one["command"] for advice in saved for one in advice]
    told += [block.text for block in blocks if isinstance(block, Command)]
    assert len(told) > 4
    for command in map(shlex.split, told):
        assert Path(command[2]) in [point.path / "config.yaml" for point in points]
        option = [word for word in command[3:] if "=" not in word]
        assert option == ([] if folder == "runs" else ["--runs-dir", folder])


def test_a_report_leaves_empty_what_a_run_does_not_have(sweep: Shell) -> None:
    sweep("depth=3,5", "init=orthogonal,{name: gaussian, sigma_w: 1.5},{name: gaussian, sigma_w: 2}", *SERIAL)
    page = several_page(named_runs(["net"], Path("runs")))
    points, laws = (block for block in page.blocks if isinstance(block, Table))
    for table, place in ((points, 1), (laws, 0)):
        assert not table.columns[place].numeric
        assert table.columns[place + 1].numeric
        assert {row[place : place + 2] for row in table.rows} == {
            ("gaussian", "1.5"), ("gaussian", "2.0"), ("orthogonal", ""),
        }  # fmt: skip
    assert len(draw("depth-law", named_runs(["net"], Path("runs"))).to_dict()["datasets"]) == 1


def test_points_that_differ_in_training_alone_share_a_law(sweep: Shell) -> None:
    law = sweep.document("depth=3,5", "lr=0.1,0.2", *SERIAL)["depth_law"]
    assert len(law["groups"]) == 1
    several = sweep.document("depth=3,5", "width=8,9", *SERIAL)["depth_law"]
    assert [group["model.width"] for group in several["groups"]] == [8, 9]
    assert (several["c"], several["reason"][:16]) == (None, "there are 2 laws")
    none = sweep.document("width=8,9", *SERIAL)["depth_law"]
    assert (none["c"], none["reason"]) == (None, "the sweep has no depth axis")


def test_a_law_of_networks_without_a_key_has_null_there_and_nothing_in_its_row(sweep: Shell) -> None:
    inits = "init={name: gaussian, sigma_w: 1.2},{name: gaussian, sigma_w: 1.5},orthogonal"
    axes = ("depth=2,3", inits, "seeds=2", *SERIAL)
    groups = sweep.document(*axes)["depth_law"]["groups"]
    assert [group["model.init.sigma_w"] for group in groups] == [1.2, 1.5, None]
    page = sweep(*axes)
    (row,) = [line for line in page.partition("Depth law")[2].splitlines() if line.startswith("orthogonal")]
    assert "null" not in row
    drawn = draw("depth-law", named_runs(["net"], Path("runs"))).to_dict()
    assert "orthogonal: c = " in str(drawn["datasets"])


def test_the_second_time_says_what_it_found(sweep: Shell) -> None:
    sweep("depth=2,3", *SERIAL)
    sweep("depth=2,3", *SERIAL)
    assert sweep.err.startswith("computed 0 points in")
    assert "found 2 finished, --force computes them again" in sweep.err
    sweep("depth=2,3", "--quiet", *SERIAL)
    assert sweep.err == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["depth=2,0"], "command line: model.depth: should be at least 1, not 0 (at model.depth=0)"),
        (["depth=2,3", "--csv", "--json"], "exclude each other: give one"),
        (["depth=4"], "nothing is swept: give KEY=V1,V2 or a sweep section, or type gradflow run"),
        (["depth=2,3", "--shard", "3/2"], "--shard: should be I/N with I from 1 to N, such as 2/8"),
        (["depth=2,3", "--shard", "3/3"], "--shard: the sweep has 2 points: shard 3 of 3 would have none"),
        (
            ["depth=2,3", "--executor", "dusk"],
            "--executor: should be one of serial, processes, dask; did you mean dask?",
        ),
        (["depth=2,3", "--workers", "0"], "workers"),
    ],
)
def test_what_is_refused_writes_nothing(
    sweep: Shell, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    assert sweep(*arguments) == ""
    assert sweep.code == 2
    assert sweep.err.startswith("error: ")
    assert problem in sweep.err
    assert not (tmp_path / "runs").exists()


def test_a_failed_point_is_told_and_gives_exit_code_1(sweep: Shell) -> None:
    slow = ("seed=1,2", "depth=20", "training.steps=1000000", "--timeout", "0.05")
    page = sweep(*slow, *SERIAL)
    assert sweep.code == 1
    assert "2 points failed: the same command with --retry-failed tries again" in page
    assert "seed=2: it took longer than the 0.05 s of --timeout" in page
    sweep(*slow, "--fail-fast", "--retry-failed", *SERIAL)
    assert (sweep.code, "1 point failed" in sweep.out) == (1, True)


LATE = Options("serial", timeout=1e-9)


def test_what_failed_before_is_told_apart_from_what_is_finished(tmp_path: Path) -> None:
    for _ in run_sweep(small("depth=2,3"), tmp_path, Options("serial")):
        pass
    study = small("depth=2,3,4,5")
    for _ in range(2):
        with SweepProgress(4, ["model.depth"], quiet=True) as progress:
            for event in run_sweep(study, tmp_path, LATE):
                progress(event)
    finished, failed = "found 2 finished, --force computes them again", "2 points failed before"
    assert progress.story().endswith(f"; {finished}; {failed}, --retry-failed tries them again")


def test_of_points_that_failed_by_force_only_those_that_kept_no_run_are_to_be_retried(tmp_path: Path) -> None:
    for _ in run_sweep(small("depth=2,3"), tmp_path, Options("serial")):
        pass
    study = small("depth=2,3,4")
    for _ in run_sweep(study, tmp_path, LATE):
        pass
    events = run_sweep(study, tmp_path, replace(LATE, force=True))
    document = result_document(study, tmp_path, [event for event in events if isinstance(event, Ended)])
    assert [point["kept"] for point in document["points"]] == [True, True, False]
    told = [block.text for block in sweep_page(document).blocks if isinstance(block, Sentence)]
    kept = "failed, and the finished runs of before are kept: the same command with --force tries again"
    assert f"2 points {kept}" in told
    assert "1 point failed: the same command with --retry-failed tries again" in told


def test_diverged_points_are_results_unless_it_is_asked_to_fail(sweep: Shell) -> None:
    blow_up = ("depth=2,3", "lr=1e30", "training.loss=mse", "activation=linear", *SERIAL)
    assert "diverged" in sweep(*blow_up)
    assert sweep.code == 0
    sweep(*blow_up, "--fail-on-diverged")
    assert sweep.code == 3


class Screen:
    """A terminal of 80 columns that keeps what is written."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_a_terminal_shows_the_newest_points_and_is_left_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("gradflow.telling.sweep_progress.REDRAWN", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    study = small("depth=2,3,4")
    with SweepProgress(3, list(study.axes), quiet=False) as progress:
        for event in run_sweep(study, tmp_path, Options("serial")):
            progress(event)
    pictures = screen.text.split("\x1b[J")
    assert "0/3 points done, 1 running" in pictures[0]
    assert "1/3 points done, 1 running" in pictures[1]
    assert "stable" in pictures[1]
    assert "3/3 points done" in pictures[-2]
    assert pictures[-1] == ""


def test_elsewhere_a_line_is_told_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gradflow.telling.progress.TOLD", 0.0)
    study = small("depth=2,3")
    with SweepProgress(2, list(study.axes), quiet=False) as progress:
        ended = [event for event in run_sweep(study, tmp_path, Options("serial")) if not progress(event)]
    assert any(isinstance(event, Ended) for event in ended)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "0/2 points done, 1 running"
    assert lines[-1].startswith("2/2 points done")
    assert not any("\x1b" in line for line in lines)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that progress reads."""
    now = [0.0]
    for place in ("progress", "sweep_progress"):
        monkeypatch.setattr(f"gradflow.telling.{place}.monotonic", lambda: now[0])
    return now


def ended_points(runs: Path, total: int) -> list[Ended]:
    events = run_sweep(small("seed=" + ",".join(map(str, range(total)))), runs, Options("serial"))
    return [event for event in events if isinstance(event, Ended)]


def test_a_point_whose_worker_died_is_one_that_runs_and_one_that_went_on(tmp_path: Path) -> None:
    ended = ended_points(tmp_path, 3)
    with SweepProgress(3, [], quiet=True) as progress:
        for event in ended[:2]:
            progress(Started(event.point, steps=2))
        progress(Started(ended[0].point, steps=2))
        assert progress.words() == "0/3 points done, 2 running"
        progress(ended[0])
        progress(Started(ended[2].point))
        progress(ended[1])
        assert progress.words().startswith("2/3 points done, 1 running, ")
        progress(Started(ended[2].point))
        progress(ended[2])
    assert progress.words().startswith("3/3 points done, 0")
    assert ", 2 of them from where one of fewer steps ended" in progress.story()


@pytest.mark.parametrize(("workers", "first", "second"), [(1, 70, 60), (2, 43.3, 30), (4, 22, 16.7)])
def test_what_is_left_is_told_by_the_points_that_are_computed_now(
    tmp_path: Path, clock: list[float], workers: int, first: float, second: float
) -> None:
    """Not by what was found finished; of points of 10 s each, by so many at a time, it soon is right."""
    found, *ended = ended_points(tmp_path, 9)
    told: list[float] = []
    with SweepProgress(9, [], quiet=True) as progress:
        progress(replace(found, reused=True))
        clock[0] = 500
        assert progress.words() == "1/9 points done"
        for event in ended[:workers]:
            progress(Started(event.point))
        for number, event in enumerate(ended):
            clock[0] = 500 + 10 * (1 + number // workers)
            progress(event)
            for following in ended[number + workers : number + workers + 1]:
                progress(Started(following.point))
            told.append(progress._left() or 0)
    assert told[:2] == pytest.approx([first, second], rel=0.01)
    for done in range(workers, 8, workers):  # as each of them has just begun another
        assert told[done - 1] == pytest.approx(10 * (8 - done) / workers)
    assert told[-1] == 0
