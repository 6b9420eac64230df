"""Real processes, killed, crowded, cut short and refused."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store import open_run, scan
from gradflow.store.partial import claim
from gradflow.training import Progress
from tests.programs import nobody
from tests.store.small import barrier, names, queue, running, small, start

SEEDS = range(6)


def compute_all(runs: Path, force: bool = False) -> None:
    for seed in SEEDS:
        execute(small(f"seed={seed}"), runs, force=force, interval=0)


def compute(runs: Path, seeds: list[int], gate: Any, said: Any) -> None:
    gate.wait()
    for seed in seeds:
        try:
            said.put("reused" if execute(small(f"seed={seed}"), runs).reused else "computed")
        except RunError as error:
            said.put(str(error))


def hold(runs: Path, ready: Any) -> None:
    with claim(runs, small().id):
        ready.put(os.getpid())
        time.sleep(60)


def hold_and_fork(runs: Path, ready: Any) -> None:
    with claim(runs, small().id):
        child = os.fork()
        if child == 0:
            time.sleep(60)
        ready.put(child)
        time.sleep(60)


def compute_with_small_files(runs: Path, limit: int, said: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        said.put(str(execute(small(), runs, interval=0)))
    except RunError as error:
        said.put(str(error))


@pytest.mark.parametrize("force", [False, True])
def test_runs_killed_at_any_moment_are_whole_or_not_there(tmp_path: Path, force: bool) -> None:
    undisturbed, runs, chance = tmp_path / "undisturbed", tmp_path / "runs", random.Random(4)
    compute_all(undisturbed)
    if force:
        compute_all(runs)
    for _ in range(10):
        with running(compute_all, runs, force):
            time.sleep(chance.uniform(0, 0.4))
        for entry in scan(runs):
            assert entry.run, entry.problem
            expected = open_run(undisturbed / entry.id)
            for name, array in entry.run.recording.items():
                np.testing.assert_array_equal(array, expected[name])
    shown = {entry.id: entry.run.info["times"] for entry in scan(runs) if entry.run}
    compute_all(runs)
    with claim(runs, small("seed=99").id):
        pass  # any start clears what was left
    assert names(runs) == names(undisturbed)
    for entry in scan(runs):
        assert entry.run
        assert shown.get(entry.id, entry.run.info["times"]) == entry.run.info["times"], "computed twice"


def test_one_of_ten_processes_computes_a_run_and_nine_say_so(tmp_path: Path) -> None:
    gate, said = barrier(10), queue()
    processes = [start(compute, tmp_path / "runs", [0], gate, said) for _ in range(10)]
    heard = [said.get(timeout=20) for _ in processes]
    for process in processes:
        process.join()
    assert heard.count("computed") == 1
    assert all("is working on it" in line for line in heard if line not in ("computed", "reused"))
    assert names(tmp_path / "runs") == [small("seed=0").id]


def test_processes_on_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    gate, said = barrier(5), queue()
    seeds = [list(range(first, first + 4)) for first in range(0, 20, 4)]
    processes = [start(compute, tmp_path / "runs", some, gate, said) for some in seeds]
    assert [said.get(timeout=20) for _ in range(20)] == ["computed"] * 20
    for process in processes:
        process.join()
    assert len([entry for entry in scan(tmp_path / "runs") if entry.run and entry.run.recording]) == 20
    assert len(names(tmp_path / "runs")) == 20


def test_a_lock_names_its_holder_at_once_and_ends_with_it(tmp_path: Path) -> None:
    ready = queue()
    with running(hold, tmp_path / "runs", ready) as process:
        assert ready.get(timeout=20) == process.pid
        with pytest.raises(RunError, match=rf"{small().id}: process {process.pid} on .* working on it: wait"):
            execute(small(), tmp_path / "runs")
        assert execute(small("seed=1"), tmp_path / "runs").status == "completed"
    assert execute(small(), tmp_path / "runs").status == "completed"
    assert not (tmp_path / "runs" / ".partial").exists()


def test_a_lock_does_not_outlive_its_process_in_a_forked_child(tmp_path: Path) -> None:
    ready = queue()
    with running(hold_and_fork, tmp_path / "runs", ready):
        child = ready.get(timeout=20)
        with pytest.raises(RunError, match="is working on it"), claim(tmp_path / "runs", small().id):
            pass
    try:
        os.kill(child, 0)
        with claim(tmp_path / "runs", small().id):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("limit", [0, 100, 3_000, 6_000])
def test_a_disk_that_takes_no_more_leaves_nothing_visible(tmp_path: Path, limit: int) -> None:
    said = queue()
    with running(compute_with_small_files, tmp_path / "runs", limit, said) as process:
        error = said.get(timeout=20)
        process.join(timeout=20)
    place = f"{tmp_path}/runs/{small().id}"
    assert error == f"{place}: cannot be written: File too large: see to the disk and run again"
    assert names(tmp_path / "runs") == []


def test_an_ordinary_user_reads_what_only_root_may_write(open_folder: Path) -> None:
    runs = open_folder / "runs"
    run = execute(small(), runs)
    (run.path / "summary.json").unlink()
    code = f"""
from pathlib import Path
from gradflow.errors import InputError, RunError
from gradflow.store import write_output
from gradflow.execution.execute import execute
from tests.store.small import small
runs = Path({str(runs)!r})
run = execute(small(), runs)
print(run.reused, run.summary.status)
for attempt in (lambda: execute(small("seed=1"), runs), lambda: write_output(runs / "x.csv", "a")):
    try:
        attempt()
    except (InputError, RunError) as error:
        print(error.exit_code, error)
"""
    done = subprocess.run(
        [*nobody(), sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    shown, refused, output = done.stdout.splitlines()
    assert shown == "True completed"
    assert refused.startswith(f"1 {runs}/{small('seed=1').id}: cannot be written: Permission denied: choose")
    assert output == f"2 {runs}/x.csv: the folder {runs} cannot be written to: choose another"
    assert names(run.path) == ["config.yaml", "recording.npz", "run.json", "state.npz"]


def test_a_runs_folder_removed_meanwhile_is_an_error_and_not_made_again(tmp_path: Path) -> None:
    runs = tmp_path / "runs"

    def vanish(done: Progress) -> None:
        if done.step == done.steps:
            os.rename(runs, tmp_path / "gone")

    with pytest.raises(RunError, match="No such file or directory: the folder was removed"):
        execute(small(), runs, progress=vanish)
    assert not runs.exists()
