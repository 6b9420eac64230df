"""What a user put into a run's folder stays with the run: of a replaced one only gradflow's own files go."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gradflow.errors import RunError
from gradflow.store.names import OWN
from gradflow.store.writing import sync


def require_movable(folder: Path) -> None:
    """RunError if a folder that a user put into a run's could not be carried over; links are not followed."""
    for path in _kept(folder) if is_folder(folder) else ():
        if is_folder(path) and not os.access(path, os.W_OK) and path.stat().st_uid != os.geteuid():
            raise RunError("is another user's and cannot be carried over: move it out of the run", path)


def carry(old: Path, successor: Path) -> None:
    """Move what is not gradflow's from the folder of a replaced run to its successor's.

    A name that is taken there, as by our own files, gets a number. OSError for the first that cannot be
    moved, after all the rest.
    """
    refused = None
    for path in sorted(_kept(old), key=lambda path: (path.name in OWN, path)):
        try:
            _move(path, free(successor / path.name))
        except OSError as error:
            refused = refused or error
    sync(successor)
    if refused:
        raise refused


def discard(old: Path) -> None:
    """Remove gradflow's own files and the folder; what came into it meanwhile stays."""
    own = [old / name for name in OWN]
    for path in filter(_is_file, own):
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        old.rmdir()


def free(path: Path) -> Path:
    """The path, or if something is there the first of PATH.1, PATH.2, ... that is not taken."""
    number, found = 0, path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}.{number}")
    return found


def is_folder(path: Path) -> bool:
    """Whether a folder itself stands there, no link to one."""
    return path.is_dir() and not path.is_symlink()


def _kept(folder: Path) -> Iterator[Path]:
    """What is the user's; a folder or a link in the place of a file of gradflow's is, too."""
    for name in os.listdir(folder):
        if name not in OWN or not _is_file(folder / name):
            yield folder / name


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _move(path: Path, target: Path) -> None:
    """Rename; a folder without leave to write gets it for as long as that takes, to be given a new parent."""
    try:
        os.rename(path, target)
    except PermissionError:
        mode = path.lstat().st_mode
        if not stat.S_ISDIR(mode) or mode & stat.S_IWUSR:
            raise
        path.chmod(stat.S_IMODE(mode) | stat.S_IWUSR)
        try:
            os.rename(path, target)
        finally:
            (target if os.path.lexists(target) else path).chmod(stat.S_IMODE(mode))
