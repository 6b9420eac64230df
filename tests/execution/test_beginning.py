"""A finished run is gone on with by one of more steps, to the bits that this one has if it is run alone."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.config import Config
from gradflow.execution import execute as execute_module
from gradflow.execution.beginning import Beginning
from gradflow.execution.execute import execute
from gradflow.store import Run, open_run
from gradflow.store.result import versions
from tests.store.small import names, small

CASES = {
    "plain": (),
    "momentum": ("optimizer={name: sgd, lr: 0.1, momentum: 0.9, nesterov: true}", "dtype=float64"),
    "adam": ("optimizer={name: adam, lr: 0.01}", "seeds=3", "width=40"),
    "rmsprop, clipped": ("optimizer=rmsprop", "clip_norm=0.1"),
    "batch norm": ("norm=batch", "evaluate=7"),
    "layer norm, residual": ("norm={name: layer, affine: true}", "block=residual", "evaluate=10"),
    "rows thinned": ("every=7",),
    "rows thinned, of which the last is one": ("every=5", "evaluate=5"),
    "rows thinned to the first and the last": ("every=1000", "evaluate=1000"),
    "critical rates at both ends": ("critical_lr=both", "jacobian=true"),
    "warmup": ("schedule=warmup", "schedule.steps=19"),
    "ten stacked networks": ("seeds=10",),
}


def extended(folder: Path, *overrides: str, steps: tuple[int, ...] = (10, 25)) -> tuple[Run, list[Beginning]]:
    """The run of the last number of steps, after those of the others, and what it went on from."""
    seen: list[Beginning] = []
    for count in steps:
        seen.clear()
        run = execute(small(f"steps={count}", *overrides), folder, going_on=seen.append)
    return run, seen


def require_same(run: Run, alone: Run) -> None:
    assert names(run.path) == names(alone.path)
    for name in {"recording.npz", "state.npz", "config.yaml"} & {*names(run.path)}:
        assert (run.path / name).read_bytes() == (alone.path / name).read_bytes()
    for key in ("id", "digest", "status", "arrays", "outcome", "data", "evaluation", "measured", "state"):
        assert run.info.get(key) == alone.info.get(key)
    assert run.summary.at("").document() == alone.summary.at("").document()


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_the_longer_run_has_the_bits_of_one_that_was_run_at_once(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    run, seen = extended(tmp_path / "runs", *overrides)
    assert [(before.steps, before.run) for before in seen] == [(10, small("steps=10", *overrides).id)]
    require_same(run, execute(run.config, tmp_path / "alone"))


@pytest.mark.parametrize("steps", [(1, 70), (63, 64, 65, 130), (64, 128), (20, 40), (0, 3, 4)])
def test_a_run_is_gone_on_with_wherever_it_ended(tmp_path: Path, steps: tuple[int, ...]) -> None:
    run, seen = extended(tmp_path / "runs", "evaluate=20", steps=steps)
    assert [before.steps for before in seen] == [steps[-2]]
    require_same(run, execute(run.config, tmp_path / "alone"))


def test_critical_rates_that_only_the_longer_run_can_afford_are_those_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradflow.critical_rates.LITTLE", 0)
    run, seen = extended(tmp_path / "runs", steps=(10, 100))
    assert seen[0].run is not None
    assert open_run(tmp_path / "runs" / seen[0].run).info["measured"]["critical_lr"]["initial"] is None
    assert run.info["measured"]["critical_lr"]["initial"] is not None
    require_same(run, execute(run.config, tmp_path / "alone"))


def test_the_shorter_run_stays_and_the_seconds_of_both_are_counted(tmp_path: Path) -> None:
    first = execute(small("steps=10"), tmp_path)
    content = {path.name: path.read_bytes() for path in first.path.iterdir()}
    second = execute(small("steps=30"), tmp_path)
    assert {path.name: path.read_bytes() for path in first.path.iterdir()} == content
    assert second.path != first.path
    assert second.info["times"]["started"] == first.info["times"]["started"]
    assert second.info["times"]["seconds"] > first.info["times"]["seconds"]


def test_the_longest_run_of_another_name_in_a_sweep_is_gone_on_with(tmp_path: Path) -> None:
    sweep = tmp_path / "many-00000001"
    for count in (5, 12, 40):
        execute(small(f"steps={count}", "name=point"), sweep)
    (sweep / "sweep.json").write_text("{}")
    execute(small("steps=8"), tmp_path)
    run, seen = extended(tmp_path, steps=(30,))
    assert [before.steps for before in seen] == [12]
    require_same(run, execute(run.config, tmp_path / "alone"))


def test_an_extension_that_is_interrupted_goes_on_from_its_own_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradflow.plan.BLOCK_ROWS", 4)
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))
    execute(small("steps=10"), tmp_path)

    def strike(done: Any) -> None:
        if done.step >= 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(small("steps=30"), tmp_path, progress=strike, interval=0)
    run, seen = extended(tmp_path, steps=(30,))
    assert [(before.steps, before.run) for before in seen] == [(18, None)]
    require_same(run, execute(run.config, tmp_path / "alone"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Any] = {
    "a flipped bit": flip,
    "cut short": lambda path: os.truncate(path, 200),
    "empty": lambda path: os.truncate(path, 0),
    "that of another run": lambda path: np.savez(path, **{"network.0.0": np.zeros(3, np.float32)}),
    "compressed": lambda path: np.savez_compressed(path, **np.load(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_passed_over_with_one_line(tmp_path: Path, damage: Any) -> None:
    first = execute(small("steps=10"), tmp_path)
    damage(first.path / "state.npz")
    told: list[str] = []
    seen: list[Beginning] = []
    run = execute(small("steps=25"), tmp_path, going_on=seen.append, tell=told.append)
    assert seen == []
    (line,) = told
    assert line.startswith(f"warning: {first.path / 'state.npz'}: ")
    assert line.endswith("run its config again with --force")
    require_same(run, execute(run.config, tmp_path / "alone"))


def test_a_shorter_run_with_a_damaged_recording_is_passed_over_for_the_next(tmp_path: Path) -> None:
    execute(small("steps=5"), tmp_path)
    flip(execute(small("steps=10"), tmp_path).path / "recording.npz")
    told: list[str] = []
    seen: list[Beginning] = []
    execute(small("steps=25"), tmp_path, going_on=seen.append, tell=told.append)
    assert len(told) == 1
    assert [before.steps for before in seen] == [5]


def without_state(run: Run) -> None:
    """As a run of before."""
    (run.path / "state.npz").unlink()


PASSED_OVER: dict[str, tuple[str, ...]] = {
    "another seed": ("seed=1",),
    "another rate": ("lr=0.02",),
    "a schedule that spans the run": ("schedule=cosine",),
    "a stop": ("stop.loss=0.5",),
}


@pytest.mark.parametrize("overrides", PASSED_OVER.values(), ids=PASSED_OVER)
def test_a_run_that_is_another_is_not_gone_on_with(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    schedule = [one for one in overrides if one.startswith("schedule")]
    execute(small("steps=10", *schedule), tmp_path)
    _, seen = extended(tmp_path, *overrides, steps=(25,))
    assert seen == []


def test_runs_of_before_of_other_versions_and_longer_ones_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_state(execute(small("steps=10"), tmp_path / "before"))
    assert extended(tmp_path / "before", steps=(25,))[1] == []
    assert extended(tmp_path / "longer", steps=(25, 10))[1] == []
    execute(small("steps=10"), tmp_path / "other")
    monkeypatch.setattr(execute_module, "versions", lambda **_: {**versions(), "numpy": "1.0"})
    assert extended(tmp_path / "other", steps=(25,))[1] == []


def test_force_trains_from_the_start(tmp_path: Path) -> None:
    execute(small("steps=10"), tmp_path)
    seen: list[Beginning] = []
    execute(small("steps=25"), tmp_path, force=True, going_on=seen.append)
    assert seen == []


def test_a_large_state_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradflow.training.SMALL", 100)
    run, _ = extended(tmp_path, steps=(10,))
    assert "state.npz" not in names(run.path)
    assert "state" not in run.info


def test_a_run_that_diverged_is_run_anew(tmp_path: Path) -> None:
    run, seen = extended(tmp_path / "runs", "activation=relu", "lr=1e30")
    assert (run.status, seen, "state.npz" in names(run.path)) == ("diverged", [], False)


def test_a_copy_under_another_name_is_gone_on_with_too(tmp_path: Path) -> None:
    first = execute(small("steps=10"), tmp_path)
    copied = execute(small("steps=10", "name=other"), tmp_path)
    assert copied.reused
    shutil.rmtree(first.path)
    _, seen = extended(tmp_path, steps=(25,))
    assert [before.run for before in seen] == [copied.id]


def test_the_stem_of_a_config_is_its_digest_without_the_steps() -> None:
    stems = {small(f"steps={steps}").stem for steps in (1, 5, 9)}
    assert stems == {small("steps=100").stem}
    assert small("lr=0.5").stem not in stems
    changed: list[Config] = [small("name=b"), small("analysis.patience=3")]
    assert {one.stem for one in changed} == stems
