"""Two arrays of a NumPy .npz file as data; what the archive declares is checked before an array is read."""

from __future__ import annotations

import os
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from gradflow.data.base import (
    ADDED,
    Array,
    Data,
    Dataset,
    Seed,
    TestFraction,
    prepare,
    refused,
    require_memory,
)
from gradflow.data.files import open_regular, require_unchanged
from gradflow.data.targets import Task, classes_of, decide
from gradflow.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMED = 8  # arrays of a file that an error names
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Npz(Dataset):
    """The arrays named `x` and `y` of a file written by numpy.savez or savez_compressed.

    x: numbers, (samples, features); further axes are flattened. y: (samples,) or (samples, outputs), which
    `usual_task` takes for classes, sorted by value, or for values, standardised with the features, unless
    `task` says. What could be both is refused.
    """

    name = "npz"
    path: str
    x: str = "x"
    y: str = "y"
    standardize: bool = True
    test_fraction: TestFraction = 0.2
    seed: Seed = 0
    sha256: str | None = None
    task: Task | None = field(default=None, metadata=ADDED)

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


@dataclass(frozen=True)
class _Header:
    """What an array's header declares; nothing of the array itself has been read."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def memory(self) -> int:
        """Bytes of the array and of its float64 copy."""
        return prod(self.shape) * (self.dtype.itemsize + 8)

    @property
    def problem(self) -> str | None:
        """Why this cannot be samples or targets."""
        if self.dtype.kind not in "biuf" or self.dtype.itemsize > 8:
            return f"holds {self.dtype} values: save numbers of at most 64 bits (labels as integers)"
        if not self.shape or min(self.shape) < 1:
            return f"has shape {self.shape}: it must hold at least one sample"
        return None


def _read(path: Path, names: dict[str, str]) -> tuple[list[Array], str]:
    """The arrays of these names (by config key), x before y, and the sha256 of the file's bytes."""
    source = str(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        require_memory(size, "the file", "", source)
        content = file.read(size)
    with _damage_refused(source), zipfile.ZipFile(BytesIO(content)) as archive:
        x, y = (_header(archive, name, key, source) for key, name in names.items())
        _require_pair(x, y, source)
        require_memory(x.memory + y.memory, "its arrays", "", source)
        return [_array(archive, x.name), _array(archive, y.name)], sha256(content).hexdigest()


@contextmanager
def _damage_refused(source: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy's header reader raise a dozen unrelated classes
        message = "not a readable npz file: write it with numpy.savez or numpy.savez_compressed"
        raise refused(message, source=source) from error


def _header(archive: zipfile.ZipFile, name: str, key: str, source: str) -> _Header:
    held = [member.removesuffix(".npy") for member in archive.namelist()]
    if name not in held:
        there = ", ".join(repr(one[:40]) for one in held[:_NAMED]) + ", ..." * (len(held) > _NAMED)
        hint = did_you_mean(name, held)
        raise refused(f"{source} holds no array {name!r}: it holds {there or 'none'}{hint}", key)
    if archive.getinfo(f"{name}.npy").compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile("a bzip2 or lzma member inflates without bound; NumPy writes none")
    with archive.open(f"{name}.npy") as member:
        shape, _, dtype = _HEADERS[npy.read_magic(member)](member)
    header = _Header(name, shape, dtype)
    if header.problem:
        raise refused(header.problem, name, source)
    return header


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    with archive.open(f"{name}.npy") as member:
        array: Array = npy.read_array(member, allow_pickle=False)
        if member.read(1):  # the checksum is looked at where the member ends, and nowhere before
            raise zipfile.BadZipFile("more bytes than the header declares")
    return array


def _require_pair(x: _Header, y: _Header, source: str) -> None:
    """Refuse shapes that are not samples and their targets."""
    if len(x.shape) < 2:
        raise refused(f"has shape {x.shape}: it must be (samples, features)", x.name, source)
    if len(y.shape) > 2:
        message = f"has shape {y.shape}: it must be (samples,) or (samples, outputs)"
        raise refused(message, y.name, source)
    if x.shape[0] != y.shape[0]:
        message = f"holds {y.shape[0]} targets for the {x.shape[0]} samples of {x.name!r}"
        raise refused(message, y.name, source)


def _require_finite(array: Array, name: str, source: str) -> None:
    if not np.isfinite(array.min()) or not np.isfinite(array.max()):
        sample = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        raise refused(f"sample {sample} (from 0) holds a value that is not finite", name, source)
