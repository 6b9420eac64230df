"""The system refuses, or dies at, each system call of a run that writes: `strace -e inject`."""

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.faults.checks import told, whole
from tests.faults.commands import Done, Warm
from tests.store.users import Found, found, furnish

RUN = ["run", "net.yaml", "--json"]
COMMANDS = {  # what stood before, and what is then refused
    "new": (None, RUN),
    "forced": (RUN, [*RUN, "--force"]),
    "another threshold": (RUN, [*RUN, "analysis.stable_decades=2"]),
    "copied": (RUN, [*RUN, "name=other"]),
    "sweep": (None, ["sweep", "net.yaml", "seed=0,1", "--executor", "serial", "--json", "--quiet"]),
    "table": (RUN, ["export", "@1", "-o", "table.csv", "--force", "--quiet"]),
}
REFUSED = {
    **dict.fromkeys(("write", "mkdir", "pwrite64"), "ENOSPC"),
    **dict.fromkeys(("fsync", "rename", "unlink", "rmdir", "ftruncate"), "EIO"),
    "flock": "ENOLCK",
    "link": "EPERM",
}
LASTING = ("fsync", "rename", "mkdir")  # calls that are refused for good
KILLED = (*REFUSED, "openat", "close")

ROWS = 13  # a title, then 2 rows x 2 networks x 3 layers

Moment = tuple[str, int]  # a call, and its number among those of its name


@pytest.fixture(params=COMMANDS)
def case(request: pytest.FixtureRequest, warm: Warm, folder: Path) -> "Case":
    before, arguments = COMMANDS[request.param]
    if before:
        assert warm(folder, *before).code == 0
        (run,) = (folder / "runs").iterdir()
        furnish(run)
    return Case(warm, folder, arguments)


def chosen(calls: Counter[str], most: int | None) -> list[Moment]:
    """Every call, or `most` of them: one of each name, then a second of each, and so on, by chance."""
    chance = random.Random(7)
    ranked = [
        (rank, name, number)
        for name in sorted(calls)
        for rank, number in enumerate(chance.sample(range(1, calls[name] + 1), calls[name]))
    ]
    return [(name, number) for _, name, number in sorted(ranked)[:most]]


def users(runs: Path) -> dict[str, Found]:
    """What users have put into the folder of each run that can be seen."""
    return {run.name: found(run) for run in runs.glob("net-*")}


class Case:
    """A command that can be tried again and again from the same beginning."""

    def __init__(self, warm: Warm, folder: Path, arguments: list[str]) -> None:
        self.warm, self.folder, self.arguments = warm, folder, arguments
        self.runs, self.table, self.kept = folder / "runs", folder / "table.csv", folder / "kept"
        self.runs.mkdir(exist_ok=True)
        self.runs.rename(self.kept)
        self.furnished = users(self.kept)

    def again(self, calls: Iterable[str], inject: str = "") -> Done:
        """The command from the same beginning, with its calls of some names traced."""
        shutil.rmtree(self.runs, ignore_errors=True)
        subprocess.run(["cp", "-a", self.kept, self.runs], check=True)
        self.table.write_text("old")
        options = ["-e", f"trace={','.join(calls)}", *(["-e", f"inject={inject}"] if inject else [])]
        return self.warm(self.folder, *self.arguments, strace=options)

    def tries(self, calls: Iterable[str], inject: str, most: int | None) -> Iterator[Done]:
        """The command with something done at each of its calls, or `most` of them, of every name some."""
        lines = self.again(calls).trace.splitlines()
        moments = chosen(Counter(line.partition("(")[0] for line in lines if "(" in line), most)
        struck = 0
        for call, number in moments:
            error = REFUSED.get(call, "")
            done = self.again([call], f"{call}:" + inject.format(error=error, number=number))
            if "INJECTED" in done.trace or done.code == -SIGKILL:
                struck += 1
                yield done
        assert struck > len(moments) / 2  # the others were of a checkpoint, which is kept by the clock

    def goes_on_and_loses_nothing(self) -> None:
        """All that can be seen is whole; the same command does the rest, and no run again that was there."""
        before = {**whole(self.kept), **whole(self.runs)}
        keep = "export" in self.arguments  # there it computes nothing again
        plain = [argument for argument in self.arguments if argument != "--force" or keep]
        assert self.warm(self.folder, *plain).code == 0
        wanted = {"sweep": 2, "name=other": 2}
        after = whole(self.runs)
        assert after.items() >= before.items()
        assert users(self.runs).items() >= self.furnished.items()
        assert len(after) == max(wanted.get(argument, 1) for argument in self.arguments)
        assert not list(self.runs.glob(".partial/*-old"))
        assert not list(self.folder.glob(".*.tmp"))
        if "export" in self.arguments:
            assert len(self.table.read_text().splitlines()) == ROWS

    def has_a_whole_table(self) -> None:
        """The old one or the new one."""
        text = self.table.read_text()
        assert text == "old" or len(text.splitlines()) == ROWS


def test_a_call_that_is_refused_is_told_and_costs_nothing(case: Case, thorough: bool) -> None:
    for done in case.tries(REFUSED, "error={error}:when={number}", None if thorough else 12):
        assert done.code in (0, 1)
        if done.code:
            told(done, ": cannot be written: ")
        assert whole(case.runs).keys() >= whole(case.kept).keys()
        case.has_a_whole_table()
        assert not list(case.folder.glob(".*.tmp"))
        case.goes_on_and_loses_nothing()


def test_a_disk_that_refuses_from_some_moment_on_is_told(case: Case, thorough: bool) -> None:
    for done in case.tries(LASTING, "error={error}:when={number}+", None if thorough else 6):
        assert done.code == 1
        told(done, ": cannot be written: ")
        case.goes_on_and_loses_nothing()


def test_a_process_killed_at_any_call_leaves_nothing_half(case: Case, thorough: bool) -> None:
    for done in case.tries(KILLED, "signal=KILL:when={number}", None if thorough else 8):
        assert done.code == -SIGKILL
        case.has_a_whole_table()
        case.goes_on_and_loses_nothing()
