"""Points that keep their state: those of more steps go on from there, to the bits that they have alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gradflow.execution.execute import execute
from gradflow.store import open_run
from gradflow.store.result import Result
from gradflow.sweeps import driver
from gradflow.sweeps.chains import Chains
from gradflow.sweeps.driver import Options, run_sweep, share
from gradflow.sweeps.executors import EXECUTORS, InProcess, Pool, Serial
from gradflow.sweeps.outcome import Ended, Started
from gradflow.sweeps.worker import compute
from gradflow.threads import VARIABLES
from tests.promises.calls import gradflow
from tests.store.small import names
from tests.sweeps.small import NET, assert_same_bits, run, small

AXES = "lr=0.05,0.1"
OPTIONS: dict[str, dict[str, Any]] = {
    "serial": {"executor": "serial"},
    "processes": {"executor": "processes", "workers": 2},
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(its steps, those that it went on from) of each point that is computed."""
    found: list[tuple[int, int]] = []

    def spying(config: Any, *args: Any) -> Any:
        before = shorter(config, *args)
        found.append((config.training.steps, before.steps if before else 0))
        return before

    shorter = driver.shorter
    monkeypatch.setattr(driver, "shorter", spying)
    return found


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_sweep_of_more_steps_goes_on_from_the_points_of_the_one_before(
    tmp_path: Path, options: dict[str, Any], seen: list[tuple[int, int]]
) -> None:
    run(small(AXES, "steps=10"), tmp_path / "runs", **options, keep_state=True)
    longer = small(AXES, "steps=25")
    run(longer, tmp_path / "runs", **options)
    assert seen == [(10, 0), (10, 0), (25, 10), (25, 10)]
    run(longer, tmp_path / "alone")
    assert_same_bits(tmp_path / "runs" / longer.id, tmp_path / "alone" / longer.id)
    for point in longer.points:
        found, alone = (open_run(tmp_path / place / longer.id / point.id) for place in ("runs", "alone"))
        for key in ("id", "digest", "status", "arrays", "outcome", "data", "evaluation", "measured"):
            assert found.info.get(key) == alone.info.get(key)
        assert found.summary.at("").document() == alone.summary.at("").document()


@pytest.mark.parametrize(
    ("executor", "steps"), [("serial", "5,25,12"), ("serial", "25,12,5"), ("processes", "25,12,5")]
)
def test_points_of_more_steps_wait_for_those_of_fewer(
    tmp_path: Path, executor: str, steps: str, seen: list[tuple[int, int]]
) -> None:
    sweep = small(AXES, f"steps={steps}", "optimizer=adam", "norm=batch")
    ended = run(sweep, tmp_path / "runs", **OPTIONS[executor], keep_state=True)
    assert sorted(seen) == [(5, 0)] * 2 + [(12, 5)] * 2 + [(25, 12)] * 2
    assert [event.status for event in ended] == ["completed"] * 6
    run(sweep, tmp_path / "alone")
    assert_same_bits(tmp_path / "runs" / sweep.id, tmp_path / "alone" / sweep.id)


def test_without_it_no_point_keeps_its_state(tmp_path: Path, seen: list[tuple[int, int]]) -> None:
    sweep = small(AXES, "steps=5,10")
    for event in run(sweep, tmp_path):
        assert "state.npz" not in names(Path(event.path))
        assert "state" not in open_run(Path(event.path)).info
    assert {before for _, before in seen} == {0}


def test_a_point_goes_on_from_a_run_and_a_run_from_a_point(
    tmp_path: Path, seen: list[tuple[int, int]]
) -> None:
    (shorter, longer) = (point.config for point in small("steps=5,20").points)
    execute(shorter, tmp_path)
    run(small("lr=0.01,0.5", "steps=10"), tmp_path)
    run(small("steps=10,12", "optimizer.lr=0.01"), tmp_path, keep_state=True)
    assert seen == [(10, 5), (10, 0), (12, 5)]
    begun: list[Any] = []
    execute(longer, tmp_path, going_on=begun.append)
    assert [before.steps for before in begun] == [12]


class Aside(Serial):
    """As if in a worker, which has one BLAS thread, whatever this process has."""

    in_process = False

    @contextmanager
    def open(self) -> Iterator[Pool]:
        yield Pool(InProcess(), lambda: 1, in_one_thread)


def in_one_thread(*args: Any) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.setenv(name, "1")
        return compute(*args)


def test_points_that_workers_compute_go_on_whatever_threads_this_process_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[tuple[int, int]]
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "4")
    monkeypatch.setitem(EXECUTORS, "processes", Aside)
    for executor, steps in (("processes", 10), ("processes", 25), ("serial", 30)):
        ended = run(small(AXES, f"steps={steps}"), tmp_path, executor=executor, keep_state=True)
    assert seen == [(10, 0)] * 2 + [(25, 10)] * 2 + [(30, 0)] * 2  # other threads give other bits
    assert open_run(Path(ended[0].path)).info["versions"]["threads"] == 4


