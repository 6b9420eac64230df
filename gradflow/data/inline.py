"""Data written in the config itself: for examples worked by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, doc

from gradflow.data.base import Data, Dataset, Matrix, Standardize, one_hot, prepare
from gradflow.data.targets import Stated, Task, classes_of, decide
from gradflow.errors import refused
from gradflow.formats import ADDED

Sample = tuple[float, ...]
LARGEST = 10**18  # label that a 64-bit integer holds, far beyond any number of classes


@dataclass(frozen=True)
class Inline(Dataset):
    """x: a list of samples, each a list of numbers; y: integers (classes) or lists of numbers (regression).

    Where `usual_task` reads the numbers in the other way, or cannot say, `task` is needed. There are
    max(y) + 1 classes unless `classes` says more. Nothing is held out.
    """

    name = "inline"
    x: Annotated[tuple[Sample, ...], doc("The samples, each a list of numbers.")]
    y: Annotated[tuple[int | float | Sample, ...], doc("The targets: labels from 0 on, or lists of values.")]
    standardize: Standardize = True
    classes: Annotated[
        Annotated[int, Ge(2), Le(10**6)] | None, doc("How many there are, if more than the labels say.")
    ] = None
    task: Stated = field(default=None, metadata=ADDED)

    def load(self, base: Path) -> Data:
        x = _matrix(self.x, "data.x")
        if len(self.y) != len(x):
            raise refused(f"there are {len(self.y)} targets for {len(x)} samples of data.x", "data.y")
        y = _targets(self.y)
        task = self._task(y)
        if task == "regression":
            if self.classes is not None:
                raise refused("counts integer labels, but data.y holds values", "data.classes")
            y = y.reshape(len(y), -1)
        else:
            y = self._one_hot(y) if y.ndim == 1 else classes_of(y, "data.y")
            if self.classes not in (None, y.shape[1]):
                raise refused(f"should be {y.shape[1]}, as many as data.y has columns", "data.classes")
        return prepare(x, y, classes=task == "classification", standardize=self.standardize)

    def _task(self, y: Matrix) -> Task:
        """The stated task; else that of the values, which the way of writing them must not contradict."""
        if self.task or self.classes is not None:
            return decide(y, self.task or "classification", "data.y")
        task, kinds = decide(y, None, "data.y"), {type(target) for target in self.y}
        if (kinds, task) == ({int}, "regression") or (kinds, task) == ({tuple}, "classification"):
            how = "integers are classes" if task == "regression" else "lists are values"
            other = "values" if task == "regression" else "classes"
            message = f"{how} in data.y, but these look like {other}: set classification or regression"
            raise refused(message, "data.task")
        return task

    def _one_hot(self, y: Matrix) -> Matrix:
        low, high = y.min(), y.max()
        classes = self.classes or int(min(high, LARGEST)) + 1
        if (y % 1).any() or low < 0 or high >= classes:
            raise refused(f"labels go from 0 to {classes - 1}; found {low:g}..{high:g}", "data.y")
        return one_hot(y.astype(np.int64), classes, "data.y")


def _targets(y: tuple[int | float | Sample, ...]) -> Matrix:
    """y as (samples,), or as (samples, outputs) of more than one output."""
    rows = tuple(target if isinstance(target, tuple) else (target,) for target in y)
    if len({isinstance(target, tuple) for target in y}) > 1:
        raise refused("must hold integers (classes) or lists of numbers (regression): [[0.2]]", "data.y")
    found = _matrix(rows, "data.y")
    return found[:, 0] if found.shape[1] == 1 else found


def _matrix(rows: tuple[Sample, ...], key: str) -> Matrix:
    if not rows or not rows[0]:
        raise refused("must hold at least one sample of at least one number: [[1.5]]", key)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise refused(f"row {number} holds {len(row)} numbers where row 1 holds {len(rows[0])}", key)
        if not np.isfinite(row).all():
            raise refused(f"row {number} holds a number that is not finite", key)
    return np.array(rows, dtype=np.float64)
