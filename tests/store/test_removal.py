import shutil
from pathlib import Path

import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store.names import OWN, PARTIAL
from gradflow.store.partial import claim, unfinished
from gradflow.store.removal import remove_entry
from gradflow.store.resolve import resolve
from gradflow.store.sweeps import open_sweep
from tests.store.small import names, small

SWEEP = "study-0123abcd"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and a sweep of two with an interrupted point."""
    runs = tmp_path_factory.mktemp("made")
    execute(small(), runs)
    with open_sweep(runs, SWEEP, {"points": []}) as folder:
        for seed in (1, 2):
            execute(small(f"seed={seed}"), folder)
    (folder / PARTIAL).mkdir()
    (folder / PARTIAL / "cut-00000001-checkpoint").touch()
    return runs


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs"))


def test_a_run_goes_and_nothing_else_does(runs: Path) -> None:
    assert remove_entry(runs / small().id) == []
    assert names(runs) == [SWEEP]
    assert len(names(runs / SWEEP)) == 4


@pytest.mark.parametrize("reference", [".", "./", "..", "../"])
@pytest.mark.parametrize("name", [small().id, SWEEP])
def test_a_folder_that_is_named_from_inside_goes_by_its_own_name(
    runs: Path, monkeypatch: pytest.MonkeyPatch, name: str, reference: str
) -> None:
    inside = runs / name / ("mine" if ".." in reference else ".")
    inside.mkdir(exist_ok=True)
    monkeypatch.chdir(inside)
    (path,) = resolve(reference, runs)
    assert path == runs / name
    with claim(runs, name), pytest.raises(RunError, match="is working on it"):
        remove_entry(path)
    if inside.name == "mine":
        inside.rmdir()
    assert remove_entry(path) == []
    assert names(runs) == sorted({small().id, SWEEP} - {name})


@pytest.mark.parametrize("name", [small().id, SWEEP, f"{SWEEP}/{small('seed=1').id}"])
def test_what_a_user_put_there_stays(runs: Path, name: str) -> None:
    (runs / name / "NOTES.md").write_text("mine")
    assert remove_entry(runs / name) == [runs / name]
    assert names(runs / name) == ["NOTES.md"]
    assert remove_entry(runs / name) == [runs / name]


def test_a_sweep_goes_with_its_points_and_what_was_interrupted_in_it(runs: Path) -> None:
    assert remove_entry(runs / SWEEP) == []
    assert names(runs) == [small().id]


def test_runs_that_no_sweep_document_tells_of_stay(runs: Path) -> None:
    (runs / SWEEP / "sweep.json").unlink()
    assert remove_entry(runs / SWEEP) == [runs / SWEEP]
    assert [name for name in names(runs / SWEEP) if name.startswith("net-")] == sorted(
        small(f"seed={seed}").id for seed in (1, 2)
    )


def test_notes_in_a_point_keep_its_folder_and_its_sweeps(runs: Path) -> None:
    point = runs / SWEEP / small("seed=1").id
    (point / "NOTES.md").write_text("mine")
    assert remove_entry(runs / SWEEP) == [point]
    assert names(runs / SWEEP) == [point.name]


@pytest.mark.parametrize("whole", [True, False], ids=["sweep.json", "no sweep.json"])
def test_what_a_cut_removal_of_a_sweep_has_left_goes_with_the_next(whole: bool, runs: Path) -> None:
    first, second = (runs / SWEEP / small(f"seed={seed}").id for seed in (1, 2))
    (first / "run.json").unlink()
    (first / "recording.npz").unlink()
    if not whole:
        remove_entry(second)
        (runs / SWEEP / "sweep.json").unlink()
        shutil.rmtree(runs / SWEEP / PARTIAL)
    assert remove_entry(runs / SWEEP) == []
    assert names(runs) == [small().id]


def test_what_a_user_put_beside_the_points_stays(runs: Path) -> None:
    sweep, other = runs / SWEEP, runs / "other-0123abcd"
    shutil.copytree(sweep, sweep / other.name)  # which is a sweep
    shutil.copytree(sweep / small("seed=1").id, sweep / ".kept")
    (sweep / "link-0123abcd").symlink_to(runs)
    assert remove_entry(sweep) == [sweep]
    assert names(sweep) == [".kept", "link-0123abcd", other.name]
    assert len(names(sweep / other.name)) == 4


def test_a_run_that_a_user_put_into_another_stays(runs: Path) -> None:
    run = runs / small().id
    shutil.copytree(run, run / "copy-0123abcd")
    for _ in range(2):
        assert remove_entry(run) == [run]
    assert len(names(run / "copy-0123abcd")) == 5


def test_what_a_process_works_on_is_not_removed(runs: Path) -> None:
    with claim(runs, small().id), pytest.raises(RunError, match="is working on it"):
        remove_entry(runs / small().id)
    with open_sweep(runs, SWEEP, {"points": []}, (1, 2)), pytest.raises(RunError, match="is working on it"):
        remove_entry(runs / SWEEP)
    assert names(runs / small().id) == sorted(set(OWN) - {"report.md"})
    assert len(names(runs / SWEEP)) == 4


def test_an_interrupted_run_is_discarded(tmp_path: Path) -> None:
    (tmp_path / PARTIAL).mkdir()
    for name in ("checkpoint", "rows", "77"):
        (tmp_path / PARTIAL / f"cut-00000001-{name}").touch()
    assert unfinished(tmp_path) == {"cut-00000001": False}
    assert remove_entry(tmp_path / "cut-00000001") == []
    assert unfinished(tmp_path) == {}
    assert names(tmp_path) == []


def test_of_a_link_only_the_link_goes(runs: Path) -> None:
    (runs / "best").symlink_to(small().id)
    assert remove_entry(runs / "best") == []
    assert names(runs) == sorted([small().id, SWEEP])
