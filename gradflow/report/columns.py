"""The columns of a comparison: what each is called, how a row fills it, and which of them fit a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradflow.analysis.compare import Comparison, Row, Standing
from gradflow.analysis.differences import full_name, short_names
from gradflow.report.drawing import STRIP, squeezed
from gradflow.report.numbers import (
    NONE,
    decades,
    factor,
    half_width,
    number,
    percent,
    side_by_side,
    with_error,
)
from gradflow.report.page import Cell, Column, Numbers, Strip, Table, Toned
from gradflow.report.trainable import trainable_cell
from gradflow.units import is_number

GAP = 2  # columns between two columns
NARROWEST = 8  # characters of a strip that says something
REACH = 12.0  # decades beyond which a strip stays at its end
STANDARD = ("verdict", "c", "log10_ratio", "gradient", "loss_final", "ratio")
TRAINS = "trainable"
FURTHER = (
    "c_theory", "c_final", "verdict_final", "accuracy_final", "critical_lr", "status", "dead_networks",
    "saturated", "symptoms",
)  # fmt: skip
FIRST = ("id", "verdict", "dead_networks", "c")  # these, the keys and then THEN, where not all have room
FORWARD = ("log10_growth", "loss_initial")  # what blocks and norms do to the way up
THEN = ("loss_final", TRAINS, "log10_ratio", *FORWARD, "gradient", "ratio")
GROWTH, FIRST_LOSS = "log10 growth", "first loss"
GROWTH_NOTE = "log10 growth: of |z| from layer 1 to the last, at initialization"
BORDERLINE = "?: borderline, the 95% interval of the ratio crosses an edge of stable"


@dataclass(frozen=True)
class Filled:
    """A column with its cells."""

    name: str
    column: Column
    cells: tuple[Cell, ...]

    @property
    def width(self) -> int:
        """Characters that it takes."""
        return max(len(self.column.title), *(_width(cell) for cell in self.cells))

    def narrowed(self, room: int) -> Filled:
        """With strips of at most `room` characters."""
        if not any(isinstance(cell, Strip) for cell in self.cells[:1]):  # a column has strips or none
            return self
        strips = [cell for cell in self.cells if isinstance(cell, Strip)]
        cells = tuple([Strip(squeezed(one.values, room), one.low, one.high) for one in strips])
        return replace(self, cells=cells)


def _width(cell: Cell) -> int:
    match cell:
        case Strip():
            return len(cell.values)
        case Toned():
            return len(cell.text)
        case tuple():
            return sum(len(part.text) for part in cell)
    return len(cell)


def filled(found: Comparison, wanted: Sequence[str] | None, everything: bool) -> list[Filled]:
    """The wanted columns or, without any, the run, the keys that differ and the results; or all there are.

    InputError for a name that no row has.
    """
    if wanted is None:
        keys = found.differing if everything else found.telling
        told = ["dead_networks"] if any(row["dead_networks"] for row in found.rows) else []
        forward = FORWARD if moves_forward(keys) else ()
        wanted = [
            "id",
            *keys,
            *told,
            STANDARD[0],
            *([TRAINS] if any(row["trainable_score"] is not None for row in found.rows) else []),
            *STANDARD[1:3],
            *forward,
            *STANDARD[3:],
            *(["note"] if any(row["note"] or row["tags"] for row in found.rows) else []),
            *(FURTHER if everything else ()),
        ]
    known = [*found.names(), *_CELLS]
    names = [full_name("id" if name == "run" else name, known) for name in wanted]
    titles = short_names(
        [name for name in names if name not in _CELLS], [c.title for c, _ in _CELLS.values()]
    )
    scale, names = _scale([row.gradient for row in found.rows]), list(dict.fromkeys(names))
    fills = [_fill(name, scale) for name in names]
    pairs = zip(found.rows, found.standings, strict=True)
    cells = [[fill(row, standing) for fill in fills] for row, standing in pairs]  # a row stays in the cache
    return [
        _filled(name, titles.get(name, name), column)
        for name, column in zip(names, zip(*cells, strict=True), strict=True)
    ]


def moves_forward(keys: Sequence[str]) -> bool:
    """Whether runs that differ in these keys differ in what becomes of z on its way up."""
    return any(key.startswith(("model.block", "model.norm")) for key in keys)


def fitting(
    columns: Sequence[Filled], room: int | None, importance: Sequence[str]
) -> tuple[list[Filled], list[str]]:
    """The columns that fit into `room` characters, and the titles of the others; named by importance."""
    if room is None:
        return [column.narrowed(STRIP) for column in columns], []
    kept: dict[str, Filled] = {}
    left = room + GAP
    for column in sorted(columns, key=lambda column: importance.index(column.name)):
        narrow = column.narrowed(NARROWEST)
        if narrow.width + GAP <= left or not kept:
            kept[column.name] = narrow
            left -= narrow.width + GAP
    hidden = [column.column.title for column in columns if column.name not in kept]
    shown = [column for column in columns if column.name in kept]
    return [column.narrowed(min(STRIP, kept[column.name].width + left)) for column in shown], hidden


def hidden_note(hidden: Sequence[str], remedy: str = "") -> str:
    """Names the columns that `fitting` left out, with what shows them."""
    return f"hidden for want of room: {', '.join(hidden)}{'; ' if remedy else ''}{remedy}"


def table_of(columns: Sequence[Filled]) -> Table:
    """The columns as a table."""
    return Table(tuple(c.column for c in columns), tuple(zip(*(c.cells for c in columns), strict=True)))


def importance(columns: Sequence[Filled]) -> list[str]:
    """The names of a comparison's columns, the most needed first: the id, to be typed next; keys after c."""
    names = [column.name for column in columns]
    keys = [name for name in names if name not in FIRST + THEN]
    return [name for name in (*FIRST, *keys, *THEN) if name in names]


