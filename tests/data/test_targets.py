"""The one rule of classes and values, over tables of what a person would say of them."""

# ruff: noqa: E501 - rows of tables

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.data.csv_file import Csv
from gradflow.data.npz_file import Npz
from gradflow.data.targets import usual_task
from gradflow.errors import InputError

EYE = np.eye(3)[np.arange(9) % 3]
CLASSES: dict[str, Any] = {
    "0 and 1": [0, 1, 0],
    "1 and 2": [1.0, 2.0, 2.0],
    "-1 and 1": [-1, 1, 1, 1],
    "two digits": [3, 8] * 20,
    "three labels": [0, 1, 2] * 10,
    "from 1, with a hole": [1, 2, 3, 5, 6, 7] * 10,
    "signs": [-1, 0, 1] * 10,
    "twenty labels": list(range(20)) * 10,
    "floats that are whole": [0.0, 1.0, 2.0] * 10,
    "bytes": np.array([0, 1, 2, 3] * 10, np.uint8),
    "booleans": np.array([True, False, True]),
    "one-hot floats": EYE,
    "one-hot integers": EYE.astype(int),
    "one-hot booleans": EYE.astype(bool),
    "one-hot, a class unused": np.eye(4)[np.arange(9) % 3],
}
VALUES: dict[str, Any] = {
    "fractions": [0.5, 1.5, 2.0],
    "two fractions": [0.5, 1.5] * 50,
    "all distinct": list(range(200_000, 224_000, 1_200)),
    "prices": np.random.default_rng(0).integers(1_000, 900_000, 300),
    "prices as floats": np.random.default_rng(1).integers(1_000, 900_000, 300).astype(float),
    "negative": np.random.default_rng(2).integers(-9_999, 9_999, 99),
    "one sample": [1.0],
    "a few prices": [120, 450, 300],
    "two prices": [1_200, 3_400],
    "two columns": np.random.default_rng(3).normal(size=(9, 2)),
    "two columns of whole numbers": np.random.default_rng(4).integers(0, 9_999, (50, 2)),
    "labels beside values": np.column_stack([np.arange(30) % 2, np.arange(30) / 8]),
}
EITHER: dict[str, Any] = {
    "three labels, few rows": [0, 1, 2, 0, 1, 2],
    "as many labels as rows": list(range(20)),
    "ages": np.random.default_rng(5).integers(18, 90, 500),
    "years": list(range(1990, 2020)) * 5,
    "counts": np.random.default_rng(6).poisson(4, 400),
    "a rare class": [0] * 80 + [1] * 80 + [2],
    "codes": [11, 21, 22, 31] * 20,
    "a hundred labels": list(range(100)) * 10,
    "two codes, few rows": [3, 8, 8],
    "two labels a sample": np.array([[0, 1], [1, 1]] * 20),
    "a code in each column": np.array([[3, 1], [4, 1], [3, 2]] * 20),
}


@pytest.mark.parametrize(
    ("values", "task"),
    [(y, task) for rows, task in ((CLASSES, "classification"), (VALUES, "regression"), (EITHER, None)) for y in rows.values()],
    ids=[*CLASSES, *VALUES, *EITHER],
)  # fmt: skip
def test_numbers_are_what_a_person_takes_them_for(values: Any, task: str | None) -> None:
    assert usual_task(np.array(values)) == task


def as_csv(folder: Path, y: np.ndarray, **keys: Any) -> Data:
    rows = (f"{row}.5,{value}\n" for row, value in enumerate(y.tolist()))
    (folder / "d.csv").write_text("a,y\n" + "".join(rows))
    return Csv("d.csv", "y", standardize=False, test_fraction=0.0, **keys).load(folder)


def as_npz(folder: Path, y: np.ndarray, **keys: Any) -> Data:
    np.savez(folder / "d.npz", x=np.arange(len(y))[:, None] + 0.5, y=y)
    return Npz("d.npz", standardize=False, test_fraction=0.0, **keys).load(folder)


COLUMNS = {
    name: np.array(y)
    for name, y in (CLASSES | VALUES | EITHER).items()
    if np.ndim(y) == 1 and np.array(y).dtype.kind != "b" and len(y) > 1
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_csv_and_an_npz_say_the_same(tmp_path: Path, name: str) -> None:
    for load in (as_csv, as_npz):
        if name in EITHER:
            with pytest.raises(InputError, match=r"^data.task: .* set classification or regression"):
                load(tmp_path, COLUMNS[name])
        else:
            data = load(tmp_path, COLUMNS[name])
            assert data.classes == (name in CLASSES)
            if data.classes:
                assert np.unique(COLUMNS[name])[data.y.argmax(axis=1)].tolist() == COLUMNS[name].tolist()
            else:
                assert data.y[:, 0].tolist() == COLUMNS[name].tolist()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_stated_task_overrules(tmp_path: Path, name: str) -> None:
    for load in (as_csv, as_npz):
        values = load(tmp_path, COLUMNS[name], task="regression")
        assert values.y[:, 0].tolist() == COLUMNS[name].tolist()
        classes = load(tmp_path, COLUMNS[name], task="classification")
        assert classes.outputs == len(np.unique(COLUMNS[name]))


@pytest.mark.parametrize("name", [name for name in CLASSES if np.ndim(CLASSES[name]) == 2])
def test_one_hot_arrays_are_classes_in_the_order_of_their_columns(tmp_path: Path, name: str) -> None:
    data = as_npz(tmp_path, CLASSES[name])
    assert data.classes
    assert data.y.tolist() == np.asarray(CLASSES[name], dtype=float).tolist()
    assert not as_npz(tmp_path, CLASSES[name], task="regression").classes


def test_rows_that_are_not_one_hot_are_no_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data.task: the rows of 'y', of shape \(9, 2\), are no classes"):
        as_npz(tmp_path, VALUES["two columns"], task="classification")


def test_a_column_of_an_npz_is_as_good_as_its_values_alone(tmp_path: Path) -> None:
    labels, values = np.array([[0], [1], [1]]), np.array([[0.5], [1.5], [1.0]])
    assert as_npz(tmp_path, labels).y.tolist() == as_npz(tmp_path, labels[:, 0]).y.tolist()
    assert as_npz(tmp_path, values).y.tolist() == values.tolist()


@pytest.mark.parametrize("load", [as_csv, as_npz])
def test_a_config_that_states_a_sha256_keeps_the_task_that_it_was_resolved_with(
    tmp_path: Path, load: Any
) -> None:
    """A config.yaml of before there was a rule of values: it states no task, and must give the same run."""
    few = np.array([0, 1, 2] * 3)
    digest = load(tmp_path, few, task="regression").sha256
    assert load(tmp_path, few, sha256=digest).classes == (load is as_npz)


def test_a_task_that_the_type_of_an_array_does_not_tell_is_resolved(tmp_path: Path) -> None:
    floats = as_npz(tmp_path, np.array([0.0, 1.0, 1.0]))
    assert floats.keys == {"sha256": floats.sha256, "task": "classification"}
    prices = as_npz(tmp_path, np.array(VALUES["all distinct"]))
    assert prices.keys == {"sha256": prices.sha256, "task": "regression"}
    integers = as_npz(tmp_path, np.array([0, 1, 1]))
    assert integers.keys == {"sha256": integers.sha256}
