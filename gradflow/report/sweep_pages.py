"""The pages of a sweep, made from its documents: what it would cost, how far it is, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradflow.analysis.intervals import of_variance
from gradflow.report.columns import (
    BORDERLINE,
    FIRST_LOSS,
    GROWTH,
    GROWTH_NOTE,
    Filled,
    dead_cell,
    fitting,
    hidden_note,
    loss_cell,
    moves_forward,
    noted,
    table_of,
    verdict_cell,
)
from gradflow.report.failures import failures, reason_of
from gradflow.report.learning import is_older, older_note, quality_of
from gradflow.report.numbers import NONE, count, counted, decades, factor, half_width, number
from gradflow.report.page import Block, Cell, Column, Command, Facts, Heading, Page, Sentence, Table, Toned
from gradflow.report.several import shared_keys
from gradflow.report.trainable import NOTE, trainable_cell
from gradflow.report.values import told_apart
from gradflow.units import LN10

Fields = Mapping[str, Any]
Telling = tuple[Column, Callable[[Fields], Cell]]

WIDTH, MANY = "model.width", 8  # networks, from which their variance is worth a look
SHOWN = 40  # failures that are told one by one
WAY_UP: tuple[Telling, ...] = (
    (Column(GROWTH), lambda point: decades(point["log10_growth"])),
    (Column(FIRST_LOSS), lambda point: number(point["loss_initial"])),
)


def plan_page(document: Fields, room: int | None = None) -> Page:
    """The points of a sweep and what each of them will cost, in lines of at most `room` characters."""
    from gradflow.config.memory import size

    axes, total = list(document["axes"]), document["total"]
    points = document["points"]
    titles = ("parameters", "memory", "steps", "disk")
    rows = tuple(
        (*values, count(point["parameters"]), size(point["memory"]), count(point["steps"]),
         size(point["disk"]))
        for point, values in zip(points, _values(points, axes), strict=True)
    )  # fmt: skip
    words = (
        f"{counted(len(rows), 'point')}, {counted(total['steps'], 'step')}: {size(total['disk'])} on the disk"
    )
    text = f"{words}, at most {size(total['memory'])} of memory for one point. Nothing was computed."
    columns = *_axes(axes, points), *map(Column, titles)
    table = Table(columns, rows)
    return Page(document["id"], (*_fitted(table, len(axes), room), Sentence(text)))


def progress_page(title: str, points: Sequence[Fields], axes: Sequence[str], room: int) -> Page:
    """How far a sweep is, and the points that ended last."""
    table = _table(points, axes)
    return Page(title, tuple(_fitted(table, len(axes), room)[:1]) if points else ())


def sweep_page(document: Fields, room: int | None = None) -> Page:
    """A line for each point of a sweep, why some failed, the depth laws, and how to sweep again."""
    axes = list(document["axes"])
    points = document["points"]
    saved, law = Facts((("saved in", document["path"]),)), document["depth_law"]
    table = _fitted(_table(points, axes), len(axes), room)
    found = *_reasons(points, axes), *_laws(law, room), *spreads(points, axes, room)
    blocks = *table, *_notes(points, table), *found, saved
    return Page(document["id"], (*blocks, *_again(document.get("command"))))


def _notes(points: Sequence[Fields], table: Sequence[Block]) -> list[Block]:
    """What the columns that are shown mean, and why some points lack some."""
    shown = {column.title for block in table if isinstance(block, Table) for column in block.columns}
    quality = quality_of(points)
    older = sum(is_older(p["status"], p["evaluations"], bool(p.get("recorded"))) for p in points)
    notes = [
        BORDERLINE if any(point["borderline"] for point in points) else "",
        NOTE if "trains" in shown else "",
        GROWTH_NOTE if GROWTH in shown else "",
        quality.note(points) if quality and quality.title in shown else "",
        older_note(older) if older else "",
    ]
    return [Sentence(note, "note") for note in notes if note]


def _again(command: str | None) -> list[Block]:
    return [Heading("How to compute it again"), Command(command)] if command else []


def _fitted(table: Table, axes: int, room: int | None) -> list[Block]:
    """A table without the results for which there is no room; the whole if not even its axes have any."""
    columns = [
        Filled(column.title, column, cells)
        for column, cells in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    ]
    importance = sorted((column.name for column in columns), key=(GROWTH, FIRST_LOSS).__contains__)
    chosen, hidden = fitting(columns, room, importance)
    if not hidden or len(chosen) <= axes:
        return [table]
    return [table_of(chosen), Sentence(hidden_note(hidden, "--json has all"), "note")]


def _table(points: Sequence[Fields], axes: Sequence[str]) -> Table:
    named = any("run" in point for point in points)
    results, notes = _results(points, axes), [_note(point) for point in points]
    columns = *([Column("run", False)] if named else []), *_axes(axes, points), *(one for one, _ in results)
    rows = [
        (*([point["run"]] if named else []), *values, *_outcome(point, results))
        for point, values in zip(points, _values(points, axes), strict=True)
    ]
    if any(notes):
        columns = *columns, Column("note", False)
        rows = [(*row, note) for row, note in zip(rows, notes, strict=True)]
    return Table(columns, tuple(rows))


def _results(points: Sequence[Fields], axes: Sequence[str]) -> list[Telling]:
    """The columns of what came out, from the verdict on: those that say something of these points."""
    deadly = any(point.get("dead_networks") for point in points)
    trains = any(point.get("trainable_score") is not None for point in points)
    quality = quality_of(points)
    return [
        (Column("verdict", False), lambda p: verdict_cell(p["verdict"], p["borderline"])),
        *([(Column("trains", False), _trains)] if trains else []),
        *([(Column("dead"), lambda p: dead_cell(p["dead_networks"], p["networks"]))] if deadly else []),
        (Column("c"), _c_of),
        (Column("log10 ratio"), lambda p: decades(p["log10_ratio"])),
        *(WAY_UP if moves_forward(axes) else []),
        (Column("final loss"), _loss),
        *([(Column(quality.title), quality.cell)] if quality else []),
    ]


def _axes(axes: Sequence[str], points: Sequence[Fields]) -> tuple[Column, ...]:
    """Columns named by the last part of a key, by two where that would leave two alike; names to the left."""
    last = [key.rpartition(".")[2] for key in axes]
    names = [
        ".".join(key.split(".")[-2:]) if last.count(name) > 1 else name
        for key, name in zip(axes, last, strict=True)
    ]
    named = [any(isinstance(point[key], str | dict) and point[key] for point in points) for key in axes]
    return tuple(Column(name, not is_text) for name, is_text in zip(names, named, strict=True))


def _values(points: Sequence[Fields], axes: Sequence[str], missing: str = "null") -> list[tuple[str, ...]]:
    """Of each point its values of the axes in words."""
    columns = [told_apart([point[key] for point in points], missing=missing) for key in axes]
    return [tuple(column[i] for column in columns) for i in range(len(points))]


def _outcome(point: Fields, results: Sequence[Telling]) -> tuple[Cell, ...]:
    if point["status"] == "failed":
        return Toned("failed", "warning"), *[""] * (len(results) - 1)
    return tuple(cell(point) for _, cell in results)


def _trains(point: Fields) -> Cell:
    return trainable_cell(point["trainable"], point["trainable_score"])


def _note(point: Fields) -> str:
    """What the user says of the run, which the document of a sweep that was just computed has not."""
    return noted(point.get("note"), ", ".join(point.get("tags", ())))


def _loss(point: Fields) -> Cell:
    return loss_cell(point["status"], number(point["loss_final"]))


def _reasons(points: Sequence[Fields], axes: Sequence[str]) -> list[Block]:
    every = zip(points, _values(points, axes), strict=True)
    failed = [(point, values) for point, values in every if point["status"] == "failed"]
    if not failed:
        return []
    told = [f"{_place(point, axes, values)}: {reason_of(point)}" for point, values in failed[:SHOWN]]
    heads = failures([point for point, _ in failed])
    return [Heading("Failed"), *heads, *map(Sentence, told)]


def _place(point: Fields, axes: Sequence[str], values: Sequence[str]) -> str:
    place = " ".join(f"{key}={value}" for key, value in zip(axes, values, strict=True))
    return point.get("run") or place or str(point["id"])


def _laws(law: Fields, room: int | None) -> list[Block]:
    """c^L across networks for each combination of the other axes: delta's beside theory's, then dL/dW_1's."""
    groups = [
        group
        for group in law["groups"]
        if group["weight_grad"]["c"] is not None or group["delta"]["c"] is not None
    ]
    if not groups:
        return []
    axes = shared_keys(groups[0])
    depths = [" to ".join(count(group["depths"][end]) for end in (0, -1)) for group in groups]
    differ = len({*depths}) > 1
    titles = (*["depths"] * differ, "c of delta_1", "theory", f"c of dL/dW_1{_of_batch(groups)}", "c inside")
    rows = tuple(
        (*values, *[own] * differ, _c_of(group["delta"]), number(group["c_expected"], _error(group["delta"])),
         _c_of(group["weight_grad"]), number(group["c_inside"]))
        for group, values, own in zip(groups, _values(groups, axes, missing=""), depths, strict=True)
    )  # fmt: skip
    common = "" if differ else f", depths {depths[0]}"
    title = f"Depth law: the first layer's gradient goes as c^L{common}, ± 95%"
    table = Table((*_axes(axes, groups), *map(Column, titles)), rows)
    return [Heading(title), *_fitted(table, len(axes), room)]


