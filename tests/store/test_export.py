"""Tables for other tools, read back by the tools themselves."""

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gradflow.errors import InputError, MissingExtra
from gradflow.execution.execute import execute
from gradflow.report.csv_text import csv_text
from gradflow.store import Run
from gradflow.store.export import (
    chosen,
    json_text,
    layers_table,
    lists,
    make_folder,
    parquet_bytes,
    runs_table,
    steps_table,
    write_tensorboard,
)
from tests.oracle import PER_LAYER
from tests.store.small import small


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    return [execute(small(f"seed={seed}", "name=two"), folder) for seed in (0, 10)]


def frame(columns: Any) -> "pd.DataFrame":
    text = csv_text(list(columns), zip(*lists(columns), strict=True))
    return pd.read_csv(StringIO(text))


def assert_layers_are_the_recording(table: "pd.DataFrame", runs: list[Run], rows: list[int]) -> None:
    for run, seed in ((run, seed) for run in runs for seed in range(2)):
        mine = table[(table["run"] == run.id) & (table["seed"] == run.config.seed + seed)]
        for name in PER_LAYER:
            cube = mine.pivot(index="row", columns="layer", values=name).to_numpy(float)
            np.testing.assert_allclose(cube, run[name][rows, :, seed], rtol=1e-15)  # pandas' own rounding
        np.testing.assert_array_equal(mine.groupby("row")["step"].first(), run["step"][rows])


@pytest.mark.parametrize(
    ("rows", "kept"),
    [("first,last", [0, 6]), ("first", [0]), ("last", [6]), ("all", [*range(7)]), ("4", [4]), ("0", [0])],
)
def test_pandas_reads_the_layers_of_the_chosen_rows(runs: list[Run], rows: str, kept: list[int]) -> None:
    table = frame(layers_table(runs, rows))
    assert list(table.columns) == ["run", "row", "step", "seed", "layer", *PER_LAYER, "clip_share"]
    assert sorted(set(table["row"])) == kept
    assert sorted(set(table["layer"])) == [1, 2, 3]
    assert_layers_are_the_recording(table, runs, kept)


def test_pandas_reads_a_line_a_run_with_its_config_and_results(runs: list[Run]) -> None:
    table = frame(runs_table(runs))
    assert list(table["id"]) == [run.id for run in runs]
    assert list(table["seed"]) == [0, 10]
    assert list(table["c"]) == pytest.approx([run.summary.flow.initial.c for run in runs], rel=1e-15)
    assert list(table["model.init"]) == ["xavier_normal"] * 2


def test_pandas_reads_the_loss_of_every_step_and_what_was_evaluated(runs: list[Run]) -> None:
    table = frame(steps_table(runs, "all"))
    for run, seed in ((run, seed) for run in runs for seed in range(2)):
        mine = table[(table["run"] == run.id) & (table["seed"] == run.config.seed + seed)]
        np.testing.assert_allclose(mine["loss"], run["loss"][:, seed], rtol=1e-15)
        there = mine["step"].isin(run["eval_step"])
        np.testing.assert_allclose(mine["loss_train"][there], run["loss_train"][:, seed], rtol=1e-15)
        assert mine["loss_train"][~there].isna().all()
        assert list(mine["step"]) == list(run["step"])


def test_a_run_is_told_with_the_steps_that_it_took_to_a_loss(runs: list[Run]) -> None:
    curves = [run["loss_train"].mean(axis=1) for run in runs]
    level = float(curves[0][-1])
    table = runs_table(runs, [1e9, level, 0.0])
    assert table["steps_to_loss_1e+09"] == [0, 0]
    assert table["steps_to_loss_0"] == [None, None]
    for run, curve, found in zip(runs, curves, table[f"steps_to_loss_{level:g}"], strict=True):
        below = [int(step) for step, loss in zip(run["eval_step"], curve, strict=True) if loss <= level]
        assert found == (below[0] if below else None)


