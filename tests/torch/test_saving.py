"""What is saved: a run like any other, whole after a kill, and one that goes on."""

from __future__ import annotations

import fnmatch
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow import load
from gradflow.api.arrays import dataset_of
from gradflow.errors import InputError
from gradflow.report.files import run_html
from gradflow.report.page import Table
from gradflow.report.pages import layers_page, run_page
from gradflow.report.terminal import Look, render
from gradflow.store.export import layers_table
from tests.cli.test_app import environment
from tests.counted import calls_at_most
from tests.torch.models import torch
from tests.torch.test_mechanics import DEPTH, delta, global_hooks, hooks_of, loss_of, stack

from gradflow.torch import together, watch  # isort: skip
from gradflow.torch.saving import place_of  # isort: skip

LOOP = """
import sys, os
import torch
from tests.torch.test_mechanics import loss_of, stack
from gradflow.torch import watch

for number in range(int(sys.argv[2])):  # forks share what was imported
    if os.fork():
        os.wait()
        continue
    model = stack()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, save=f"{sys.argv[1]}/run{number}", quiet=True) as flow:
        while True:
            loss_of(model).backward()
            flow.step()
            print(number, flow.steps - 1, os.getpid(), flush=True)
            optimizer.step()
            optimizer.zero_grad()
"""


def gradflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradflow", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


def trained(path: Path, steps: int = 3, **settings: Any) -> Any:
    model = stack()
    with watch(model, save=path, quiet=True, **settings) as flow:
        for _ in range(steps):
            loss_of(model).backward()
            flow.step(loss=loss_of(model))
    return flow


def test_a_recording_is_a_run_for_every_command(tmp_path: Path) -> None:
    flow = trained(tmp_path / "runs" / "mine")
    shown = gradflow(tmp_path, "show", "mine", "--json")
    assert shown.returncode == 0, shown.stderr
    summary = json.loads(shown.stdout)
    data = summary["config"]["data"]
    assert data["layers"] == [f"blocks.{i}" for i in range(DEPTH)]
    assert (data["axis"], data["block"], data["watched"]) == ("auto", "Block", "Sequence")
    assert summary["flow"]["final"]["c"] == pytest.approx(flow.c)
    text = gradflow(tmp_path, "show", "mine").stdout
    assert "delta norms of Sequence, by gradflow.torch.watch" in text
    assert "5 Block inputs (residual stream)" in text
    assert "pre-norm blocks: their norms follow a power of the block" in text
    assert "mine-" in gradflow(tmp_path, "ls").stdout
    assert gradflow(tmp_path, "compare", "mine", "mine").returncode == 0
    for command in (["report", "mine", "-o", "r.md"], ["export", "mine", "-o", "rows.csv"]):
        assert gradflow(tmp_path, *command).returncode == 0
    header = (tmp_path / "rows.csv").read_text().splitlines()[0]
    assert {"branch_ratio", "log_dw_mlp", "update_norm", "lost_samples"} <= set(header.split(","))


def test_a_recording_holds_the_named_columns(tmp_path: Path) -> None:
    flow = trained(tmp_path / "mine", steps=3)
    run = load(flow.run.path)
    assert run["log_delta_norm"][:, :, 0] == pytest.approx(np.array([row["delta"] for row in flow.rows]))
    assert run["branch_ratio"].shape == (3, DEPTH, 1)
    assert np.isfinite(run["q"]).all()
    assert run["loss"].shape == run["log_dw_mlp"].shape == run["update_norm"].shape == (3, 1)
    assert np.array_equal(run["update_mlp"][:, 0], [0, 0, 0])
    assert list(run["lost_samples"][:, 0]) == [0, 0, 0]
    assert list(flow.table()[0])[:6] == [
        "step", "layer", "name", "log_delta_norm", "branch_ratio", "stream_rms",
    ]  # fmt: skip


def test_the_table_has_the_columns_that_the_readme_names(tmp_path: Path) -> None:
    (entry, *_) = trained(tmp_path / "mine").table()
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    rows = text.partition("| column | what it is |")[2].partition("\n\n")[0].splitlines()[2:]
    named = [name for row in rows for name in re.findall(r"`([a-z_*]+)`", row.split("|")[1])]
    assert "lost_samples" in named
    assert [name for name in named if name != "q" and not fnmatch.filter(entry, name)] == []


