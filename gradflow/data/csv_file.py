"""A CSV file as data, read once, line by line: every column but the target must hold numbers."""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from gradflow.data.base import MEMORY, Data, Dataset, Matrix, Seed, TestFraction, one_hot, prepare, refused
from gradflow.data.files import open_regular, require_unchanged
from gradflow.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Task = Literal["classification", "regression"]

_SHOWN = 10  # problems of a file that are reported
_NAMED = 8  # columns of a file that an error names
_LONGEST_LINE = 2**22  # bytes
_FEW = 20  # distinct integers that still look like labels
_NULLS = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


@dataclass(frozen=True)
class Csv(Dataset):
    """Comma-separated UTF-8 with a header row; `target` names the column to predict, the others are features.

    Unless `task` says, the target is taken as classes if it is text, or whole numbers with at most 2 distinct
    values, or with at most 20 that are at most a tenth as many as the rows; else it is regressed on. One that
    mixes numbers and text, like a missing value anywhere, is refused by line. Classes are sorted: numbers by
    value, text by character. `standardize` is for the features and for a regression target.
    """

    name = "csv"
    path: str
    target: str
    task: Task | None = None
    standardize: bool = True
    test_fraction: TestFraction = 0.2
    seed: Seed = 0
    sha256: str | None = None

    def load(self, base: Path) -> Data:
        table, digest = _read(base / self.path, self.target)
        require_unchanged(self.sha256, digest)
        classes, y = _decode(table, self.task)
        return prepare(
            np.frombuffer(table.features, dtype=np.float64).reshape(len(table.targets), -1),
            y,
            classes=classes,
            standardize=self.standardize,
            test_fraction=self.test_fraction,
            seed=self.seed,
            sha256=digest,
        )


@dataclass
class _Table:
    """What has been read so far: features row by row, the target's cells as text, and what was wrong."""

    source: str
    names: list[str]
    target: int
    features: array[float] = field(default_factory=lambda: array("d"))
    targets: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    problems: list[Problem] = field(default_factory=list)
    memory: int = 0

    def add(self, line: int, row: list[str]) -> None:
        if len(row) != len(self.names):
            message = f"the row has {len(row)} values where the header has {len(self.names)}"
            self.problems.append(Problem(message, source=self.source, line=line))
            return
        target = row.pop(self.target).strip()
        if not target:
            self._refuse(line, self.target, target)
        self.features.extend(_numbers(row) or self._refuse_cells(line, row))
        self.targets.append(target)
        self.lines.append(line)
        # 16: every feature is there twice while the samples are split; 160: the objects that hold a target
        self.memory += 16 * len(row) + 160 + 4 * len(target)
        if self.memory > MEMORY:
            limit = f"data may take {MEMORY / 1e9} GB of memory"
            raise refused(f"{limit} and is full here: keep fewer rows or columns", "", self.source, line)

    def _refuse_cells(self, line: int, cells: list[str]) -> list[float]:
        for column, cell in enumerate(cells):
            if _number(cell) is None:
                self._refuse(line, column + (column >= self.target), cell.strip())
        return []

    def _refuse(self, line: int, column: int, cell: str) -> None:
        if cell.lower() in _NULLS:
            message = f"missing value ({cell or 'empty'}): fill it in or remove the row"
        else:
            message = f"{cell[:40]!r} is not a finite number: only the target may be text"
        self.problems.append(Problem(message, self.names[column], self.source, line))


def _read(path: Path, target: str) -> tuple[_Table, str]:
    """The table and the sha256 of the file's bytes."""
    digest, source = sha256(), str(path)
    with open_regular(path) as file:
        rows = _rows(_lines(file, source, digest.update), source)
        names = _header(rows, source)
        table = _Table(source, names, _target(names, target, source))
        try:
            for line, row in rows:
                table.add(line, row)
                if len(table.problems) >= _SHOWN:
                    break
        except InputError as unreadable:
            table.problems.extend(unreadable.problems)
    if not table.problems and len(table.targets) < 2:
        table.problems.append(Problem("fewer than two rows of data: nothing to learn from", source=source))
    if table.problems:
        raise InputError(*table.problems[:_SHOWN])
    return table, digest.hexdigest()


