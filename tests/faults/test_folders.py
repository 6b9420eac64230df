"""A runs folder that others remove, crowd, or whose times lie."""

import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from gradflow.store import scan
from tests.faults.checks import tidy, told, whole
from tests.faults.commands import Warm, finished, started

RUN = ["run", "net.yaml", "--json", "--quiet"]
SWEEP = ["sweep", "net.yaml", "seed=range(0,8)", "--json", "--quiet"]


def test_a_folder_that_is_removed_under_a_sweep_is_told_and_made_anew_by_the_next(
    warm: Warm, folder: Path
) -> None:
    arguments = [*SWEEP, "steps=500", "--executor", "serial"]
    with started(folder, *arguments) as process:
        while len(list(folder.glob("runs/*/net-*/run.json"))) < 2 and process.poll() is None:
            time.sleep(0.01)
        shutil.rmtree(folder / "runs", ignore_errors=True)
        done = finished(process)
    assert done.code == 1
    told(done, "removed meanwhile", "run ")
    shutil.rmtree(folder / "runs", ignore_errors=True)
    assert warm(folder, *SWEEP, "--executor", "serial").code == 0
    assert len(whole(folder / "runs")) == 8


def test_times_that_lie_change_neither_order_nor_what_is_found(warm: Warm, folder: Path) -> None:
    for seed in range(4):
        assert warm(folder, *RUN, f"seed={seed}").code == 0
    shown = warm(folder, "ls", "--json").out
    order = [entry.id for entry in scan(folder / "runs")]
    now = time.time()
    for lie in (0.0, now - 10**9, now + 10**9):
        for number, name in enumerate(order):
            for path in (*(folder / "runs" / name).iterdir(), folder / "runs" / name):
                os.utime(path, (lie + number, lie + number))  # the oldest would be the newest
        os.utime(folder / "net.yaml", (lie, lie))
        assert warm(folder, "ls", "--json").out == shown
        before = whole(folder / "runs")
        assert warm(folder, *RUN, "seed=2").code == 0
        assert whole(folder / "runs") == before


def test_what_the_dead_left_goes_whatever_its_time_says(warm: Warm, folder: Path) -> None:
    assert warm(folder, *RUN).code == 0
    (run,) = whole(folder / "runs")
    left = folder / "runs" / ".partial" / f"{run}-1"
    left.mkdir(parents=True)
    os.utime(left, (time.time() + 10**9,) * 2)
    assert warm(folder, *RUN, "seed=1").code == 0
    tidy(folder / "runs")


def test_commands_that_crowd_one_folder_compute_each_run_once(
    warm: Warm, folder: Path, thorough: bool
) -> None:
    run = ["run", "net.yaml", "steps=8000", "every=1000", "--json"]  # long enough for all to meet
    sweep = ["sweep", "net.yaml", "seed=1,2", "steps=8000", "every=1000", "--executor", "serial", "--json"]
    with ExitStack() as stack:
        commands = [run, sweep] * (5 if thorough else 2)
        crowd = [stack.enter_context(started(folder, *arguments)) for arguments in commands]
        ended = [finished(process) for process in crowd]
    for done in ended:
        assert done.code == 0 or (done.code == 1 and done.err.endswith("wait for it, or end it\n"))
    assert sum("trained in" in done.err for done in ended) == 1
    assert sum("computed 2 points" in done.err for done in ended) == 1
    before = whole(folder / "runs")
    assert len(before) == 3
    assert warm(folder, *run).code == warm(folder, *sweep).code == 0
    assert whole(folder / "runs") == before
    tidy(folder / "runs")
