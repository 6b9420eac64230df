"""gradflow note: say something of a run, in a line and in tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradflow.cli.output import emit, emit_document
from gradflow.errors import did_you_mean
from gradflow.report.columns import noted
from gradflow.report.numbers import inert
from gradflow.store.notes import Notes, change_notes, changed, load_notes, read_notes
from gradflow.store.resolve import resolve

Said = list[tuple[Path, Notes]]


def say(
    reference: str,
    runs_dir: Path,
    text: str | None,
    added: Sequence[str],
    removed: Sequence[str],
    tell: Callable[[str], None],
) -> Said:
    """The notes of every run that is named, after the change; none is changed where one would be refused.

    Of a tag to remove that none of them has `tell` gets a sentence.
    """
    places = resolve(reference, runs_dir)
    for place in places:
        changed(place, text, added, removed)
    tags = {tag for place in places for tag in read_notes(place)[0].tags}
    for tag in sorted({*removed} - tags):
        tell(f"there was no tag {tag}{did_you_mean(tag, tags)}")
    return [(place, change_notes(place, text, added, removed)) for place in places]


def said(reference: str, runs_dir: Path) -> Said:
    """The notes of every run that is named. RunError if some are damaged."""
    return [(place, load_notes(place)) for place in resolve(reference, runs_dir)]


def print_notes(told: Said, json: bool, tell: Callable[[str], None]) -> None:
    """A line a run to `tell`, or the document."""
    if json:
        rows = [{"path": str(path), "note": notes.text, "tags": notes.labels} for path, notes in told]
        emit_document({"rows": rows})
        return
    for path, notes in told:
        tell(f"{path}: {noted(notes.text, notes.labels) or 'no note'}")


def line(text: str) -> None:
    """A line on stdout."""
    emit(f"{inert(text)}\n")
