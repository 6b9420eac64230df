import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.data.npz_file import Npz
from gradflow.errors import InputError
from tests.archives import archive, npy

X = np.arange(12.0).reshape(4, 3)
Y = np.array([5, 3, 3, 9])
CLASSES = {"task": "classification"}
TARGETS = "(samples,) or (samples, outputs)"
NUMBERS = "save numbers of at most 64 bits (labels as integers)"
FINITE = "(from 0) holds a value that is not finite"
NOT_READABLE = "FILE: not a readable npz file: write it with numpy.savez or numpy.savez_compressed"


def load(folder: Path, content: bytes, **keys: Any) -> Data:
    (folder / "d.npz").write_bytes(content)
    settings = {"path": "d.npz", "standardize": False, "test_fraction": 0.0, **keys}
    return Npz(**settings).load(folder)


def refusal(folder: Path, content: bytes, **keys: Any) -> str:
    """The one line of the error, with the file's path as FILE."""
    with pytest.raises(InputError) as caught:
        load(folder, content, **keys)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(str(folder / "d.npz"), "FILE")


def header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


GOOD = archive(zipfile.ZIP_DEFLATED, x=npy(X), y=npy(Y))


def test_integers_are_classes_sorted_by_value(tmp_path: Path) -> None:
    data = load(tmp_path, GOOD, **CLASSES)
    assert data.classes
    assert data.x.tolist() == X.tolist()
    assert data.y.argmax(axis=1).tolist() == [1, 0, 0, 2]


def test_floats_are_regressed_on(tmp_path: Path) -> None:
    one, two = (load(tmp_path, archive(x=npy(X), y=npy(y))) for y in (X[:, 0], X[:, :2]))
    assert (one.y.tolist(), two.y.tolist()) == (X[:, :1].tolist(), X[:, :2].tolist())
    assert not one.classes
    assert not two.classes


@pytest.mark.parametrize("dtype", ["?", "u1", "<i4", ">i8", "<u8", "<f2", ">f4", "<f8"])
def test_any_real_numbers_in_any_layout_are_read(tmp_path: Path, dtype: str) -> None:
    pixels = np.asfortranarray((np.arange(16).reshape(4, 2, 2) % 2).astype(dtype))
    data = load(tmp_path, archive(x=npy(pixels), y=npy(np.array([True, False, True, True]))))
    assert data.x.tolist() == [[0, 1, 0, 1]] * 4
    assert data.y.argmax(axis=1).tolist() == [1, 0, 1, 1]


def test_compressed_archives_and_other_names_are_read(tmp_path: Path) -> None:
    content = archive(zipfile.ZIP_DEFLATED, images=npy(X), labels=npy(Y), rest=b"not looked at")
    data = load(tmp_path, content, x="images", y="labels", **CLASSES)
    assert data.x.tolist() == X.tolist()
    assert data.sha256 == hashlib.sha256(content).hexdigest()


