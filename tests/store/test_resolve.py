import os
import shutil
from pathlib import Path

import pytest

import gradflow
from gradflow.errors import InputError, RunError
from gradflow.execution.execute import execute
from gradflow.store import load_one, resolve
from gradflow.store.partial import claim
from tests.store.small import small
from tests.store.test_catalog import SWEEP, run_at


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(small(), tmp_path_factory.mktemp("runs")).path


@pytest.fixture
def runs(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    (runs / SWEEP).mkdir(parents=True)
    (runs / SWEEP / "sweep.json").write_text("{}")
    run_at(runs / "relu-aaaaaaaa", whole, "2026-01-01T00:00:00Z")
    run_at(runs / "relu-bbbbbbbb", whole, "2026-01-02T00:00:00Z")
    run_at(runs / "tanh-cccccccc", whole, "2026-01-04T00:00:00Z")
    run_at(runs / SWEEP / "zoo-dddddddd", whole, "2026-01-03T00:00:00Z")
    run_at(runs / SWEEP / "tanh-cccccccc", whole, "2026-01-03T00:00:00Z")
    (runs / "zoo-eeeeeeee").mkdir()
    for age, name in enumerate(("tanh-cccccccc", SWEEP, "relu-bbbbbbbb", "relu-aaaaaaaa")):
        os.utime(runs / name, (1e9 - age, 1e9 - age))
    return runs


def test_a_glob_gives_runs_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        (tmp_path / f"r{number}-aaaaaaaa").mkdir()
    assert [path.name for path in resolve("r*", tmp_path)] == [f"r{n}-aaaaaaaa" for n in (1, 2, 10)]


def test_the_latest_is_what_was_made_or_found_last_by_the_folders_times(runs: Path) -> None:
    os.utime(runs / "relu-aaaaaaaa", (1e9 + 1, 1e9 + 1))
    assert resolve("@1", runs) == [runs / "relu-aaaaaaaa"]
    assert resolve("@2", runs) == [runs / "tanh-cccccccc"]
    for name in (
        "relu-aaaaaaaa",
        "relu-bbbbbbbb",
        "tanh-cccccccc",
        SWEEP,
    ):  # as a copy without times has them
        os.utime(runs / name, (1e9, 1e9))
    latest = [resolve(f"@{number}", runs)[0].name for number in range(1, 5)]
    assert latest == ["tanh-cccccccc", SWEEP, "relu-bbbbbbbb", "relu-aaaaaaaa"]


def test_what_is_found_finished_is_the_latest_and_stays_as_it_is(tmp_path: Path) -> None:
    first, second = (execute(small(f"seed={seed}"), tmp_path) for seed in (1, 2))
    for age, run in enumerate((second, first)):
        os.utime(run.path, (1e9 - age, 1e9 - age))
    content = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first.path.iterdir()}
    assert resolve("@1", tmp_path) == [second.path]
    assert execute(small("seed=1"), tmp_path).reused
    assert resolve("@1", tmp_path) == [first.path]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in first.path.iterdir()} == content


