import time
from pathlib import Path
from typing import Any

import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store import scan
from gradflow.store.sweeps import load_sweep, open_sweep
from tests.store.small import names, queue, running, small

SWEEP = "zoo-0123abcd"
DOCUMENT = {"id": SWEEP, "axes": {"seed": [0, 1]}}


def hold(runs: Path, shard: tuple[int, int], ready: Any) -> None:
    with open_sweep(runs, SWEEP, DOCUMENT, shard):
        ready.put(shard)
        time.sleep(60)


def test_a_sweep_is_a_folder_with_its_document_and_its_points(tmp_path: Path) -> None:
    with open_sweep(tmp_path, SWEEP, DOCUMENT) as folder:
        assert folder == tmp_path / SWEEP
        assert names(folder) == ["sweep.json"]
        points = [execute(small(f"seed={seed}"), folder) for seed in (0, 1)]
    assert names(tmp_path) == [SWEEP]
    assert names(tmp_path / SWEEP) == sorted(["sweep.json", *(point.id for point in points)])
    assert load_sweep(folder) == DOCUMENT
    (entry,) = scan(tmp_path)
    assert entry.is_sweep
    assert entry.finished == max(point.finished for point in entry.points or ())


@pytest.mark.parametrize("content", ["", "[]", '{"axes": {}}', None])
def test_any_start_makes_the_document_again(tmp_path: Path, content: str | None) -> None:
    with open_sweep(tmp_path, SWEEP, DOCUMENT) as folder:
        run = execute(small(), folder)
    (folder / "sweep.json").unlink()
    if content is not None:
        (folder / "sweep.json").write_text(content)
    with open_sweep(tmp_path, SWEEP, DOCUMENT):
        assert load_sweep(folder) == DOCUMENT
        assert names(folder) == sorted([run.id, "sweep.json"])
    assert names(tmp_path) == [SWEEP]


@pytest.mark.parametrize("content", ["", "[1]", "1"])
def test_a_damaged_document_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(RunError, match=r"sweep\.json: is "):
        load_sweep(tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ((1, 1), (1, 1), False),
        ((1, 1), (2, 3), False),
        ((2, 3), (1, 1), False),
        ((2, 3), (2, 3), False),
        ((2, 3), (1, 3), True),
    ],
)
def test_only_different_shards_work_on_a_sweep_at_once(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int], together: bool
) -> None:
    ready = queue()
    with running(hold, tmp_path, first, ready) as process:
        assert ready.get(timeout=20) == first
        if together:
            with open_sweep(tmp_path, SWEEP, DOCUMENT, second) as folder:
                assert load_sweep(folder) == DOCUMENT
        else:
            message = rf"{SWEEP}: process {process.pid} on .* is working on it"
            with pytest.raises(RunError, match=message), open_sweep(tmp_path, SWEEP, DOCUMENT, second):
                pass
    with open_sweep(tmp_path, SWEEP, DOCUMENT, second):
        pass
    assert names(tmp_path) == [SWEEP]


def test_a_point_whose_successor_never_came_is_back_when_the_sweep_is_opened(tmp_path: Path) -> None:
    with open_sweep(tmp_path, SWEEP, DOCUMENT) as folder:
        run = execute(small(), folder)
    (folder / ".partial").mkdir()
    run.path.rename(folder / ".partial" / f"{run.id}-old")
    with open_sweep(tmp_path, SWEEP, DOCUMENT):
        assert names(folder) == sorted([run.id, "sweep.json"])


def test_a_run_is_not_made_a_sweep(tmp_path: Path) -> None:
    run = execute(small(), tmp_path)
    message = "is a run: give the sweep another name"
    with pytest.raises(RunError, match=message), open_sweep(tmp_path, run.id, DOCUMENT):
        pass
    assert "sweep.json" not in names(run.path)
