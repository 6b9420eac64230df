import os
from itertools import count
from pathlib import Path
from signal import SIGTERM
from typing import Any

import numpy as np
import pytest

from gradflow import interrupts
from gradflow.config import Config
from gradflow.execution import execute as execute_module
from gradflow.execution.checkpoint import Checkpoint
from gradflow.execution.execute import execute
from gradflow.execution.train import train
from gradflow.interrupts import Interrupted
from gradflow.store.partial import claim
from gradflow.store.result import versions
from gradflow.training import Training
from tests.store.small import names, small

OPTIMIZERS = [
    "{name: sgd, lr: 0.1}",
    "{name: sgd, lr: 0.1, momentum: 0.9, nesterov: true}",
    "{name: sgd, lr: 0.1, weight_decay: 0.1}",
    "{name: adam, lr: 0.01}",
    "{name: adamw, weight_decay: 0.1}",
    "{name: rmsprop}",
]
BLOCK = Training._block


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 4)
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))


def long(*overrides: str) -> Config:
    return small("steps=30", *overrides)


def training_of(config: Config) -> Training:
    data = config.data.load(Path())
    return Training(config.plan(data), data)


def require_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "others",
    [
        (),
        ("width=40", "dtype=float64"),
        ("clip_norm=0.1", "every=7"),
        ("schedule=cosine", "schedule.warmup=6"),
        ("schedule=warmup", "schedule.steps=19"),
    ],
)
def test_a_training_that_goes_on_from_a_state_gives_the_same_bits(
    optimizer: str, others: tuple[str, ...]
) -> None:
    config = long(f"optimizer={optimizer}", *others)
    undisturbed = training_of(config)
    list(undisturbed)
    for blocks in (1, 4, 8):
        first, second = training_of(config), training_of(config)
        for _ in zip(range(blocks), first, strict=False):
            pass
        second.restore(first.state(), first._first)
        list(second)
        require_equal(second.recording, undisturbed.recording)
        assert second.outcome == undisturbed.outcome


def test_a_state_of_every_row_stays_when_training_goes_on() -> None:
    training = training_of(long())
    steps = iter(training)
    next(steps)
    state = training.state()
    before = {name: array.copy() for name, array in state.items()}
    next(steps)
    require_equal(state, before)


def stop_at(block: int) -> Any:
    seen = count(1)

    def progress(_: object) -> None:
        if next(seen) == block:
            raise KeyboardInterrupt

    return progress


def note_into(steps: list[int]) -> Any:
    return lambda before: steps.append(before.steps)


def struck_in(number: int, block: Any) -> Any:
    """A block of steps within which, the n-th time, a signal comes."""
    seen = count(1)

    def struck(training: Training, *arguments: Any) -> Any:
        done = block(training, *arguments)
        if next(seen) == number:
            interrupts._came(SIGTERM, None)
        return done

    return struck


def interrupt(runs: Path, config: Config, block: int, interval: float = 0) -> None:
    with pytest.raises(KeyboardInterrupt):
        execute(config, runs, progress=stop_at(block), interval=interval)


def first_steps(runs: Path, config: Config, **options: Any) -> tuple[int, Any]:
    """The step after the first block that is trained now, and the run."""
    seen: list[int] = []
    run = execute(config, runs, progress=lambda done: seen.append(done.step), **options)
    return seen[0], run


@pytest.mark.parametrize("optimizer", OPTIMIZERS[1:3])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    config = long(f"optimizer={optimizer}")
    undisturbed = execute(config, tmp_path / "undisturbed")
    runs = tmp_path / "runs"
    interrupt(runs, config, 2)
    assert names(runs / ".partial") == [f"{config.id}-checkpoint"]
    interrupt(runs, config, 2)
    step, run = first_steps(runs, config)
    assert step == 19
    require_equal(run.recording, undisturbed.recording)
    assert (run.path / "recording.npz").read_bytes() == (undisturbed.path / "recording.npz").read_bytes()
    assert names(runs) == [config.id]
    assert run.info["times"]["started"] < run.info["times"]["finished"]


