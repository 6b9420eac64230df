"""The run directory of a recording: rows into `.partial` as they come, published when it is closed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from gradflow.errors import InputError, RunError
from gradflow.outside.recorded import plain, publish, recover
from gradflow.runs_folder import runs_folder
from gradflow.store.names import is_id
from gradflow.store.run import Run
from gradflow.store.stream import Stream, left, read_stream


class Saved:
    """Where a recording is saved: a path, RUNS/NAME, or a name alone, for one where runs are kept."""

    def __init__(self, save: Path, resume: bool, seed: int) -> None:
        runs, self.name = place_of(save)
        self.runs = runs.absolute()  # wherever the training goes
        self.resume, self.seed = resume, seed
        self.stream: Stream | None = None
        self.again: str | None = None  # the id of a recording that was killed, which may go on
        if not is_id(f"{self.name}-00000000"):
            raise InputError(f"save={str(save)!r}: name the run by letters, digits, '.', '_' and '-'")

    def recover(self, model: str) -> int:
        """Publish what killed processes left, but for the record of this `model` class that goes on.

        The step to go on from, 0 if there is no such record.
        """
        step = 0
        for id in left(self.runs):
            try:
                head, rows = read_stream(self.runs, id)
            except RunError:  # it has not even a head, and stays as what else cannot be published
                continue
            same = head.get("name"), head.get("watched"), head.get("seed")
            if self.resume and same == (self.name, model, self.seed):
                self.again = id
                step = max((int(row["step"]) for row in rows), default=-1) + 1
        if self.again is None:
            recover(self.runs)
        return step

    def begin(self, head: dict[str, Any], say: Callable[[str], None]) -> None:
        """Open the record at its first row: the one that was left, if its points are the same."""
        head = {**head, "name": self.name, "started": _now()}
        if self.again is not None and read_stream(self.runs, self.again)[0]["layers"] == head["layers"]:
            say(f"goes on with {self.again}; resume=False begins a new recording")
            self.stream = Stream(self.runs, self.again, head)
            return
        recover(self.runs)
        head["digest"] = digest_of(head)
        self.stream = Stream(self.runs, f"{self.name}-{head['digest'][:8]}", plain(head))

    def add(self, row: dict[str, Any]) -> None:
        """Write a row, or what came later of one."""
        if self.stream is not None:
            self.stream.add(plain(row))

    def publish(self, say: Callable[[str], None]) -> Run | None:
        """Show the run; None if no row was recorded."""
        if self.stream is None:
            return None
        with self.stream:
            run = publish(self.stream.claimed)
        say(f"saved as {run.path}: gradflow show {run.path}")
        return run


def run_name(kind: str) -> str:
    """The name of a run that is not saved: its model's class, of what a run's name may hold."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", kind).lstrip("._-")[:90] or "model"


def place_of(save: Path) -> tuple[Path, str]:
    """The folder of runs and the name in it."""
    return (save.parent if save.parent != Path() else runs_folder()), save.name


def digest_of(head: dict[str, Any]) -> str:
    """The identity of a recording: its name, its model's class and when it began."""
    known = [head[key] for key in ("name", "watched", "started", "seed")]
    return sha256(dumps(known).encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat()
