import json
import os
import shutil
from pathlib import Path

import pytest

from gradflow.errors import InputError, RunError
from gradflow.execution.execute import execute
from gradflow.store import Entry, Index, entry_at, load_one, resolve, scan
from gradflow.store.catalog import inside
from gradflow.store.names import is_point
from gradflow.store.removal import remove_entry
from tests.store.small import small

SWEEP = "zoo-0123abcd"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(small(), tmp_path_factory.mktemp("runs")).path


def test_a_sweep_knows_how_many_points_it_is_to_have(tmp_path: Path) -> None:
    sweep = tmp_path / SWEEP
    sweep.mkdir()
    for text, planned in (('{"points": [{}, {}]}', 2), ('{"points": 2}', None), ("[]", None), ("{", None)):
        (sweep / "sweep.json").write_text(text)
        assert Entry(sweep, points=()).planned == planned
    assert Entry(sweep).planned is None


def run_at(path: Path, whole: Path, finished: str, digest: str = "") -> Path:
    """A copy of a whole run under another name, finished at another time, maybe with another digest."""
    shutil.copytree(whole, path)
    info = json.loads((path / "run.json").read_text())
    info["times"]["finished"] = finished
    if digest:
        info["digest"], info["id"] = digest.ljust(64, "0"), f"net-{digest[:8]}"
    (path / "run.json").write_text(json.dumps(info))
    return path


@pytest.fixture
def runs(tmp_path: Path, whole: Path) -> Path:
    """Two runs, a sweep of two points, a damaged run, and what is none of these."""
    run_at(tmp_path / "net-aaaaaaaa", whole, "2026-01-01T00:00:00Z", "aaaaaaaa")
    run_at(tmp_path / "copied by hand", whole, "2026-01-03T01:00:00+02:00", "bbbbbbbb")
    sweep = tmp_path / SWEEP
    sweep.mkdir()
    (sweep / "sweep.json").write_text("{}")
    run_at(sweep / "net-cccccccc", whole, "2026-01-02T00:00:00Z", "cccccccc")
    run_at(sweep / "net-dddddddd", whole, "2026-01-04T00:00:00Z", "dddddddd")
    (sweep / "net-eeeeeeee").mkdir()
    (tmp_path / "net-ffffffff").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".partial" / "net-00000000-12").mkdir(parents=True)
    return tmp_path


def test_runs_and_sweeps_come_newest_first_by_their_own_record(runs: Path) -> None:
    os.utime(runs / "net-aaaaaaaa")  # a clock that lies
    entries = scan(runs)
    assert [entry.path.name for entry in entries] == [SWEEP, "copied by hand", "net-aaaaaaaa", "net-ffffffff"]
    assert [entry.id for entry in entries] == [SWEEP, "net-bbbbbbbb", "net-aaaaaaaa", "net-ffffffff"]
    assert [entry.is_sweep for entry in entries] == [True, False, False, False]
    assert [entry.run is not None for entry in entries] == [False, True, True, False]


def test_a_sweep_that_has_lost_its_document_is_one_still(runs: Path) -> None:
    point = (runs / SWEEP / "net-cccccccc").rename(runs / SWEEP / "zoo-cccccccc")
    whole_sweep = [entry.path for entry in scan(runs)[0].points or ()]
    (runs / SWEEP / "sweep.json").unlink()
    lost = scan(runs)[0]
    assert [entry.path for entry in lost.points or ()] == whole_sweep
    for reference in ("zoo", SWEEP, str(runs / SWEEP)):
        assert resolve(reference, runs) == [runs / SWEEP]
    assert is_point(point)
    assert point in inside([runs / SWEEP])
    with pytest.raises(InputError, match="is a sweep"):
        load_one("zoo", runs)


def test_a_runs_folder_that_is_named_like_a_sweep_is_none(runs: Path) -> None:
    assert not is_point(shutil.copytree(runs, runs / "exp-1a2b3c4d") / "net-aaaaaaaa")


def test_a_run_with_the_document_of_a_sweep_beside_it_is_a_run(runs: Path) -> None:
    stray = runs / "net-aaaaaaaa" / "sweep.json"
    stray.write_text("{}")
    assert [entry.is_sweep for entry in scan(runs)] == [True, False, False, False]
    assert load_one("net-aaaaaaaa", runs).id == "net-aaaaaaaa"
    remove_entry(stray.parent)
    assert [path.name for path in stray.parent.iterdir()] == ["sweep.json"]  # which no run writes


def test_a_run_that_has_lost_its_document_is_no_sweep_of_what_was_put_into_it(
    runs: Path, whole: Path
) -> None:
    run = runs / "net-aaaaaaaa"
    kept = Path(shutil.copytree(whole, run / whole.name))
    (run / "run.json").unlink()
    entry = entry_at(run)
    assert entry is not None
    assert entry.problem == f"{run}/run.json: is missing: run its config again with --force"
    remove_entry(run)
    assert (kept / "run.json").exists()


def test_a_sweep_holds_its_points_and_the_damaged_ones_too(runs: Path) -> None:
    points = scan(runs)[0].points
    assert points is not None
    assert [point.id for point in points] == ["net-dddddddd", "net-cccccccc", "net-eeeeeeee"]
    assert points[2].problem == (
        f"{runs / SWEEP}/net-eeeeeeee/run.json: is missing: type the command of its sweep"
    )


def test_a_folder_without_a_run_is_empty_and_one_that_is_none_an_error(tmp_path: Path) -> None:
    assert scan(tmp_path) == scan(tmp_path / "no") == []
    (tmp_path / "file").touch()
    with pytest.raises(
        RunError, match=r"file: cannot be read: Not a directory: choose another with --runs-dir"
    ):
        scan(tmp_path / "file")


def test_the_entry_of_any_folder(runs: Path) -> None:
    assert entry_at(runs / "notes") is None
    for name in (SWEEP, "net-aaaaaaaa", "net-ffffffff"):
        assert isinstance(entry_at(runs / name), Entry)


def test_the_index_finds_a_digest_wherever_it_stands(runs: Path) -> None:
    index = Index(runs)
    for digest in ("bbbbbbbb", "ffffffff", "eeeeeeee"):
        assert index.find(digest.ljust(64, "0")) is None


def test_the_index_passes_over_what_is_damaged_or_failed(runs: Path, whole: Path) -> None:
    config = small()
    place = runs / SWEEP / f"other-{config.digest[:8]}"
    shutil.copytree(whole, place)
    found = Index(runs).find(config.digest)
    assert found is not None
    assert found.path == place
    assert Index(runs).find(config.digest[:8].ljust(64, "0")) is None
    (place / "recording.npz").write_bytes(b"")
    assert Index(runs).find(config.digest) is None
    second = runs / f"net-{config.digest[:8]}"
    shutil.copytree(whole, second)
    found = Index(runs).find(config.digest)
    assert found is not None
    assert found.path == second
    info = json.loads((second / "run.json").read_text())
    (second / "run.json").write_text(json.dumps({**info, "status": "failed"}))
    assert Index(runs).find(config.digest) is None


def test_what_is_added_to_an_index_is_found(tmp_path: Path, whole: Path) -> None:
    index = Index(tmp_path)
    assert index.find(small().digest) is None
    index.add(whole)
    assert index.find(small().digest) is not None
