"""A small sweep that computes in a blink, and stand-ins for what a worker does to a point."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.data import Data
from gradflow.store import open_run
from gradflow.store.result import Result
from gradflow.sweeps.driver import Options, run_sweep
from gradflow.sweeps.executors import Pool, Processes
from gradflow.sweeps.outcome import Ended
from gradflow.sweeps.points import Sweep, parse_sweep
from gradflow.sweeps.worker import compute
from gradflow.yaml_file import parse

NET = """
name: net
seeds: 2
model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 4, classes: 3}
training: {steps: 4, batch_size: 8}
"""
FLAGS = "GRADFLOW_TEST_FLAGS"  # the folder in which a stand-in notes that it has struck
VICTIM = 3  # the depth of the point that it strikes


def small(*overrides: str, text: str = NET) -> Sweep:
    return parse_sweep(parse(text, "net.yaml"), Path(), overrides)


def run(sweep: Sweep, runs: Path, **options: Any) -> list[Ended]:
    """What became of the points, computed in this process unless `options` say otherwise."""
    chosen = Options(**{"executor": "serial", **options})
    return [event for event in run_sweep(sweep, runs, chosen) if isinstance(event, Ended)]


def statuses(ended: list[Ended]) -> dict[int, str]:
    """The status of each point by its depth."""
    return {event.point.config.model.depth: event.status for event in ended}


def computed(ended: list[Ended]) -> list[int]:
    """The depths that were computed, not found."""
    return sorted(event.point.config.model.depth for event in ended if not event.reused)


def recordings(folder: Path) -> dict[str, dict[str, Any]]:
    """The arrays of every point of a sweep's folder."""
    runs = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    return {path.name: dict(open_run(path).recording) for path in runs}


def assert_same_bits(folder: Path, other: Path) -> None:
    ours, theirs = recordings(folder), recordings(other)
    assert ours.keys() == theirs.keys()
    for point, arrays in ours.items():
        assert arrays.keys() == theirs[point].keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, theirs[point][name], err_msg=f"{point} {name}")


def die(plain: dict[str, Any], data: Data, timeout: float | None) -> Result:
    """The point of the victim's depth kills its worker each time."""
    if plain["model"]["depth"] == VICTIM:
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(plain, data, timeout)


def die_once(plain: dict[str, Any], data: Data, timeout: float | None) -> Result:
    """Every point kills its worker the first time."""
    flag = Path(os.environ[FLAGS]) / str(plain["model"]["depth"])
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(plain, data, timeout)


def hang(plain: dict[str, Any], data: Data, timeout: float | None) -> Result:
    """The victim never ends, but by the clock that `compute_or_die` sets."""
    assert timeout is not None
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    if plain["model"]["depth"] == VICTIM:
        while True:
            time.sleep(1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return compute(plain, data, None)


def raise_error(plain: dict[str, Any], data: Data, timeout: float | None) -> Result:
    raise ImportError("no module named gradflow on this worker")


class Struck(Processes):
    """Worker processes that do something else instead of `compute`."""

    strike: Any

    @contextmanager
    def open(self) -> Iterator[Pool]:
        with super().open() as pool:
            yield replace(pool, compute=type(self).strike)


def struck(strike: Any) -> type[Struck]:
    return type("StruckByOne", (Struck,), {"strike": staticmethod(strike)})
