"""Runs in MLflow and trackio, read back by their own clients."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.compare import row_of
from gradflow.errors import InputError, MissingExtra, RunError
from gradflow.execution.execute import execute
from gradflow.store import Run
from gradflow.store.export import scalars
from gradflow.store.notes import change_notes
from gradflow.store.sinks import DESCRIPTION, SINKS, Mlflow, Trackio, hand_over, told
from tests.programs import NEEDS
from tests.promises.calls import gradflow
from tests.store.small import small

pytestmark = pytest.mark.filterwarnings("ignore")  # which the clients' libraries give


def needs_client(name: str) -> None:
    """Skip the test where a client is not installed; trackio looks for its place when it is loaded."""
    if find_spec(name) is None:
        pytest.skip(f"{NEEDS}{name}: pip install 'gradflow-lab[{name}]'")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    made = [execute(small(f"seed={seed}", "name=two"), folder) for seed in (0, 10)]
    change_notes(made[0].path, "the baseline", ("b", "a"))
    return made


def curves_of(run: Run) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for name, step, value in scalars(run, "all"):
        found[name].append((step, value))
    return found


def assert_mlflow_has(place: str, runs: list[Run]) -> None:
    reader = import_module("mlflow").MlflowClient(place)
    experiment = reader.get_experiment_by_name("study").experiment_id
    there = {each.info.run_name: each for each in reader.search_runs([experiment])}
    assert there.keys() == {run.id for run in runs}
    for run in runs:
        found, row = there[run.id], row_of(run.summary)
        assert found.data.params == {key: str(value) for key, value in row.config.items()}
        assert found.data.tags["gradflow.verdict"] == run.summary.flow.initial.verdict
        tags = [found.data.tags.get(name) for name in ("gradflow.note", "gradflow.tags", DESCRIPTION)]
        assert tags == (["the baseline", "a, b", "the baseline"] if run is runs[0] else [None] * 3)
        assert found.data.metrics["result/c"] == run.summary.flow.initial.c
        assert (found.info.status, found.info.end_time > found.info.start_time) == ("FINISHED", True)
        for name, points in curves_of(run).items():
            history = reader.get_metric_history(found.info.run_id, name)
            assert sorted((each.step, each.value) for each in history) == points, name


def test_mlflow_s_own_client_finds_config_results_and_curves_to_the_last_bit(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_client("mlflow")
    monkeypatch.chdir(tmp_path)
    sink = Mlflow(Path("tracked"), "study")
    hand_over(sink, runs, "all")
    assert_mlflow_has((tmp_path / "tracked").as_uri(), runs)
    with pytest.raises(InputError, match=f"{runs[0].id}: is there already: --force replaces it"):
        hand_over(sink, runs, "all")
    hand_over(sink, runs[1:], "all", force=True)
    assert_mlflow_has((tmp_path / "tracked").as_uri(), runs)
    assert [path.name for path in tmp_path.iterdir()] == ["tracked"]
    with pytest.raises(RunError, match=r"^mlflow refused: MlflowException: Invalid"):
        Mlflow(Path("tracked"), "")


def test_mlflow_is_told_which_runs_came_to_their_end(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_client("mlflow")
    monkeypatch.chdir(tmp_path)
    ends = {
        "completed": "FINISHED", "diverged": "FINISHED", "failed": "FAILED", "interrupted": "KILLED",
    }  # fmt: skip
    known = {"recording": runs[1].recording, "summary": runs[1].summary}
    infos: Any = [{**runs[1].info, "status": status, "id": f"{status}-01234567"} for status in ends]
    hand_over(Mlflow(Path("tracked"), "study"), [Run(tmp_path, info, **known) for info in infos], "last")
    reader = import_module("mlflow").MlflowClient((tmp_path / "tracked").as_uri())
    experiment = reader.get_experiment_by_name("study").experiment_id
    found = {each.info.run_name: each.info.status for each in reader.search_runs([experiment])}
    assert found == {f"{status}-01234567": end for status, end in ends.items()}


@pytest.mark.thorough
def test_a_database_of_mlflow_s_holds_the_same(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_client("mlflow")
    monkeypatch.chdir(tmp_path)
    hand_over(Mlflow(Path("study.db"), "study"), runs, "all")
    assert_mlflow_has(f"sqlite:///{tmp_path / 'study.db'}", runs)
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


@pytest.fixture
def trackio_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a trackio that is loaded anew, as it reads its place when it is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
            patch.delitem(sys.modules, name)
        for name in Trackio.elsewhere:
            patch.setenv(name, "")
        patch.setenv("TRACKIO_SERVER_URL", "http://127.0.0.1:9?write_token=none")  # -o comes before it
        yield tmp_path / "tracked"


def test_trackio_s_own_client_finds_config_results_and_curves_to_the_last_bit(
    runs: list[Run], trackio_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_client("trackio")
    sink = Trackio(trackio_folder, "study")
    hand_over(sink, runs, "all")
    with pytest.raises(InputError, match=f"{runs[0].id}: is there already"):
        hand_over(sink, runs, "all")
    hand_over(sink, runs[1:], "all", force=True)
    assert capsys.readouterr().out == ""
    storage = import_module("trackio.sqlite_storage").SQLiteStorage
    there = {each.name: each for each in import_module("trackio").Api().runs("study")}
    assert there.keys() == {run.id for run in runs}
    for run in runs:
        row, config = row_of(run.summary), there[run.id].config
        assert {key: config[key] for key in row.config} == row.config
        assert config.get("note") == ("the baseline" if run is runs[0] else None)
        assert config["result/c"] == run.summary.flow.initial.c
        logs = storage.get_logs("study", run.id)
        for name, points in curves_of(run).items():
            assert [(log["step"], log[name]) for log in logs if name in log] == points, name
    with pytest.raises(RunError, match=r"^trackio refused: ValueError"):
        Trackio(trackio_folder, "registry-study").add(runs[0], "all")
    with pytest.raises(InputError, match="in this process: start another"):
        Trackio(trackio_folder.parent / "other", "study")


def test_a_password_in_the_environment_is_not_told(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_client("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "secret").as_uri())
    named = ["export", runs[0].id, "--runs-dir", str(runs[0].path.parent)]
    done = gradflow(tmp_path, *named, "--to", "mlflow", "--project", "mine")
    assert (done.code, done.out, done.err) == (0, "", "1 run in MLFLOW_TRACKING_URI, as mine\n")
    assert (tmp_path / "secret").is_dir()


def test_what_is_told_holds_no_path_and_no_number_that_is_none(runs: list[Run]) -> None:
    known = told(runs[0], "last")
    assert "path" not in known.texts
    assert str(runs[0].path) not in str(known)
    assert known.texts["verdict"] == runs[0].summary.flow.initial.verdict
    assert {step for name, step, _ in known.curves if name.startswith("log_delta_norm")} == {6}
    assert known.config["training.steps"] == 6


def test_what_was_noted_is_told(runs: list[Run]) -> None:
    known = told(runs[0], "last").texts
    assert (known["note"], known["tags"]) == ("the baseline", "a, b")
    assert not {"note", "tags"} & told(runs[1], "last").texts.keys()


@pytest.mark.parametrize("name", SINKS)
def test_a_missing_client_is_the_command_that_installs_it(
    runs: list[Run], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    monkeypatch.setenv("TRACKIO_DIR", "")
    with pytest.raises(MissingExtra, match=rf"pip install 'gradflow-lab\[{name}\]'"):
        SINKS[name](tmp_path / "out", "study")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--to mlflow", "name a folder with -o, or set MLFLOW_TRACKING_URI"),
        (
            "--to trackio",
            "name a folder with -o, or set TRACKIO_DIR or TRACKIO_SPACE_ID or TRACKIO_SERVER_URL",
        ),
        ("--to mlflow -o none/m", "none/m: the folder none does not exist: make it first"),
        ("--to trackio -o file", "file: is a file: name a folder"),
        ("--to mlflow -o m --table runs", "--table is of no use here: mlflow gets all that is told of a run"),
        ("--to csv -o x.csv --project a", "--project is of no use here: it is a name in mlflow or trackio"),
        ("--to csv", "name a file or a folder with -o"),
        ("-o x.mlflow", "--to mlflow: there are csv, json, parquet, tensorboard"),
        (
            "--to mlfow -o m",
            "--to mlfow: there are csv, json, parquet, tensorboard, mlflow, trackio; did you mean",
        ),
    ],
)
def test_a_place_that_cannot_be_is_refused_in_a_line(
    runs: list[Run], words: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    named = ["export", runs[0].id, "--runs-dir", str(runs[0].path.parent)]
    unset = {name: "" for sink in SINKS.values() for name in sink.elsewhere}
    done = gradflow(tmp_path, *named, *words.split(), env=unset)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {told}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