def verdict_cell(verdict: str, borderline: bool) -> Toned:
    """A verdict in its colour, with a question mark where it is `BORDERLINE`."""
    return Toned(f"{verdict}?" if borderline else verdict, verdict)


def dead_cell(dead: int | None, networks: int | None) -> Cell:
    """How many networks of how many are dead: 7/10."""
    return NONE if dead is None else Toned(f"{dead}/{networks}", "dead" if dead else "")


def loss_cell(status: str, loss: str) -> Cell:
    """A final loss, with the mark of a run that did not come to its end."""
    match status:
        case "diverged":
            return Toned("diverged", "overflow")
        case "interrupted":
            return Toned(f"{loss} (interrupted)", "warning")
    return loss


def noted(text: str | None, tags: str) -> str:
    """What a user says of a run: [tag, tag] text."""
    return " ".join(filter(None, (f"[{tags}]" if tags else "", text)))


def _fill(name: str, scale: tuple[float, float]) -> Callable[[Row, Standing], Any]:
    """What gives a row's cell in a column or, of a key or result without a column of its own, its value."""
    if name == "gradient":
        return lambda row, standing: _strip(row.gradient, scale)
    if name == "ratio":
        return lambda row, standing: _standing(standing)
    if name in _CELLS:
        cell = _CELLS[name][1]
        return lambda row, standing: cell(row)
    return lambda row, standing: row[name]


def _filled(name: str, title: str, cells: tuple[Any, ...]) -> Filled:
    if name in _CELLS:
        return Filled(name, _CELLS[name][0], cells)
    numeric = all(value is None or is_number(value) for value in cells)
    return Filled(name, Column(title, numeric), tuple(side_by_side(cells, missing="")))


def _verdict(row: Row, suffix: str = "") -> Cell:
    if row.failed:
        return Toned("failed", "warning")
    return verdict_cell(row[f"verdict{suffix}"], row["borderline"] and not suffix)


def _c(row: Row, suffix: str = "") -> Cell:
    low, high = row[f"c{suffix}_low"], row[f"c{suffix}_high"]
    return Toned(factor(row[f"c{suffix}"], low, high), row[f"verdict{suffix}"])


