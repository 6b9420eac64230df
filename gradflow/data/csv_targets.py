"""The target of a CSV file, from cells of text to one-hot classes or values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.data import cells
from gradflow.data.base import Matrix, one_hot
from gradflow.data.csv_table import SHOWN, CsvTable, not_a_number
from gradflow.data.targets import FEW, REPEATS, Task, decide, usual_task
from gradflow.errors import InputError, Problem, refused

EXACT = 2.0**53  # beyond it a float64 does not hold every whole number

Values = list[float | None]


def decode(table: CsvTable, stated: Task | None, resolved: bool) -> tuple[Labels | None, Matrix]:
    """(the labels of the classes, or None for values; y (samples, outputs)).

    A `resolved` config states no task where format 1 found the right one by its own rule.
    """
    _require_present(table)
    values = [cells.number(cell, table.decimal) for cell in table.targets]
    if (stated or _task(table, values, resolved)) == "classification":
        labels = Labels(table, values)
        return labels, one_hot(labels.codes(table, values), len(labels.position), _name(table), table.source)
    return None, _column(table, values)


def decode_test(test: CsvTable, labels: Labels | None) -> Matrix:
    """y of the held-out file, whose classes must be among those of the training file."""
    _require_present(test, labels.position if labels else ())
    values = [cells.number(cell, test.decimal) for cell in test.targets]
    if labels is None:
        return _column(test, values)
    return one_hot(labels.codes(test, values), len(labels.position), _name(test), test.source)


class Labels:
    """The classes of a target, sorted: numbers by value, text by character."""

    def __init__(self, table: CsvTable, values: Values) -> None:
        self.numeric = None not in values
        self.source = table.source
        found: list[Any] = sorted(set(values if self.numeric else table.targets))
        if not self.numeric:
            _require_different(found, table)
        elif max(-found[0], found[-1]) >= EXACT:
            message = "numbers of that many digits cannot be told apart: number the classes"
            raise refused(message, _name(table), table.source)
        self.position = {label: index for index, label in enumerate(found)}

    def codes(self, table: CsvTable, values: Values) -> Array:
        """The number of each row's class."""
        labels: list[Any] = values if self.numeric else table.targets
        unseen = [row for row, label in enumerate(labels) if label not in self.position]
        _raise(table, unseen, lambda cell: f"{cell[:40]!r} is no class of {self.source}")
        return np.array([self.position[label] for label in labels])


def _task(table: CsvTable, values: Values, resolved: bool) -> Task:
    if None in values:
        _require_text(table, values)
        return "classification"
    numbers = np.array(values)
    first = _first_rule(numbers) if resolved and usual_task(numbers) is None else None
    task = decide(numbers, first, repr(_name(table)))
    if task == "regression" and any(re.match(r"[+-]?0\d", cell) for cell in table.targets) and not resolved:
        message = f"{_name(table)!r} has leading zeros, as codes of classes have"
        raise refused(f"{message}: set classification or regression", "data.task")
    return task


def _first_rule(numbers: Array) -> Task:
    """How format 1 decided, for what a config that it resolved left to it."""
    distinct = np.unique(numbers)
    return "classification" if len(distinct) <= max(2, min(FEW, len(numbers) // REPEATS)) else "regression"


def _require_different(labels: list[str], table: CsvTable) -> None:
    """Refuse classes as text of which two are one number (3 and 3.0) or one word (yes and Yes)."""
    seen: dict[float | str, str] = {}
    for label in labels:
        value = cells.number(label, "," if "," in label else ".")
        word = " ".join(label.casefold().split()) if len(label) > 1 else label  # A and a may be two letters
        other = seen.setdefault(word if value is None else value, label)
        if other != label:
            message = f"{other[:40]!r} and {label[:40]!r} say the same: write a class in one way"
            raise refused(message, _name(table), table.source)


def _require_present(table: CsvTable, known: Iterable[object] = ()) -> None:
    """Refuse a dash as a missing value, unless it is a known class or there is a plus beside it."""
    if "-" in (found := {*table.targets}) and "+" not in found and "-" not in known:
        for row, cell in enumerate(table.targets):
            if cell == "-":
                table.refuse(table.lines[row], table.target, cell)
        table.raise_any()


def _require_text(table: CsvTable, values: Values) -> None:
    """Refuse, by line, targets that mix text and numbers, or that write numbers in another way."""
    rows = [row for row, value in enumerate(values) if value is None]
    if len(rows) == len(values):
        _require_no_units(table)
        odd = {cell for cell in {*table.targets} if cells.notation(cell)}
        rows = [row for row in rows if table.targets[row] in odd]
    _raise(table, rows, not_a_number)
    distinct = len({*table.targets})
    if distinct > 2 and (distinct == len(values) or distinct > max(FEW, len(values) / 2)):
        message = f"the {len(values):,} texts of {_name(table)!r} hardly repeat ({distinct:,} differ)"
        raise refused(f"{message}, so they are no classes: set classification if they are", "data.task")


def _require_no_units(table: CsvTable) -> None:
    """Refuse numbers with a unit (12.5 kg) that would be values without it."""
    found = {cell: cells.measured(cell) for cell in {*table.targets}}
    if None in found.values():
        return
    if usual_task(np.array([found[cell] for cell in table.targets])) != "classification":
        message = f"{_name(table)!r} holds numbers with a unit, such as {table.targets[0][:40]!r}"
        raise refused(f"{message}: leave the unit out, or set classification", "data.task")


def _column(table: CsvTable, values: Values) -> Matrix:
    _raise(table, [row for row, value in enumerate(values) if value is None], not_a_number)
    return np.array(values, dtype=np.float64)[:, None]


def _raise(table: CsvTable, rows: list[int], message: Any) -> None:
    """InputError for the first rows, whose cells `message` describes; nothing for none."""
    if rows:
        places = ((table.targets[row], table.lines[row]) for row in rows[:SHOWN])
        raise InputError(*(Problem(message(cell), _name(table), table.source, line) for cell, line in places))


def _name(table: CsvTable) -> str:
    return table.names[table.target]
