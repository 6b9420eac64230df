"""What SIGINT, a notebook's stop button, leaves of a run and of a sweep."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradflow
from gradflow.api.one_run import OneRun
from gradflow.api.swept import Swept
from gradflow.yaml_file import parse
from tests.store.small import NET

PLAIN: dict[str, Any] = {**parse(NET, "net.yaml").value, "training": {"steps": 95, "batch_size": 8}}


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 32)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> OneRun:
    return gradflow.run(PLAIN, runs=tmp_path_factory.mktemp("whole"), quiet=True)


def blocks_of(call: Callable[[], object], stop: int = 0) -> int:
    """How many blocks of steps a call makes, which is stopped when so many are made."""
    made: list[object] = []

    def forget(arrays: object) -> None:
        made.append(arrays)
        if len(made) == stop:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradflow.execution.train.forget", forget)
        call()
    return len(made)


def stopped(call: Callable[[], object], after: int) -> None:
    """A call that is stopped after so many blocks, and leaves the handler of signals as it was."""
    with pytest.raises(KeyboardInterrupt):
        blocks_of(call, after)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def same(one: OneRun, other: OneRun) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in other.recording)


def test_a_run_goes_on_from_where_it_was_stopped(whole: OneRun, tmp_path: Path) -> None:
    stopped(lambda: gradflow.run(PLAIN, runs=tmp_path, quiet=True), after=1)
    cut = gradflow.load(whole.id, tmp_path)
    assert isinstance(cut, OneRun)
    assert cut.status == "interrupted"
    assert 32 <= len(cut["step"]) < len(whole["step"])
    assert same(gradflow.run(PLAIN, runs=tmp_path, quiet=True), whole)


def test_a_sweep_keeps_its_finished_points_and_what_there_is_of_the_next(
    whole: OneRun, tmp_path: Path
) -> None:
    def swept() -> Swept:
        return gradflow.sweep(PLAIN, runs=tmp_path, executor="serial", quiet=True, seed=[1, 0])

    blocks = blocks_of(lambda: gradflow.run(PLAIN, runs=tmp_path / "other", quiet=True))
    stopped(swept, after=blocks + 1)
    assert 0 < blocks_of(swept) < blocks
    assert same(swept().runs[1], whole)
