"""The files that the user names with -o, where what is there already is respected.

It is replaced if gradflow wrote it and nobody has changed it since, or if the user says so (`force`); never
if it is read-only, another user's, no regular file, or one of a run itself. Symbolic links are followed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gradflow.errors import InputError, Problem, RunError
from gradflow.store.marks import is_marked, marked
from gradflow.store.names import CONFIG, NOTE, OWN, PARTIAL, RUN, SWEEP, is_id, is_sweep
from gradflow.store.reading import read_bytes
from gradflow.store.writing import disk_errors, encoded, replace_file

LARGEST = 200_000_000  # bytes of a file in which a mark is looked for


def write_output(path: Path, content: str | bytes, *, mark: bool = False, force: bool = False) -> None:
    """Write a file wholly or not at all; text is UTF-8 with LF line ends. The old one's owner and mode stay.

    With `mark`, the file tells that gradflow wrote it. InputError where `require_output` has one, RunError if
    the disk fails.
    """
    target = require_output(path, mark=mark, force=force)
    data = encoded(content) if isinstance(content, str) else content
    with disk_errors(path):
        replace_file(target, lambda file: file.write(marked(data, path.suffix) if mark else data))


def is_written(path: Path, text: str) -> bool:
    """Whether a file holds just this text already."""
    try:
        return read_bytes(path, LARGEST) == encoded(text)
    except RunError:
        return False


def require_output(path: Path, *, mark: bool = False, force: bool = False) -> Path:
    """The file that `path` names, through links. InputError, with the remedy, if it must not be written."""
    try:
        target = Path(os.path.realpath(path))
        problem = _no_place(path, target) or _of_what_is_there(path, target, mark, force)
    except (OSError, ValueError) as error:  # too long, a loop of links, a NUL
        problem = f"is no file name ({getattr(error, 'strerror', None) or error}): give another"
    if problem:
        raise InputError(Problem(problem, source=str(path)))
    return target


def _no_place(path: Path, target: Path) -> str | None:
    """Why no file of the user's can stand there."""
    if not target.parent.is_dir():
        folder = target.parent if path.is_symlink() else path.parent
        return f"the folder {folder} does not exist: make it first"
    if PARTIAL in target.parts:
        return "is where runs are being written: choose another folder"
    if _is_of_a_run(target):
        return "is a run's own file: choose another name"
    return None


def _is_of_a_run(target: Path) -> bool:
    """Whether the name is one of ours in the folder of a run, or of what is left of one, or of a sweep."""
    folder = target.parent
    if target.name.lower() not in (*OWN, SWEEP, NOTE):  # some disks take both for one name
        return False
    there = {name for name in (*OWN, SWEEP) if os.path.lexists(folder / name)}
    return is_sweep(folder) or SWEEP in there or {RUN, CONFIG} <= there or bool(there and is_id(folder.name))


def _of_what_is_there(path: Path, target: Path, mark: bool, force: bool) -> str | None:
    """Why what stands there, or in the folder, is not written over."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return _of_folder(path, target)
    if stat.S_ISDIR(found.st_mode):
        return "is a directory: name a file in it"
    if not stat.S_ISREG(found.st_mode) or not os.path.lexists(target):  # an open file that has no name
        return "is not a regular file: name another"
    if os.geteuid() not in (0, found.st_uid):
        return "belongs to another user: choose another name"
    if not found.st_mode & stat.S_IWUSR or not os.access(target, os.W_OK):
        return "is read-only: make it writable, or choose another name"
    return _of_folder(path, target) or (None if force else _of_its_writer(path, target, mark))


def _of_folder(path: Path, target: Path) -> str | None:
    if os.access(target.parent, os.W_OK | os.X_OK):
        return None
    return f"the folder {path.parent} cannot be written to: choose another"


def _of_its_writer(path: Path, target: Path, mark: bool) -> str | None:
    """Why a file stays unless the user says otherwise."""
    if mark and _is_ours(target, path.suffix):
        return None
    what = "is there already, and not as gradflow wrote it" if mark else "is there already"
    return f"{what}: --force replaces it, or choose another name"


def _is_ours(target: Path, suffix: str) -> bool:
    try:
        return is_marked(read_bytes(target, LARGEST), suffix)
    except RunError:
        return False
