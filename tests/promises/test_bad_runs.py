"""Run directories damaged in every way: who needs one is told in a line, the others show the rest."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.promises.calls import gradflow
from tests.small import NET

Damage = Callable[[Path], Any]


def without(name: str) -> Damage:
    return lambda run: (run / name).unlink()


def filled(name: str, content: bytes) -> Damage:
    return lambda run: (run / name).write_bytes(content)


def linked(name: str, target: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        (run / name).symlink_to(target)

    return damage


def piped(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return damage


def foldered(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return damage


def stretched(name: str, size: int) -> Damage:
    return lambda run: os.truncate(run / name, size)


def forged(*keys: str, value: Any) -> Damage:
    """run.json with another value at a path of keys."""

    def damage(run: Path) -> None:
        document = inner = json.loads((run / "run.json").read_text())
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        (run / "run.json").write_text(json.dumps(document))

    return damage


def flipped(name: str, place: int) -> Damage:
    def damage(run: Path) -> None:
        content = bytearray((run / name).read_bytes())
        content[place] ^= 0x10
        (run / name).write_bytes(content)

    return damage


def emptied(run: Path) -> None:
    for path in run.iterdir():
        path.unlink()


DAMAGES: dict[str, Damage] = {
    "emptied": emptied,
    **{f"{name} missing": without(name) for name in ("run.json", "recording.npz", "config.yaml")},
    **{f"{name} empty": filled(name, b"") for name in ("run.json", "recording.npz", "config.yaml")},
    **{
        f"{name} of zeros": filled(name, bytes(5000)) for name in ("run.json", "recording.npz", "config.yaml")
    },
    **{f"{name} a FIFO": piped(name) for name in ("run.json", "recording.npz", "config.yaml")},
    **{f"{name} a folder": foldered(name) for name in ("run.json", "recording.npz", "config.yaml")},
    **{f"{name} endless": linked(name, "/dev/zero") for name in ("run.json", "recording.npz", "config.yaml")},
    **{f"{name} a loop": linked(name, name) for name in ("run.json", "recording.npz", "config.yaml")},
    **{
        f"{name} of 2 GB": stretched(name, 2 * 10**9) for name in ("run.json", "recording.npz", "config.yaml")
    },
    "run.json nested": filled("run.json", b"[" * 100_000),
    "run.json with nan": filled("run.json", b'{"format": NaN}'),
    "run.json of another format": forged("format", value=2),
    "run.json with escapes": forged("format", value="\x1b[31m\u202e"),
    "run.json of another run": forged("digest", value="0" * 64),
    "a path for an id": forged("id", value="../../etc"),
    "a status of its own": forged("status", value="<b>done</b>"),
    "times that lie": forged("times", "finished", value="yesterday"),
    "no arrays": forged("arrays", value={}),
    "arrays of 8 EB": forged("arrays", "q", "shape", value=[10**6, 10**6, 10**6]),
    "another sha256": forged("arrays", "q", "sha256", value="0" * 64),
    "an array in bits": flipped("recording.npz", 1000),
    "half a recording": lambda run: os.truncate(run / "recording.npz", 3000),
    "another config": lambda run: (run / "config.yaml").write_text(NET),
    "a config with a bomb": filled("config.yaml", b"a: &a [*a, *a]"),
}
REMEDIES = ("run its config again with --force", "this version of gradflow reads format 1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that will be damaged and one that will not."""
    folder = tmp_path_factory.mktemp("finished")
    for name, text in (("good", NET), ("bad", NET + "seed: 7\n")):
        (folder / f"{name}.yaml").write_text(text.replace("name: net", f"name: {name}"))
        assert gradflow(folder, "run", f"{name}.yaml", "--quiet").code == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "folder"))


@pytest.mark.parametrize("title", DAMAGES)
def test_a_damaged_run_is_told_in_a_line_and_hides_no_other(folder: Path, title: str) -> None:
    (run,) = (folder / "runs").glob("bad-*")
    DAMAGES[title](run)
    for args in (["show", "bad"], ["report", "bad", "-o", "x.md"], ["export", "bad", "-o", "x.csv"]):
        done = gradflow(folder, *args)
        (line,) = done.err.splitlines()
        assert (done.code, done.out) == (1, ""), args
        assert line.startswith(f"error: runs/{run.name}"), line
        assert line.endswith(REMEDIES), line
        assert line.isprintable()
    assert not list(folder.glob("x.*"))
    for args in (["compare", "good", "bad"], ["ls"]):
        done = gradflow(folder, *args)
        assert (done.code, "good" in done.out) == (0, True)
        assert all(line.startswith(f"warning: runs/{run.name}") for line in done.err.splitlines())
        assert ("bad-" in done.out) != ("warning" in done.err)


def test_every_command_that_needs_a_damaged_run_says_so(folder: Path) -> None:
    (run,) = (folder / "runs").glob("bad-*")
    DAMAGES["an array in bits"](run)
    for args in (["plot", "bad", "-o", "x.svg"], ["report", "bad", "-o", "x.html"], ["show", "bad", "--json"],
                 ["show", "bad", "--layers"], ["run", "bad.yaml"]):  # fmt: skip
        done = gradflow(folder, *args)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), args
        assert f"runs/{run.name}" in done.err
    assert gradflow(folder, "run", "bad.yaml", "--force", "--quiet").code == 0
    assert gradflow(folder, "show", "bad").code == 0
