"""The arrays of an .npz file, nothing of which is believed: no pickle, and no more than a header declares."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.lib import format as npy

from gradflow.arrays import Array
from gradflow.errors import GradflowError

_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_PIECE = 1 << 20
_PLAIN = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))  # bzip2 and lzma inflate without bound


class Header(NamedTuple):
    """What an array declares; nothing of the array itself has been read."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The bytes of the array."""
        return prod(self.shape) * self.dtype.itemsize


class Archive:
    """An open .npz file; whatever its methods raise becomes the error that `open_npz` was given."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.names = [name.removesuffix(".npy") for name in file.namelist()]
        self.size = sum(member.file_size for member in file.infolist())  # bytes, as it declares

    def header(self, name: str) -> Header:
        """What the array of this name declares."""
        with self._file.open(f"{name}.npy") as member:
            return read_header(cast(BinaryIO, member))

    def array(self, name: str) -> Array:
        """The array of this name, all of it and nothing after it, so that its checksum is looked at."""
        with self._file.open(f"{name}.npy") as member:
            return read_array(cast(BinaryIO, member), self._file.getinfo(f"{name}.npy").file_size)


@contextmanager
def open_npz(file: BinaryIO, damage: Exception, *, stored: bool = False) -> Iterator[Archive]:
    """The archive that a file holds; `damage` is raised for one that cannot be read, here or later.

    It may be compressed as NumPy does it, and not at all if it is to be `stored`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            allowed = {zipfile.ZIP_STORED} if stored else _PLAIN
            if not {member.compress_type for member in archive.infolist()} <= allowed:
                raise zipfile.BadZipFile("members compressed in a way that is not NumPy's")
            yield Archive(archive)
    except GradflowError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy's header reader raise a dozen unrelated classes
        raise damage from error


def read_header(file: BinaryIO) -> Header:
    """The header of an array in NumPy's format, at the start of a file."""
    return Header(*_READERS[npy.read_magic(file)](file))


def read_array(file: BinaryIO, most: int) -> Array:
    """The array, of at most so many bytes, that a file in NumPy's format holds, and nothing else."""
    header = read_header(file)
    if header.dtype.hasobject or header.size > most:
        raise ValueError("a pickle, or more than the file can hold")
    flat = np.empty(prod(header.shape), header.dtype)
    filled = 0
    while filled < header.size:
        content = file.read(min(_PIECE, header.size - filled))
        if not content:
            raise ValueError("cut short")
        flat.view(np.uint8)[filled : filled + len(content)] = np.frombuffer(content, np.uint8)
        filled += len(content)
    if file.read(1):
        raise ValueError("more bytes than the header declares")
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """Write an array as np.savez does, byte for byte, from where it stands: that copies 16 MB at a time."""
    array = np.asarray(array, order="C")
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(array))
        member.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
