"""Room for a record that may outgrow the memory: arrays in nameless files beside the run being written.

Their pages are the file's, so the memory that a run takes does not grow with its steps.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.store.writing import disk_errors

SPOOLED = 32 << 20  # bytes of a record from which it goes to files


def is_large(size: int) -> bool:
    """Whether a record of `size` bytes goes to files, where the system can reserve their place."""
    return size >= SPOOLED and hasattr(os, "posix_fallocate")


def room(folder: Path, size: int) -> Callable[[tuple[int, ...]], Array]:
    """What makes the arrays of a record of `size` bytes: memory if that is little, else files in `folder`."""
    return partial(_allocate, folder) if is_large(size) else np.empty


def _allocate(folder: Path, shape: tuple[int, ...]) -> Array:
    """An array in a file that has no name and goes with the array.

    The whole file gets its place on the disk now: RunError if there is none, and no fault later.
    """
    size = 8 * prod(shape)
    with disk_errors(folder), TemporaryFile(dir=folder) as file:
        _reserve(file.fileno(), size)
        return np.frombuffer(mmap.mmap(file.fileno(), size)).reshape(shape)


def _reserve(file: int, size: int) -> None:
    """Take `size` bytes of the disk; OSError where it has not as many.

    The system would take all there are before it says so, and for that moment refuse everybody else.
    """
    disk = os.fstatvfs(file)
    if disk.f_blocks and size > disk.f_bavail * disk.f_frsize:  # some disks of the network do not tell
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.posix_fallocate(file, 0, size)


def forget(arrays: Iterable[Array]) -> None:
    """Take the pages of arrays that stand in files out of memory; reading brings them back."""
    for array in arrays:
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap):
            base.obj.madvise(mmap.MADV_DONTNEED)
