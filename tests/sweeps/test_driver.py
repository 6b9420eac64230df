"""The driver: the same bits from every executor, nothing computed twice, and what failures cost."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.config import Config
from gradflow.errors import InputError, RunError
from gradflow.execution.execute import execute
from gradflow.store import Index, open_run, resolve
from gradflow.store.result import Result
from gradflow.store.sweeps import load_sweep, open_sweep
from gradflow.sweeps import driver
from gradflow.sweeps.driver import Options, run_sweep, share
from gradflow.sweeps.executors import EXECUTORS, InProcess, Pool, Serial
from gradflow.sweeps.outcome import Ended, Started
from gradflow.sweeps.points import Sweep
from gradflow.sweeps.worker import compute
from tests.sweeps.small import (
    FLAGS,
    VICTIM,
    assert_same_bits,
    computed,
    die,
    die_once,
    hang,
    raise_error,
    recordings,
    run,
    small,
    statuses,
    struck,
)  # fmt: skip

DEPTHS = "depth=2,3,4,5"


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return small(DEPTHS)


@pytest.fixture(scope="module")
def undisturbed(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sweep, computed in this process."""
    runs = tmp_path_factory.mktemp("undisturbed")
    run(sweep, runs)
    return runs / sweep.id


def finished_times(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text())["times"]["finished"]
        for path in folder.glob("*/run.json")
    }


def test_each_point_starts_and_ends_and_stands_in_the_folder(sweep: Sweep, tmp_path: Path) -> None:
    events = list(run_sweep(sweep, tmp_path, Options("serial")))
    assert [type(event) for event in events] == [Started, Ended] * 4
    folder = tmp_path / sweep.id
    assert {path.name for path in folder.iterdir()} == {"sweep.json", *(point.id for point in sweep.points)}
    assert load_sweep(folder) == sweep.document()
    ended = [event for event in events if isinstance(event, Ended)]
    assert [event.path for event in ended] == [str(folder / point.id) for point in sweep.points]
    assert {event.status for event in ended} == {"completed"}
    for event in ended:
        flow = open_run(Path(event.path)).summary.flow.initial
        assert (event.results["c"], event.results["verdict"]) == (flow.c, flow.verdict)


def test_a_point_has_the_bits_of_its_config_run_alone(
    sweep: Sweep, undisturbed: Path, tmp_path: Path
) -> None:
    for point in sweep.points:
        alone = execute(point.config, tmp_path)
        assert alone.id == point.id
        in_sweep = open_run(undisturbed / point.id)
        for name, array in alone.recording.items():
            np.testing.assert_array_equal(array, in_sweep[name])
        assert in_sweep.summary.flow == alone.summary.flow


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_worker_processes_give_the_same_bits(
    workers: int, sweep: Sweep, undisturbed: Path, tmp_path: Path
) -> None:
    ended = run(sweep, tmp_path, executor="processes", workers=workers)
    assert computed(ended) == [2, 3, 4, 5]
    assert_same_bits(tmp_path / sweep.id, undisturbed)


def compute_shard(runs: Path, number: int) -> None:
    run(small(DEPTHS), runs, shard=(number, 3))


