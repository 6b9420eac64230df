"""state.npz: what the networks of a finished run hand on, so that one of more steps goes on from there."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from gradflow.errors import RunError
from gradflow.store.archive import STATE_FORMAT, Arrays, read_stored, seal
from gradflow.store.catalog import inside, standing
from gradflow.store.names import STATE
from gradflow.store.reading import damaged
from gradflow.store.run import open_run

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.store.info import Versions
    from gradflow.store.run import Run


def read_state(run: Run) -> Arrays:
    """The state that a run was saved with. RunError if it is another one, or damaged."""
    state = read_stored(run.path / STATE)
    if seal(state) != run.info["state"]["sha256"]:
        raise damaged(run.path / STATE, "has not the sha256 of run.json")
    return state


class Begun:
    """Finished runs anywhere in a runs folder that kept their state, as these versions left it.

    The folder is looked through when it is first asked for.
    """

    def __init__(self, runs: Path, versions: Versions) -> None:
        self._runs, self._versions = runs, versions

    @cached_property
    def _ends(self) -> dict[str, list[tuple[int, Path]]]:
        """The steps and the place of each run, by stem."""
        found: dict[str, list[tuple[int, Path]]] = {}
        top = standing(self._runs)
        for path in (*top, *inside(top)):
            self._take(path, found)
        return found

    def add(self, path: Path) -> None:
        """Take note of a run that was saved since."""
        self._take(path, self._ends)

    def before(self, stem: str, steps: int) -> list[Path]:
        """Those of a stem and fewer steps, the longest first."""
        found = [(step, path) for step, path in self._ends.get(stem, []) if 0 < step < steps]
        return [path for _, path in sorted(found, key=lambda one: one[0], reverse=True)]

    def _take(self, path: Path, found: dict[str, list[tuple[int, Path]]]) -> None:
        if not os.path.lexists(path / STATE):
            return
        with suppress(RunError):
            run = open_run(path)
            state = run.info.get("state")
            alike = run.status == "completed" and run.info["versions"] == self._versions
            if alike and state is not None and state["format"] == STATE_FORMAT:
                found.setdefault(state["stem"], []).append((state["step"], path))
