"""What holds for every data set of the table."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gradflow.data import DATASETS, Data, Dataset

KEYS = {
    "digits": {},
    "gaussian": {"samples": 50, "features": 6, "classes": 3, "test_fraction": 0.2},
    "teacher": {"samples": 50, "features": 6, "outputs": 2, "width": 8},
    "spirals": {"samples": 50, "classes": 3},
    "inline": {"x": ((1.5, 2.0), (0.5, 1.0), (0.0, 3.0)), "y": (0, 2, 1), "classes": 3},
    "csv": {"path": "rows.csv", "target": "parity"},
    "npz": {"path": "arrays.npz"},
}
SPLIT = [name for name, cls in DATASETS.items() if "test_fraction" in {field.name for field in fields(cls)}]
SEEDED = [name for name, cls in DATASETS.items() if "seed" in {field.name for field in fields(cls)}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = (f"{0.1 * i},{i * i % 7},{'odd' if i % 2 else 'even'}\n" for i in range(40))
    (tmp_path / "rows.csv").write_text("a,b,parity\n" + "".join(lines))
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "arrays.npz", x=rng.normal(3, 2, (40, 2, 3)), y=rng.normal(size=40))
    return tmp_path


def build(name: str, **keys: object) -> Dataset:
    """The class as a config makes it: through pydantic's strict validation."""
    return TypeAdapter(DATASETS[name]).validate_json(json.dumps({**KEYS[name], **keys}))


def rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hstack([x, y])


def everything(data: Data) -> np.ndarray:
    return np.concatenate([rows(data.x, data.y), rows(data.x_test, data.y_test)])


def test_every_data_set_is_tested() -> None:
    assert list(KEYS) == list(DATASETS)
    assert all(name == cls.name for name, cls in DATASETS.items())


@pytest.mark.parametrize("name", DATASETS)
def test_data_are_read_only_float64_matrices_of_the_same_columns(name: str, folder: Path) -> None:
    data = build(name).load(folder)
    for array in (data.x, data.y, data.x_test, data.y_test):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    assert data.x.shape == (data.samples, data.features)
    assert data.y.shape == (data.samples, data.outputs)
    assert data.x_test.shape[1] == data.features
    assert data.y_test.shape == (len(data.x_test), data.outputs)


@pytest.mark.parametrize("name", DATASETS)
def test_classes_are_one_hot_and_values_are_standardised(name: str, folder: Path) -> None:
    data = build(name).load(folder)
    if data.classes:
        y = np.concatenate([data.y, data.y_test])
        assert set(np.unique(y)) == {0.0, 1.0}
        assert (y.sum(axis=1) == 1).all()
        assert y.any(axis=0).all()
    else:
        np.testing.assert_allclose(data.y.mean(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(data.y.std(axis=0), 1, rtol=1e-14)


@pytest.mark.parametrize("name", DATASETS)
def test_q_0_is_the_mean_squared_input(name: str, folder: Path) -> None:
    data = build(name).load(folder)
    assert data.q_0 == pytest.approx(np.mean(data.x**2), rel=1e-14)


@pytest.mark.parametrize("name", SPLIT)
def test_the_test_fraction_is_held_out(name: str, folder: Path) -> None:
    data = build(name, test_fraction=0.3).load(folder)
    assert len(data.x_test) == round(0.3 * (data.samples + len(data.x_test)))


@pytest.mark.parametrize("name", [name for name in SPLIT if name != "spirals"])  # it is always standardised
def test_the_split_keeps_every_sample_once_and_in_order(name: str, folder: Path) -> None:
    raw = {"standardize": False} if hasattr(DATASETS[name], "standardize") else {}
    whole = build(name, test_fraction=0.0, **raw).load(folder)
    split = build(name, test_fraction=0.3, **raw).load(folder)
    place = {row.tobytes(): index for index, row in enumerate(rows(whole.x, whole.y))}
    train = [place[row.tobytes()] for row in rows(split.x, split.y)]
    test = [place[row.tobytes()] for row in rows(split.x_test, split.y_test)]
    assert sorted(train + test) == list(range(whole.samples))
    assert (train, test) == (sorted(train), sorted(test))


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_fixes_every_bit_and_another_seed_changes_them(name: str, folder: Path) -> None:
    first, again, other = (everything(build(name, seed=seed).load(folder)) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("name", DATASETS)
def test_unknown_keys_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="sample_count"):
        build(name, sample_count=3)


@pytest.mark.parametrize("name", SEEDED)
def test_seeds_are_whole_numbers_that_key_a_stream(name: str, folder: Path) -> None:
    build(name, seed=2**63 - 1).load(folder)
    for wrong in (-1, 2**63, 1.0, True):
        with pytest.raises(ValidationError, match="seed"):
            build(name, seed=wrong)


@pytest.mark.parametrize("name", SPLIT)
@pytest.mark.parametrize("wrong", [-0.1, 1.0, True])
def test_some_samples_must_be_left_to_train_on(name: str, wrong: object) -> None:
    with pytest.raises(ValidationError, match="test_fraction"):
        build(name, test_fraction=wrong)
