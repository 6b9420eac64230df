"""A whole run: its networks in one process and on all cores, in turn, in training time and as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from gradflow.threads import cores
from tests.bench.measure import pinned

WIDTHS = (64, 128, 256, 512)
CONFIG = """\
name: level
seeds: 4
model: {{depth: 50, width: {width}, activation: tanh, init: xavier_normal}}
training: {{steps: {steps}, batch_size: 128}}
"""
STEPS = {64: 2000, 128: 800, 256: 250, 512: 70}  # of about 10 s each on one core


def rows(rounds: int) -> Iterator[dict[str, Any]]:
    """For each width the seconds of the command, and of the training in it, and the gain by processes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        several = max(2, cores())
        for width in WIDTHS:
            (folder / "level.yaml").write_text(CONFIG.format(width=width, steps=STEPS[width]))
            timed: dict[int, list[tuple[float, float]]] = {1: [], several: []}
            for _ in range(rounds):
                for workers in timed:
                    timed[workers].append(_seconds(folder, workers))
            yield {"width": width, "workers": several, **_medians(timed[1], timed[several])}


def _medians(one: list[tuple[float, float]], several: list[tuple[float, float]]) -> dict[str, Any]:
    """Of the command and of the training in it the seconds by one process, and the gain by several."""
    found: dict[str, Any] = {"seconds": {}, "gain": {}}
    for place, what in enumerate(("command", "training")):
        alone, together = ([pair[place] for pair in pairs] for pairs in (one, several))
        found["seconds"][what] = median(alone)
        found["gain"][what] = median(a / b for a, b in zip(alone, together, strict=True))
    return found


def line(row: dict[str, Any]) -> str:
    """How many times as fast several processes are as one."""
    told = [f"{what} {row['seconds'][what]:.1f} s, {row['gain'][what]:.2f} times as fast on {row['workers']}"
            for what in ("training", "command")]  # fmt: skip
    return f"4 networks, depth 50, width {row['width']:<4} " + "  ".join(told)


def _seconds(folder: Path, workers: int) -> tuple[float, float]:
    command = [
        sys.executable,
        "-m",
        "gradflow",
        "run",
        "level.yaml",
        "--workers",
        str(workers),
        "--force",
        "-q",
    ]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OPENBLAS_NUM_THREADS": "1"}
    with pinned(workers):
        start = perf_counter()
        subprocess.run(command, cwd=folder, env=here, check=True, stdout=subprocess.DEVNULL)
        seconds = perf_counter() - start
    (info,) = folder.glob("runs/*/run.json")
    trained = json.loads(info.read_text())["times"]["seconds"]
    for path in info.parent.iterdir():
        path.unlink()
    info.parent.rmdir()
    return seconds, trained