def test_the_layers_of_different_runs_have_the_keys_that_tell_them_apart(tmp_path: Path) -> None:
    runs = [execute(small(f"init={init}", f"depth={depth}"), tmp_path)
            for init, depth in (("orthogonal", 2), ("xavier_normal", 3))]  # fmt: skip
    columns = layers_table(runs, "last")
    (tmp_path / "layers.parquet").write_bytes(parquet_bytes(columns))
    for table in (frame(columns), pd.read_parquet(tmp_path / "layers.parquet")):
        norms = table.groupby(["model.init", "model.depth"])["log_delta_norm"].count()
        assert norms.to_dict() == {("orthogonal", 2): 4, ("xavier_normal", 3): 6}
        assert table["model.depth"].dtype == np.int64


def test_json_holds_both_tables_and_nan_as_null(runs: list[Run]) -> None:
    document = json.loads(json_text({"runs": runs_table(runs), "layers": layers_table(runs, "all")}))
    assert [row["id"] for row in document["runs"]] == [run.id for run in runs]
    last = document["layers"][-1]
    assert (last["row"], last["layer"], last["update_ratio"]) == (6, 3, None)
    assert last["q"] == runs[1]["q"][6, 2, 1]


def test_parquet_is_read_back_with_types_and_nulls(runs: list[Run], tmp_path: Path) -> None:
    for name, columns in (("layers", layers_table(runs, "all")), ("runs", runs_table(runs))):
        (tmp_path / f"{name}.parquet").write_bytes(parquet_bytes(columns))
    layers = pd.read_parquet(tmp_path / "layers.parquet")
    assert_layers_are_the_recording(layers, runs, [*range(7)])
    assert layers["layer"].dtype == np.int64
    assert (
        layers["update_ratio"].isna().sum() == 2 * 2 * 3
    )  # runs x seeds x layers: no update follows the last row
    table = pd.read_parquet(tmp_path / "runs.parquet")
    assert list(table["c"]) == [run.summary.flow.initial.c for run in runs]
    assert table["diverged_step"].isna().all()


def test_tensorboard_s_own_reader_finds_losses_c_and_norms(runs: list[Run], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_tensorboard(tmp_path, runs, "all")
    for run in runs:
        events = EventAccumulator(str(tmp_path / run.id))
        events.Reload()
        assert {"c", "log10_ratio", "log_delta_norm/layer_0003"} <= set(events.Tags()["scalars"])
        tags = {"minibatch_loss": "loss", "loss_train": "loss_train", "accuracy_train": "accuracy_train"}
        for tag, name in tags.items():
            found, steps = events.Scalars(tag), run["step" if name == "loss" else "eval_step"]
            assert [event.step for event in found] == steps.tolist()
            np.testing.assert_allclose([one.value for one in found], run[name].mean(axis=1), rtol=1e-6)
        norms = [event.value for event in events.Scalars("log_delta_norm/layer_0001")]
        np.testing.assert_allclose(norms, run["log_delta_norm"][:, 0].mean(axis=1), rtol=1e-6)


def test_a_folder_that_holds_the_run_s_events_is_refused(runs: list[Run], tmp_path: Path) -> None:
    write_tensorboard(tmp_path, runs[:1], "first")
    with pytest.raises(InputError, match="is there already"):
        write_tensorboard(tmp_path, runs, "first")


def test_a_missing_extra_is_the_command_that_installs_it(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    with pytest.raises(MissingExtra, match=r"pip install 'gradflow-lab\[parquet\]'"):
        parquet_bytes({"a": [1]})
    with pytest.raises(MissingExtra, match=r"pip install 'gradflow-lab\[tensorboard\]'"):
        write_tensorboard(tmp_path, runs, "all")
    assert not list(tmp_path.iterdir())


def test_rows_and_folders_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="first,last"):
        chosen(range(3), "second")
    with pytest.raises(InputError, match=r"3: the step was not recorded; the nearest are 2 and 5"):
        chosen([0, 2, 5], "3")
    with pytest.raises(InputError, match=r"the nearest is 5$"):
        chosen([0, 2, 5], "99")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        make_folder(tmp_path / "file")
    with pytest.raises(InputError, match="make its parent"):
        make_folder(tmp_path / "none" / "folder")
    make_folder(tmp_path / "new")
    make_folder(tmp_path / "new")
