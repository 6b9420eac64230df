"""The networks of a run in several processes have the bits that they have in one, whoever dies."""

import os
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest

from gradflow import interrupts
from gradflow.config import Config
from gradflow.crew import Crew
from gradflow.data import Data
from gradflow.errors import RunError
from gradflow.execution import processes
from gradflow.execution.beginning import Beginning
from gradflow.execution.execute import execute
from gradflow.execution.processes import workers_for
from gradflow.interrupts import Interrupted
from gradflow.plan import Plan
from gradflow.store import Run
from gradflow.store.names import PARTIAL
from gradflow.threads import VARIABLES
from tests.execution.test_beginning import require_same
from tests.store.small import names, small

WIDE = ("width=40", "seeds=3", "evaluate=10")
CASES = {
    "adam, clipped, rows thinned": (
        "steps=70",
        "optimizer=adam",
        "clip_norm=0.1",
        "every=9",
        "critical_lr=both",
    ),
    "diverged": ("steps=30", "activation=relu", "lr=1e30"),
    "stopped": ("steps=400", "stop.loss=0.5", "lr=0.3", "norm=batch"),
}
FURTHER = {
    "stacks of narrow ones": ("steps=30", "width=8", "seeds=20"),
    "initialization alone": ("steps=0",),
    "residual, float64": ("steps=30", "block=residual", "norm=layer", "dtype=float64"),
    "more than there are": ("steps=30", "seeds=2"),
}


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 8)
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))


def study(*overrides: str) -> Config:
    given = {word.partition("=")[0] for word in overrides}
    return small(*(word for word in WIDE if word.partition("=")[0] not in given), *overrides)


def in_processes(config: Config, runs: Path, workers: int | None = 2, **options: Any) -> Run:
    run = execute(config, runs, workers=workers, interval=0, **options)
    assert active_children() == []
    return run


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_processes_give_the_bits_of_one(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    config = study(*overrides)
    alone = execute(config, tmp_path / "alone")
    assert (alone.status == "diverged") is ("activation=relu" in overrides)
    assert ("stopped" in alone.info["outcome"]) is ("stop.loss=0.5" in overrides)
    require_same(in_processes(config, tmp_path / "runs"), alone)


@pytest.mark.parametrize("overrides", FURTHER.values(), ids=FURTHER)
def test_so_they_do_in_further_cases(tmp_path: Path, overrides: tuple[str, ...], thorough: bool) -> None:
    if not thorough:
        return
    config = study(*overrides)
    require_same(in_processes(config, tmp_path / "runs", 3), execute(config, tmp_path / "alone"))


def once(act: Callable[[], object], at: int) -> Callable[[Any], None]:
    """At the first progress from step `at` on, act."""
    acted: list[int] = []

    def progress(done: Any) -> None:
        if done.step >= at and not acted:
            acted.append(done.step)
            act()

    return progress


def kill(number: int) -> None:
    os.kill(active_children()[0].pid or 0, number)


def test_a_killed_process_costs_one_retry_and_a_second_one_the_run(tmp_path: Path) -> None:
    config = study("steps=150")
    alone = execute(config, tmp_path / "alone")
    seen: list[Beginning] = []
    run = in_processes(
        config, tmp_path / "runs", progress=once(lambda: kill(SIGKILL), 60), going_on=seen.append
    )
    assert [before.steps for before in seen] == [64]  # from the last checkpoint
    require_same(run, alone)
    with pytest.raises(RunError, match="died under it each time"):
        in_processes(config, tmp_path / "again", progress=lambda done: kill(SIGKILL))
    assert active_children() == []
    assert names(tmp_path / "again" / PARTIAL) == [f"{config.id}-checkpoint"]
    require_same(in_processes(config, tmp_path / "again"), alone)


def test_where_as_many_as_pay_die_or_cannot_start_one_process_does_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = study("steps=40")
    alone = execute(config, tmp_path / "alone")
    monkeypatch.setattr(processes, "PAYS", 0)
    monkeypatch.setattr(processes, "cores", lambda: 2)
    monkeypatch.setattr(processes, "is_one", lambda: True)

    def kill_any(_: object) -> None:
        for process in active_children():
            os.kill(process.pid or 0, SIGKILL)

    require_same(in_processes(config, tmp_path / "die", None, progress=kill_any), alone)

    def refuse(self: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    require_same(in_processes(config, tmp_path / "none", None), alone)


def test_a_signal_for_all_leaves_what_was_reached_and_no_process(tmp_path: Path) -> None:
    config, runs = study("steps=150"), tmp_path / "runs"

    def strike() -> None:
        for process in active_children():
            os.kill(process.pid or 0, SIGTERM)  # as to a whole process group
        interrupts._came(SIGTERM, None)

    with pytest.raises(Interrupted):
        in_processes(config, runs, progress=once(strike, 60))
    assert active_children() == []
    assert names(runs / PARTIAL) == [f"{config.id}-checkpoint"]
    seen: list[Beginning] = []
    run = execute(config, runs, going_on=seen.append)  # in one process
    assert [before.steps for before in seen] == [96]
    require_same(run, execute(config, tmp_path / "alone"))


class Aside(Crew):
    """As crews in processes, and in this one."""

    in_workers = True

    def __init__(self, plan: Plan, data: Data, workers: int) -> None:
        super().__init__(plan, data)

    def close(self) -> None:
        pass


def test_a_run_in_processes_has_their_one_thread_and_goes_on_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "4")
    monkeypatch.setattr("gradflow.execution.several.Crews", Aside)
    seen: list[Beginning] = []
    found = []
    for steps, workers in ((10, 2), (20, 2), (30, 1)):
        seen.clear()
        run = execute(study(f"steps={steps}"), tmp_path, workers=workers, going_on=seen.append)
        found.append((run.info["versions"]["threads"], [before.steps for before in seen]))
    assert found == [(1, []), (1, [10]), (4, [])]


def test_processes_are_started_where_it_pays_and_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(*overrides: str) -> Plan:
        config = study(*overrides)
        return config.plan(config.data.load(Path()))

    long, cores = plan("steps=100000"), 8
    monkeypatch.setattr(processes, "cores", lambda: cores)
    monkeypatch.setattr(processes, "is_one", lambda: True)
    assert workers_for(plan("steps=10"), None) == 1
    assert workers_for(plan("steps=10"), 2) == 2
    assert workers_for(long, None) == 3  # as many as there are networks
    assert workers_for(long, 1) == 1
    assert workers_for(plan("steps=100000", "width=8", "seeds=8"), None) == 1  # one stack
    assert workers_for(plan("steps=100000", "seeds=20"), None) == 8
    monkeypatch.setattr(processes, "physical_memory", lambda: 1)
    assert workers_for(long, None) == 1
    monkeypatch.undo()
    monkeypatch.setattr(processes, "is_one", lambda: False)
    assert workers_for(long, None) == 1
