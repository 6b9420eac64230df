"""`gradflow ARGS` in processes of its own: forked in a moment from a warm one, or started as a shell does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs import tracer

ROOT = Path(__file__).parents[2]
WAITING = 120  # seconds for what takes one or two, on a busy machine
ENDING = 2  # seconds after which nobody may be left


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code (minus the signal that killed it), and what it wrote."""

    code: int
    out: str
    err: str
    trace: str = ""


class Warm:
    """Runs commands in forks of one process that has loaded everything."""

    def __init__(self, folder: Path, preload: str = "") -> None:
        """Keep what commands write in `folder`, which no fault may hit."""
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT, env={**environment(), "LD_PRELOAD": preload},
        )  # fmt: skip

    def __call__(self, folder: Path, *arguments: str, strace: Sequence[str] = (), **more: Any) -> Done:
        """`gradflow ARGUMENTS` typed in a folder, under strace if there are options for it.

        `more` may be an `environment` or `limits`, and by root the `host` and `user` to be.
        """
        self.start(folder, *arguments, strace=strace, **more)
        return self.end()

    def start(self, folder: Path, *arguments: str, strace: Sequence[str] = (), **more: Any) -> int:
        """The process of a command that is under way."""
        if strace:
            tracer()
        options = ["-o", str(self.folder / "trace"), *strace] if strace else []
        order = {
            "folder": str(folder), "arguments": arguments, "strace": options,
            "out": str(self.folder / "out"), "err": str(self.folder / "err"), **more,
        }  # fmt: skip
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> Done:
        """How the command that was started ended."""
        code = self._answer()
        texts = {name: self.folder / name for name in ("out", "err", "trace")}
        return Done(code, **{name: path.read_text() if path.exists() else "" for name, path in texts.items()})

    def close(self) -> None:
        """End the warm process."""
        self.process.communicate()

    def _answer(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


def crowd(place: Path, orders: Sequence[dict[str, Any]], preload: str = "") -> list[Done]:
    """Commands that are started at once in forks of one warm process; `place` keeps what they write."""
    streams = [{name: str(place / f"{name}{i}") for name in ("out", "err")} for i in range(len(orders))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.warm", "crowd"], capture_output=True, text=True, cwd=ROOT,
        input=json.dumps([{**one, **order} for one, order in zip(streams, orders, strict=True)]) + "\n",
        env={**environment(), "LD_PRELOAD": preload}, timeout=WAITING, check=True,
    )  # fmt: skip
    codes = json.loads(done.stdout)
    texts = [{name: Path(path).read_text() for name, path in one.items()} for one in streams]
    return [Done(code, **one) for code, one in zip(codes, texts, strict=True)]


def environment() -> dict[str, str]:
    """That of a command whose output is bytes of UTF-8 without colours, whatever the tests run in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLUMNS", "FORCE_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "OPENBLAS_NUM_THREADS": "1"}


def gradflow(folder: Path, *arguments: str, under: Sequence[str] = ()) -> Done:
    """`gradflow ARGUMENTS` typed in a folder, started by the command `under`, such as prlimit."""
    done = subprocess.run(
        [*under, *command(*arguments)], cwd=folder, env=environment(), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=WAITING, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def finished(process: "subprocess.Popen[str]") -> Done:
    """How a command that was started ended."""
    out, err = process.communicate(timeout=WAITING)
    return Done(process.returncode, out, err)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gradflow", *arguments]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command under way in a session of its own, all of which ends with the block."""
    process = subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if group(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.communicate()


def group_ends(leader: int) -> bool:
    """Whether no process of a group lives on."""
    end = time.monotonic() + ENDING
    while group(leader) and time.monotonic() < end:
        time.sleep(0.02)
    return not group(leader)


def group(leader: int) -> list[int]:
    """The living processes of a group: the dead wait for their adopter, who may take seconds to look."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, number = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == leader and state not in "ZX":
            found.append(int(path.parent.name))
    return found
