"""A sweep whose whole process group is killed again and again ends with the arrays of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradflow.store.owners import is_free
from tests.faults.commands import group_ends
from tests.sweeps.small import NET, assert_same_bits, run, small

POINTS, KILLS = 8, 3
THOROUGH_POINTS, THOROUGH_KILLS = 64, 200
SLOW = ("width=32", "training.steps=60", "data.samples=64")


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "gradflow", "sweep", str(folder / "net.yaml"), *arguments,
            "--runs-dir", str(folder / "runs"), "--json", "--quiet"]  # fmt: skip


def finished(folder: Path) -> dict[str, str]:
    """When each point that stands was finished."""
    documents = [json.loads(path.read_text()) for path in folder.glob("runs/*/*/run.json")]
    return {document["id"]: document["times"]["finished"] for document in documents}


def kill_at_a_random_moment(folder: Path, arguments: list[str], rng: random.Random) -> bool:
    """Start the sweep in a process group of its own, and kill that: mostly once points are being finished.

    False if it ended before.
    """
    before = len(finished(folder))
    with subprocess.Popen(
        command(folder, *arguments), start_new_session=True, stdout=subprocess.DEVNULL
    ) as sweep:
        if rng.random() < 0.8:
            while len(finished(folder)) == before and sweep.poll() is None:
                time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        if sweep.poll() is None:
            os.killpg(sweep.pid, signal.SIGKILL)
    return sweep.returncode == -signal.SIGKILL


def test_a_sweep_that_is_killed_again_and_again_loses_and_repeats_nothing(
    tmp_path: Path, thorough: bool
) -> None:
    points, kills = (THOROUGH_POINTS, THOROUGH_KILLS) if thorough else (POINTS, KILLS)
    arguments = [f"seed=range(0,{points})", *SLOW, "depth=10"]
    sweep, rng, killed = small(*arguments), random.Random(4), 0
    run(sweep, tmp_path / "undisturbed")
    while killed < kills:
        folder = tmp_path / str(killed)
        folder.mkdir()
        (folder / "net.yaml").write_text(NET)
        killed += kill_and_complete(folder, arguments, kills - killed, rng)
        found = folder / "runs" / sweep.id
        assert_same_bits(found, tmp_path / "undisturbed" / sweep.id)
        expected = {"sweep.json", *(point.id for point in sweep.points)}
        assert {path.name for path in found.iterdir()} == expected


def kill_and_complete(folder: Path, arguments: list[str], most: int, rng: random.Random) -> int:
    """Kill a sweep at most so many times, then let it end; no point is lost or computed twice."""
    seen, kills = dict[str, str](), 0
    while kills < most and kill_at_a_random_moment(folder, arguments, rng):
        kills += 1
        now = finished(folder)
        assert seen.items() <= now.items()
        seen = now
    assert seen or most == 1, "no point was finished before a kill"
    done = subprocess.run(command(folder, *arguments), capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert {point["status"] for point in document["points"]} == {"completed"}
    assert seen.items() <= finished(folder).items()
    return kills


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_says_so_leaves_no_worker_and_goes_on_later(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    arguments = ["seed=range(0,40)", *SLOW, "depth=10"]
    options = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(tmp_path, *arguments), text=True, **options) as sweep:  # type: ignore[call-overload]
        while not finished(tmp_path):
            time.sleep(0.01)
        os.killpg(sweep.pid, number)  # as a terminal does: the workers get it too
        _, told = sweep.communicate()
        assert (sweep.returncode, told) == (code, "error: interrupted: the same command goes on\n")
        assert group_ends(sweep.pid)
    (folder,) = (tmp_path / "runs").glob("net-*")
    assert all(is_free(path) for path in (tmp_path / "runs").glob(".partial/*.lock"))
    before = finished(tmp_path)
    again = run(small(*arguments), tmp_path / "runs", shard=(1, 20))
    assert len(again) == 2
    assert before.items() <= finished(tmp_path).items()
    assert folder.name == small(*arguments).id
