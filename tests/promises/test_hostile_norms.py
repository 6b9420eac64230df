"""Files of norms that are small and ask for much: a line each, in 5 s and half a gigabyte."""

# ruff: noqa: E501 - rows of tables

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboardX.record_writer import masked_crc32c

from tests.outside.events import event_file, record, scalar
from tests.promises.calls import CPU_SECONDS, gradflow, in_half_a_gigabyte

SMALL = 100_000  # bytes
HEAD = "step,layer,norm\n"
LOGS = "step,layer,log_norm\n"
NPZ = "is not a readable npz file: write it with numpy.savez"
SWOLLEN = "holds far more than its size tells: save it with numpy.savez, not savez_compressed"

TEXTS = {  # a CSV, and what is said of it; None where it is fitted
    "digits of another script": (f"{HEAD}0,1,1\n0,2,١٢\n", ":3: the norm '١٢' is no number"),
    "a step in digits of another script": (f"{HEAD}٣,1,1\n٣,2,1\n", ":2: the step '٣' is no whole number"),
    "a layer in digits of another script": (f"{HEAD}0,١,1\n0,٢,1\n", "needs a short name"),
    "digits in full width": (f"{HEAD}0,1,1\n0,2,１２\n", ":3: the norm '１２' is no number"),
    "groups of digits": (f"{HEAD}0,1,1_000\n0,2,1\n", ":2: the norm '1_000' is no number"),
    "a step in groups": (f"{HEAD}1_0,1,1\n1_0,2,1\n", ":2: the step '1_0' is no whole number"),
    "a step beyond float64": (f"{HEAD}1e300,1,1\n1e300,2,1\n", ":2: the step '1e300' is no whole number"),
    "logs of 1e308": (f"{LOGS}0,1,1e308\n0,2,-1e308\n", ":2: 1e308 is no natural log of a norm"),
    "logs of 1e13": (f"{LOGS}0,1,1\n0,2,-1e13\n", ":3: -1e13 is no natural log of a norm"),
    "logs of 1e12": (f"{LOGS}0,1,1e12\n0,2,-1e12\n0,3,1e12\n", None),
    "a norm of many digits": (f"{HEAD}0,1,{'9' * 90_000}\n0,2,1\n", None),
    "a layer of many digits": (f"{HEAD}0,{'9' * 5000},1\n0,2,1\n", "needs a short name"),
    "a column of many digits": (f"norm_{'9' * 5000},norm_1\n1,1\n", "needs a short name"),
    "a long title": (f"{'x' * 90_000},y\n1,1\n", ":1: needs columns step, layer and norm"),
    "a title twice": (f"{'x' * 40_000},{'x' * 40_000}\n1,1\n", ":1: two columns are called 'xxx"),
    "many titles": (",".join(f"c{i}" for i in range(15_000)), ":1: needs columns step, layer and norm"),
    "many columns": (",".join(f"norm_{i}" for i in range(8000)) + "\n" + ",".join("1" * 8000), None),
    "many layers": (LOGS + "".join(f"0,{i},1\n" for i in range(10_000)), None),
    "many steps": (LOGS + "".join(f"{i},1,1\n" for i in range(10_000)), None),
    "a diagonal": (LOGS + "".join(f"{i},{i},1\n" for i in range(7000)), " is missing"),
    "quotes": ('"' * 90_001, ":1: not well-formed CSV"),
    "lines": ("\n" * SMALL, ":1: needs columns step, layer and norm"),
}  # fmt: skip


def archive(method: int, **arrays: Any) -> Callable[[], bytes]:
    """The content of an npz whose members are compressed in some way."""

    def made() -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(array() if callable(array) else array))
        return content.getvalue()

    return made


FEW = np.ones((2, 3))
ARCHIVES = {
    "bzip2": (archive(zipfile.ZIP_BZIP2, norm=FEW), NPZ),
    "lzma": (archive(zipfile.ZIP_LZMA, norm=FEW), NPZ),
    "a bzip2 bomb": (archive(zipfile.ZIP_BZIP2, norm=lambda: np.ones((10, 100_000))), NPZ),
    "lzma beside it": (archive(zipfile.ZIP_LZMA, norm=FEW, other=np.ones(3)), NPZ),
    "a bomb": (archive(zipfile.ZIP_DEFLATED, norm=lambda: np.ones((80, 100_000))), SWOLLEN),
    "a bomb of bytes": (archive(zipfile.ZIP_DEFLATED, norm=lambda: np.ones((7, 10**6), "i1")), SWOLLEN),
    "a bomb of names": (archive(zipfile.ZIP_DEFLATED, norm=FEW, layer=["a" * 10**6] * 3), SWOLLEN),
    "compressed norms": (archive(zipfile.ZIP_DEFLATED, norm=lambda: np.ones((100, 1000))), None),
    "plain norms": (archive(zipfile.ZIP_STORED, norm=lambda: np.ones((12, 1000))), None),
}


