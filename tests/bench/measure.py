"""Times contenders in turn, a round after the other, so that whatever slows the machine slows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np

from tests.bench.cases import Case

SLICE = 0.04  # seconds that a contender runs in a round
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Contender:
    """The process of one contender; it sleeps while it is not asked."""

    def __init__(self, name: str, case: Case, threads: int) -> None:
        self.name, self.times, self.count = name, list[float](), 1
        command = [sys.executable, "-m", "tests.bench.worker", name, json.dumps(case.document())]
        env = os.environ | dict.fromkeys(THREADS, str(threads)) | {"BENCH_THREADS": str(threads)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def start(self) -> list[float]:
        """Wait until it is built; the norms of its first step. Then find how many steps fill a slice."""
        norms: list[float] = json.loads(self._line())
        self.ask()
        self.count = max(1, round(SLICE / self.ask()))
        return norms

    def ask(self) -> float:
        """Seconds a step, over one slice."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.count}\n")
        self.process.stdin.flush()
        return float(json.loads(self._line()))

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} died")
        return line

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


@dataclass
class Timing:
    """Seconds a step of each contender, and the ratio to the first: (quartile, median, quartile)."""

    case: Case
    threads: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    disagreement: dict[str, float] = field(default_factory=dict)


def measure(case: Case, names: list[str], threads: int, rounds: int) -> Timing:
    """Interleaved rounds; ratios are taken within a round."""
    contenders = [Contender(name, case, threads) for name in names]
    norms = {c.name: c.start() for c in contenders}
    times = np.array([[c.ask() for c in contenders] for _ in range(rounds)])
    for c in contenders:
        c.stop()
    timing = Timing(case, threads)
    for i, name in enumerate(names):
        timing.seconds[name] = list(np.quantile(times[:, i], [0.25, 0.5, 0.75]))
        timing.ratios[name] = list(np.quantile(times[:, i] / times[:, 0], [0.25, 0.5, 0.75]))
    reference = norms.get("engine")
    for name, mine in norms.items():
        if mine and reference:
            timing.disagreement[name] = float(np.abs(np.subtract(mine, reference)).max())
    return timing
