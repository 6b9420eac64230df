"""gradflow from Python gives what the command line gives, and raises what it says."""

import json
import multiprocessing
import pickle
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gradflow
from gradflow.api.foreseen import Foreseen
from gradflow.api.one_run import OneRun
from gradflow.api.study import document_of, overrides_of
from gradflow.api.swept import Swept
from gradflow.config.load import load_config
from gradflow.errors import GradflowError, InputError, MissingExtra, NothingToDraw, Problem, RunError
from gradflow.store.partial import claim
from gradflow.yaml_file import dump, parse, parse_value
from tests.promises.calls import gradflow as typed
from tests.sampling import each
from tests.store.small import NET

CONFIGS = Path(__file__).parents[2] / "configs"
STARTERS = sorted(path.name for path in CONFIGS.glob("*.yaml"))
PLAIN: dict[str, Any] = parse(NET, "net.yaml").value


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(runs: Path) -> OneRun:
    return gradflow.run(PLAIN, runs=runs, quiet=True)


@pytest.fixture(scope="module")
def swept(runs: Path) -> Swept:
    return gradflow.sweep(PLAIN, runs=runs, executor="serial", quiet=True, depth=[2, np.int64(4)], name="two")


def test_importing_it_loads_no_library() -> None:
    code = "import sys, gradflow; dir(gradflow); print({'numpy', 'pydantic', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_it_has_what_it_lists_and_nothing_else() -> None:
    assert all(callable(getattr(gradflow, name)) for name in gradflow.__all__ if name != "__version__")
    assert set(gradflow.__all__) <= set(dir(gradflow))
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        gradflow.ran  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", each(5, [name for name in STARTERS if not name.startswith("sweep-")]))
def test_a_starter_gives_the_numbers_of_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"steps": 2, "seeds": 2}
    done = typed(tmp_path, "run", str(CONFIGS / name), *overrides_of(few), "--quiet", "--json")
    assert done.code == 0, done.err
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    mine = gradflow.run(CONFIGS / name, quiet=True, **few)
    assert mine.summary.document() == json.loads(done.out)
    saved = gradflow.load(mine.id, tmp_path / "runs")
    assert isinstance(saved, OneRun)
    assert mine.recording.keys() == saved.recording.keys()
    assert all(np.array_equal(array, saved[key], equal_nan=True) for key, array in mine.recording.items())


