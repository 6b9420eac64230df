"""What tests drive beside Python: where it is missing they are skipped, with the package that brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache

import pytest

NEEDS = "needs "  # begins the reason of every such skip
PACKAGES = {  # program -> Debian's package
    "bash": "bash",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "e2fsck": "e2fsprogs",
    "gcc": "gcc",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "pdftotext": "poppler-utils",
    "prlimit": "util-linux",
    "script": "bsdutils",
    "setpriv": "util-linux",
    "strace": "strace",
    "unshare": "util-linux",
    "zsh": "zsh",
}


def program(*names: str) -> str:
    """The path of the first of some programs; skips the test if one of them is not there."""
    missing = {PACKAGES[name]: name for name in names if shutil.which(name) is None}
    if missing:
        pytest.skip(f"{NEEDS}{', '.join(missing.values())}: apt-get install {' '.join(missing)}")
    return str(shutil.which(names[0]))


AS_ROOT = f"{NEEDS}root: run the tests as root, or in a container"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=AS_ROOT)


def nobody() -> list[str]:
    """What starts a command as a user who may write nowhere."""
    if os.geteuid() != 0:
        pytest.skip(AS_ROOT)
    return [program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"]


def disks() -> None:
    """Skip the test unless it can mount a disk of its own."""
    if os.geteuid() != 0:
        pytest.skip(AS_ROOT)
    program("mount")
    if not _mounts():
        pytest.skip(f"{NEEDS}leave to mount a disk, which this container does not give")


def tracer() -> None:
    """Skip the test unless it can trace the system calls of another process."""
    program("strace")
    if not _traces():
        pytest.skip(f"{NEEDS}leave to trace a process, which this container does not give")


@cache
def _mounts() -> bool:
    with tempfile.TemporaryDirectory() as place:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", place], check=False, stderr=subprocess.DEVNULL
        )
        return mounted.returncode == 0 and subprocess.run(["umount", place], check=True).returncode == 0


@cache
def _traces() -> bool:
    command = ["strace", "-f", "-o", os.devnull, "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
