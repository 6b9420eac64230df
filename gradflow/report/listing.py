"""What lies in a runs folder, a line each: the document and the page of `gradflow ls`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradflow.analysis.compare import NOTED, Row
from gradflow.report.columns import BORDERLINE, Filled, fitting, hidden_note, noted, table_of, verdict_cell
from gradflow.report.numbers import NONE, age, count, decades, factor, number, scalar, side_by_side
from gradflow.report.page import Cell, Column, Command, Page, Sentence, Toned
from gradflow.store import Entry
from gradflow.store.interrupted import reached
from gradflow.store.notes import Notes
from gradflow.units import is_number

RunLine = dict[str, Any]

KEYS = {"depth": "model.depth", "activation": "model.activation", "init": "model.init"}
TITLES = ("run", "status", *KEYS, "verdict", "c", "log10 ratio", "final loss", "age", "note")
TEXTS = ("run", "status", "activation", "init", "verdict", "note")
IMPORTANCE = (
    "run", "verdict", "c", "note", "depth", "init", "age", "status", "activation", "final loss",
    "log10 ratio",
)  # fmt: skip
FIRST_RUN = "gradflow new quickstart -o quickstart.yaml", "gradflow run quickstart.yaml"  # without a checkout
NOTE_ROOM = 28  # characters of a note in a line of a terminal
RESULTS = ("c", "c_low", "c_high", "log10_ratio", "verdict", "loss_final")


def line_of(entry: Entry, rows: Sequence[Row]) -> RunLine:
    """A run, or a sweep with its points' rows: a value is None where they differ, `borderline` if any is.

    What failed has no results.
    """
    names, computed = {row["name"] for row in rows}, [row for row in rows if not row.failed]
    notes = entry.noted[0] if entry.is_sweep else Notes(*(rows[0][name] for name in NOTED if rows))
    line: RunLine = {
        "id": entry.id,
        "path": str(entry.path),
        "name": names.pop() if len(names) == 1 else entry.id.rpartition("-")[0] or entry.id,
        "status": _one([row["status"] for row in rows]),
        "points": dict(Counter(row["status"] for row in rows)) if entry.is_sweep else None,
        "planned": entry.planned,
        "part": entry.part,
        **{name: _one([row[key] for row in rows]) for name, key in KEYS.items()},
        **{name: _one([row[name] for row in computed]) for name in RESULTS},
        "borderline": any(row["borderline"] for row in rows),
        "note": notes.text,
        "tags": notes.labels,
        "verdicts": dict(Counter(row["verdict"] for row in computed)),
        "values": {name: _distinct([row[key] for row in rows]) for name, key in KEYS.items()},
        "finished": entry.finished.isoformat() if rows else None,
    }
    return line


def unfinished_line(path: Path, running: bool) -> RunLine:
    """A run that is not there yet: a process works on it, or it was interrupted.

    `steps_done` of `steps` were made when a checkpoint was last kept; None if none was.
    """
    done, steps = reached(path) or (None, None)
    status = "running" if running else "interrupted"
    return {**line_of(Entry(path), ()), "status": status, "steps_done": done, "steps": steps}


def ls_page(lines: Sequence[RunLine], folder: str, room: int | None = None) -> Page:
    """A line a run or sweep, newest first, in at most `room` characters."""
    if not lines:
        words = f"There are no runs in {folder}. Make one:"
        return Page("No runs", (Sentence(words), *map(Command, FIRST_RUN)))
    now = datetime.now(UTC)
    cells = zip(*(_cells(line, now, room) for line in lines), strict=True)
    columns = [
        Filled(title, Column(title, title not in TEXTS), column)
        for title, column in zip(TITLES, cells, strict=True)
        if title != "note" or any(column)
    ]
    first = ("run", "status") if any(_is_unfinished(line) for line in lines) else ("run",)
    chosen, hidden = fitting(columns, room, tuple(dict.fromkeys((*first, *IMPORTANCE))))
    marked = any(_is_marked(line) for line in lines) and "verdict" not in hidden
    notes = [Sentence(BORDERLINE, "note")] if marked else []
    notes += [Sentence(hidden_note(hidden), "note")] if hidden else []
    title = f"Runs in {folder}" if len(lines) == 1 else f"{count(len(lines))} runs and sweeps in {folder}"
    return Page(title, (table_of(chosen), *notes))


def _cells(line: RunLine, now: datetime, room: int | None) -> tuple[Cell, ...]:
    finished = line["finished"]
    old = age((now - datetime.fromisoformat(finished)).total_seconds()) if finished else NONE
    keys = (_several(line["values"][name]) for name in KEYS)
    c = factor(line["c"], line["c_low"], line["c_high"])
    shown = Toned(c, line["verdict"] or ""), decades(line["log10_ratio"]), number(line["loss_final"])
    return Path(line["path"]).name, _status(line), *keys, _verdict(line), *shown, old, _note(line, room)


def _note(line: RunLine, room: int | None) -> str:
    """The tags and the text; where there is little room, their start."""
    told = noted(line["note"], line["tags"])
    return told if room is None or len(told) <= NOTE_ROOM else f"{told[: NOTE_ROOM - 3]}..."


def _verdict(line: RunLine) -> Cell:
    """The one that all have, or how many have which."""
    if line["verdict"]:
        return verdict_cell(line["verdict"], _is_marked(line))
    return ", ".join(f"{n} {name}" for name, n in line["verdicts"].items()) or NONE


def _is_marked(line: RunLine) -> bool:
    return bool(line["verdict"] and line["borderline"])


def _status(line: RunLine) -> Cell:
    points = line["points"]
    if points is None:
        tone = {"failed": "warning", "interrupted": "warning", "diverged": "overflow"}.get(line["status"], "")
        done, steps = line.get("steps_done"), line.get("steps")
        far = "" if done is None or steps is None else f" at step {count(done)} of {count(steps)}"
        return Toned(f"{line['status'] or NONE}{far}", tone)
    words = [f"{n} {status}" for status, n in points.items() if status != "completed"]
    return ", ".join([line["part"] or f"sweep of {sum(points.values())}", *words])


def _is_unfinished(line: RunLine) -> bool:
    """A run or a sweep of which something is missing, so that its status is what one looks for."""
    return line["part"] is not None if line["points"] is not None else str(line["status"]) != "completed"


def _several(values: Sequence[Any]) -> str:
    """One value as it is, numbers as a range, texts by their number if there are more than two."""
    known = [value for value in values if value is not None]
    if len(known) > 1 and all(map(is_number, known)):
        return f"{scalar(min(known))}..{scalar(max(known))}"
    if len(known) > 2:
        return f"{len(known)} kinds"
    return ", ".join(side_by_side(known)) or NONE


def _one(values: Sequence[Any]) -> Any:
    """The value that all have; None where they differ."""
    distinct = _distinct(values)
    return distinct[0] if len(distinct) == 1 else None


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
