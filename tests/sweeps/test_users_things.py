"""What a user put into a sweep's folder, or into that of a point, is there after every sweep."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.users import found, furnish
from tests.sweeps.small import computed, run, small

DEPTHS = "model.depth=2,3"
Before = Callable[[Path], object]


def nothing(point: Path) -> None:
    pass


def damage(point: Path) -> None:
    (point / "recording.npz").write_bytes(b"half")


def forge(point: Path) -> None:
    text = (point / "run.json").read_text()
    (point / "run.json").write_text(text.replace('"samples": 32', '"samples": 33'))


def take_its_place(point: Path) -> None:
    """A folder of the user's where the point will be."""
    shutil.rmtree(point)
    point.mkdir()


@pytest.mark.parametrize(
    ("before", "more", "force", "anew"),
    [
        (nothing, (), True, [2, 3]),
        (damage, (), False, [2]),
        (forge, (), False, [2]),
        (take_its_place, (), False, [2]),
        (nothing, ("analysis.stable_decades=2",), False, []),
    ],
    ids=["forced", "damaged", "forged", "a folder in its place", "another threshold"],
)
def test_a_sweep_keeps_what_is_the_users(
    tmp_path: Path, before: Before, more: tuple[str, ...], force: bool, anew: list[int]
) -> None:
    sweep = small(DEPTHS)
    run(sweep, tmp_path)
    folder = tmp_path / sweep.id
    first, second = (folder / point.id for point in sweep.points)
    before(first)
    kept = [furnish(first), furnish(second), furnish(folder / "notes")]
    ended = run(small(DEPTHS, *more), tmp_path, force=force)
    assert computed(ended) == anew
    assert {event.status for event in ended} == {"completed"}
    assert [found(first), found(second), found(folder / "notes")] == kept