def test_force_computes_each_from_its_start(tmp_path: Path, seen: list[tuple[int, int]]) -> None:
    run(small("steps=5,10"), tmp_path, keep_state=True)
    seen.clear()
    run(small("steps=5,10"), tmp_path, keep_state=True, force=True)
    assert seen == []


def test_points_that_are_finished_without_a_state_are_told_of_when_one_is_to_be_kept(tmp_path: Path) -> None:
    run(small(AXES), tmp_path)
    (event, *_) = run(small("lr=0.05,0.1,0.2"), tmp_path, keep_state=True)
    assert "state" not in open_run(Path(event.path)).info
    two = "2 finished points keep no state: --force --keep-state computes such points with it"
    one = two.replace("2 finished points keep", "1 finished point keeps")
    cases: list[tuple[tuple[str, ...], dict[str, bool], list[str]]] = [
        ((AXES,), {"keep_state": True}, [two]),
        ((AXES,), {}, []),
        (("lr=0.05,0.2",), {"keep_state": True}, [one]),
        (("lr=0.2,0.3",), {"keep_state": True}, []),
        ((AXES,), {"keep_state": True, "force": True}, []),
        ((AXES,), {"keep_state": True}, []),
    ]
    for axes, options, expected in cases:
        told: list[str] = []
        assert [*run_sweep(small(*axes), tmp_path, Options("serial", **options), tell=told.append)]
        assert told == expected


DIVERGING = ("lr=1e30", "loss=mse", "activation=linear")


@pytest.mark.parametrize("keys", [("schedule=cosine",), DIVERGING, ("steps=0",)])
def test_points_that_could_keep_no_state_are_not_told_of(tmp_path: Path, keys: tuple[str, ...]) -> None:
    told: list[str] = []
    for keep in (False, True):
        chosen = Options("serial", keep_state=keep)
        assert [*run_sweep(small("depth=2,3", *keys), tmp_path, chosen, tell=told.append)]
    assert told == []


def test_a_damaged_state_is_told_of_and_passed_over(tmp_path: Path) -> None:
    (event, *_) = run(small(AXES, "steps=5"), tmp_path, keep_state=True)
    state = Path(event.path) / "state.npz"
    state.write_bytes(state.read_bytes()[:300])
    told: list[str] = []
    longer, chosen = small(AXES, "steps=10"), Options("serial")
    statuses = [
        event.status
        for event in run_sweep(longer, tmp_path, chosen, tell=told.append)
        if isinstance(event, Ended)
    ]
    assert statuses == ["completed"] * 2
    (line,) = told
    assert line.startswith(f"warning: {state}: ")
    assert line.endswith(": type the command of its sweep with --force")


def test_a_point_whose_shorter_one_has_failed_is_computed_from_its_start(tmp_path: Path) -> None:
    chosen = Options("serial", keep_state=True, timeout=1e-9)
    events = list(run_sweep(small("steps=5,10,20"), tmp_path, chosen))
    assert [event.status for event in events if isinstance(event, Ended)] == ["failed"] * 3
    assert [event.steps for event in events if isinstance(event, Started)] == [0, 0, 0]


def test_what_kept_states_take_is_part_of_the_plan() -> None:
    sweep = small(AXES, "steps=5,10")
    kept = [point.cost.disk for point in share(sweep, Options(keep_state=True))]
    plain = [point.cost.disk for point in share(sweep, Options())]
    parameters = 2 * (4 * 8 + 8 + 2 * (8 * 8 + 8) + 8 * 3 + 3) * 4  # two networks in float32, sgd
    assert [one - other for one, other in zip(kept, plain, strict=True)] == [parameters] * 4
    spanned = small("steps=5,10", "schedule=cosine")
    assert {point.cost.state for point in spanned.points} == {0}
    assert Chains(spanned.points)._left == {}


def test_the_command_keeps_states_and_says_what_they_take(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    words = "sweep", "net.yaml", "lr=0.05,0.1", "steps=5"
    plan = [gradflow(tmp_path, *words, "--dry-run", *more).out for more in ((), ("--keep-state",))]
    assert plan[0] != plan[1]
    assert gradflow(tmp_path, *words, "--keep-state", "--executor", "serial").code == 0
    assert len([*tmp_path.glob("runs/net-*/net-*/state.npz")]) == 2
    done = gradflow(tmp_path, *words[:-1], "steps=5,9", "--executor", "serial")
    assert "2 of them from where one of fewer steps ended; found 2 finished" in done.err