def spreads(points: Sequence[Fields], axes: Sequence[str], room: int | None) -> list[Block]:
    """How far networks of each width are apart, beside theory's (Hanin & Nica 2020: 5 sum 1/n for relu)."""
    told = [point for point in points if point.get("log10_ratio_sd") and _networks(point) >= MANY]
    if WIDTH not in axes or not told:
        return []
    rows = tuple(
        (*values, *_variances(point, point["log10_ratio_sd"]))
        for point, values in zip(told, _values(told, axes), strict=True)
    )
    title = "Spread between networks: variance of ln ||delta_1||^2 / ||delta_L||^2, ± 95%"
    table = Table((*_axes(axes, told), *map(Column, ("networks", "variance", "theory"))), rows)
    return [Heading(title), *_fitted(table, len(axes), room)]


def _networks(point: Fields) -> int:
    """Those that the spread is of."""
    return int(point["networks"] or 0) - int(point["dead_networks"] or 0)


def _variances(point: Fields, sd: float) -> tuple[str, ...]:
    """How many networks, the variance of the square's natural log and theory's, from decades."""
    networks, unit = _networks(point), (2 * LN10) ** 2
    found, theory = unit * sd**2, point.get("log10_ratio_sd_theory")
    low, high = of_variance(found, networks)
    expected = NONE if theory is None else number(unit * theory**2, half_width(found, low, high))
    return count(networks), factor(found, low, high), expected


def _c_of(law: Fields) -> str:
    return factor(law["c"], law["c_low"], law["c_high"])


def _error(law: Fields) -> float | None:
    return half_width(law["c"], law["c_low"], law["c_high"])


def _of_batch(groups: Sequence[Fields]) -> str:
    """The samples that dL/dW_1 is the mean of, where all laws have as many."""
    sizes = {group["batch_size"] for group in groups}
    size = sizes.pop() if len(sizes) == 1 else None
    return "" if size is None else f", batch {count(size)}"
