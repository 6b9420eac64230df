"""Data written in the config itself: for examples worked by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Le

from gradflow.data.base import Data, Dataset, Matrix, one_hot, prepare, refused

if TYPE_CHECKING:
    from pathlib import Path

Row = tuple[float, ...]


@dataclass(frozen=True)
class Inline(Dataset):
    """x: a list of samples, each a list of numbers; y: integers (classes) or lists of numbers (regression).

    There are max(y) + 1 classes unless `classes` says more. Nothing is held out.
    """

    name = "inline"
    x: tuple[Row, ...]
    y: tuple[int | float | Row, ...]
    standardize: bool = True
    classes: Annotated[int, Ge(2), Le(10**6)] | None = None

    def load(self, base: Path) -> Data:
        x = _matrix(self.x, "data.x")
        if len(self.y) != len(x):
            raise refused(f"there are {len(self.y)} targets for {len(x)} samples of data.x", "data.y")
        labels = all(isinstance(target, int) for target in self.y)
        y = self._one_hot() if labels else self._values()
        return prepare(x, y, classes=labels, standardize=self.standardize)

    def _one_hot(self) -> Matrix:
        labels = [target for target in self.y if isinstance(target, int)]
        classes = self.classes or max(labels) + 1
        if min(labels) < 0 or max(labels) >= classes:
            raise refused(f"labels go from 0 to {classes - 1}; found {min(labels)}..{max(labels)}", "data.y")
        return one_hot(np.array(labels, dtype=np.int64), classes, "data.y")

    def _values(self) -> Matrix:
        rows = tuple(target for target in self.y if isinstance(target, tuple))
        if len(rows) != len(self.y):
            raise refused("must hold integers (classes) or lists of numbers (regression): [[0.2]]", "data.y")
        if self.classes is not None:
            raise refused("counts integer labels, but data.y holds lists of numbers", "data.classes")
        return _matrix(rows, "data.y")


def _matrix(rows: tuple[Row, ...], key: str) -> Matrix:
    if not rows or not rows[0]:
        raise refused("must hold at least one sample of at least one number: [[1.5]]", key)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise refused(f"row {number} holds {len(row)} numbers where row 1 holds {len(rows[0])}", key)
        if not np.isfinite(row).all():
            raise refused(f"row {number} holds a number that is not finite", key)
    return np.array(rows, dtype=np.float64)
