import json
import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from gradflow.config import load_config
from gradflow.errors import InputError, RunError
from gradflow.execution import execute as execute_module
from gradflow.execution.execute import execute, find
from gradflow.execution.train import train
from gradflow.store import Run, open_run
from gradflow.store.result import failed
from gradflow.store.save import copy, save
from gradflow.training import Progress, Training
from tests.oracle import PER_LAYER
from tests.store.small import names, small

FILES = ["config.yaml", "recording.npz", "report.md", "run.json", "state.npz", "summary.json"]


def title(run: Run) -> str:
    return f"# {run.id} at {run.path}: {run.status}\n"


def no_training(*_: object, **__: object) -> NoReturn:
    raise AssertionError("trained what stands there finished")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "some" / "runs"


def test_a_run_is_one_folder_of_six_files_and_nothing_else(runs: Path) -> None:
    run = execute(small(), runs, render=title)
    assert run.path == runs / small().id
    assert names(runs) == [small().id]
    assert names(run.path) == FILES
    assert (run.path / "report.md").read_text() == f"# {run.id} at {run.path}: completed\n"


def test_run_json_says_what_made_the_run_and_what_it_holds(runs: Path) -> None:
    info = json.loads((execute(small(), runs).path / "run.json").read_text())
    assert list(info) == [
        "format", "id", "digest", "status", "reason", "times", "versions", "arrays", "outcome", "data",
        "evaluation", "measured", "state",
    ]  # fmt: skip
    assert (info["format"], info["status"], info["reason"]) == (1, "completed", None)
    assert (info["id"], info["digest"]) == (small().id, small().digest)
    assert info["times"]["started"] <= info["times"]["finished"]
    assert info["times"]["finished"].endswith("Z")
    assert list(info["versions"]) == ["gradflow", "numpy", "blas", "threads"]
    assert info["versions"]["numpy"] == np.__version__
    curves = {"eval_step", "loss_train", "accuracy_train"}
    assert info["arrays"].keys() == {"step", "loss", "clip_share", *PER_LAYER, *curves}
    assert (info["evaluation"]["every"], info["evaluation"]["samples_train"]) == (20, 32)
    assert info["arrays"]["q"]["shape"] == [7, 3, 2]
    measured = info["measured"]["critical_lr"]
    assert measured.keys() == {"initial", "final", "direction", "reason"}
    assert len(measured["initial"]) == 2
    assert (measured["final"], measured["direction"], measured["reason"]) == (None, "gradient", None)
    assert info["outcome"].keys() == {"accuracy_final", "diverged_step", "diverged_reason"}
    assert info["data"].keys() == {
        "samples", "samples_test", "features", "outputs", "q_0", "q_y", "chance", "sha256", "task",
        "standardize",
    }  # fmt: skip
    assert (info["data"]["features"], info["data"]["outputs"]) == (4, 3)


def test_the_record_is_that_of_the_training_and_cannot_be_changed(runs: Path) -> None:
    run = execute(small(), runs)
    data = small().data.load(Path())
    training = Training(small().plan(data), data)
    list(training)
    again = open_run(run.path)
    for name, array in training.recording.items():
        np.testing.assert_array_equal(again[name], array)
        for shown in (run[name], again[name]):
            with pytest.raises(ValueError, match="read-only"):
                shown[...] = 0
    with pytest.raises(InputError, match="holds no array 'los'; did you mean loss"):
        run["los"]


def test_a_run_tells_which_arrays_it_has(runs: Path) -> None:
    run = execute(small("data.test_fraction=0"), runs)
    assert "loss_train" in run
    assert "loss_test" not in run
    assert list(run) == list(run.recording)
    assert 0 not in run


def test_the_saved_config_makes_the_same_run_again(runs: Path, tmp_path: Path) -> None:
    run = execute(small("lr=0.3"), runs)
    config = load_config(run.path / "config.yaml")
    assert config == run.config == open_run(run.path).config
    other = execute(config, tmp_path / "other")
    assert other.id == run.id
    assert (other.path / "recording.npz").read_bytes() == (run.path / "recording.npz").read_bytes()


def test_progress_is_told_after_each_block(runs: Path) -> None:
    seen: list[Progress] = []
    execute(small(), runs, progress=seen.append)
    assert (seen[-1].step, seen[-1].steps) == (6, 6)


def test_a_finished_run_is_not_computed_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = execute(small(), runs)
    monkeypatch.setattr(execute_module, "train", no_training)
    second = execute(small(), runs)
    assert (first.reused, second.reused) == (False, True)
    assert second.info == first.info
    found = find(small(), runs)
    assert found is not None
    assert found.path == first.path
    assert find(small("lr=0.5"), runs) is None


