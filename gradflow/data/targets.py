"""Whether targets are classes or values: one rule for CSV, NPZ and inline; it asks where it cannot know."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import doc

from gradflow.arrays import Array
from gradflow.data.base import one_hot, require_classes
from gradflow.errors import refused

Task = Literal["classification", "regression"]
Stated = Annotated[Task | None, doc("What the targets are, where they do not tell it themselves.")]

FEW = 20  # classes at most, where nothing but the numbers says that they are classes
REPEATS = 10  # samples a class on average, likewise
COMMON = 10  # samples of a class that is not rare, or half of its share if those are fewer


def decide(values: Array, stated: Task | None, name: str) -> Task:
    """The task `stated`, else what `usual_task` says of the values; InputError where it cannot say.

    `values` are finite numbers or booleans, (samples,) or (samples, outputs); `name` is theirs in the error.
    """
    task = stated or usual_task(values)
    if task is None and values.ndim == 1:
        message = "may be classes or values: set classification or regression"
    elif task is None:
        message = "may be several labels of a sample, or values: set regression to take them as values"
    elif task == "classification" and values.ndim > 1 and not is_one_hot(values):
        message = "are no classes, for not each is a single 1 among zeros: set regression"
    else:
        return task
    raise refused(f"{_told(values, name)} {message}", "data.task")


def classes_of(values: Array, name: str, source: str = "") -> Array:
    """Classes (samples,), sorted by value, as one-hot rows; one-hot rows as they are."""
    if values.ndim > 1:
        require_classes(int(values.any(axis=0).sum()), len(values), name, source)
        return values
    distinct = np.unique(values)
    require_classes(len(distinct), len(values), name, source)  # before the codes, which take as much again
    return one_hot(np.searchsorted(distinct, values), len(distinct), name, source)


def usual_task(values: Array) -> Task | None:
    """The task of targets by what they are, None if they could be either.

    Booleans and one-hot rows are classes, and numbers with a fraction are values. Whole numbers are classes
    if they look like labels (counted from -1, 0 or 1, with few holes) and are two, or at most 20 of which
    none is rare and each stands for 10 samples on average; so are any two numbers that often. They are values
    if they are many and stand for less than 2 samples on average, or are all different and no labels. One
    sample is a value. Of several columns one of the first 20 that holds values decides.
    """
    if values.dtype.kind == "b" and values.ndim == 1:
        return "classification"
    if values.ndim == 1:
        return _of_column(values)
    if is_one_hot(values):
        return "classification"
    if values.dtype.kind == "f" and (values % 1).any():
        return "regression"
    return "regression" if any(_of_column(column) == "regression" for column in values.T[:FEW]) else None


def is_one_hot(values: Array) -> bool:
    """Whether each row of (samples, classes) is a single 1 among zeros, of at least two classes."""
    return (
        values.shape[1] > 1
        and bool(((values == 0) | (values == 1)).all())
        and bool((np.count_nonzero(values, axis=1) == 1).all())
    )


def _of_column(values: Array) -> Task | None:
    distinct, counts = np.unique(values, return_counts=True)
    number, samples = len(distinct), len(values)
    if samples == 1 or (distinct % 1).any():
        return "regression"
    labels = _look_like_labels(distinct)
    often = samples >= REPEATS * number and counts.min() >= min(COMMON, samples / (2 * number))
    if number == 1 or (number == 2 and (labels or often)) or (number <= FEW and labels and often):
        return "classification"
    seldom = samples < 2 * number and number > (FEW if labels else FEW // 2)
    return "regression" if seldom or (number == samples and not labels) else None


def _look_like_labels(distinct: Array) -> bool:
    """Whether sorted whole numbers start at -1, 0 or 1 and fill at least half of their range."""
    first, last = float(distinct[0]), float(distinct[-1])
    return first in (-1, 0, 1) and last - first < 2 * len(distinct)


def _told(values: Array, name: str) -> str:
    if values.ndim > 1:
        return f"the rows of {name}, of shape {values.shape},"
    return f"the {len(np.unique(values)):,} different numbers of {name} in {len(values):,} samples"
