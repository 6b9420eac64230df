"""What a CSV file holds, or everything that is wrong with it: features as numbers, the target as text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from gradflow.data import cells
from gradflow.data.base import MEMORY, Matrix
from gradflow.data.csv_header import DECIMALS, DELIMITERS, listed, other_delimiter, read_header
from gradflow.data.files import open_regular
from gradflow.errors import InputError, Problem, did_you_mean, refused
from gradflow.files.csv_rows import read_rows

SHOWN = 10  # problems of a file that are reported


@dataclass(frozen=True)
class Form:
    """How a file is written and which columns count; `like` is the table whose columns it must have."""

    target: str
    delimiter: str = "comma"
    decimal: str = "point"
    drop: Sequence[str] = ()
    like: CsvTable | None = None


@dataclass
class CsvTable:
    """What has been read so far: features row by row, the target's cells as text, and what was wrong."""

    source: str
    names: list[str]
    target: int
    kept: list[int]  # the columns that are features
    decimal: str
    memory: int = 0
    features: array[float] = field(default_factory=lambda: array("d"))
    targets: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    problems: list[Problem] = field(default_factory=list)

    @property
    def x(self) -> Matrix:
        """The features (samples, columns)."""
        return np.frombuffer(self.features, dtype=np.float64).reshape(-1, len(self.kept))

    def add(self, line: int, row: list[str]) -> None:
        """Take a row, or note what is wrong with it."""
        if len(row) != len(self.names):
            message = f"the row has {len(row)} values where the header has {len(self.names)}"
            self.problems.append(Problem(message, source=self.source, line=line))
            return
        target, features = row[self.target].strip(), [row[column] for column in self.kept]
        if cells.is_missing(target) and target != "-":  # beside + it is a class
            self.refuse(line, self.target, target)
        self.features.extend(cells.numbers(features, self.decimal) or self._one_by_one(line, features))
        self.targets.append(target)
        self.lines.append(line)
        # 16: every feature is there twice while the samples are split; 160: the objects that hold a target
        self.memory += 16 * len(features) + 160 + 4 * len(target)
        if self.memory > MEMORY:
            limit = f"data may take {MEMORY / 1e9} GB of memory"
            raise refused(f"{limit} and is full here: keep fewer rows or columns", "", self.source, line)

    def refuse(self, line: int, column: int, cell: str) -> None:
        """Note that a cell is missing or no number."""
        if cells.is_missing(cell):
            message = f"missing value ({cell or 'empty'}): fill it in or remove the row"
            if cell and column == self.target:
                message += "; if it is a class, name it otherwise"
        else:
            message = f"{cell[:40]!r} is not a finite number{_remedy(cell)}: only the target may be text"
        self.problems.append(Problem(message, self.names[column], self.source, line))

    def raise_any(self) -> None:
        """InputError with the first problems, if there are any."""
        if self.problems:
            raise InputError(*self.problems[:SHOWN])

    def _one_by_one(self, line: int, features: list[str]) -> list[float]:
        """The numbers of a row that are not all plain: those that are none are noted, and 0 here."""
        found = [cells.number(cell, self.decimal) for cell in features]
        for column, value, cell in zip(self.kept, found, features, strict=True):
            if value is None:
                self.refuse(line, column, cell.strip())
        return [value or 0.0 for value in found]


def not_a_number(cell: str) -> str:
    """The message for a cell of a target that holds numbers."""
    return f"{cell[:40]!r} is not a number{_remedy(cell)}: correct it, or set data.task: classification"


def read(path: Path, key: str, form: Form) -> tuple[CsvTable, str]:
    """The table of the file that a key names, and the sha256 of its bytes."""
    digest, source = sha256(), str(path)
    with open_regular(path, key) as file:
        rows = read_rows(file, source, DELIMITERS.get(form.delimiter, form.delimiter), digest.update)
        table = _table(read_header(rows, source, form.drop), source, form)
        try:
            for line, row in rows:
                table.add(line, row)
                if len(table.problems) >= SHOWN:
                    break
        except InputError as unreadable:
            table.problems.extend(unreadable.problems)
    if not table.problems and len(table.targets) < (1 if form.like else 2):
        message = "no row of data" if form.like else "fewer than two rows of data: nothing to learn from"
        table.problems.append(Problem(message, source=source))
    table.raise_any()
    return table, digest.hexdigest()


def _table(names: list[str], source: str, form: Form) -> CsvTable:
    target = _column(names, form.target, source, "data.target")
    if form.target in form.drop:
        raise refused(f"holds the target {form.target!r}: keep it", "data.drop")
    if not form.like:
        for name in form.drop:
            _column(names, name, source, "data.drop")
    kept = [i for i, name in enumerate(names) if i != target and name not in form.drop]
    if form.like:
        kept = _in_order(names, kept, source, form.like)
    if not kept:
        raise refused("leaves no feature beside the target: drop fewer columns", "data.drop")
    return CsvTable(
        source,
        names,
        target,
        kept,
        DECIMALS.get(form.decimal, form.decimal),
        form.like.memory if form.like else 0,
    )


def _column(names: list[str], name: str, source: str, key: str) -> int:
    if name not in names:
        other = other_delimiter("".join(names), name)
        hint = f"; is data.delimiter: {other} right?" if other else did_you_mean(name, names)
        hint = hint or f": it has {listed(names)}"
        if any(cells.number(found) is not None for found in names):
            hint += "; the first line should name the columns"
        raise refused(f"{source} has no column {name!r}{hint}", key)
    return names.index(name)


def _in_order(names: list[str], kept: list[int], source: str, like: CsvTable) -> list[int]:
    """The kept columns in the order of another file's, which has the same."""
    found, wanted = [names[i] for i in kept], [like.names[i] for i in like.kept]
    if odd := sorted({*found} ^ {*wanted}):
        which = f"is in {like.source} alone" if odd[0] in wanted else f"is not in {like.source}"
        raise refused(f"the column {odd[0]!r} {which}: the same columns are needed in both", "", source, 1)
    return [names.index(name) for name in wanted]


def _remedy(cell: str) -> str:
    how = cells.notation(cell)
    return f" ({how})" if how else ""