def test_paths_mappings_and_configs_are_one_run(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    config = load_config(tmp_path / "net.yaml", ["model.init.gain=2"])
    overrides = {"model.init.gain": np.float64(2)}
    found = [
        gradflow.run(tmp_path / "net.yaml", runs=tmp_path, quiet=True, **overrides),
        gradflow.run(PLAIN, runs=tmp_path, quiet=True, init={"name": "xavier_normal", "gain": 2}),
        gradflow.run(config, runs=tmp_path, quiet=True),
    ]
    assert [one.id for one in found] == [config.id] * 3
    assert [one.reused for one in found] == [False, True, True]


def test_values_of_numpy_in_a_mapping_can_be_written_as_yaml() -> None:
    inner = {"name": np.str_("gaussian"), "sigma_w": np.float64(0.1), "depth": np.int64(3)}
    document, _ = document_of({"model": {"init": inner, "trainable": np.bool_(True)}})
    assert dump(document.value) == (
        "model:\n  init: {name: gaussian, sigma_w: 0.1, depth: 3}\n  trainable: true\n"
    )


def test_a_list_is_one_value_of_a_run(tmp_path: Path) -> None:
    run = gradflow.run(PLAIN, runs=tmp_path, quiet=True, width=(8, 6, 4))
    assert run.config.plain()["model"]["width"] == [8, 6, 4]


@pytest.mark.parametrize("text", ["d\U0001f600\xe9\u6f22", "a\\b\n\"c'", "\x85\u2028\x9f\ufeff"])
def test_an_override_is_any_text(text: str) -> None:
    (override,) = overrides_of({"note": text})
    assert parse_value(override.removeprefix("note="), "note") == text


@pytest.mark.parametrize(
    "of",
    [
        np.asfortranarray,
        pd.DataFrame,
        xr.DataArray,
        lambda values: values.astype(np.longdouble),
        lambda values: pd.DataFrame(values, columns=[f"c{k}" for k in range(values.shape[1])], dtype=object),
    ],
)
def test_data_may_stand_in_arrays_and_frames(of: Any) -> None:
    x = np.linspace(-1, 1, 8).reshape(4, 2)
    y = np.array([0, 1, 1, 0])
    document, _ = document_of({**PLAIN, "data": {"name": "inline", "x": of(x), "y": pd.Series(y)}})
    assert document.value["data"] == {"name": "inline", "x": x.tolist(), "y": y.tolist()}


@pytest.mark.parametrize(
    ("config", "given", "told"),
    [
        (PLAIN, {"depht": 3}, "depht"),
        (PLAIN, {"depth": 0}, "model.depth"),
        (PLAIN, {"depth": object()}, "depth: is a object"),
        (PLAIN, {"lr": np.array([1j])}, "lr: is a complex: give a number"),
        (PLAIN, {"lr": np.datetime64("2020-01-01")}, "lr: is a date: give a number"),
        (PLAIN, {"width": np.array([object()] * 4)}, "width: is a object: give a number"),
        ({**PLAIN, "model": {"depth": 3}}, {}, "model.activation"),
        ("nowhere.yaml", {}, "nowhere.yaml: does not exist"),
        ({**PLAIN, "sweep": {"model.depth": [1, 2]}}, {}, "this config is many runs"),
    ],
)
def test_what_the_command_refuses_is_an_input_error(
    config: Any, given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        gradflow.run(config, runs=tmp_path / "runs", quiet=True, **given)
    assert told in str(error.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"executor": "seril"}, "--executor: should be one of serial, processes, dask; did you mean serial?"),
        ({"executor": "serial", "workers": 2}, "--workers is of no use here: --executor serial has none"),
        ({"workers": 0}, "--workers: should be at least 1"),
        ({"workers": -1}, "--workers: should be at least 1"),
    ],
)
def test_a_sweep_refuses_the_workers_that_the_command_refuses(
    given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        gradflow.sweep(PLAIN, runs=tmp_path / "runs", quiet=True, seed=[1, 2], **given)
    assert str(error.value) == told
    assert not (tmp_path / "runs").exists()


def test_a_run_that_another_process_has_is_a_run_error(runs: Path) -> None:
    id = gradflow.run(PLAIN, runs=runs, quiet=True).id
    with claim(runs, id), pytest.raises(RunError, match="is working on it"):
        gradflow.run(PLAIN, runs=runs, quiet=True, force=True)


@pytest.mark.parametrize(
    "error",
    [
        InputError(Problem("is none", "depth", "a.yaml", 3)),
        RunError("is damaged", "runs/a"),
        MissingExtra("notebook", "to_pandas"),
        NothingToDraw("two runs"),
    ],
)
def test_an_error_of_another_process_says_what_it_said_there(error: GradflowError) -> None:
    error.add_note("in a worker")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_progress_is_told_unless_it_is_not_wanted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gradflow.run(PLAIN, runs=tmp_path, quiet=True)
    assert capfd.readouterr() == ("", "")
    gradflow.run(PLAIN, runs=tmp_path, seed=5)
    out, err = capfd.readouterr()
    assert out == ""
    assert "trained in" in err


def test_arrays_come_with_names_units_and_axes(run: OneRun) -> None:
    data = run.to_xarray()
    assert data["log_delta_norm"].dims == ("step", "layer", "seed")
    assert data["loss"].dims == ("step", "seed")
    assert data["loss_train"].dims == ("eval_step", "seed")
    assert data["layer"].values.tolist() == [1, 2, 3]
    assert data["log_delta_norm"].attrs == {"long_name": "ln ||dLoss/dz||, mean over samples", "units": "nat"}
    assert data["zero_delta"].attrs["long_name"].startswith("number of samples")
    assert set(data) == set(run.recording) - {"step", "eval_step"}
    for name, values in data.items():
        assert np.array_equal(values, run[str(name)], equal_nan=True)
        assert values.attrs["long_name"]


def test_a_table_has_a_line_a_layer_and_network_of_each_row(run: OneRun) -> None:
    table = run.to_pandas()
    steps, layers, seeds = run["log_delta_norm"].shape
    assert len(table) == steps * layers * seeds
    one = table[(table.step == 6) & (table.layer == 2) & (table.seed == 1)]
    assert one["log_delta_norm"].item() == run["log_delta_norm"][-1, 1, 1]
    assert len(run.to_pandas("last")) == layers * seeds
    assert {*run.to_pandas(6).step} == {*run.to_pandas(np.int64(6)).step} == {*run.to_pandas("6").step} == {6}
    with pytest.raises(InputError, match="--rows 7: the step was not recorded; the nearest is 6"):
        run.to_pandas(7)


def test_a_run_shows_itself_in_a_notebook_and_a_terminal(run: OneRun) -> None:
    html = run._repr_html_()
    assert "each layer passes" in html
    assert "<svg" in html
    assert "<script" not in html
    assert repr(run).startswith(f"<{run.id}: ")
    assert isinstance(run.plot("factors"), alt.LayerChart | alt.Chart | alt.FacetChart | alt.VConcatChart)
    with pytest.raises(InputError, match="choose one of"):
        run.plot("nothing")
    assert "each layer passes" in run.text


def test_a_sweep_has_its_runs_their_table_and_figures(swept: Swept, runs: Path) -> None:
    assert [one.config.model.depth for one in swept] == [2, 4]
    assert len(swept) == len(swept.to_pandas()) == 2
    assert isinstance(swept.plot(), alt.LayerChart | alt.Chart)
    assert isinstance(swept.plot(x="model.depth", value="c"), alt.LayerChart | alt.Chart)
    assert "<table" in swept._repr_html_()
    again = gradflow.load(swept.path)
    assert isinstance(again, Swept)
    assert [one.id for one in again] == [one.id for one in swept]


def test_a_sweep_has_its_runs_in_the_order_of_its_axes(tmp_path: Path) -> None:
    axes: dict[str, Any] = {"activation": ["tanh", "relu"], "depth": [4, 3]}
    made = gradflow.sweep(PLAIN, runs=tmp_path, executor="serial", quiet=True, **axes)
    foreseen = gradflow.theory(PLAIN, **axes)
    assert isinstance(foreseen, list)
    expected = [tuple(each.values.values()) for each in foreseen]
    assert expected == [("tanh", 4), ("tanh", 3), ("relu", 4), ("relu", 3)]
    for found in (made, gradflow.load(made.path)):
        assert isinstance(found, Swept)
        models = [one.config.model for one in found]
        assert [(model.activation.name, model.depth) for model in models] == expected
    turned = Swept(made.path, [*reversed(made.runs)])
    assert turned.plot(x="model.depth").to_dict() == made.plot(x="model.depth").to_dict()
    (made.path / "sweep.json").unlink()  # without which numbers come by size
    assert [one.config.model.depth for one in gradflow.load(made.path)] == [3, 3, 4, 4]


@pytest.mark.parametrize(
    "axes",
    [{"depth": [4, 2, 3]}, {"init": ["xavier_normal", "he_normal"]}, {"clip_norm": [None, 1.0]}],
)
def test_the_rows_of_a_sweep_are_those_of_its_runs_in_their_order(
    axes: dict[str, Any], tmp_path: Path
) -> None:
    made = gradflow.sweep(PLAIN, runs=tmp_path, executor="serial", quiet=True, steps=1, **axes)
    (made.runs[0].path / "note.json").write_text('{"note": "look at it", "tags": []}')
    table = made.to_pandas()
    assert table["id"].tolist() == [one.id for one in made]
    assert table["c"].tolist() == [one.summary.flow.initial.c for one in made]
    assert [row["note"] for row in made.table.rows] == ["look at it", *[None] * (len(made) - 1)]
    told = {row["id"]: row for row in gradflow.compare(made.path).rows}
    assert {row["id"]: row for row in made.table.rows} == told


def test_a_run_keeps_what_it_said_after_another_analysis_of_it(tmp_path: Path) -> None:
    made = gradflow.run(PLAIN, runs=tmp_path, quiet=True)
    loaded = gradflow.load(made.path)
    assert isinstance(loaded, OneRun)
    gradflow.run(PLAIN, runs=tmp_path, quiet=True, stable_decades=0.01)
    for one in (made, loaded):
        assert one.summary.flow.initial.verdict == "stable"
        assert one.config.analysis.stable_decades == one.summary.config["analysis"]["stable_decades"] == 1
    now = gradflow.load(made.path)
    assert isinstance(now, OneRun)
    assert now.summary.flow.initial.verdict != "stable"
    assert now.config.analysis.stable_decades == 0.01


def test_a_sweep_keeps_what_it_said_after_another_analysis_of_it(tmp_path: Path) -> None:
    axes = {"init": ["xavier_normal", "lecun_uniform"]}
    made = gradflow.sweep(PLAIN, runs=tmp_path, executor="serial", quiet=True, **axes)
    verdicts = made.to_pandas()["verdict"].tolist()
    other = gradflow.sweep(PLAIN, runs=tmp_path, executor="serial", quiet=True, stable_decades=0.01, **axes)
    assert other.path == made.path
    assert other.to_pandas()["verdict"].tolist() != verdicts
    assert made.to_pandas()["verdict"].tolist() == verdicts
    assert [one.summary.flow.initial.verdict for one in made] == verdicts
    assert [one.config.analysis.stable_decades for one in made] == [1, 1]


def test_what_was_loaded_is_read_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = gradflow.run(PLAIN, quiet=True)
    swept = gradflow.sweep(PLAIN, executor="serial", quiet=True, seed=[1, 2], steps=1)
    (swept.path / "note.json").write_text('{"note": "both", "tags": []}')
    loaded, again = gradflow.load(made.id), gradflow.load(swept.path)
    assert isinstance(loaded, OneRun)
    assert isinstance(again, Swept)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert loaded.path == made.path == Path("runs", made.id)
    assert (loaded.summary, loaded.config) == (made.summary, made.config)
    assert np.array_equal(loaded["loss"], made["loss"], equal_nan=True)
    for one in (swept, again):
        assert one.to_pandas()["note"].tolist() == ["both", "both"]
        assert all(run["loss"].shape == (2, PLAIN["seeds"]) for run in one)


def test_what_is_done_to_a_summary_changes_no_config(run: OneRun) -> None:
    mine = gradflow.load(run.path)
    assert isinstance(mine, OneRun)
    mine.summary.config["model"]["depth"] = 99
    assert mine.config == run.config


def test_a_copy_of_a_run_is_read_only_too(run: OneRun) -> None:
    assert run["loss"].size
    for copied in (pickle.loads(pickle.dumps(run)), deepcopy(run)):
        assert np.array_equal(copied["loss"], run["loss"], equal_nan=True)
        with pytest.raises(ValueError, match="read-only"):
            copied["loss"][:] = 0


def test_a_comparison_has_the_rows_of_the_command(run: OneRun, swept: Swept, runs: Path) -> None:
    found = gradflow.compare(run.id, swept.path, runs=runs, sort="c")
    words = (run.id, str(swept.path), "--runs-dir", str(runs), "--sort", "c", "--json")
    done = typed(runs.parent, "compare", *words)
    assert found.rows == json.loads(done.out)["rows"]
    assert found.to_pandas()["c"].tolist() == [row["c"] for row in found.rows]
    assert len(found) == 3
    assert "<table" in found._repr_html_()


def test_a_damaged_run_is_told_of_and_hides_no_other(
    run: OneRun, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run.path, tmp_path / run.path.name)
    (tmp_path / "gone-00000000").mkdir()
    assert [row["id"] for row in gradflow.compare(runs=tmp_path).rows] == [run.id]
    assert capfd.readouterr().err.startswith(f"warning: {tmp_path}/gone-00000000")


def test_theory_is_of_one_network_or_of_each_of_a_table(tmp_path: Path) -> None:
    one = gradflow.theory(activation="tanh", sigma_w=1.5, q0=0.5)
    assert isinstance(one, Foreseen)
    done = typed(tmp_path, "theory", "activation=tanh", "sigma_w=1.5", "q0=0.5", "--json")
    document = json.loads(done.out)
    assert one.theory.c == document["theory"]["c"]
    assert one.trainable.score == document["trainable"]["score"]
    assert one.layers == document["layers"]
    assert len(one.to_pandas()) == len(one.layers)
    assert "1.0" in repr(one)
    assert "<dt>network</dt>" in one._repr_html_()
    table = gradflow.theory(activation="tanh", sigma_w=[1, 1.5], sigma_b=[0, 0.3])
    assert isinstance(table, list)
    assert [list(each.values.values()) for each in table] == [[1, 0], [1, 0.3], [1.5, 0], [1.5, 0.3]]


def test_a_list_of_one_value_is_a_table_and_a_sweep_of_one_point(tmp_path: Path) -> None:
    (one,) = gradflow.theory(activation="tanh", sigma_w=[1.5])  # type: ignore[misc]
    single = gradflow.theory(activation="tanh", sigma_w=1.5)
    assert isinstance(single, Foreseen)
    assert one.values == {"model.init.sigma_w": 1.5}
    assert (one.theory, single.values) == (single.theory, {})
    widths = gradflow.theory(PLAIN, depth=2, width=[[8, 4]])
    assert isinstance(widths, list)
    assert [each.config.plain()["model"]["width"] for each in widths] == [[8, 4]]
    given: dict[str, Any] = {"runs": tmp_path, "executor": "serial", "quiet": True, "steps": 1}
    made = gradflow.sweep(PLAIN, depth=[2], name=["one"], **given)
    assert [one.config.model.depth for one in made] == [2]
    assert made.path.name.startswith("one-")
    assert len(gradflow.sweep({**PLAIN, "sweep": {"model.depth": [2, 3]}}, depth=[4], **given)) == 1


@pytest.mark.parametrize("call", [gradflow.theory, gradflow.sweep])
def test_a_list_of_no_value_is_refused(call: Any) -> None:
    with pytest.raises(InputError, match="depth: is an empty list: give at least one value"):
        call(PLAIN, depth=[], seed=np.array([1, 2]))


@pytest.mark.parametrize("q_0", [0, -1.0, True, "x", float("inf"), [1.0, 2.0]])
def test_theory_refuses_a_q0_that_the_command_refuses(q_0: object) -> None:
    with pytest.raises(InputError, match="q0: should be a number greater than 0, one for all"):
        gradflow.theory(activation="tanh", q0=q_0)


def test_theory_takes_a_q0_of_numpy_and_none_beside_a_config() -> None:
    one = gradflow.theory(activation="tanh", q0=np.float32(2))
    assert isinstance(one, Foreseen)
    assert one.inputs.q_0 == 2
    with pytest.raises(InputError, match="q0: comes from the data of the config: leave it out"):
        gradflow.theory(CONFIGS / "quickstart.yaml", q0=2.0)


def test_theory_of_a_config_takes_its_data(tmp_path: Path) -> None:
    mine = gradflow.theory(CONFIGS / "quickstart.yaml", depth=5)
    assert isinstance(mine, Foreseen)
    done = typed(tmp_path, "theory", str(CONFIGS / "quickstart.yaml"), "depth=5", "--json")
    assert mine.theory.c_finite_width == json.loads(done.out)["theory"]["c_finite_width"]


def test_norms_of_elsewhere_are_fitted(tmp_path: Path) -> None:
    norms = "".join(f"{layer},{0.5 ** (8 - layer)}\n" for layer in range(1, 9))
    (tmp_path / "norms.csv").write_text(f"layer,norm\n{norms}")
    found = gradflow.fit(tmp_path / "norms.csv", kind="delta")
    assert isinstance(found, OneRun)
    assert found.summary.flow.initial.c == pytest.approx(0.5)
    kept = gradflow.fit([tmp_path / "norms.csv"], kind="delta", name="theirs", runs=tmp_path / "runs")
    assert isinstance(kept, OneRun)
    assert gradflow.compare(runs=tmp_path / "runs").rows[0]["id"] == kept.id


def test_a_script_that_sweeps_without_its_guard_is_told_of_it(tmp_path: Path) -> None:
    script = tmp_path / "sweeps.py"
    script.write_text(f"import gradflow\ngradflow.sweep({PLAIN!r}, seed=[1, 2], steps=1, workers=2)\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert "gradflow.sweep: starts processes, which read the script too: call it below `if" in done.stderr


def test_a_serial_sweep_needs_no_guard_where_a_script_starts_processes_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "sweeps.py"
    script.write_text(
        "import multiprocessing, gradflow\n"
        f"gradflow.sweep({PLAIN!r}, seed=[1, 2], steps=1, executor='serial', quiet=True)\n"
        "def own(): print('mine')\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=own)\n"
        "    child.start(), child.join()\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("mine\n", "")


def _sweep(folder: Path) -> str:
    try:
        gradflow.sweep(PLAIN, runs=folder, seed=[1, 2], steps=1, quiet=True)
    except RunError as error:
        return str(error)
    return ""


def test_a_process_that_may_have_no_children_is_told_how_to_sweep(tmp_path: Path) -> None:
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        told = pool.apply_async(_sweep, [tmp_path]).get(60)
    assert "daemonic processes are not allowed to have children" in told
    assert told.endswith("or use --executor serial")


def test_the_environment_names_the_folder_of_runs(
    run: OneRun, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADFLOW_RUNS_DIR", str(runs))
    assert gradflow.load(run.id).path == gradflow.run(PLAIN, quiet=True).path == runs / run.id
    assert run.id in {row["id"] for row in gradflow.compare().rows}
    with pytest.raises(InputError, match=r"no runs in runs: .* --runs-dir, in Python with runs="):
        gradflow.load("@1", "runs")
    monkeypatch.setenv("GRADFLOW_RUNS_DIR", "")
    made = gradflow.sweep(PLAIN, executor="serial", quiet=True, seed=[1, 2], steps=1)
    assert made.path.parent == Path("runs")
    assert gradflow.load("@1").path == made.path


def test_neither_an_empty_name_nor_a_file_is_a_folder_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the name of the folder of runs is empty"):
        gradflow.run(PLAIN, runs="", quiet=True)
    assert not [*tmp_path.iterdir()]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^file: is no folder of runs: choose another"):
        gradflow.run(PLAIN, runs="file", quiet=True)


def test_the_readmes_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (CONFIGS.parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(import gradflow\n.*?)```", text, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(NET)
    (tmp_path / "norms.csv").write_text("layer,norm\n" + "".join(f"{k},{0.5**k}\n" for k in range(1, 9)))
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["table"]["model.depth"].tolist() == [10, 20, 50]
