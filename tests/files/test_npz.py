import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.files.npz import open_npz, read_array, write_member
from tests.archives import archive, npy

REFUSED = RuntimeError("refused")
X = np.arange(12.0).reshape(4, 3)


def arrays(content: bytes, **options: Any) -> dict[str, np.ndarray]:
    with open_npz(io.BytesIO(content), REFUSED, **options) as held:
        return {name: held.array(name) for name in held.names}


@pytest.mark.parametrize(
    "array",
    [X, np.asfortranarray(X), X[:0], np.array(3.5), X.astype(">f4"), np.array(["fc1", "fc22"]), X > 3,
     np.zeros((2, 3), "U0"), np.ones((700, 300)).astype("i2").T],
    ids=["plain", "Fortran", "no rows", "a number", "big end", "texts", "booleans", "empty texts", "chunks"],
)  # fmt: skip
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_numpy_saves_is_read_as_it_was(array: np.ndarray, method: int) -> None:
    (found,) = arrays(archive(method, x=npy(array))).values()
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_more_than_a_chunk_is_read_whole() -> None:
    large = np.random.default_rng(0).random((300, 1000))
    assert arrays(archive(zipfile.ZIP_DEFLATED, x=npy(large)))["x"].tobytes() == large.tobytes()


def test_headers_are_told_before_an_array_is_read() -> None:
    with open_npz(io.BytesIO(archive(x=npy(X), y=npy(X[0] > 1))), REFUSED) as held:
        assert held.names == ["x", "y"]
        assert held.header("x") == ((4, 3), False, np.dtype("<f8"))
        assert (held.header("x").size, held.header("y").size) == (96, 3)
        assert held.size == len(npy(X)) + len(npy(X[0] > 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        archive(x=npy(X)[:-1]),
        archive(x=npy(X) + b"\0"),
        archive(x=npy(X).replace(b"(4, 3)", b"(9, 9)")),
        archive(x=b"no array"),
        archive(x=npy(X)).replace(np.float64(7).tobytes(), np.float64(8).tobytes()),
        archive(zipfile.ZIP_BZIP2, x=npy(X)),
        archive(zipfile.ZIP_LZMA, x=npy(X)),
    ],
    ids=["nothing", "no end", "cut", "longer", "larger", "no header", "another checksum", "bzip2", "lzma"],
)
def test_damage_becomes_the_error_that_is_given(content: bytes) -> None:
    with pytest.raises(RuntimeError, match="refused"):
        arrays(content)


def test_only_what_is_stored_is_read_where_nothing_may_inflate() -> None:
    assert list(arrays(archive(x=npy(X)), stored=True)) == ["x"]
    with pytest.raises(RuntimeError, match="refused"):
        arrays(archive(zipfile.ZIP_DEFLATED, x=npy(X)), stored=True)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    content = npy(np.array([[Trap()]], dtype=object))
    with pytest.raises(RuntimeError, match="refused"):
        arrays(archive(x=content))
    with pytest.raises(ValueError, match="pickle"):
        read_array(io.BytesIO(content), 10**6)
    assert not (tmp_path / "trapped").exists()


def test_what_is_written_is_what_numpy_would_write(tmp_path: Path) -> None:
    held = {"x": X, "none": X[:0], "number": np.array(3.5), "bits": X > 3, "rows": X[1:], "columns": X[:, 1:]}
    held["wide"] = np.arange(3_000_000, dtype=np.float64)  # more than NumPy writes at once
    np.savez(tmp_path / "theirs.npz", **held)
    with zipfile.ZipFile(tmp_path / "ours.npz", "w") as archive:
        for name, array in held.items():
            write_member(archive, name, array)
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "theirs.npz").read_bytes()
