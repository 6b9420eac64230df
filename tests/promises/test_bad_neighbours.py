"""Forged and damaged entries, one after the other beside 20 good runs, with which every command goes on."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradflow.execution.execute import execute
from gradflow.store.info import load_info
from gradflow.store.summaries import load_summary
from tests.promises.calls import gradflow
from tests.promises.test_forged_runs import GONE, Place, forged, places
from tests.small import NET
from tests.store.seals import document_of, seal
from tests.store.small import small

GOOD = 20
SECOND = 1  # of computing, for any command beside any bad entry
BAD = "bad-0123abcd"
DEEP = json.loads("[" * 900 + "]" * 900)
CROWD = {str(number): number for number in range(100_000)}
VALUES = (
    GONE, "x", None, [], {}, True, -1, -0.5, 0, 2**62, 2**63, 10**30, 1e308, -1e308, 5e-324, DEEP, CROWD,
)  # fmt: skip
TEXTS = (
    "", "{", "[]", "null", "NaN", '{"format": 1}', '{"format": 2}', "[" * 100_000, "[" * 900 + "]" * 900,
    "\ufeff{}", '{"format": 1' + "0" * 5000 + "}", " " * 17_000_000, "\ud800",
)  # fmt: skip

Forge = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for seed in range(GOOD):
        execute(small(f"seed={seed}"), folder / "runs")
    execute(small("name=bad", "seed=99"), folder / "whole")
    execute(small("name=bad", "lr=1e30"), folder / "diverged")
    return folder


def original(folder: Path, name: str) -> Path:
    return next((folder / name).iterdir())


def a_key(name: str) -> Forge:
    """Any key of a document with any other value."""

    def forge(run: Path, chance: random.Random) -> None:
        text = (run / name).read_text()
        place = chance.choice([*places(json.loads(text))])
        (run / name).write_text(forged(text, place, chance.choice(VALUES)))
        if name == "summary.json" and chance.random() < 0.8:
            seal(run, document_of(run))

    return forge


def a_text(name: str) -> Forge:
    """Something else in place of a document."""

    def forge(run: Path, chance: random.Random) -> None:
        (run / name).write_bytes(chance.choice(TEXTS).encode("utf-8", "surrogatepass"))

    return forge


def a_bit(run: Path, chance: random.Random) -> None:
    """One bit of one of the files."""
    path = chance.choice(sorted(run.iterdir()))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def gone(run: Path, chance: random.Random) -> None:
    """Some of the files are missing."""
    for path in chance.sample(sorted(run.iterdir()), chance.randint(1, 4)):
        path.unlink()


def no_file(run: Path, chance: random.Random) -> None:
    """A document that is no file at all, or none that ends."""
    path = run / chance.choice(["run.json", "summary.json", "config.yaml", "recording.npz"])
    path.unlink()
    kind = chance.choice(["folder", "fifo", "loop", "/proc/self/mem", "/dev/zero", "/proc/self/pagemap"])
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path.name if kind == "loop" else kind)
    if path.name != "summary.json" and chance.random() < 0.5:
        (run / "summary.json").unlink()


def a_sweep(run: Path, chance: random.Random) -> None:
    """A sweep whose document is none."""
    (run / "sweep.json").write_text(
        json.dumps(chance.choice([{"points": DEEP}, {"points": CROWD}, CROWD, DEEP]))
    )


def a_link(run: Path, chance: random.Random) -> None:
    """A link to itself."""
    shutil.rmtree(run)
    run.symlink_to(run.name)


def without_a_summary(run: Path, chance: random.Random) -> None:
    """What is said is made again."""
    (run / "summary.json").unlink()


FORGES: tuple[Forge, ...] = (
    a_key("run.json"), a_key("summary.json"), a_text("run.json"), a_text("summary.json"), a_bit, gone,
    no_file, a_sweep, a_link, without_a_summary,
)  # fmt: skip


def entries(folder: Path, count: int) -> Iterator[str]:
    """Beside the good runs stands one bad entry after the other; told is what it is."""
    chance = random.Random(14)
    bad = folder / "runs" / BAD
    for number in range(count):
        forge, origin = FORGES[number % len(FORGES)], chance.choice(["whole", "diverged"])
        shutil.copytree(original(folder, origin), bad)
        forge(bad, chance)
        yield f"{number}: {getattr(forge, '__qualname__', '')} of {origin}"
        if bad.is_symlink():
            bad.unlink()
        else:
            shutil.rmtree(bad)


def rows(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text, parse_constant=pytest.fail)["rows"]
    return found


def test_a_bad_entry_hides_no_good_run(runs: Path, thorough: bool) -> None:
    good = {path.name for path in (runs / "runs").iterdir()}
    assert len(good) == GOOD
    for what in entries(runs, 300 if thorough else 60):
        for command in ("ls", "compare"):
            done = gradflow(runs, command, "--json", seconds=SECOND)
            assert done.code == 0, (what, done.err)
            assert good <= {row["id"] for row in rows(done.out)}, what
            assert len(done.err.splitlines()) <= 1, (what, done.err)


def test_what_a_bad_entry_says_itself_is_a_report_or_one_line(runs: Path, thorough: bool) -> None:
    for what in entries(runs, 300 if thorough else 60):
        for options in (["--layers"], ["--json"]):
            done = gradflow(runs, "show", f"runs/{BAD}", *options, seconds=SECOND)
            assert done.code in (0, 1, 2), (what, done.err)
            assert len(done.err.splitlines()) == (done.code > 0), (what, done.err)
            if options == ["--json"] and not done.code:
                json.loads(done.out, parse_constant=pytest.fail)


def test_a_factor_that_is_negative_is_made_again(runs: Path) -> None:
    for row in ("initial", "final"):
        bad = shutil.copytree(original(runs, "whole"), runs / "runs" / BAD)
        text = (bad / "summary.json").read_text()
        c = json.loads(text)["flow"][row]["c"]
        (bad / "summary.json").write_text(forged(text, ("flow", row, "c"), -c))
        seal(bad, document_of(bad))
        done = gradflow(runs, "compare", "--json")
        (found,) = [line for line in rows(done.out) if line["name"] == "bad"]
        assert found["c" if row == "initial" else "c_final"] == pytest.approx(c)
        shutil.rmtree(bad)


@pytest.mark.parametrize(
    ("place", "value"),
    [(("config", "data", "x"), CROWD), (("config", "x"), DEEP), (("flow", "initial", "c_power_depth"), CROWD),
     (("advice",), [{**dict.fromkeys(("lever", "command", "torch", "message"), ""), "predicted_c": 1.0,
                     "set": {"model.depth": DEEP}}]),
     (("flow", "initial", "profile", "layers"), [1, 2, 2**62]), (("history", "c"), [0.5] * 6 + [-1.0])],
)  # fmt: skip
def test_a_sealed_summary_beyond_reason_is_made_again(runs: Path, place: Place, value: Any) -> None:
    bad = shutil.copytree(original(runs, "whole"), runs / "runs" / BAD)
    before = document_of(bad)
    document = json.loads(forged(json.dumps(before), place, value))
    seal(bad, document)
    assert load_summary(bad, load_info(bad)) is None
    done = gradflow(runs, "show", f"runs/{BAD}", "--json", seconds=SECOND)
    assert done.code == 0
    assert json.loads(done.out)["flow"] == before["flow"]
    assert gradflow(runs, "compare", "--quiet", seconds=SECOND).code == 0
    shutil.rmtree(bad)


@pytest.mark.parametrize("command", ["compare", "show", "run", "sweep", "ls"])
def test_links_and_closed_folders_stop_no_command(runs: Path, command: str) -> None:
    place = runs / "runs"
    for name in ("loop", BAD):
        (place / name).symlink_to(name)
    (place / "zoo-00000000").mkdir()
    (place / "zoo-00000000" / "sweep.json").symlink_to("sweep.json")
    (place / "zoo-00000000" / "loop-00000000").symlink_to("loop-00000000")
    (runs / "net.yaml").write_text(NET)
    arguments = {
        "show": ["show", small("seed=0").id], "run": ["run", "net.yaml", "steps=1"],
        "sweep": ["sweep", "net.yaml", "seed=1,2", "--executor", "serial", "--quiet"],
    }  # fmt: skip
    try:
        done = gradflow(runs, *arguments.get(command, [command]), "--json")
        assert done.code == 0, done.err
        if command in ("compare", "ls"):
            assert f"warning: runs/{BAD}" in done.err
            assert command == "compare" or "warning: runs/loop: cannot be read: Too many levels" in done.err
            assert len(rows(done.out)) >= GOOD
    finally:
        for name in ("loop", BAD):
            (place / name).unlink()
        shutil.rmtree(place / "zoo-00000000")


def test_what_a_shell_names_beside_runs_is_a_warning(runs: Path) -> None:
    folder = runs / "runs" / "gone-00000000"
    folder.mkdir()
    (runs / "runs" / "notes.txt").touch()
    named = [f"runs/{path.name}" for path in sorted((runs / "runs").iterdir())]
    done = gradflow(runs, "compare", *named, "--json")
    assert done.code == 0
    assert len(rows(done.out)) >= GOOD
    assert done.err.splitlines() == [
        "warning: runs/gone-00000000/run.json: is missing: run its config again with --force",
        "warning: runs/notes.txt is no run directory: name one that `gradflow ls` shows",
    ]
    assert gradflow(runs, "compare", *named, "runs/nte-00000000").code == 2  # which is not there at all
    assert gradflow(runs, "compare", "runs/gone-00000000").code == 2
    folder.rmdir()
    (runs / "runs" / "notes.txt").unlink()
