"""The command line inside this process, with what a shell would see of it and limits that a shell has not."""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType, MappingProxyType
from typing import IO, NoReturn

import pytest

from gradflow.cli import main
from gradflow.interrupts import CODES

CPU_SECONDS = 5  # that any bad file may take
WAITING_SECONDS = 120  # without computing, as at a FIFO that nobody writes to
MEMORY = 512 * 10**6  # bytes that any bad file may take


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str


class Unbounded(BaseException):
    """No `except Exception` of the product may hide it."""


def gradflow(
    folder: Path, *args: str, seconds: float = 60, env: Mapping[str, str] = MappingProxyType({})
) -> Done:
    """`gradflow ARGS` typed in a folder, its output to pipes in UTF-8; it may compute for some seconds."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as err:
        with chdir(folder), as_a_process(args, out, err, env), bounded(seconds):
            code = main()
        return Done(code, _text(out), _text(err))


def _text(file: IO[str]) -> str:
    file.flush()
    file.seek(0)
    return file.read()


@contextmanager
def as_a_process(args: tuple[str, ...], out: IO[str], err: IO[str], env: Mapping[str, str]) -> Iterator[None]:
    """What `main` finds and changes of its process, put back afterwards."""
    before, environment = {number: signal.getsignal(number) for number in CODES}, dict(os.environ)
    gc.freeze()  # or what other tests left open is collected now, and complains in the command's name
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "GRADFLOW_RUNS_DIR"):
            patch.delenv(name, raising=False)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["gradflow", *args])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            gc.unfreeze()
    os.environ.clear()
    os.environ.update(environment)


@contextmanager
def bounded(seconds: float = CPU_SECONDS) -> Iterator[None]:
    """A block that may compute for some seconds, however busy the machine, and not wait for ever."""
    limits = (
        (signal.ITIMER_PROF, signal.SIGPROF, seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, WAITING_SECONDS),
    )
    before = [signal.signal(number, _stop) for _, number, _ in limits]
    for timer, _, limit in limits:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(limits, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Unbounded(signal.Signals(number).name)


def tree(folder: Path) -> dict[str, float]:
    """Everything in a folder, hidden things too, with the times at which they changed."""
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def assert_refused(
    folder: Path, done: Done, code: int, place: str, fragment: str, before: dict[str, float]
) -> None:
    """A line a problem, the first `error: PLACE: ...FRAGMENT...`; nothing printed, nothing written."""
    first, *rest = done.err.splitlines()
    assert done.code == code, done.err
    assert first.startswith(f"error: {place}: " if place else "error: "), first
    assert fragment in first
    assert all(line.startswith("error: ") for line in rest), done.err
    assert all(line.isprintable() for line in (first, *rest))
    assert done.out == ""
    assert tree(folder) == before


LIMITED = """
import json, resource, sys
from pathlib import Path
from tests.promises.calls import MEMORY, gradflow
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
command, names = json.loads(sys.argv[1]), sys.argv[2:]
print(json.dumps({name: gradflow(Path(), *command, name).code for name in names}))
"""


def in_half_a_gigabyte(folder: Path, files: list[str], command: Sequence[str] = ("run",)) -> dict[str, int]:
    """The exit code of `gradflow COMMAND` on each file, in one process that may have 512 MB in all."""
    path = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, json.dumps(command), *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    codes: dict[str, int] = json.loads(done.stdout)
    return codes