def _lines(file: BinaryIO, source: str, seen: Callable[[bytes], None]) -> Iterator[str]:
    """The file's lines as text; decoded one by one, so that a bad byte is reported with its own line."""
    number = 0
    while raw := file.readline(_LONGEST_LINE):
        number += 1
        seen(raw)
        if len(raw) == _LONGEST_LINE:
            raise refused(f"the line is longer than {_LONGEST_LINE >> 20} MB", source=source, line=number)
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise refused("not UTF-8: save the file as UTF-8 text", source=source, line=number) from None
        if "\0" in text:
            raise refused("holds a NUL byte: this is not a text file", source=source, line=number)
        yield text


def _rows(lines: Iterator[str], source: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; a row that spans lines counts from its first."""
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message = f"not well-formed CSV ({error}): quote a whole value, and double the quotes inside it"
            raise refused(message, source=source, line=line) from None
        if row:
            yield line, row


def _header(rows: Iterator[tuple[int, list[str]]], source: str) -> list[str]:
    line, cells = next(rows, (0, []))
    names = [cell.strip() for cell in cells]
    if not names:
        raise refused("the file is empty: it needs a header row and data", source=source)
    if all(_number(name) is not None for name in names):
        message = f"numbers where a header should name the columns: {_listed(names)}"
        raise refused(message, source=source, line=line)
    if "" in names:
        message = f"column {names.index('') + 1} has no name (is it an index? remove it, or give it one)"
        raise refused(message, source=source, line=line)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise refused("two columns have this name: rename one", twice[0], source, line)
    if len(names) == 1:
        message = "there is one column: separate columns by commas, and give a feature beside the target"
        raise refused(message, source=source, line=line)
    return names


def _target(names: list[str], target: str, source: str) -> int:
    if target not in names:
        close = did_you_mean(target, names) or f": it has {_listed(names)}"
        message = f"{source} has no column {target!r}{close}"
        raise refused(message, "data.target")
    return names.index(target)


def _listed(names: list[str]) -> str:
    """The first of a file's columns."""
    return ", ".join([repr(name[:40]) for name in names[:_NAMED]] + ["..."] * (len(names) > _NAMED))


def _number(cell: str) -> float | None:
    """A finite number, or None; Python's digit groups (2020_01) are text here."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if isfinite(value) and "_" not in cell else None


def _numbers(cells: list[str]) -> list[float] | None:
    """All cells as numbers, or None if one is not: the fast path of a clean file."""
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return values if all(map(isfinite, values)) and "_" not in ",".join(cells) else None


def _decode(table: _Table, task: Task | None) -> tuple[bool, Matrix]:
    """(whether the target is classes, y (samples, outputs))."""
    values = [_number(cell) for cell in table.targets]
    if (task or _guess(values)) == "classification":
        return True, _one_hot(table.targets if None in values else values, table)
    if None in values:
        raise InputError(*_text_in_target(table, values))
    return False, np.array(values, dtype=np.float64)[:, None]


def _guess(values: list[float | None]) -> Task:
    """The rule of Csv; a mix of numbers and text is left to be refused as a number."""
    distinct = set(values)
    few = len(distinct) <= max(2, min(_FEW, len(values) // 10))
    whole = all(value is not None and value.is_integer() for value in distinct)
    return "classification" if distinct == {None} or (few and whole) else "regression"


def _one_hot(labels: list[Any], table: _Table) -> Matrix:
    position = {label: index for index, label in enumerate(sorted(set(labels)))}
    codes = np.array([position[label] for label in labels])
    return one_hot(codes, len(position), table.names[table.target], table.source)


def _text_in_target(table: _Table, values: list[float | None]) -> list[Problem]:
    rows = [row for row, value in enumerate(values) if value is None][:_SHOWN]
    name = table.names[table.target]
    return [
        Problem(
            f"{table.targets[row][:40]!r} is not a number: correct it, or set data.task: classification",
            name,
            table.source,
            table.lines[row],
        )
        for row in rows
    ]
