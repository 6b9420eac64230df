"""Real disks that take no more, at any moment of a run, a sweep or a file that the user named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import tidy, told, whole
from tests.faults.commands import Done, Warm
from tests.faults.places import fill, limit_files, small_disk
from tests.small import NET

RUN = ["run", "net.yaml", "--json"]
SWEEP = ["sweep", "net.yaml", "seed=range(0,4)", "--json", "--quiet"]
REMEDY = "free"  # "free some space and run again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB with a config."""
    with small_disk(tmp_path / "disk", 2000) as mounted:
        (mounted / "net.yaml").write_text(NET)
        yield mounted


def filled(warm: Warm, disk: Path, kilobytes: int, *arguments: str) -> Done:
    """A command on a disk that has so much left, of which the rest is freed afterwards."""
    filler = fill(disk, kilobytes)
    done = warm(disk, *arguments)
    filler.unlink()
    return done


def test_a_run_on_a_full_disk_is_told_and_goes_on_when_there_is_space(warm: Warm, disk: Path) -> None:
    codes = []
    for kilobytes in range(0, 48, 4):
        done = filled(warm, disk, kilobytes, *RUN, f"seed={kilobytes}")
        codes.append(done.code)
        if done.code:
            told(done, "runs", REMEDY)
            assert len(whole(disk / "runs")) == len(codes) - 1
            assert warm(disk, *RUN, f"seed={kilobytes}").code == 0
        assert len(whole(disk / "runs")) == len(codes)
    assert codes[0] == 1
    assert codes[-1] == 0
    tidy(disk / "runs")


def test_a_disk_without_room_for_one_more_file_is_told(warm: Warm, disk: Path) -> None:
    codes = []
    for files in range(12):
        limit_files(disk, files)
        done = warm(disk, *RUN, f"seed={files}")
        codes.append(done.code)
        if done.code:
            told(done, "runs", REMEDY)
            assert len(whole(disk / "runs")) == files
            limit_files(disk, 30)
            assert warm(disk, *RUN, f"seed={files}").code == 0
    assert (codes[0], codes[-1]) == (1, 0)
    assert len(whole(disk / "runs")) == len(codes)
    tidy(disk / "runs")


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_sweep_that_fills_the_disk_keeps_what_was_finished(warm: Warm, disk: Path, executor: str) -> None:
    workers = [] if executor == "serial" else ["--workers", "1"]
    arguments = [*SWEEP, "--executor", executor, *workers]
    done = filled(warm, disk, 76, *arguments)
    assert done.code == 1
    told(done, "runs/net-", REMEDY)
    kept = whole(disk / "runs")
    assert 0 < len(kept) < 4
    assert warm(disk, *arguments).code == 0
    assert len(whole(disk / "runs")) == 4
    assert whole(disk / "runs").items() >= kept.items()
    tidy(disk / "runs")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["report", "@1", "--force"], "page.md"),
        (["export", "@1", "--rows", "all", "--force"], "table.csv"),
        (["export", "@1"], "tables"),
        (["export", "@1", "--to", "tensorboard"], "events"),
        (["new", "quickstart"], "quickstart.yaml"),
    ],
)
def test_a_named_file_on_a_full_disk_is_the_old_one_or_none(
    warm: Warm, folder: Path, disk: Path, arguments: list[str], name: str
) -> None:
    assert warm(folder, *RUN).code == 0
    target = disk / name
    old = target.suffix and arguments[0] != "new"
    if old:
        target.write_text("old")
    command = [
        *arguments,
        "-o",
        str(target),
        *(["--runs-dir", str(folder / "runs")] if "@1" in arguments else []),
    ]
    done = filled(warm, disk, 0, *command)
    assert done.code == 1
    told(done, str(target), REMEDY)
    assert target.read_text() == "old" if old else not target.is_file()
    assert not [path for path in disk.rglob("*") if path.suffix == ".tmp"]
    assert warm(disk, *command).code == 0