def lines_of(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def members(text: bytes, times: int) -> bytes:
    return gzip.compress(text, mtime=0) * times


GIANT = record(b"\x1a\x0dbrain.Event:2") + struct.pack("<QI", 2**62, masked_crc32c(struct.pack("<Q", 2**62)))
EVENTS = event_file([scalar(0, f"norm_{i}", 1.0) for i in range(1000)])
FILES: dict[str, tuple[str, bytes, str | None]] = {  # the name of a file, its content, and what is said of it
    "lists in lists": ("a.json", b"[" * 90_000, ": objects lie too deep in one another"),
    "lists in lists that end": ("a.json", b"[" * 45_000 + b"]" * 45_000, ": objects lie too deep"),
    "objects in objects": ("a.json", b'{"a":' * 18_000 + b"1" + b"}" * 9_000, ": objects lie too deep"),
    "a few too many": ("a.json", b'{"norm_1":' * 12 + b"1" + b"}" * 12, ": objects lie too deep"),
    "an integer of many digits": ("a.json", b'{"norm_1": ' + b"9" * 90_000 + b', "norm_2": 1}', None),
    "a key of many letters": ("a.jsonl", lines_of({"norm_" + "a" * 90_000: 1}), "needs a short name"),
    "a key many times": ("a.json", b"{" + b'"norm_1": 1,' * 8000 + b'"b": 1}', "are called 'norm_1'"),
    "a key a line": ("a.jsonl", lines_of(*({f"norm_{i}": 1} for i in range(5500))), None),
    "a key and a step a line": ("a.jsonl", lines_of(*({"step": i, f"norm_{i}": 1} for i in range(3000))), " is missing"),
    "a long list": ("a.json", b'{"norms": [' + b"1," * 45_000 + b"1]}", None),
    "lists of lists": ("a.json", b'{"norms": [' + b"[1]," * 20_000 + b"1]}", "holds more than the norm of each layer"),
    "objects that are none": ("a.jsonl", b"[1]\n" * 22_000, "where an object should be"),
    "half a character": ("a.json", b'{"norm_\\ud800a": 1, "norm_b": 1}', "needs a short name"),
    "not UTF-8": ("a.json", b'{"norm_\xff": 1}', "is no JSON in UTF-8"),
    "a gzip bomb": ("a.csv.gz", gzip.compress(b"0" * 90_000_000), "holds far more than its size tells"),
    "a bomb of members": ("a.gz", members(b"\n" * 10**6, 90), "holds far more than its size tells"),
    "many members": ("a.csv.gz", members(HEAD.encode(), 1) + members(b"", 4500) + members(b"0,1,1\n0,2,1\n", 1), None),
    "gzip in gzip": ("a.gz", gzip.compress(gzip.compress(b"0" * 10**6)), "is gzipped twice"),
    "a gzipped bomb of an archive": (
        "a.gz", gzip.compress(archive(zipfile.ZIP_DEFLATED, norm=lambda: np.ones((80, 100_000)))()), SWOLLEN),
    "zeros after gzip": ("a.gz", gzip.compress(HEAD.encode()) + bytes(90_000), "holds no norms"),
    "a record of 2^62 bytes": ("a.events", GIANT, ": needs columns step, layer and norm"),
    "event files of many tags": ("a.events", EVENTS, None),
    "an event in which a byte is turned": ("a.events", EVENTS[:5000] + b"\xff" + EVENTS[5001:], "is damaged: copy the event"),
    "events that are none": ("a.events", record(b"\x1a\x0dbrain.Event:2") + record(b"\xff" * 90_000), "record 2 is damaged"),
    "an npy that declares too much": (
        "a.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }".ljust(117) + b"\n",
        "is not a readable npy file"),
    "an npy whose header is Python": (
        "a.npy", b"\x93NUMPY\x01\x00\x76\x00" + (b"(" * 100).ljust(117) + b"\n", "is not a readable npy file"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_form_is_fitted_or_refused_by_a_line(tmp_path: Path, name: str) -> None:
    file, content, said = FILES[name]
    (tmp_path / file).write_bytes(content)
    holds(tmp_path, file, said)


def test_files_of_other_forms_take_half_a_gigabyte_at_most(tmp_path: Path) -> None:
    names = {f"{i}-{file}": content for i, (file, content, _) in enumerate(FILES.values())}
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    found = in_half_a_gigabyte(tmp_path, list(names), ["fit", "--kind", "delta"])
    assert found == {name: 2 if said else 0 for name, (_, _, said) in zip(names, FILES.values(), strict=True)}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_fitted_or_refused_by_a_line(tmp_path: Path, name: str) -> None:
    text, said = TEXTS[name]
    (tmp_path / "norms.csv").write_text(text, encoding="utf-8")
    holds(tmp_path, "norms.csv", said)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_fitted_or_refused_by_a_line(tmp_path: Path, name: str) -> None:
    made, said = ARCHIVES[name]
    (tmp_path / "norms.npz").write_bytes(made())
    holds(tmp_path, "norms.npz", said)


def holds(folder: Path, name: str, said: str | None) -> None:
    assert (folder / name).stat().st_size <= SMALL
    done = gradflow(folder, "fit", name, "--kind", "delta", seconds=CPU_SECONDS)
    if said is None:
        assert (done.code, done.err) == (0, "")
    else:
        assert (done.code, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert line.startswith(f"error: {name}:")
        assert said in line


def test_what_is_fitted_takes_half_a_gigabyte_at_most(tmp_path: Path) -> None:
    """As many norms as a small file may hold: most of its bytes are random, most of its norms are 1."""
    norms = np.ones(450_000, "u1")
    norms[:92_000] = np.random.default_rng(0).integers(1, 256, 92_000)
    made = archive(zipfile.ZIP_DEFLATED, norm=norms.reshape(-1, 100))()
    assert 90_000 < len(made) < SMALL
    (tmp_path / "dense.npz").write_bytes(made)
    assert in_half_a_gigabyte(tmp_path, ["dense.npz"], ["fit", "--kind", "delta"]) == {"dense.npz": 0}