def _dead(row: Row, suffix: str = "") -> Cell:
    return dead_cell(row[f"dead_networks{suffix}"], row["networks"])


def _loss(row: Row) -> Cell:
    loss = with_error(row["loss_final"], row["loss_final_low"], row["loss_final_high"])
    return loss_cell(row["status"], loss)


def _accuracy(row: Row) -> Cell:
    """On held-out samples, with what guessing the largest class alone would get."""
    alone = "" if row["majority"] is None else f" ({percent(row['majority'])})"
    return f"{percent(row['accuracy_final'])}{alone}"


def _theory(row: Row) -> Cell:
    return number(row["c_theory"], half_width(row["c"], row["c_low"], row["c_high"]))


def _standing(standing: Standing) -> Cell:
    if standing.ratio is None:
        return ""
    return " ".join(filter(None, (number(standing.ratio, standing.error), standing.relation or "?")))


def _strip(values: Numbers, scale: tuple[float, float]) -> Strip:
    """log10 of ||delta_l|| / ||delta_L||."""
    last = next((value for value in reversed(values) if value is not None), 0.0)
    return Strip(tuple([None if value is None else value - last for value in values]), *scale)


def _scale(profiles: Sequence[Numbers]) -> tuple[float, float]:
    """The range that the strips of all rows share: at least a decade."""
    known = [[value for value in values if value is not None] for values in profiles]
    ends = [end(values) - values[-1] for values in known if values for end in (min, max)] or [0.0]
    low, high = max(-REACH, min(ends)), min(REACH, max(ends))
    spare = max(0.0, 1 - (high - low)) / 2
    return low - spare, high + spare


def _unreachable(row: Row) -> Cell:
    raise AssertionError("filled from all rows at once")


_CELLS: dict[str, tuple[Column, Callable[[Any], Cell]]] = {
    "id": (Column("run", False), lambda row: str(row["id"])),
    "verdict": (Column("verdict", False), _verdict),
    TRAINS: (Column("trains", False), lambda row: trainable_cell(row[TRAINS], row["trainable_score"])),
    "c": (Column("c"), _c),
    "log10_ratio": (Column("log10 ratio"), lambda row: decades(row["log10_ratio"])),
    "gradient": (Column("gradient", False), _unreachable),
    "loss_initial": (Column(FIRST_LOSS), lambda row: number(row["loss_initial"])),
    "loss_final": (Column("final loss"), _loss),
    "ratio": (Column("loss ratio", False), _unreachable),
    "c_theory": (Column("theory"), _theory),
    "c_final": (Column("final c"), lambda row: _c(row, "_final")),
    "verdict_final": (Column("final verdict", False), lambda row: _verdict(row, "_final")),
    "log10_ratio_final": (Column("final log10 ratio"), lambda row: decades(row["log10_ratio_final"])),
    "accuracy_final": (Column("accuracy (largest class)"), _accuracy),
    "dead_networks": (Column("dead"), _dead),
    "dead_networks_final": (Column("final dead"), lambda row: _dead(row, "_final")),
    "saturated": (Column("saturated"), lambda row: percent(row["saturated"])),
    "log10_growth": (Column(GROWTH), lambda row: decades(row["log10_growth"])),
    "clipped_share": (Column("clipped"), lambda row: percent(row["clipped_share"])),
    "saturated_final": (Column("final saturated"), lambda row: percent(row["saturated_final"])),
    "critical_lr": (Column("critical lr"), lambda row: number(row["critical_lr"])),
    "symptoms": (Column("symptoms", False), lambda row: row["symptoms"]),
    "note": (Column("note", False), lambda row: noted(row["note"], ", ".join(row["tags"]))),
    "tags": (Column("tags", False), lambda row: ", ".join(row["tags"])),
    "sigmas": (Column("sigmas"), lambda row: decades(row["sigmas"])),
}
