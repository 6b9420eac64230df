"""A map of runs over two keys: what it can show, one value a cell, measured, and theory's beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from operator import attrgetter
from shlex import quote
from typing import TYPE_CHECKING, Any

from gradflow.analysis.compare import RESULTS, Comparison, Row, comparable
from gradflow.analysis.differences import full_name
from gradflow.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from gradflow.analysis.summary import Number, Summary

MEAN, MEAN_OF_LOGS, HIGHEST = "the mean", "the mean of ln c", "the highest"
COMMON = "mixed, unless all agree"
PALE = 0.02  # log10 of c up to which a map stays pale: 1.05


@dataclass(frozen=True)
class MapValue:
    """A number that a map of runs can show, and how the runs of one cell are `combined`.

    Near its middle, 0 or of a factor 1, it is `quiet` up to so many decades.
    """

    name: str
    title: str
    short: str  # beside its colours
    combined: str = MEAN
    quiet: float | None = None
    factor: bool = False  # whose interval is shown, and whose log10
    share: bool = False
    logs: bool = False  # shown where it covers decades

    def read(self, summary: Summary) -> Number:
        """It in a run."""
        found: Number = attrgetter(RESULTS[self.name])(summary)
        return found

    def interval(self, summary: Summary) -> tuple[Number, Number]:
        """The ends of a factor's interval in a run; None of others."""
        if not self.factor:
            return None, None
        low, high = (attrgetter(RESULTS[f"{self.name}_{end}"])(summary) for end in ("low", "high"))
        return low, high


def _learnt(name: str, title: str, samples: str, combined: str = MEAN, **more: bool) -> MapValue:
    return MapValue(name, f"{title} on {samples} samples at the end", title, combined, **more)


VALUES = {value.name: value for value in (
    MapValue("c", "c at initialization", "log10 c", MEAN_OF_LOGS, PALE, factor=True),
    MapValue("log10_ratio", "log10 ratio of layer 1 to L", "log10 ratio", quiet=1.0),
    MapValue("trainable_score", "Score of trainable", "score"),
    _learnt("accuracy_final", "Accuracy", "held-out", HIGHEST, share=True),
    _learnt("accuracy_train_final", "Accuracy", "training", HIGHEST, share=True),
    _learnt("r2_test_final", "R2", "held-out", HIGHEST),
    _learnt("r2_train_final", "R2", "training", HIGHEST),
    _learnt("loss_final", "Loss", "training", logs=True),
    _learnt("loss_test_final", "Loss", "held-out", logs=True),
    MapValue("c_final", "c at the end", "log10 c", MEAN_OF_LOGS, PALE, factor=True),
    MapValue("log10_ratio_final", "log10 ratio of layer 1 to L at the end", "log10 ratio", quiet=1.0),
    MapValue("log10_growth", "log10 growth of |z|", "log10 growth", quiet=1.0),
    MapValue("saturated", "Saturated units at initialization", "share", share=True),
)}  # fmt: skip
TEXTS = ("verdict", "trainable")  # that a table shows, too
REPEATED = ("seed", "name")  # keys over which a mean is one over networks of one kind
PREDICTED = {"c": "c_theory", "log10_ratio": "log10_ratio_theory"}  # what theory has a value for
MIXED = "mixed"


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
    stopped: tuple[tuple[str, int], ...] = ()  # status -> runs, of those that did not go to their end

    @property
    def combined(self) -> str:
        """How the runs of one cell are combined."""
        return COMMON if self.value in TEXTS else VALUES[self.value].combined

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
        combined = {"combined": self.combined, "over": list(self.over), "stopped": dict(self.stopped)}
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
    if value not in (shown := (*VALUES, *TEXTS)):
        raise InputError(f"--value {value}: there are {', '.join(shown)}{did_you_mean(value, shown)}")
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
    stopped = Counter(one["status"] for one in found.rows if one["status"] != "completed")
    made = Pivot(row, column, value, *ends, cells, over, tuple(sorted(stopped.items())))
    if "mean" in made.combined:
        refuse_hidden(f"--pivot {row} {column}", value, found.rows, over)
    return made


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
    if VALUES[value].combined == HIGHEST:
        return max(values)
    if VALUES[value].combined == MEAN_OF_LOGS:
        return exp(fsum(map(log, values)) / len(values)) if min(values) > 0 else None
    return fsum(values) / len(values)
