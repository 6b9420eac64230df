"""state.npz: what the networks of a finished run hand on, so that one of more steps goes on from there."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gradflow.errors import RunError
from gradflow.files.npz import open_npz
from gradflow.store.catalog import inside, standing
from gradflow.store.names import STATE
from gradflow.store.reading import damaged, open_file, parse_json
from gradflow.store.run import open_run
from gradflow.store.writing import json_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.store.info import Versions
    from gradflow.store.run import Run

Arrays = dict[str, NDArray[Any]]

STATE_FORMAT = 5  # 2 has evaluations, 3 correlations and what clipping left, 4 critical rates, 5 a last block
ABOUT, SEAL = "about", "seal"  # arrays of bytes beside a checkpoint's: whose it is, and the seal of the rest


def write_state(file: BinaryIO, state: dict[str, Any]) -> None:
    """Write the arrays as an archive that is not compressed."""
    np.savez(file, **state)


def read_stored(path: Path) -> Arrays:
    """The arrays of such an archive. RunError for one with a member that would be inflated."""
    with open_file(path) as file, open_npz(file, damaged(path, "is damaged"), stored=True) as archive:
        return {name: archive.array(name) for name in archive.names}


def seal(state: Arrays) -> str:
    """sha256 (64 hex) of names, types, shapes and bytes."""
    digest = sha256()
    for name, array in sorted(state.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def write_sealed(file: BinaryIO, state: Arrays, about: dict[str, Any]) -> None:
    """Write a state that tells what it is of, with the seal of both."""
    told = {**state, ABOUT: _bytes(json_bytes(about))}
    write_state(file, {**told, SEAL: _bytes(seal(told).encode())})


def read_sealed(path: Path) -> tuple[dict[str, Any], Arrays]:
    """What a state tells of itself, and the state. RunError if it is missing or not as it was sealed."""
    state = read_stored(path)
    found = state.pop(SEAL, _bytes(b""))
    if found.tobytes() != seal(state).encode() or ABOUT not in state:
        raise damaged(path, "has not the sha256 of its seal")
    about: dict[str, Any] = parse_json(state.pop(ABOUT).tobytes(), path)
    return about, state


def _bytes(content: bytes) -> NDArray[Any]:
    return np.frombuffer(content, np.uint8)


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
