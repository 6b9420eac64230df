"""The pages of a comparison: the table of runs, with what they share told once above it, and the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradflow.analysis.compare import Comparison
from gradflow.analysis.differences import RECORDED, Flat
from gradflow.analysis.pivot import PREDICTED, TEXTS, VALUES, Pivot, PivotCell
from gradflow.report.columns import (
    BORDERLINE,
    GROWTH_NOTE,
    TRAINS,
    Filled,
    filled,
    fitting,
    hidden_note,
    importance,
    table_of,
)
from gradflow.report.learning import is_older, older_note
from gradflow.report.numbers import NONE, count, counted, decades, number, percent, scalar, side_by_side
from gradflow.report.page import Block, Cell, Column, Facts, Heading, Page, Sentence, Strip, Table, Toned
from gradflow.report.trainable import NOTE

UNTOLD = ("analysis",)  # thresholds; they are in --json
NOTES = {
    "gradient": "gradient: log ||delta||, layer 1 to L, relative to layer L; {span} decades from low to high",
    TRAINS: NOTE,
    "log10_growth": GROWTH_NOTE,
    "loss_final": "final loss: over training samples, the same ones for all networks",
    "ratio": "loss ratio: final loss over {base}; better or worse only where the 95% intervals part",
}


def compare_page(
    found: Comparison,
    columns: Sequence[str] | None = None,
    everything: bool = False,
    room: int | None = None,
    top: int | None = None,
) -> Page:
    """A line a run, in at most `room` characters unless `everything` or the wanted `columns` are asked for.

    What was left out is told, with the option that shows it.
    """
    if not found.rows:
        return Page("No run to compare", ())
    every = filled(found, columns, everything)
    chosen, hidden = fitting(every, None if everything or columns else room, importance(every))
    title = counted(len(found.rows), "run")
    if top is not None and top < len(found.rows):
        title = f"{count(top)} of {title}"
        chosen = [Filled(one.name, one.column, one.cells[:top]) for one in chosen]
    heads = [*shared, Heading("What differs")] if (shared := _constants(found.constant)) else []
    return Page(title, (*heads, table_of(chosen), *_notes(found, chosen, hidden)))


def pivot_page(found: Pivot, theory: bool = False) -> Page:
    """The map: row keys down, column keys across, a cell the colour of its verdict."""
    names = [key.rpartition(".")[2] for key in (found.row, found.column)]
    down, across = (side_by_side(values, missing=NONE) for values in (found.rows, found.columns))
    columns = (Column(f"{names[0]} \\ {names[1]}"), *map(Column, across))
    rows = tuple(
        (shown, *(_cell(place, found.value, theory) for place in line))
        for shown, line in zip(down, found.cells, strict=True)
    )
    words = f"{found.value} by {found.row} (down) and {found.column} (across)"
    return Page(words, (Table(columns, rows), *_pivot_notes(found, theory)))


def _pivot_notes(found: Pivot, theory: bool) -> list[Block]:
    notes = []
    if found.most > 1:
        over = f" over {', '.join(found.over)}" if found.over else ""
        combined = f"it is combined{over} as {found.combined}"
        notes.append(f"a cell of several runs shows their number after x; {combined}")
    if found.stopped:
        some = ", ".join(f"{count(runs)} {status}" for status, runs in found.stopped)
        notes.append(f"not all runs went to their end ({some}): these have what they came to, or nothing")
    if theory:
        words = f"theory's {'c' if found.value == 'c' else 'ratio'} at this width"
        notes.append(f"beside each value, in brackets, {words}")
    return [Sentence(note, "note") for note in notes]


def _cell(place: PivotCell, value: str, theory: bool) -> Cell:
    if not place.runs:
        return ""
    shown = _value(place.value, value)
    if theory and value in PREDICTED:
        shown += f" ({_value(place.theory, value)})"
    if place.runs > 1:
        shown += f" x{place.runs}"
    return Toned(shown, place.verdict or "")


def _value(value: Any, kind: str) -> str:
    if value is None:
        return NONE
    if kind in TEXTS:
        return str(value)
    if VALUES[kind].share:
        return percent(value)
    if VALUES[kind].factor and 0.01 <= value < 100:
        return f"{value:.4f}"
    return decades(value) if kind.startswith("log10") else number(value)


def _constants(constant: Flat) -> list[Block]:
    """What all runs share, a line a section of the config."""
    sections: dict[str, list[str]] = {}
    for key, value in constant.items():
        section, _, rest = key.partition(".")
        if section not in UNTOLD and value is not None:
            words = f"{rest.removesuffix('.name')} {scalar(value)}" if rest else scalar(value)
            sections.setdefault(section if rest or section in ("data", "name") else "networks", []).append(
                words if rest or section in ("data", "name") else f"{section} {words}"
            )
    rows = tuple((section, ", ".join(words)) for section, words in sections.items())
    return [Facts(rows)] if rows else []


def _notes(found: Comparison, chosen: Sequence[Filled], hidden: Sequence[str]) -> list[Block]:
    notes = []
    shown = {one.name: one for one in chosen}
    if "gradient" in shown and isinstance(strip := shown["gradient"].cells[0], Strip):
        notes.append(NOTES["gradient"].format(span=number(strip.high - strip.low)))
    notes += [NOTES[name] for name in (TRAINS, "log10_growth", "loss_final") if name in shown]
    if "ratio" in shown:
        base = found.baseline["id"] if found.baseline else "the best one's"
        notes.append(NOTES["ratio"].format(base=base))
    if "verdict" in shown and any(row["borderline"] for row in found.rows):
        notes.append(BORDERLINE)
    if older := sum(is_older(r["status"], r["evaluations"], r["data"] == RECORDED) for r in found.rows):
        notes.append(older_note(older))
    if any(row["data"] == RECORDED and found.constant.keys() - row.config.keys() for row in found.rows):
        notes.append("what is shared is that of the other runs: of recorded norms the settings are not known")
    if hidden:
        notes.append(hidden_note(hidden, "--all shows everything, --columns chooses"))
    return [Sentence(note, "note") for note in notes]