def test_layers_have_their_names_and_columns_in_what_is_shown_and_exported(tmp_path: Path) -> None:
    run, names = trained(tmp_path / "mine").run, [f"blocks.{i}" for i in range(DEPTH)]
    page = layers_page(run.summary, run.recording)
    first, _ = (block for block in page.blocks if isinstance(block, Table))
    assert [column.title for column in first.columns] == ["layer", "name", "delta", "branch", "rms", "update"]
    assert [row[1] for row in first.rows] == names
    assert float(str(first.rows[2][4])) == pytest.approx(np.sqrt(run["q"][0, 2, 0]), rel=0.01)
    assert all(f"<td>{name}</td>" in run_html(run) for name in names)
    assert list(layers_table([run], "first")["layer_name"]) == names
    assert list(dataset_of(run)["layer_name"].values) == names


def test_the_seed_of_a_recording_is_kept(tmp_path: Path) -> None:
    for run in (trained(tmp_path / "mine", seed=3).run, load("mine", tmp_path)):
        assert run.summary.config["seed"] == 3
        assert list(dataset_of(run)["seed"].values) == [3]


def test_the_growth_of_the_stream_is_known_at_both_ends(tmp_path: Path) -> None:
    run = trained(tmp_path / "mine").run
    for flow, row in ((run.summary.flow.initial, 0), (run.summary.flow.final, -1)):
        q = run["q"][row, :, 0]
        assert flow.log10_growth == pytest.approx(np.log10(q[-1] / q[0]) / 2)
    grown = f"The stream grows by {run.summary.flow.initial.log10_growth:.1f} decades over the depth"
    assert grown in render(run_page(run.summary), Look())


def test_an_error_in_the_training_loses_no_row(tmp_path: Path) -> None:
    model = stack()
    flow = watch(model, save=tmp_path / "mine", quiet=True)

    def train() -> None:
        with flow:
            loss_of(model).backward()
            flow.step()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert list(load(flow.run.path)["step"]) == [0]


def test_an_update_that_cannot_be_had_loses_no_row(tmp_path: Path) -> None:
    model = stack()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    flow = watch(model, save=tmp_path / "mine", quiet=True).start()
    loss_of(model).backward()
    flow.step()
    optimizer.step()
    model.head.weight.data = model.head.weight.data[:2]
    with pytest.raises(RuntimeError, match="size of tensor"):
        flow.close()
    assert list(load(flow.run.path)["step"]) == [0]
    assert hooks_of(model) == global_hooks() == 0


def test_a_name_alone_is_saved_where_runs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, place in (("", "runs"), ("elsewhere", "elsewhere")):
        monkeypatch.setenv("GRADFLOW_RUNS_DIR", folder)
        assert place_of(Path("mine")) == (Path(place), "mine")
        assert place_of(Path("there/mine")) == (Path("there"), "mine")


def test_a_run_of_no_row_is_not_saved(tmp_path: Path) -> None:
    with watch(stack(), save=tmp_path / "runs" / "mine", quiet=True):
        pass
    assert not (tmp_path / "runs").exists()


