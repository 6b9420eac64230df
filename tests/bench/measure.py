"""Times contenders in turn, a round after the other, so that whatever slows the machine slows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from gradflow.threads import VARIABLES
from tests.bench.cases import Case

SLICE = 0.02  # seconds that a contender runs in a round
AGREEMENT = 1e-3  # of a natural logarithm of a norm of step 1; rounding differs by 1e-5
THREADS = (*VARIABLES, "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Timing:
    """One contender's steps: seconds and ratio to the first contender's, each as quartiles (25, 50, 75%).

    `least` is the ratio of the least times, which moves less where others use the machine.
    """

    name: str
    seconds: tuple[float, ...]
    ratio: tuple[float, ...]
    least: float
    megabytes: float


class Contender:
    """The process of one contender, of the version in `folder`; it sleeps while it is not asked."""

    def __init__(self, name: str, folder: str, case: Case, threads: int, clock: str) -> None:
        self.name, self.count, self.megabytes = name, 1, 0.0
        command = [sys.executable, "-m", "tests.bench.worker", name, json.dumps(case.spoken), clock]
        env = os.environ | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": ""}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=folder
        )

    def start(self) -> list[float]:
        """Wait until it is built; the norms of its first step. Then find how many steps fill a slice."""
        built = self._answer()
        norms: list[float] = built["norms"]
        self.megabytes = built["megabytes"]
        self.ask()
        self.count = max(1, round(SLICE / self.ask()))
        return norms

    def ask(self) -> float:
        """Seconds a step, over one slice."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.count}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def stop(self) -> None:
        """Let the process end."""
        self.process.communicate()

    def _answer(self):  # type: ignore[no-untyped-def]
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended before its time")
        return json.loads(line)


def measure(
    case: Case, who: dict[str, tuple[str, str]], threads: int, rounds: int, clock: str
) -> list[Timing]:
    """Timings of all, ratios taken within a round to the first; first all must agree on step 1.

    `who` is, by the name in the table, the contender and the folder of its version.
    """
    with pinned(threads), _running(case, who, threads, clock) as contenders:
        check({name: c.start() for name, c in contenders.items()})
        times = np.array([[c.ask() for c in contenders.values()] for _ in range(rounds)])
    ratios = times / times[:, :1]
    quartiles = [0.25, 0.5, 0.75]
    return [
        Timing(
            name,
            tuple(map(float, np.quantile(times[:, i], quartiles))),
            tuple(map(float, np.quantile(ratios[:, i], quartiles))),
            float(times[:, i].min() / times[:, 0].min()),
            c.megabytes,
        )
        for i, (name, c) in enumerate(contenders.items())
    ]


def check(norms: dict[str, list[float]]) -> None:
    """Every contender that tells its norms tells the same."""
    told = {name: np.array(values) for name, values in norms.items() if values}
    for name, values in told.items():
        reference = next(iter(told.values()))
        if not np.allclose(values, reference, rtol=0, atol=AGREEMENT):
            worst = float(np.abs(values - reference).max())
            raise SystemExit(
                f"{name} computes other norms than {next(iter(told))}: ln differs by {worst:.2g}"
            )


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Processes that start here, and this one, run on as many of the cores as they have threads."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def _running(
    case: Case, who: dict[str, tuple[str, str]], threads: int, clock: str
) -> Iterator[dict[str, Contender]]:
    contenders = {name: Contender(*each, case, threads, clock) for name, each in who.items()}
    try:
        yield contenders
    finally:
        for contender in contenders.values():
            contender.stop()