def test_a_signal_leaves_what_was_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = execute(long(), tmp_path / "undisturbed")
    runs = tmp_path / "runs"
    for reached in (8, 16):  # the signal comes in the second block of each attempt
        seen, steps = count(1), list[int]()
        monkeypatch.setattr(Training, "_block", struck_in(2, BLOCK))
        with pytest.raises(Interrupted):
            execute(long(), runs, progress=lambda _, seen=seen: next(seen), going_on=note_into(steps))
        assert next(seen) == 2  # no block was cut, and none begun after the signal
        assert steps == [reached - 8] * (reached > 8)
        assert names(runs / ".partial") == [f"{long().id}-checkpoint"]
    monkeypatch.undo()
    steps = []
    run = execute(long(), runs, going_on=note_into(steps))
    assert steps == [16]
    require_equal(run.recording, undisturbed.recording)


def test_a_run_shorter_than_the_interval_writes_no_checkpoint(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 2, interval=60)
    assert names(tmp_path) == []


def test_force_starts_from_the_beginning(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 4)
    assert first_steps(tmp_path, long(), force=True)[0] == 3


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 4)
    path = tmp_path / ".partial" / f"{long().id}-checkpoint"
    whole = path.read_bytes()
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["network.0.0"][5] += 1
    np.savez(tmp_path / "changed.npz", **arrays)
    changed = (tmp_path / "changed.npz").read_bytes()
    for content in (
        b"",
        whole[: len(whole) // 2],
        whole.replace(b"started", b"startle"),
        b"PK\x03\x04",
        changed,
    ):
        path.write_bytes(content)
        with claim(tmp_path, long().id) as claimed:
            assert Checkpoint(claimed, long().digest, versions()).load() is None


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_that_would_run_something_is_passed_over(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 4)
    path = tmp_path / ".partial" / f"{long().id}-checkpoint"
    with np.load(path) as archive:
        arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    with path.open("wb") as file:
        np.savez(file, trap=np.array([Trap(tmp_path / "trapped")]), **arrays)
    with claim(tmp_path, long().id) as claimed:
        assert Checkpoint(claimed, long().digest, versions()).load() is None
    assert not (tmp_path / "trapped").exists()


def test_a_checkpoint_that_would_be_inflated_is_passed_over(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 4)
    path = tmp_path / ".partial" / f"{long().id}-checkpoint"
    with np.load(path) as archive:
        arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    for write, goes_on in ((np.savez, True), (np.savez_compressed, False)):
        with path.open("wb") as file:
            write(file, **arrays)
        with claim(tmp_path, long().id) as claimed:
            found = Checkpoint(claimed, long().digest, versions()).load()
            assert (found is not None) is goes_on


def test_another_version_starts_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(tmp_path, long(), 4)
    monkeypatch.setattr(execute_module, "versions", lambda **_: {**versions(), "numpy": "1.0"})
    assert first_steps(tmp_path, long())[0] == 3


def test_a_run_that_diverged_keeps_no_checkpoint_of_its_last_block(tmp_path: Path) -> None:
    config = long("activation=relu", "lr=1e30")
    undisturbed = train(config)
    assert undisturbed.outcome["diverged_step"] is not None
    interrupt(tmp_path, config, 1)
    _, run = first_steps(tmp_path, config)
    assert run.info["outcome"] == undisturbed.outcome
    require_equal(run.recording, undisturbed.recording)


def test_the_seconds_of_all_attempts_are_counted(tmp_path: Path) -> None:
    interrupt(tmp_path, long(), 4)
    with claim(tmp_path, long().id) as claimed:
        kept = Checkpoint(claimed, long().digest, versions()).load()
    assert kept is not None
    _, run = first_steps(tmp_path, long())
    assert run.info["times"]["started"] == kept.started
    assert run.info["times"]["seconds"] > kept.seconds > 0