def test_a_finished_run_of_another_name_is_copied_by_a_hard_link(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = execute(small(), runs, render=title)
    monkeypatch.setattr(execute_module, "train", no_training)
    second = execute(small("name=other"), runs, render=title)
    assert second.reused
    assert names(second.path) == FILES
    assert os.path.samefile(first.path / "recording.npz", second.path / "recording.npz")
    again = open_run(second.path)
    assert (again.id, again.config.name, again.summary.name) == (small("name=other").id, "other", "other")
    assert again.info["times"] == first.info["times"]


def test_a_finished_point_of_a_sweep_is_found_and_copied(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = runs / "sweep-0123abcd"
    sweep.mkdir(parents=True)
    (sweep / "sweep.json").write_text("{}")
    point = save(sweep, small(), train(small()))
    monkeypatch.setattr(execute_module, "train", no_training)
    run = execute(small(), runs)
    assert run.path == runs / small().id
    assert os.path.samefile(point.path / "recording.npz", run.path / "recording.npz")


def test_another_threshold_is_said_of_the_same_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(small(), runs)
    monkeypatch.setattr(execute_module, "train", no_training)
    execute(small("stable_decades=3"), runs, render=title)
    run = open_run(runs / small().id)
    assert run.config.analysis.stable_decades == 3
    assert run.summary.config["analysis"]["stable_decades"] == 3
    assert names(runs) == [small().id]


def test_force_trains_anew_in_the_old_ones_place(runs: Path) -> None:
    first = execute(small(), runs)
    (first.path / "report.md").touch()
    second = execute(small(), runs, force=True)
    assert not second.reused
    assert second.info["times"] != first.info["times"]
    assert second.info["arrays"] == first.info["arrays"]
    assert names(runs) == [small().id]
    assert "report.md" not in names(second.path)


def test_a_run_that_diverges_is_a_result(runs: Path) -> None:
    config = small("activation=relu", "lr=1e30")
    run = execute(config, runs)
    assert run.status == "diverged"
    step = run.info["outcome"]["diverged_step"]
    assert step is not None
    assert len(run["loss"]) == step + 1
    assert execute(config, runs).reused


def test_a_failed_run_says_why_and_gives_way_to_a_finished_one(runs: Path) -> None:
    run = save(runs, small(), failed("its worker was killed twice"), title)
    assert names(run.path) == [name for name in FILES if not name.endswith(".npz")]
    again = open_run(run.path)
    assert (again.status, again.recording) == ("failed", {})
    for summary in (again.summary, Run(Path("elsewhere"), again.info, config=again.config).summary):
        assert summary.flow.initial.reason == "its worker was killed twice"
        assert summary.status == "failed"
    assert find(small(), runs) is None
    assert execute(small(), runs).status == open_run(run.path).status == "completed"


def test_saving_or_copying_onto_a_finished_run_keeps_it(runs: Path) -> None:
    first = execute(small(), runs)
    assert save(runs, small(), train(small())).info == first.info
    assert copy(runs, small(), first).info == first.info
    assert save(runs, small(), train(small()), force=True).info != first.info


def test_another_run_in_the_place_is_left_alone(runs: Path) -> None:
    run = execute(small(), runs)
    info = json.loads((run.path / "run.json").read_text())
    info["digest"] = info["digest"][:8] + "0" * 56
    (run.path / "run.json").write_text(json.dumps(info))
    with pytest.raises(
        RunError, match=r"is another run, whose digest begins alike: give this one another name"
    ):
        execute(small(), runs)
    other = execute(small("seed=7"), runs)
    (run.path / "run.json").write_bytes((other.path / "run.json").read_bytes())
    with pytest.raises(RunError, match=f"holds {other.id}: move that away, or give this one another name"):
        execute(small(), runs)


@pytest.mark.parametrize("name", ["run.json", "recording.npz", "config.yaml"])
def test_a_damaged_run_in_the_place_asks_for_force(runs: Path, name: str) -> None:
    run = execute(small(), runs)
    content = (run.path / name).read_bytes()
    (run.path / name).write_bytes(content[: len(content) // 3])  # what is left of a config is another's
    with pytest.raises(RunError, match=rf"/{name}: .*: run its config again with --force$"):
        execute(small(), runs)
    assert execute(small(), runs, force=True).info["id"] == small().id
    assert execute(small(), runs).reused


@pytest.mark.parametrize("place", ["progress", "render"])
@pytest.mark.parametrize("force", [False, True])
def test_an_interrupted_run_leaves_what_was_there(runs: Path, place: str, force: bool) -> None:
    def interrupt(_: object) -> NoReturn:
        raise KeyboardInterrupt

    if force:
        execute(small(), runs)
    before = names(runs / small().id) if force else []
    options: dict[str, Any] = {place: interrupt}
    with pytest.raises(KeyboardInterrupt):
        execute(small(), runs, force=force, **options)
    assert names(runs) == ([small().id] if force else [])
    assert (names(runs / small().id) if force else []) == before
    assert execute(small(), runs).reused is force


def test_a_recording_larger_than_the_disk_is_refused_before_training(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "train", no_training)
    monkeypatch.setattr("gradflow.config.schema.record_bytes", lambda plan: 10**18)
    with pytest.raises(RunError, match=r"needs 2\.0 EB and .* are free: free some space, or set recording"):
        execute(small(), runs)
    assert names(runs) == []


def test_a_config_that_could_not_be_read_again_is_refused(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradflow.yaml_file.LARGEST", 100)
    with pytest.raises(InputError, match=r"^data: holds too much: put the data into a csv or npz file"):
        execute(small(), runs)
    assert not runs.exists()
