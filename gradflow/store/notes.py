"""note.json: what a user says of a run or sweep; outside the digest, and carried over to its successor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from msgspec.json import Decoder

from gradflow.errors import InputError, Problem, RunError
from gradflow.store.carry import free
from gradflow.store.names import NOTE, is_point
from gradflow.store.partial import claim
from gradflow.store.reading import damaged, read_bytes
from gradflow.store.sweeps import same_time
from gradflow.store.typed import UNREADABLE
from gradflow.store.writing import disk_errors, json_bytes, replace_file, sync

if TYPE_CHECKING:
    from gradflow.store.run import Run

LONGEST_NOTE = 1000  # characters
MOST_TAGS = 50
LARGEST_NOTE = 64_000  # bytes of the file
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_REMEDY = "write it anew with `gradflow note RUN TEXT`, or remove it"


class Notes(NamedTuple):
    """The text, None if there is none, and the tags in alphabetical order."""

    text: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def labels(self) -> str:
        """The tags in one text."""
        return ", ".join(self.tags)

    def beside(self, of_sweep: Notes) -> Notes:
        """Those of a point: with the tags of its sweep too, and the note of that unless it has its own."""
        return Notes(self.text or of_sweep.text, tuple(sorted({*self.tags, *of_sweep.tags})))


NO_NOTES = Notes()


class _Document(TypedDict):
    note: str | None
    tags: list[str]


_DECODER = Decoder(_Document)


def load_notes(folder: Path) -> Notes:
    """The notes of a run or sweep; without note.json none. RunError if that is damaged."""
    if not os.path.lexists(os.path.join(folder, NOTE)):  # of thousands, in which a Path would take longer
        return NO_NOTES
    path = folder / NOTE
    try:
        document = _DECODER.decode(read_bytes(path, LARGEST_NOTE, _REMEDY))
        return checked(document["note"], document["tags"])
    except (*UNREADABLE, InputError):
        raise damaged(path, "is damaged", _REMEDY) from None


def read_notes(folder: Path) -> tuple[Notes, str | None]:
    """`load_notes`, or none with what is wrong."""
    try:
        return load_notes(folder), None
    except RunError as error:
        return NO_NOTES, str(error)


def notes_above(folder: Path) -> Notes:
    """What is said of the sweep that a folder is a point of; none of what is no point."""
    return read_notes(folder.parent)[0] if is_point(folder) else NO_NOTES


def own_notes(run: Run) -> tuple[Notes, str | None]:
    """`read_notes` of a run, with what is said of its copies and of their sweeps."""
    notes, problem = read_notes(run.place)
    for copy in run.copies:
        notes = notes.beside(read_notes(copy)[0].beside(notes_above(copy)))
    return notes, problem


def all_notes(run: Run) -> tuple[Notes, str | None]:
    """`own_notes`, with what is said of its sweep."""
    notes, problem = own_notes(run)
    return notes.beside(notes_above(run.place)), problem


def checked(text: str | None, tags: Iterable[str]) -> Notes:
    """Notes in their form. InputError for a text or a tag that is none."""
    if text is not None and (not text.isprintable() or len(text) > LONGEST_NOTE):
        raise InputError(f"a note is one line of at most {LONGEST_NOTE:,} printable characters")
    wrong = next((tag for tag in tags if TAG.fullmatch(tag) is None), None)
    if wrong is not None:
        allowed = 'at most 50 letters, digits, ".", "_" and "-", a letter or a digit first'
        raise InputError(f"{wrong!r} is no tag: it has {allowed}")
    ordered = tuple(sorted({*tags}))
    if len(ordered) > MOST_TAGS:
        raise InputError(f"a run has at most {MOST_TAGS} tags")
    return Notes(text or None, ordered)


def changed(folder: Path, text: str | None, added: Iterable[str], removed: Iterable[str]) -> Notes:
    """The notes that `change_notes` would leave; nothing is written. RunError for tags alone beside damaged
    ones, InputError for more tags than there may be.
    """
    before = load_notes(folder) if text is None else read_notes(folder)[0]
    return checked(before.text if text is None else text, ({*before.tags} | {*added}) - {*removed})


def change_notes(
    folder: Path, text: str | None = None, added: Iterable[str] = (), removed: Iterable[str] = ()
) -> Notes:
    """Set the text, where one is given ("" takes it away), and add and remove tags; the notes that result.

    A text takes the place of a damaged note.json, which stays as note.json.1. RunError for tags alone beside
    one, if a process works on the run, or if the disk refuses. Neither the run nor its sweep becomes the
    latest by it.
    """
    checked(text, added)
    if not folder.is_dir():
        raise InputError(Problem("is not finished and can have no note yet", source=str(folder)))
    with same_time(folder), claim(folder.parent, folder.name), disk_errors(folder):
        notes = changed(folder, text, added, removed)
        if text is not None:
            _put_aside(folder)
        if notes == NO_NOTES:
            (folder / NOTE).unlink(missing_ok=True)
            sync(folder)
        else:
            content = json_bytes({"note": notes.text, "tags": notes.tags})
            replace_file(folder / NOTE, lambda file: file.write(content))
        return notes


def _put_aside(folder: Path) -> None:
    """Give a note.json that cannot be read another name: it may be the user's own."""
    _, problem = read_notes(folder)
    if problem:
        os.rename(folder / NOTE, free(folder / NOTE))


def remove_notes(folder: Path) -> None:
    """Remove note.json if gradflow can read it; what else bears its name is the user's. OSError."""
    notes, _ = read_notes(folder)
    if notes != NO_NOTES:
        (folder / NOTE).unlink(missing_ok=True)
