"""A CSV file as data, read once, line by line: every column but the target must hold numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import doc

from gradflow.arrays import Array
from gradflow.data.base import Data, Dataset, Seed, Standardize, TestFraction, prepare
from gradflow.data.csv_table import CsvTable, Form, read
from gradflow.data.csv_targets import decode, decode_test
from gradflow.data.files import DataFile, Sha256, require_unchanged
from gradflow.data.targets import Stated
from gradflow.errors import refused
from gradflow.formats import ADDED

Decimal = Literal["point", "comma", ".", ","]
Delimiter = Literal["comma", "semicolon", "tab", "space", "pipe", ",", ";", "\t", " ", "|"]

_INDEX = re.compile(
    r"(?i:unnamed(: ?\d+)?|index|idx|(row|obs)?[ _]?(id|index|nr|no\.?|number|names?|num)|row|obs|#|\w+_id)"
    r"|\w+I[dD]"
)


@dataclass(frozen=True)
class Csv(Dataset):
    """UTF-8 text with a header row; `target` names the column to predict, the others are features.

    `delimiter` (comma), `decimal` (point) and the columns to `drop` say how the file is written. Unless
    `task` says, numbers in the target are what `usual_task` makes of them, and text is classes if it repeats.
    Refused are a target that could be both, a column that only numbers the rows, and by line numbers in
    another notation, a missing value, and a mix of numbers and text. Classes are sorted: numbers by value,
    text by character. `test_path` is a file of the same columns to hold out, in place of `test_fraction`.
    `standardize` is for the features and for a regression target.
    """

    name = "csv"
    path: DataFile
    target: Annotated[str, doc("The column to predict.")]
    task: Stated = None
    standardize: Standardize = True
    test_fraction: TestFraction = 0.2
    seed: Seed = 0
    sha256: Sha256 = None
    delimiter: Annotated[Delimiter | None, doc("What parts the cells; a comma if not given.")] = field(
        default=None, metadata=ADDED
    )
    decimal: Annotated[Decimal | None, doc("What stands before a fraction; a point if not given.")] = field(
        default=None, metadata=ADDED
    )
    drop: Annotated[tuple[str, ...] | None, doc("Columns that are left out.")] = field(
        default=None, metadata=ADDED
    )
    test_path: Annotated[str | None, doc("A second file, whose samples are held out.")] = field(
        default=None, metadata=ADDED
    )
    test_sha256: Sha256 = field(default=None, metadata=ADDED)

    def load(self, base: Path) -> Data:
        form = Form(self.target, self.delimiter or "comma", self.decimal or "point", self.drop or ())
        table, digest = read(base / self.path, "data.path", form)
        require_unchanged(self.sha256, digest)
        if self.drop is None and self.sha256 is None:
            _require_no_index(table)
        labels, y = decode(table, self.task, resolved=self.sha256 is not None)
        keys: dict[str, str | None] = {"sha256": digest, "test_sha256": None}
        held_out = None
        if self.test_path is not None:
            test, found = read(base / self.test_path, "data.test_path", replace(form, like=table))
            require_unchanged(self.test_sha256, found, "data.test_sha256")
            keys["test_sha256"], train = found, len(y)
            y = np.concatenate([y, decode_test(test, labels)])
            table.features.extend(test.features)
            held_out = np.arange(len(y)) >= train
        return prepare(
            table.x,
            y,
            classes=labels is not None,
            standardize=self.standardize,
            test_fraction=self.test_fraction,
            seed=self.seed,
            held_out=held_out,
            keys=keys,
        )


def _require_no_index(table: CsvTable) -> None:
    """Refuse a column that is called an index and in which no two rows have the same whole number."""
    for column, name in enumerate(table.names[i] for i in table.kept):
        if _INDEX.fullmatch(name) and _counts(table.x[:, column]):
            message = f"the column {name!r} numbers the rows: leave it out by data.drop: [{name!r}]"
            raise refused(f"{message}, or keep it by data.drop: []", "data.drop")


def _counts(values: Array) -> bool:
    """Whether all are different whole numbers."""
    return len(values) > 2 and not (values % 1).any() and len(np.unique(values)) == len(values)