def test_a_recorded_sha256_must_still_be_that_of_the_file(tmp_path: Path) -> None:
    assert "data.sha256: the file has changed" in refusal(tmp_path, GOOD, sha256="0" * 64)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"X": X, "Y": Y}, "data.x: FILE holds no array 'x': it holds 'X', 'Y'"),
        ({"x": X, "yy": Y}, "data.y: FILE holds no array 'y': it holds 'x', 'yy'; did you mean yy?"),
        ({"x": X[0], "y": Y}, "FILE: x: has shape (3,): it must be (samples, features)"),
        ({"x": X[:0], "y": Y[:0]}, "FILE: x: has shape (0, 3): it must hold at least one sample"),
        ({"x": X[:, :0], "y": Y}, "FILE: x: has shape (4, 0): it must hold at least one value a sample"),
        ({"x": X, "y": np.array(3)}, "FILE: y: has shape (): it must hold at least one sample"),
        ({"x": X, "y": Y[:3]}, "FILE: y: holds 3 targets for the 4 samples of 'x'"),
        ({"x": X, "y": X[:, :, None]}, "FILE: y: has shape (4, 3, 1): it must be " + TARGETS),
        ({"x": X, "y": np.array(list("abab"))}, "FILE: y: holds <U1 values: " + NUMBERS),
        ({"x": X + 1j, "y": Y}, "FILE: x: holds complex128 values: " + NUMBERS),
        ({"x": X.astype(object), "y": Y}, "FILE: x: holds object values: " + NUMBERS),
        ({"x": np.where(X == 7, np.nan, X), "y": Y}, "FILE: x: sample 2 " + FINITE),
        ({"x": X, "y": np.array([1, 2, 3, -np.inf])}, "FILE: y: sample 3 " + FINITE),
        ({"x": X, "y": np.ones(4, int)}, "FILE: y: there is only one class: nothing to tell apart"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_samples_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], expected: str
) -> None:
    np.savez(tmp_path / "arrays.npz", **arrays)
    assert refusal(tmp_path, (tmp_path / "arrays.npz").read_bytes()) == expected


@pytest.mark.parametrize(
    ("shape", "gigabytes"),
    [("(10**6,10**6)", None), ("(100000000, 1000)", "1,600.9"), (f"({'9' * 4000}, {'9' * 4000})", "1,0")],
    ids=["not a literal", "beyond memory", "beyond any number"],
)
def test_a_declared_size_is_refused_before_anything_is_read(
    tmp_path: Path, shape: str, gigabytes: str | None
) -> None:
    rows = shape.split(",")[0].strip("(")
    content = archive(x=header(shape), y=header(f"({rows},)", "'|b1'"))
    expected = f"FILE: its arrays would need {gigabytes}" if gigabytes else NOT_READABLE
    assert refusal(tmp_path, content).startswith(expected)


def test_an_archive_that_inflates_beyond_memory_is_refused(tmp_path: Path) -> None:
    x, y = npy(np.zeros((60_000, 1_000), np.uint8)), npy(np.arange(60_000))
    content = archive(zipfile.ZIP_DEFLATED, x=x, y=y)
    assert len(content) < 200_000
    assert "its arrays would need 0.5 GB of memory" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        npy(X),
        GOOD[: len(GOOD) // 2],
        archive(x=b"", y=npy(Y)),
        archive(x=npy(X)[:-1], y=npy(Y)),
        archive(x=b"\x93NUMPY\x09\x00" + npy(X)[8:], y=npy(Y)),
        archive(x=header("(4, 3"), y=npy(Y)),
        archive(x=header("[" * 3000), y=npy(Y)),
        archive(x=header("(4, 3)", "'nonsense'"), y=npy(Y)),
        archive(zipfile.ZIP_LZMA, x=npy(X), y=npy(Y)),
        archive(zipfile.ZIP_BZIP2, x=npy(X), y=npy(Y)),
    ],
    ids=[
        "empty", "npy", "cut", "empty member", "cut member", "unknown version", "cut header", "deep header",
        "unknown dtype", "lzma", "bzip2",
    ],
)  # fmt: skip
def test_damage_is_one_line(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content) == NOT_READABLE


def test_every_damaged_byte_is_harmless_or_refused(tmp_path: Path) -> None:
    for position in range(len(GOOD)):
        damaged = bytearray(GOOD)
        damaged[position] ^= 0x55
        try:
            data = load(tmp_path, bytes(damaged), **CLASSES)
        except InputError:
            continue
        assert data.x.tolist() == X.tolist()  # a date or another field that nobody reads
        assert data.y.argmax(axis=1).tolist() == [1, 0, 0, 2]


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    content = archive(x=npy(np.array([[Trap()]], dtype=object)), y=npy(Y))
    assert "holds object values" in refusal(tmp_path, content)
    assert not (tmp_path / "trapped").exists()
