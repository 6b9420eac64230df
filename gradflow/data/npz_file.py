"""Two arrays of a NumPy .npz file as data; what the archive declares is checked before an array is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import doc

from gradflow.arrays import Array
from gradflow.data.base import Data, Dataset, Seed, Standardize, TestFraction, prepare, require_memory
from gradflow.data.csv_header import listed
from gradflow.data.files import DataFile, Sha256, open_regular, require_unchanged
from gradflow.data.targets import Stated, Task, classes_of, decide
from gradflow.errors import did_you_mean, refused
from gradflow.files.npz import Archive, Header, open_npz
from gradflow.formats import ADDED


@dataclass(frozen=True)
class Npz(Dataset):
    """The arrays named `x` and `y` of a file written by numpy.savez or savez_compressed.

    x: numbers, (samples, features); further axes are flattened. y: (samples,) or (samples, outputs), which
    `usual_task` takes for classes, sorted by value, or for values, standardised with the features, unless
    `task` says. What could be both is refused.
    """

    name = "npz"
    path: DataFile
    x: Annotated[str, doc("The array of samples.")] = "x"
    y: Annotated[str, doc("The array of targets.")] = "y"
    standardize: Standardize = True
    test_fraction: TestFraction = 0.2
    seed: Seed = 0
    sha256: Sha256 = None
    task: Stated = field(default=None, metadata=ADDED)

    def load(self, base: Path) -> Data:
        (x, y), digest = _read(base / self.path, {"data.x": self.x, "data.y": self.y})
        require_unchanged(self.sha256, digest)
        source = str(base / self.path)
        _require_finite(x, self.x, source)
        _require_finite(y, self.y, source)
        y = y[:, 0] if y.ndim > 1 and y.shape[1] == 1 else y
        first: Task = "regression" if y.dtype.kind == "f" else "classification"
        task = decide(y, self.task or (first if self.sha256 else None), repr(self.y))
        keys = {"sha256": digest} if task == (self.task or first) else {"sha256": digest, "task": task}
        return prepare(
            x.reshape(len(x), -1),
            classes_of(y, self.y, source) if task == "classification" else y.reshape(len(y), -1),
            classes=task == "classification",
            standardize=self.standardize,
            test_fraction=self.test_fraction,
            seed=self.seed,
            keys=keys,
        )


def _read(path: Path, names: dict[str, str]) -> tuple[list[Array], str]:
    """The arrays of these names (by config key), x before y, and the sha256 of the file's bytes."""
    source = str(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        require_memory(size, "the file", "", source)
        content = file.read(size)
    unreadable = "not a readable npz file: write it with numpy.savez or numpy.savez_compressed"
    with open_npz(BytesIO(content), refused(unreadable, source=source)) as archive:
        x, y = (_header(archive, name, key, source) for key, name in names.items())
        _require_pair(x, y, [*names.values()], source)
        # the float64 copy of an array takes 8 bytes a number more
        memory = sum(header.size + 8 * prod(header.shape) for header in (x, y))
        require_memory(memory, "its arrays", "", source)
        return [archive.array(name) for name in names.values()], sha256(content).hexdigest()


def _header(archive: Archive, name: str, key: str, source: str) -> Header:
    """What an array declares; refused if it cannot be samples or targets."""
    held = archive.names
    if name not in held:
        hint = did_you_mean(name, held)
        raise refused(f"{source} holds no array {name!r}: it holds {listed(held) or 'none'}{hint}", key)
    header = archive.header(name)
    if header.dtype.kind not in "biuf" or header.dtype.itemsize > 8:
        remedy = "save numbers of at most 64 bits (labels as integers)"
        raise refused(f"holds {header.dtype} values: {remedy}", name, source)
    if not header.shape or min(header.shape) < 1:
        missing = "sample" if not header.shape or header.shape[0] < 1 else "value a sample"
        raise refused(f"has shape {header.shape}: it must hold at least one {missing}", name, source)
    return header


def _require_pair(x: Header, y: Header, names: list[str], source: str) -> None:
    """Refuse shapes that are not samples and their targets."""
    if len(x.shape) < 2:
        raise refused(f"has shape {x.shape}: it must be (samples, features)", names[0], source)
    if len(y.shape) > 2:
        message = f"has shape {y.shape}: it must be (samples,) or (samples, outputs)"
        raise refused(message, names[1], source)
    if x.shape[0] != y.shape[0]:
        message = f"holds {y.shape[0]} targets for the {x.shape[0]} samples of {names[0]!r}"
        raise refused(message, names[1], source)


def _require_finite(array: Array, name: str, source: str) -> None:
    if not np.isfinite(array.min()) or not np.isfinite(array.max()):
        sample = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        raise refused(f"sample {sample} (from 0) holds a value that is not finite", name, source)