KILLS, FEW = 20, 4  # of them with --thorough, and always
Killed = tuple[Path, dict[int, int]]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Killed:
    """Trainings that were killed, and the last step that each had said to have recorded."""
    random.seed(0)
    kills = KILLS if request.config.getoption("--thorough") else FEW
    folder = tmp_path_factory.mktemp("killed") / "runs"
    said: dict[int, int] = {}
    command = [sys.executable, "-c", LOOP, str(folder), str(kills)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as loop:
        assert loop.stdout is not None
        ends = [random.randrange(1, 12) for _ in range(kills)]
        for line in loop.stdout:
            number, step, process = map(int, line.split())
            said[number] = step
            if step == ends[number]:
                time.sleep(random.uniform(0, 0.01))
                os.kill(process, 9)
    return folder, said


def copied(killed: Killed, to: Path) -> int:
    """What the last of them left, in a folder of its own; the last step that it had said."""
    number = max(killed[1])
    (to / ".partial").mkdir(parents=True)
    for left in (killed[0] / ".partial").glob(f"run{number}-*-rows"):
        shutil.copy(left, to / ".partial")
    return killed[1][number]


def test_no_row_is_lost_by_a_kill_at_any_moment(killed: Killed, tmp_path: Path) -> None:
    shutil.copytree(killed[0], tmp_path / "runs")
    said = killed[1]
    assert len(said) in (KILLS, FEW)
    assert gradflow(tmp_path, "ls").returncode == 0  # whatever reads the folder publishes them
    for number, step in said.items():
        steps = load(f"run{number}", tmp_path / "runs")["step"]
        assert list(steps[: step + 1]) == list(range(step + 1))
    assert not (tmp_path / "runs" / ".partial").exists()


@pytest.mark.parametrize("resume", [True, False])
def test_a_recording_that_was_killed_goes_on_if_it_may(resume: bool, killed: Killed, tmp_path: Path) -> None:
    step = copied(killed, tmp_path)
    before = [path.name for path in (tmp_path / ".partial").glob("*-rows")]
    flow = trained(tmp_path / f"run{max(killed[1])}", steps=2, resume=resume)
    steps = list(load(flow.run.path)["step"])
    if resume:
        assert steps[: step + 1] == list(range(step + 1))
        assert steps[-2:] == [len(steps) - 2, len(steps) - 1]
        assert [f"{flow.run.id}-rows"] == before
    else:
        assert steps == [0, 1]
        assert list(load(before[0].removesuffix("-rows"), tmp_path)["step"])[: step + 1] == [*range(step + 1)]


def test_a_process_that_reads_no_record_goes_on_at_the_step_of_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of two that train together: else they would record different steps, and wait for each other."""
    read, given = torch.tensor(7.0, dtype=torch.float64), []

    def summed(values: Any, device: Any) -> Any:
        given.append(float(values))
        return values + read

    monkeypatch.setattr(together, "rank", lambda: 1)
    monkeypatch.setattr(together, "is_together", lambda: True)
    monkeypatch.setattr(together, "summed", summed)
    for reduce, number, step, sums in (("mean", None, 7, [0]), ("mean", 4, 4, []), ("rank0", None, 0, [])):
        given.clear()
        flow = watch(stack(), every=5, reduce=reduce, save=tmp_path / "mine", quiet=True).start(number)
        assert (flow.steps, given) == (step, sums)
        flow.close()


@pytest.mark.parametrize("content", [b"", b'{"form', b"[]\n"])
@pytest.mark.parametrize("name", ["mine", "other"])
def test_a_record_without_a_head_stops_no_later_recording(content: bytes, name: str, tmp_path: Path) -> None:
    headless = tmp_path / ".partial" / "mine-0123abcd-rows"
    headless.parent.mkdir()
    headless.write_bytes(content)
    flow = trained(tmp_path / name, steps=2)
    assert list(load(flow.run.path)["step"]) == [0, 1]
    assert headless.read_bytes() == content
    assert gradflow(tmp_path, "rm", "mine-0123abcd", "--runs-dir", ".", "--yes").returncode == 0
    assert not headless.parent.exists()


def test_going_back_to_a_checkpoint_replaces_the_steps_after_it(killed: Killed, tmp_path: Path) -> None:
    copied(killed, tmp_path)
    model = stack()
    flow = watch(model, save=tmp_path / f"run{max(killed[1])}", quiet=True).start(0)
    for number in (0, 1):
        loss_of(model).backward()
        flow.step(number)
    flow.close()
    run = load(flow.run.path)
    assert list(run["step"]) == [0, 1]
    assert run["log_delta_norm"][1, :, 0] == pytest.approx(delta(flow), abs=1e-9)


@pytest.mark.parametrize("kind", [np.int64, torch.tensor])
def test_steps_may_be_numbered_by_any_type_of_whole_numbers(kind: Any, tmp_path: Path) -> None:
    model = stack()
    flow = watch(model, save=tmp_path / "mine", quiet=True).start(kind(3))
    for number in (3, 5):
        loss_of(model).backward()
        flow.step(kind(number))
    with pytest.raises(InputError, match=r"step: number=7\.5: give a whole number"):
        flow.step(7.5)
    flow.close()
    assert list(load(flow.run.path)["step"]) == [3, 5]


def test_an_idle_step_costs_a_counter(tmp_path: Path) -> None:
    model = stack()
    with watch(model, every=10**9, what=("delta",), quiet=True) as flow:
        loss_of(model).backward()
        flow.step()
        with calls_at_most(10 * 1000):
            for _ in range(1000):
                flow.step()
    assert torch.get_num_threads() == 1


def test_a_recording_that_is_saved_is_not_entered_again(tmp_path: Path) -> None:
    flow = trained(tmp_path / "mine")
    with pytest.raises(InputError, match=r"this is saved: call watch\(\) again"):
        flow.start()
    assert list(load(flow.run.path)["step"]) == [0, 1, 2]


def test_a_recording_is_saved_where_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    model = stack()
    with watch(model, save="runs/mine", quiet=True) as flow:
        loss_of(model).backward()
        flow.step()
        monkeypatch.chdir("other")
    assert flow.run.path.parent == tmp_path / "runs"