def test_three_shards_at_once_give_the_same_bits(sweep: Sweep, undisturbed: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    shards = [context.Process(target=compute_shard, args=(tmp_path, number)) for number in (1, 2, 3)]
    for shard in shards:
        shard.start()
    for shard in shards:
        shard.join()
    assert [shard.exitcode for shard in shards] == [0, 0, 0]
    assert_same_bits(tmp_path / sweep.id, undisturbed)
    assert computed(run(sweep, tmp_path)) == []


def test_shards_part_the_points(sweep: Sweep) -> None:
    parts = [share(sweep, Options(shard=(i, 3))) for i in (1, 2, 3)]
    assert [[point.number for point in part] for part in parts] == [[0, 3], [1], [2]]
    with pytest.raises(InputError, match="the sweep has 4 points: shard 5 of 5 would have none"):
        share(sweep, Options(shard=(5, 5)))


def test_there_are_no_more_workers_than_the_memory_holds(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(point.cost.memory for point in sweep.points)
    monkeypatch.setattr(driver, "physical_memory", lambda: 5 * largest // 2)
    assert Options(workers=8).place(sweep.points).workers == 2
    assert Options(workers=1).place(sweep.points).workers == 1


def test_the_same_sweep_again_computes_nothing(sweep: Sweep, undisturbed: Path) -> None:
    before = finished_times(undisturbed)
    ended = run(sweep, undisturbed.parent)
    assert (computed(ended), len(ended)) == ([], 4)
    assert finished_times(undisturbed) == before


def test_a_sweep_that_is_found_is_the_latest(tmp_path: Path) -> None:
    first, second = small("depth=2,3"), small("depth=2,3", "seed=1")
    for study in (first, second, first):
        run(study, tmp_path)
        assert resolve("@1", tmp_path) == [tmp_path / study.id]
        (tmp_path / study.id / ".partial" / "left by a user").mkdir(parents=True, exist_ok=True)
        os.utime(tmp_path / study.id, (1e9, 1e9))


def test_an_extended_axis_computes_the_new_points_alone(
    sweep: Sweep, tmp_path: Path, undisturbed: Path
) -> None:
    run(sweep, tmp_path)
    longer = small(DEPTHS + ",6")
    ended = run(longer, tmp_path)
    assert computed(ended) == [6]
    assert longer.id != sweep.id
    for point in sweep.points:  # hard links, so no disk either
        pair = [tmp_path / one.id / point.id / "recording.npz" for one in (sweep, longer)]
        assert pair[0].samefile(pair[1])


def test_a_run_of_the_same_config_is_taken_over_under_the_name_of_the_sweep(
    sweep: Sweep, tmp_path: Path
) -> None:
    config: Config = sweep.points[1].config.model_copy(update={"name": "alone"})
    execute(config, tmp_path)
    ended = run(sweep, tmp_path)
    assert computed(ended) == [2, 4, 5]
    assert open_run(tmp_path / sweep.id / sweep.points[1].id).id == sweep.points[1].id


def test_an_interrupted_sweep_keeps_what_was_finished(sweep: Sweep, tmp_path: Path) -> None:
    events = run_sweep(sweep, tmp_path, Options("serial"))
    for event in events:
        if isinstance(event, Ended) and event.point.number == 1:
            break
    events.close()
    assert computed(run(sweep, tmp_path)) == [4, 5]


def test_a_result_that_was_not_saved_yet_is_saved_when_the_sweep_is_stopped(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver._Driver, "_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path)
    monkeypatch.undo()
    assert computed(run(sweep, tmp_path)) == [3, 4, 5]


def test_force_computes_everything_again(sweep: Sweep, tmp_path: Path, undisturbed: Path) -> None:
    run(sweep, tmp_path)
    before = finished_times(tmp_path / sweep.id)
    assert computed(run(sweep, tmp_path, force=True)) == [2, 3, 4, 5]
    after = finished_times(tmp_path / sweep.id)
    assert all(after[name] > before[name] for name in before)
    assert_same_bits(tmp_path / sweep.id, undisturbed)


def test_an_attempt_that_fails_takes_the_place_of_no_result(
    sweep: Sweep, tmp_path: Path, undisturbed: Path
) -> None:
    run(sweep, tmp_path)
    before = finished_times(tmp_path / sweep.id)
    told: list[str] = []
    late = Options("serial", timeout=1e-9, force=True)
    events = run_sweep(sweep, tmp_path, late, tell=told.append)
    ended = [event for event in events if isinstance(event, Ended)]
    assert {event.status for event in ended} == {"failed"}
    assert [event.path for event in ended] == [str(tmp_path / sweep.id / each.id) for each in sweep.points]
    reason = "it took longer than the 1e-09 s of --timeout"
    assert {(event.reason, event.reused, event.results["c"]) for event in ended} == {(reason, False, None)}
    assert told == [f"warning: {event.path}: {reason}; the finished run there is kept" for event in ended]
    assert finished_times(tmp_path / sweep.id) == before
    assert_same_bits(tmp_path / sweep.id, undisturbed)
    assert (computed(run(sweep, tmp_path)), finished_times(tmp_path / sweep.id)) == ([], before)


def test_an_attempt_that_fails_takes_the_place_of_what_is_no_result(tmp_path: Path) -> None:
    study = small("depth=2,3,4")
    run(study, tmp_path)
    failing, damaged = (tmp_path / study.id / study.points[number].id for number in (0, 1))
    (failing / "run.json").write_text("{")
    (damaged / "recording.npz").write_bytes(b"")
    ended = run(study, tmp_path, timeout=1e-9)
    assert statuses(ended) == {2: "failed", 3: "failed", 4: "completed"}
    assert [open_run(path).status for path in (failing, damaged)] == ["failed", "failed"]


def test_a_damaged_point_is_computed_again(sweep: Sweep, tmp_path: Path, undisturbed: Path) -> None:
    run(sweep, tmp_path)
    recording = tmp_path / sweep.id / sweep.points[2].id / "recording.npz"
    data = bytearray(recording.read_bytes())
    data[data.index(b"\x93NUMPY") + 130] ^= 1  # behind the header of an array; the archive's own is not ours
    recording.write_bytes(data)
    (tmp_path / sweep.id / sweep.points[0].id / "run.json").write_text("{")
    assert computed(run(sweep, tmp_path)) == [2, 4]
    assert_same_bits(tmp_path / sweep.id, undisturbed)


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "recording.npz"])
def test_a_damaged_point_that_stands_elsewhere_is_copied_anew_and_the_others_go_on(
    tmp_path: Path, undisturbed: Path, name: str
) -> None:
    """Its error names what mends it."""
    study, wider = small("depth=2,3"), small("depth=2,3,4")
    for each in (study, wider):
        run(each, tmp_path)
    place = tmp_path / study.id / study.points[0].id
    shutil.rmtree(tmp_path / study.id / study.points[1].id)
    (place / "mine.txt").touch()
    (place / name).unlink()  # which the other sweep may have as a link
    (place / name).write_bytes(b"{")
    with pytest.raises(RunError, match=rf"{place}/{name}: .*: type the command of its sweep$"):
        _ = open_run(place).recording, open_run(place).config
    assert computed(run(study, tmp_path)) == []
    arrays, whole = recordings(tmp_path / study.id), recordings(undisturbed)
    assert {*arrays} == {point.id for point in study.points}
    for id, found in arrays.items():
        np.testing.assert_array_equal(found["log_delta_norm"], whole[id]["log_delta_norm"])
    assert (place / "mine.txt").exists()


def test_another_run_in_the_place_of_a_point_that_stands_elsewhere_is_left_there(tmp_path: Path) -> None:
    study, wider = small("depth=2,3"), small("depth=2,3,4")
    run(wider, tmp_path)
    first, second = (point.id for point in study.points)
    shutil.copytree(tmp_path / wider.id / second, tmp_path / study.id / first)
    with pytest.raises(RunError, match=f"{first}: holds {second}: move that away"):
        run(study, tmp_path)
    assert open_run(tmp_path / study.id / first).id == second


def test_another_run_in_the_place_of_a_point_is_left_there_without_force(tmp_path: Path) -> None:
    study = small("depth=2,3")
    first, second = (point.id for point in study.points)
    place = tmp_path / study.id / first
    shutil.copytree(execute(study.points[1].config, tmp_path / "elsewhere").path, place)
    with pytest.raises(RunError, match=f"{first}: holds {second}: move that away"):
        run(study, tmp_path)
    assert open_run(place).id == second
    assert computed(run(study, tmp_path, force=True)) == [2, 3]
    assert open_run(place).id == first


def test_a_second_sweep_on_a_live_one_is_told_at_once(sweep: Sweep, tmp_path: Path) -> None:
    with open_sweep(tmp_path, sweep.id, sweep.document()):
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        other = context.Process(target=try_again, args=(tmp_path, told))
        other.start()
        assert "is working on it: wait for it, or end it" in told.get(timeout=60)
        other.join()


def try_again(runs: Path, told: "multiprocessing.Queue[str]") -> None:
    try:
        run(small(DEPTHS), runs)
        told.put("computed")
    except RunError as error:
        told.put(str(error))


def test_a_diverged_point_is_a_result(tmp_path: Path) -> None:
    sweep = small("depth=2,3", "lr=1e30", "training.loss=mse", "activation=linear")
    ended = run(sweep, tmp_path)
    assert {event.status for event in ended} == {"diverged"}
    assert all(event.reason and event.first_layer for event in ended)
    assert computed(run(sweep, tmp_path)) == []


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "flags"
    folder.mkdir()
    monkeypatch.setenv(FLAGS, str(folder))
    return folder


def test_a_killed_worker_costs_one_retry(
    sweep: Sweep, tmp_path: Path, undisturbed: Path, flags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", struck(die_once))
    ended = run(sweep, tmp_path / "runs", executor="processes", workers=2)
    assert set(statuses(ended).values()) == {"completed"}
    assert len(list(flags.iterdir())) == 4  # each point did kill a worker
    assert_same_bits(tmp_path / "runs" / sweep.id, undisturbed)


def test_a_point_that_always_kills_its_worker_fails_and_is_left_until_it_is_retried(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", struck(die))
    ended = run(sweep, tmp_path, executor="processes", workers=1)
    expected = {2: "completed", 3: "failed", 4: "completed", 5: "completed"}
    assert statuses(ended) == expected
    failed = next(event for event in ended if event.status == "failed")
    assert failed.reason == "its worker died under it each time: is the memory enough?"
    again = run(sweep, tmp_path)
    assert (statuses(again), computed(again)) == (expected, [])
    retried = run(sweep, tmp_path, retry_failed=True)
    assert (computed(retried), set(statuses(retried).values())) == ([VICTIM], {"completed"})


class Dying(Serial):
    """A worker that dies under each point, once longer has passed than it may take."""

    in_process = False
    clocked = False

    @contextmanager
    def open(self) -> Iterator[Pool]:
        executor, lost = InProcess(), BrokenExecutor("as where the system killed it")

        def die(*arguments: object) -> Future[Result]:
            future: Future[Result] = Future()
            future.set_exception(lost)
            return future

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executor, "submit", die)
            yield Pool(executor, lambda: 1, compute, (BrokenExecutor,), clocked=self.clocked)


@pytest.mark.parametrize(
    ("clocked", "reason"),
    [
        (True, "it took longer than the 1e-09 s of --timeout"),
        (False, "its worker died under it each time: is the memory enough?"),
    ],
)
def test_only_a_worker_that_a_clock_ends_died_of_the_time(
    clocked: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "dask", type("Own", (Dying,), {"clocked": clocked}))
    ended = run(small("depth=2,3"), tmp_path, executor="dask", timeout=1e-9)
    assert [event.reason for event in ended] == [reason] * 2


def test_fail_fast_stops_at_the_first_failure(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", struck(die))
    ended = run(sweep, tmp_path, executor="processes", workers=1, fail_fast=True)
    assert statuses(ended) == {2: "completed", 3: "failed"}


def test_a_worker_that_hangs_is_ended_by_the_clock(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", struck(hang))
    ended = run(small("depth=3,4"), tmp_path, executor="processes", workers=1, timeout=5.0)
    assert statuses(ended) == {3: "failed", 4: "completed"}
    assert ended[0].reason == "it took longer than the 5 s of --timeout"


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_point_that_takes_too_long_fails(executor: str, tmp_path: Path) -> None:
    sweep = small("seed=1,2", "training.steps=1000000", "depth=20")
    ended = run(sweep, tmp_path, executor=executor, workers=2, timeout=0.2)
    assert [event.status for event in ended] == ["failed", "failed"]
    assert {event.reason for event in ended} == {"it took longer than the 0.2 s of --timeout"}


def test_what_goes_wrong_inside_a_point_is_its_reason(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*arguments: object, **options: object) -> None:
        raise MemoryError("Unable to allocate 4 TB")

    monkeypatch.setattr("gradflow.execution.train.train", train)
    ended = run(sweep, tmp_path)
    assert {event.reason for event in ended} == {"MemoryError: Unable to allocate 4 TB"}


def test_an_executor_that_computes_no_more_ends_the_sweep(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "processes", struck(raise_error))
    with pytest.raises(
        RunError, match=r"--executor processes: computes no more .ImportError: no module named"
    ):
        run(sweep, tmp_path, executor="processes", workers=1)
    assert statuses(run(sweep, tmp_path)) == dict.fromkeys(
        (2, 3, 4, 5), "completed"
    )  # none was marked as failed


def test_a_data_file_that_changed_meanwhile_fails_its_points(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n2,3\n3,5\n")
    text = (
        "model: {width: 8, activation: tanh, init: orthogonal}\ntraining: {steps: 1}\n"
        f"data: {{name: csv, path: {file}, target: b, test_fraction: 0.0}}\nsweep: {{depth: [2, 3]}}\n"
    )
    sweep = small(text=text)
    file.write_text("a,b\n1,9\n2,3\n3,5\n")
    ended = run(sweep, tmp_path / "runs")
    assert statuses(ended) == {2: "failed", 3: "failed"}
    assert all("the file has changed" in (event.reason or "") for event in ended)


def test_serial_points_go_on_from_their_checkpoints(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    compute = EXECUTORS["serial"](1)
    with compute.open() as pool:
        original = pool.compute
    monkeypatch.setattr("gradflow.sweeps.executors.compute", lambda *a: given.append(a[-1]) or original(*a))
    run(sweep, tmp_path)
    names = [checkpoint.claimed.checkpoint.name for checkpoint in given]
    assert names == [f"{point.id}-checkpoint" for point in sweep.points]


@pytest.mark.parametrize("force", [False, True])
def test_with_force_serial_points_begin_anew(
    force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, found = small("depth=2,3"), []

    def look(*arguments: Any) -> Result:
        found.append(arguments[-1].claimed.checkpoint.exists())
        return compute(*arguments)

    monkeypatch.setattr("gradflow.sweeps.executors.compute", look)
    left = tmp_path / study.id / ".partial" / f"{study.points[1].id}-checkpoint"
    left.parent.mkdir(parents=True)
    left.touch()
    assert computed(run(study, tmp_path, force=force)) == [2, 3]
    assert found == [False, not force]


def test_a_sweep_that_cannot_be_saved_is_not_begun(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(RunError, match=r"the recordings need .* kB and 10 B are free"):
        run(sweep, tmp_path)
    assert Index(tmp_path).find(sweep.points[0].digest) is None
