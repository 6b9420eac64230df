"""Archives of a state, which is all that a training hands on; a checkpoint tells of what it is, too."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from gradflow.arrays import Array
from gradflow.files.npz import open_npz, write_member
from gradflow.store.reading import damaged, open_file, parse_json
from gradflow.store.writing import json_bytes

Arrays = dict[str, Array]

STATE_FORMAT = 5  # 2 has evaluations, 3 correlations and what clipping left, 4 critical rates, 5 a last block
ABOUT, SEAL = "about", "seal"  # arrays of bytes beside a checkpoint's: whose it is, and the seal of the rest


def write_state(file: BinaryIO, state: dict[str, Any]) -> None:
    """Write the arrays as an archive that is not compressed."""
    with ZipFile(file, "w") as archive:
        for name, array in state.items():
            write_member(archive, name, array)


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


def _bytes(content: bytes) -> Array:
    return np.frombuffer(content, np.uint8)
