"""Small disks of their own, mounted for a while."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs import disks, program

MOMENTS = 50  # of a tenth of a second, that something may still be busy with a disk


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """A folder with a disk mounted on it."""
    disks()
    place.mkdir()
    subprocess.run(["mount", *options, str(place)], check=True)
    try:
        yield place
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    """multiprocessing's tracker, which has the folder of its command, ends a moment after it."""
    for _ in range(MOMENTS):
        if subprocess.run(["umount", str(place)], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # nothing must be left to the tests after
    raise OSError(f"{place} is still busy")


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A disk in memory, of pages of 4 kB."""
    with mounted(place, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs") as disk:
        yield disk


def fill(disk: Path, kilobytes_left: int) -> Path:
    """A file that leaves so much of a disk free."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(free - kilobytes_left * 1024))
    return filler


def limit_files(disk: Path, more: int) -> None:
    """Let so many new files and folders onto a disk in memory."""
    used = os.statvfs(disk).f_files - os.statvfs(disk).f_ffree
    subprocess.run(["mount", "-o", f"remount,nr_inodes={used + more}", str(disk)], check=True)


def make_image(image: Path) -> None:
    """A file that holds an empty disk of 20 MB."""
    program("mkfs.ext4", "e2fsck")
    with image.open("wb") as file:
        file.truncate(20_000_000)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
