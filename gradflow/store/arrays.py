"""recording.npz: float64 arrays, uncompressed; the same arrays give the same bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gradflow.arrays import Array
from gradflow.evaluation import EVALUATED, STEP
from gradflow.files.npz import Archive, open_npz, write_member
from gradflow.nn.parts.factors import factor_arrays
from gradflow.recording import LATER, LATER_PER_NETWORK, NORMS, STATISTICS, Recording
from gradflow.store.info import ArrayInfo
from gradflow.store.reading import damaged, open_file
from gradflow.store.spool import forget

FLOAT = np.dtype("<f8")
OVERHEAD = 1024  # bytes that the archive may add to an array: its header, and its entries in the zip


def describe(recording: Recording) -> dict[str, ArrayInfo]:
    """Shape and sha256 of each array, for run.json."""
    described = {}
    for name, array in recording.items():
        described[name] = ArrayInfo(shape=list(array.shape), sha256=sha256(_bytes(array).data).hexdigest())
        forget([array])
    return described


def write_arrays(file: BinaryIO, recording: Recording) -> None:
    """Write the archive as np.savez does, array by array; its members have no dates."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in recording.items():
            write_member(archive, name, _bytes(array))
            forget([array])


def read_arrays(path: Path, declared: Mapping[str, ArrayInfo]) -> Recording:
    """The arrays, read-only, each checked against its declared shape before and its sha256 after reading."""
    _require_layout(path, {name: tuple(array["shape"]) for name, array in declared.items()})
    unreadable = damaged(path, "is not a readable npz file")
    with open_file(path) as file, open_npz(file, unreadable, stored=True) as archive:
        content = sum(8 * prod(array["shape"]) for array in declared.values())
        excess = os.fstat(file.fileno()).st_size - content
        if not 0 <= excess <= OVERHEAD * (len(declared) + 1):
            raise damaged(path, "has not the size of the arrays in run.json")
        if sorted(archive.names) != sorted(declared):
            raise damaged(path, "does not hold the arrays of run.json")
        return {name: _read(archive, name, declared[name], path) for name in declared}


def _bytes(array: Array) -> NDArray[np.float64]:
    return np.ascontiguousarray(array, FLOAT)


def _read(archive: Archive, name: str, declared: ArrayInfo, path: Path) -> NDArray[np.float64]:
    if archive.header(name) != (tuple(declared["shape"]), False, FLOAT):
        raise damaged(path, f"the array {name} has not the shape that run.json tells")
    array = archive.array(name)
    if sha256(array.data).hexdigest() != declared["sha256"]:
        raise damaged(path, f"the array {name} has not the sha256 of run.json")
    array.setflags(write=False)
    return array


def _require_layout(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse a run.json whose arrays are not those of a run: steps x layers x networks, none of them 0."""
    steps, layers, seeds = (*shapes.get(NORMS[0], ()), 0, 0, 0)[:3]
    expected = {"step": (steps,), "loss": (steps, seeds)}
    later = [name for name in LATER if name in shapes]
    names = (*NORMS, *factor_arrays(shapes).values(), *STATISTICS, *later)
    expected |= dict.fromkeys(names, (steps, layers, seeds))
    expected |= {name: (steps, seeds) for name in LATER_PER_NETWORK if name in shapes}
    curves = {name: shape for name, shape in shapes.items() if name in (STEP, *EVALUATED)}
    if curves:
        evaluations = (*curves.get(STEP, ()), 0)[0]
        expected |= dict.fromkeys((*curves, "loss_train"), (evaluations, seeds)) | {STEP: (evaluations,)}
        steps = min(steps, evaluations)
    if min(steps, layers, seeds) < 1 or not expected.items() <= shapes.items():
        raise damaged(path.parent, "run.json does not declare the arrays of a run")
