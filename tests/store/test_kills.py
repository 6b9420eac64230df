"""Processes that are killed while they write runs anew lose nothing of what users put into the folders."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradflow.execution.execute import execute
from gradflow.store import open_run, scan
from gradflow.store.partial import claim
from tests.faults.commands import finished, group_ends, started
from tests.small import NET
from tests.store.small import running, small
from tests.store.users import Found, found, furnish

KILLS, THOROUGH_KILLS = 3, 50  # each of two works
SEEDS = range(4)
ANOTHER = "analysis.stable_decades=2"


def force_all(runs: Path) -> None:
    while True:
        for seed in SEEDS:
            execute(small(f"seed={seed}"), runs, force=True, interval=0)


def show_with_other_thresholds(runs: Path) -> None:
    while True:
        for seed in SEEDS:
            for more in ((), (ANOTHER,)):
                execute(small(f"seed={seed}", *more), runs, render=lambda run: "report")


def things(runs: Path) -> dict[str, Found]:
    return {path.name: found(path) for path in runs.glob("net-*")}


def somewhere(runs: Path, kept: dict[str, Found]) -> None:
    """Each thing is in the run's folder, or in the one that it is on its way from."""
    for name, expected in kept.items():
        here, there = found(runs / name), found(runs / ".partial" / f"{name}-old")
        assert {**here.things, **there.things} == expected.things


@pytest.mark.parametrize("work", [force_all, show_with_other_thresholds])
def test_kills_lose_nothing_of_the_users_and_no_bit(
    tmp_path: Path, work: Callable[[Path], None], thorough: bool
) -> None:
    undisturbed, runs, chance = tmp_path / "undisturbed", tmp_path / "runs", random.Random(8)
    for folder in (undisturbed, runs):
        for seed in SEEDS:
            execute(small(f"seed={seed}"), folder)
    kept = {path.name: furnish(path) for path in runs.glob("net-*")}
    for _ in range(THOROUGH_KILLS if thorough else KILLS):
        with running(work, runs):
            time.sleep(chance.uniform(0.1, 0.5))
        somewhere(runs, kept)
        with claim(runs, small("seed=99").id):
            pass  # any start brings back what was left
        assert things(runs) == kept
        assert not (runs / ".partial").exists()
        for entry in scan(runs):
            assert entry.run, entry.problem
            for name, array in entry.run.recording.items():
                np.testing.assert_array_equal(array, open_run(undisturbed / entry.id)[name])


def test_a_forced_sweep_that_is_killed_loses_nothing_of_its_points(tmp_path: Path, thorough: bool) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    sweep = ["sweep", "net.yaml", "seed=range(0,6)", "--executor", "serial", "--json", "--quiet"]
    with started(tmp_path, *sweep) as process:
        assert finished(process).code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    kept = {path.name: furnish(path) for path in folder.glob("net-*")}
    (folder / "NOTES.md").write_text("mine")
    chance = random.Random(9)
    for _ in range(20 if thorough else 1):
        before = renewed(folder)
        with started(tmp_path, *sweep, "--force") as process:
            while renewed(folder) == before and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            assert group_ends(process.pid)
        somewhere(folder, kept)
        with started(tmp_path, *sweep) as process:
            assert finished(process).code == 0
        assert things(folder) == kept
    assert (folder / "NOTES.md").read_text() == "mine"


def renewed(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("net-*")}
