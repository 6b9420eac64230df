"""A whole run: its networks in one process and on two cores, in turn, in training time and as a command."""

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

WIDTHS = (64, 128, 256, 512)
CONFIG = """\
name: level
seeds: 4
model: {{depth: 50, width: {width}, activation: tanh, init: xavier_normal}}
training: {{steps: {steps}, batch_size: 128}}
"""
STEPS = {64: 2000, 128: 800, 256: 250, 512: 70}  # of about 10 s each on one core
WORKERS = (1, 2)


def rows(rounds: int) -> Iterator[dict[str, Any]]:
    """For each width the seconds by number of processes: all of the command, and of the training in it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for width in WIDTHS:
            (folder / "level.yaml").write_text(CONFIG.format(width=width, steps=STEPS[width]))
            timed: dict[int, list[tuple[float, float]]] = {workers: [] for workers in WORKERS}
            for _ in range(rounds):
                for workers in WORKERS:
                    timed[workers].append(_seconds(folder, workers))
            found = {n: [median(one) for one in zip(*pairs, strict=True)] for n, pairs in timed.items()}
            yield {"width": width, "command": {n: s[0] for n, s in found.items()},
                   "training": {n: s[1] for n, s in found.items()}}  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """How many times as fast two processes are as one."""
    told = [f"{what} {row[what][1]:.1f} s, {row[what][1] / row[what][2]:.2f} times as fast on two"
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
    start = perf_counter()
    subprocess.run(command, cwd=folder, env=here, check=True, stdout=subprocess.DEVNULL)
    (info,) = folder.glob("runs/*/run.json")
    seconds = perf_counter() - start, json.loads(info.read_text())["times"]["seconds"]
    for path in info.parent.iterdir():
        path.unlink()
    info.parent.rmdir()
    return seconds
