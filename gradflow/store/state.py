"""state.npz: what the networks of a finished run hand on, so that one of more steps goes on from there."""

from __future__ import annotations

import os
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


def begun(runs: Path, stem: str, steps: int, versions: Versions) -> list[Run]:
    """Finished runs of this stem and fewer steps that kept their state, the longest first.

    They stand anywhere in a runs folder, and these versions computed them.
    """
    top = standing(runs)
    found = [run for path in (*top, *inside(top)) if (run := _with_state(path, stem, versions))]
    shorter = [run for run in found if 0 < run.info["state"]["step"] < steps]
    return sorted(shorter, key=lambda run: run.info["state"]["step"], reverse=True)


def _with_state(path: Path, stem: str, versions: Versions) -> Run | None:
    if not os.path.lexists(path / STATE):
        return None
    try:
        run = open_run(path)
    except RunError:
        return None
    state = run.info.get("state")
    alike = state is not None and (state["format"], state["stem"]) == (STATE_FORMAT, stem)
    return run if alike and run.info["versions"] == versions and run.status == "completed" else None
