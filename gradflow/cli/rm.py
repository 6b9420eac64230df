"""gradflow rm: remove runs, sweeps and what interrupted runs have left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from gradflow.cli.output import emit_document
from gradflow.errors import InputError
from gradflow.report.numbers import counted
from gradflow.store.names import has_plan, is_id
from gradflow.store.removal import remove_entry
from gradflow.store.resolve import interrupted, resolve
from gradflow.telling.lines import note

SHOWN = 8  # names that the question lists


def named(references: list[str], runs_dir: Path) -> list[Path]:
    """The places of what the references name, each once; an interrupted run by its name or id."""
    found = [path for reference in references for path in _named(reference, runs_dir)]
    return list(dict.fromkeys(found))


def _named(reference: str, runs_dir: Path) -> list[Path]:
    try:
        return resolve(reference, runs_dir)
    except InputError:
        path = Path(reference)
        if not path.name:  # "", "." and "/" would be the folder of runs itself
            raise
        folder = path.parent if os.sep in reference else runs_dir
        left = interrupted(path.name, [folder]) or _without_document(reference, runs_dir)
        if left is None:
            raise
        return [left]


def _without_document(reference: str, runs_dir: Path) -> Path | None:
    """A folder that is called like a run and has lost its run.json, as where a removal was killed."""
    places = (Path(reference), runs_dir / reference)
    return next((place for place in places if is_id(place.name) and place.is_dir()), None)


def confirm(entries: list[Path]) -> None:
    """Ask on the terminal. InputError where there is none; another answer than yes ends the command."""
    if not sys.stdin.isatty():
        raise InputError("rm asks before it removes, and nobody is there to answer: add --yes")
    try:
        agreed = typer.confirm(f"remove {_told(entries)}?", err=True)
    except typer.Abort:  # the terminal has gone
        agreed = False
    if not agreed:
        note("nothing is removed", quiet=False)
        raise typer.Exit(1)


def _told(entries: list[Path]) -> str:
    sweeps = sum(map(has_plan, entries))
    counts = [counted(len(entries) - sweeps, "run")] if sweeps < len(entries) else []
    if sweeps:
        counts.append(f"{counted(sweeps, 'sweep')} with all runs in it")
    names = ", ".join(path.name for path in entries[:SHOWN])
    more = f" and {len(entries) - SHOWN:,} more" if len(entries) > SHOWN else ""
    return f"{' and '.join(counts)} ({names}{more})"


def removed(entries: list[Path]) -> dict[str, list[str]]:
    """What was removed, and the folders that stay since a user's files are in them."""
    kept = [str(left) for path in entries for left in remove_entry(path)]
    return {"removed": [str(path) for path in entries], "kept": kept}


def print_removed(document: dict[str, list[str]], json: bool, quiet: bool) -> None:
    """A line for each on stderr, or the document."""
    if json:
        emit_document(document)
        return
    for path in document["removed"]:
        note(f"removed {path}", quiet)
    for path in document["kept"]:
        note(f"kept {path}: it holds files of yours, or runs that no sweep.json tells of", quiet)