def test_a_folder_that_was_renamed_is_found_by_its_own_name_and_by_the_id_that_lists_show(
    tmp_path: Path,
) -> None:
    run = execute(small(), tmp_path)
    (tmp_path / "zoo-0123abcd").mkdir()
    (tmp_path / "zoo-0123abcd" / "sweep.json").write_text("{}")
    for place in (
        tmp_path / "paper figure 2",
        tmp_path / f"old-{run.id}",
        tmp_path / "zoo-0123abcd" / "best",
    ):
        shutil.move(next(tmp_path.rglob("run.json")).parent, place)
        for name in (place.name, place.name[:5], run.id, run.id[:-2], run.id.rpartition("-")[0]):
            assert resolve(name, tmp_path) == [place], name
    with pytest.raises(InputError, match="nothing is no run in"):
        resolve("nothing", tmp_path)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("@1", ["tanh-cccccccc"]),
        ("@2", [SWEEP]),
        ("@4", ["relu-aaaaaaaa"]),
        ("tanh-cccccccc", ["tanh-cccccccc"]),
        ("tanh", ["tanh-cccccccc"]),
        ("relu-a", ["relu-aaaaaaaa"]),
        ("zoo-0", [SWEEP]),
        ("zoo-d", [f"{SWEEP}/zoo-dddddddd"]),
        ("runs/relu-bbbbbbbb", ["relu-bbbbbbbb"]),
        (f"runs/{SWEEP}", [SWEEP]),
        (f"runs/{SWEEP}/tanh-cccccccc/", [f"{SWEEP}/tanh-cccccccc"]),
        ("relu*", ["relu-aaaaaaaa", "relu-bbbbbbbb"]),
        ("*-dddd*", [f"{SWEEP}/zoo-dddddddd"]),
        (f"{SWEEP}/*", [f"{SWEEP}/tanh-cccccccc", f"{SWEEP}/zoo-dddddddd"]),
        ("runs/r*", ["relu-aaaaaaaa", "relu-bbbbbbbb"]),
        (f"./runs/{SWEEP}/z*", [f"{SWEEP}/zoo-dddddddd"]),
        ("relu-[ab]aaaaaaa", ["relu-aaaaaaaa"]),
    ],
)
def test_a_reference_names_runs(runs: Path, reference: str, expected: list[str]) -> None:
    assert resolve(reference, runs) == [runs / name for name in expected]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("@0", "@0: count from @1, the latest, to @4 in runs"),
        ("@5", "@5: count from @1, the latest, to @4 in runs"),
        ("@99999999999", "@99999999999 is no run in runs: see `gradflow ls`"),
        ("relu", "relu could be relu-aaaaaaaa, relu-bbbbbbbb: give more of it, or @1 for the latest of all"),
        ("relv", "relv is no run in runs; did you mean relu?"),
        ("tanh-cccccccd", "tanh-cccccccd is no run in runs; did you mean tanh-cccccccc?"),
        ("qqq", "qqq is no run in runs: see `gradflow ls`"),
        ("q*", "q* matches no run in runs: see `gradflow ls`"),
        ("[", "[ matches no run in runs: see `gradflow ls`"),
        ("runs/none", "runs/none is no run directory: name one that `gradflow ls` shows"),
        ("a\0b", "a run's name holds no NUL character: see `gradflow ls`"),
        ("*\0", "a run's name holds no NUL character: see `gradflow ls`"),
        ("x" * 300, "is no run in runs: see `gradflow ls`"),
        ("", "a run's name is empty, perhaps from a variable that is not set: see `gradflow ls`"),
    ],
)
def test_a_reference_that_names_none_or_several_is_refused(runs: Path, reference: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(reference, runs)
    assert message in str(caught.value)


@pytest.mark.parametrize("reference", ["", ".", "./", "/"])
def test_what_has_no_name_is_never_the_only_run(
    runs: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    for path in runs.iterdir():
        shutil.rmtree(path) if path.name != "tanh-cccccccc" else None
    (runs / ".partial").mkdir()
    (runs / ".partial" / "cut-00000001-checkpoint").touch()
    monkeypatch.chdir(runs)
    with pytest.raises(InputError):
        resolve(reference, Path())


def test_many_candidates_are_counted(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"a-{number:08x}").mkdir()
    with pytest.raises(
        InputError,
        match=r"^a could be a-00000000, .*, a-00000007 or 12 more: give more of it, or @1",
    ):
        resolve("a", tmp_path)


@pytest.mark.parametrize("reference", ["cut-00000001", "cut", "c", "cut-0", "runs/cut-00000001"])
@pytest.mark.parametrize("others", [True, False])
def test_an_interrupted_run_is_found_once_there_is_something_of_it(
    runs: Path, reference: str, others: bool
) -> None:
    if not others:
        shutil.rmtree(runs)
    (runs / ".partial").mkdir(parents=True)
    (runs / ".partial" / "cut-00000001-12").mkdir()
    with pytest.raises(InputError, match=r"^cut-00000001 was interrupted: run its config again to go on$"):
        resolve(reference, runs)
    (runs / ".partial" / "cut-00000001-checkpoint").touch()
    assert resolve(reference, runs) == [Path("runs" if os.sep in reference else runs) / "cut-00000001"]


def test_the_first_point_of_a_sweep_is_found_when_it_was_interrupted(tmp_path: Path) -> None:
    left = tmp_path / SWEEP / ".partial"
    left.mkdir(parents=True)
    (tmp_path / SWEEP / "sweep.json").write_text("{}")
    (left / "cut-00000001-checkpoint").touch()
    for name in ("cut-00000001", "cut"):
        assert resolve(name, tmp_path) == [tmp_path / SWEEP / "cut-00000001"]


def test_a_run_of_a_sweep_that_is_being_computed_is_told_of(runs: Path) -> None:
    with claim(runs / SWEEP, "now-00000002"):
        with pytest.raises(InputError, match=r"^now-00000002 is still being computed: wait for it$"):
            resolve("now", runs)
        assert resolve("tanh", runs) == [runs / "tanh-cccccccc"]


def test_several_interrupted_runs_are_listed(tmp_path: Path) -> None:
    (tmp_path / ".partial").mkdir()
    for number in (1, 2):
        (tmp_path / ".partial" / f"cut-0000000{number}-checkpoint").touch()
    with pytest.raises(InputError, match=r"^cut could be cut-00000001, cut-00000002: give more of it$"):
        resolve("cut", tmp_path)


@pytest.mark.parametrize("reference", ["@1", "a"])
def test_without_runs_the_way_to_make_one_is_told(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InputError, match=r"there are no runs in .*: make one with `gradflow run CONFIG`"):
        resolve(reference, tmp_path / "none")


def test_a_damaged_run_is_named_but_never_the_latest(runs: Path) -> None:
    assert resolve("zoo-e", runs) == [runs / "zoo-eeeeeeee"]
    for entry in (runs / "tanh-cccccccc" / "run.json").parent.iterdir():
        entry.unlink()
    assert resolve("@1", runs) == [runs / SWEEP]


def test_a_run_is_loaded_in_python(runs: Path, whole: Path) -> None:
    shutil.rmtree(runs)
    path = Path(shutil.copytree(whole, runs / whole.name))
    for reference in ("@1", path, "net"):
        run = gradflow.load(reference)
        assert run.config == small()
        assert run.summary.path == f"runs/{whole.name}"
        assert run["log_delta_norm"].shape == (7, 3, 2)


def test_what_is_not_one_run_is_not_loaded(runs: Path) -> None:
    with pytest.raises(
        InputError, match=r"^relu\* could be runs/relu-aaaaaaaa, runs/relu-bbbbbbbb: name one$"
    ):
        load_one("relu*", "runs")
    message = (
        f"runs/{SWEEP} is a sweep: gradflow compare runs/{SWEEP} shows it; or name one of the runs in it"
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        load_one("@2", "runs")
    with pytest.raises(RunError, match=r"run\.json: is missing"):
        load_one("zoo-e", "runs")
