"""A map of runs over two keys: one value a cell, measured, and theory's beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from shlex import quote
from typing import TYPE_CHECKING, Any

from gradflow.analysis.compare import Comparison, Row, comparable
from gradflow.analysis.differences import full_name
from gradflow.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from gradflow.analysis.summary import Number

VALUES = {  # what a map can show -> how the runs of one cell are combined
    "c": "the mean of ln c",
    "log10_ratio": "the mean",
    "verdict": "mixed, unless all agree",
    "trainable": "mixed, unless all agree",
    "trainable_score": "the mean",
    "accuracy_final": "the highest",
    "accuracy_train_final": "the highest",
    "r2_test_final": "the highest",
    "loss_final": "the mean",
    "loss_test_final": "the mean",
    "c_final": "the mean of ln c",
    "log10_ratio_final": "the mean",
    "log10_growth": "the mean",
    "saturated": "the mean",
}
REPEATED = ("seed", "name")  # keys over which a mean is one over networks of one kind
PREDICTED = {"c": "c_theory", "log10_ratio": "log10_ratio_theory"}  # what theory has a value for
MIXED = "mixed"
TEXTS = ("verdict", "trainable")


@dataclass(frozen=True)
class PivotCell:
    """A cell: the value of its `runs`, their verdict, and theory's value."""

    runs: int = 0
    value: Any = None
    verdict: str | None = None
    theory: Number = None


@dataclass(frozen=True)
class Pivot:
    """cells[i][j] is where the row key has its i-th value and the column key its j-th."""

    row: str
    column: str
    value: str
    rows: tuple[Any, ...]
    columns: tuple[Any, ...]
    cells: tuple[tuple[PivotCell, ...], ...]
    over: tuple[str, ...] = ()  # the keys in which runs of one cell differ

    @property
    def most(self) -> int:
        """The largest number of runs in a cell."""
        return max(cell.runs for line in self.cells for cell in line)

    def document(self) -> dict[str, Any]:
        """The document of `compare --pivot --json`."""
        lines = {
            name: [[getattr(cell, name) for cell in line] for line in self.cells]
            for name in ("value", "theory", "verdict", "runs")
        }
        axes = {"row": self.row, "column": self.column, "value": self.value}
        combined = {"combined": VALUES[self.value], "over": list(self.over)}
        return {**axes, **combined, "rows": list(self.rows), "columns": list(self.columns), "cells": lines}

    def lines(self) -> list[dict[str, Any]]:
        """The map as rows of a table: the row key's value, then a column for each value of the column key."""
        titles = [f"{self.column}={value}" for value in self.columns]
        return [
            {self.row: value, **dict(zip(titles, (cell.value for cell in line), strict=True))}
            for value, line in zip(self.rows, self.cells, strict=True)
        ]


def pivot(found: Comparison, row: str, column: str, value: str = "c") -> Pivot:
    """The map of a comparison's runs over two keys.

    InputError for a key or value that there is none of, and where a cell would hold the mean over a key that
    is not shown; over seeds it is one over networks.
    """
    if value not in VALUES:
        raise InputError(f"--value {value}: there are {', '.join(VALUES)}{did_you_mean(value, VALUES)}")
    keys = found.names()
    row, column = full_name(row, keys), full_name(column, keys)
    if row == column:
        raise InputError(f"--pivot takes two keys, and both are {row}")
    groups: dict[tuple[str, str], list[Row]] = {}
    for one in found.rows:
        groups.setdefault((repr(one[row]), repr(one[column])), []).append(one)
    ends = _values(found.rows, row), _values(found.rows, column)
    cells = tuple(tuple(_place(groups.get((repr(a), repr(b)), []), value) for b in ends[1]) for a in ends[0])
    over = tuple(key for key in found.telling if any(_differ(group, key) for group in groups.values()))
    if "mean" in VALUES[value]:
        refuse_hidden(f"--pivot {row} {column}", value, found.rows, over)
    return Pivot(row, column, value, *ends, cells, over)


def refuse_hidden(option: str, value: str, rows: Sequence[Row], over: Sequence[str]) -> None:
    """InputError if a mean would be taken over a key that nobody sees."""
    hidden = [key for key in over if key not in REPEATED]
    if hidden:
        one = " and ".join(f"{key} == {rows[0][key]!r}" for key in hidden)
        keys = ", ".join(hidden)
        message = f"{option} would show means of {value} over {keys}: choose with --where, as in {quote(one)}"
        raise InputError(message)


def _differ(rows: Sequence[Row], key: str) -> bool:
    return len({repr(row[key]) for row in rows}) > 1


def _values(rows: Sequence[Row], key: str) -> tuple[Any, ...]:
    held = {repr(row[key]): row[key] for row in rows}
    return tuple(sorted(held.values(), key=comparable))


def _place(rows: list[Row], value: str) -> PivotCell:
    verdict = _common(rows, "verdict")
    if value in TEXTS:
        return PivotCell(len(rows), _common(rows, value), verdict)
    kept = [row[value] for row in rows if row[value] is not None]
    theory = [row[PREDICTED[value]] for row in rows] if value in PREDICTED else []
    theory = [found for found in theory if found is not None]
    return PivotCell(len(rows), _mean(kept, value), verdict, _mean(theory, value))


def _common(rows: Sequence[Row], name: str) -> str | None:
    """What all rows that did not fail say; None of no rows."""
    said = {row[name] for row in rows if not row.failed}
    return None if not said else said.pop() if len(said) == 1 else MIXED


def _mean(values: list[float], value: str) -> Number:
    if not values:
        return None
    if VALUES[value] == "the highest":
        return max(values)
    if VALUES[value] == "the mean of ln c":
        return exp(fsum(map(log, values)) / len(values)) if min(values) > 0 else None
    return fsum(values) / len(values)
