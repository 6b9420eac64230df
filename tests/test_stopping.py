"""A training ends at the first evaluation that fulfils `stop`, and changes no bit of what stands before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.errors import InputError
from gradflow.execution.beginning import Beginning
from gradflow.execution.execute import execute
from gradflow.plan import Plan
from gradflow.stopping import NEVER, Stop
from tests import small
from tests.execution.test_beginning import require_same
from tests.small import trained
from tests.store.small import small as config


def curves(*rows: tuple[float, ...], name: str = "loss_train") -> dict[str, Any]:
    return {name: np.array(rows)}


@pytest.mark.parametrize(
    ("stop", "found", "stops"),
    [
        (Stop(loss=0.5), curves((0.4, 0.6)), True),  # as a mean over networks
        (Stop(loss=0.5), curves((0.4, 0.61)), False),
        (Stop(loss=0.5), curves((0.1, 0.1), (0.4, 0.61)), False),  # at the last evaluation alone
        (Stop(loss=0.5), curves((np.nan, 0.1)), False),
        (Stop(accuracy=0.9), curves((0.9, 0.9), name="accuracy_train"), True),
        (Stop(accuracy=0.9), curves((0.9, 0.89), name="accuracy_train"), False),
        (Stop(plateau=2), curves((1.0,), (0.9,), (0.95,)), False),
        (Stop(plateau=2), curves((1.0,), (0.9,), (0.95,), (0.9,)), True),  # as low is not lower
        (Stop(plateau=2), curves((1.0,), (0.9,), (0.95,), (0.8,)), False),
        (Stop(plateau=1), curves((np.nan,), (np.nan,)), False),
        (Stop(plateau=2), curves((np.nan,), (1.0,), (np.nan,), (2.0,)), True),
        (NEVER, curves((0.0, 0.0)), False),
    ],
)
def test_what_is_asked_for_decides(stop: Stop, found: dict[str, Any], stops: bool) -> None:
    assert (stop.reason(found) is not None) is stops


def test_accuracy_and_plateau_are_of_held_out_samples_where_there_are_any() -> None:
    found = curves((1.0,), (0.5,)) | curves((1.0,), (2.0,), name="loss_test")
    assert "held-out" in str(Stop(plateau=1).reason(found))
    assert Stop(plateau=1).reason(curves((1.0,), (0.5,))) is None
    found = curves((1.0,), name="accuracy_train") | curves((0.2,), name="accuracy_test") | found
    assert Stop(accuracy=0.5).reason(found) is None


def test_one_evaluation_is_not_told_as_several() -> None:
    found = curves((1.0,), (2.0,), (3.0,))
    assert str(Stop(plateau=1).reason(found)).endswith("has not fallen for 1 evaluation")
    assert str(Stop(plateau=2).reason(found)).endswith("has not fallen for 2 evaluations")


def plan(stop: Stop = NEVER, **changes: Any) -> Plan:
    return replace(small.plan(steps=60, seeds=3, **changes), stop=stop, evaluate=7)


@pytest.mark.parametrize("width", [5, 40])
def test_the_rows_up_to_the_stop_are_those_of_the_run_without_it(width: int) -> None:
    whole = trained(plan(width=width), small.data(40)).recording
    means = whole["loss_train"].mean(axis=1)
    asked = Stop(loss=float(means[4]))
    reached = int(whole["eval_step"][np.argmax(means <= asked.loss)])
    training = trained(plan(asked, width=width), small.data(40))
    found = training.recording
    assert (training.outcome.stopped_step, found["step"][-1], found["eval_step"][-1]) == (reached,) * 3
    assert 0 < reached < 60
    for name, array in found.items():
        same = array[:-1] if name in ("update_ratio", "clip_share", "correlation") else array
        assert same.tobytes() == whole[name][: len(same)].tobytes(), name
    assert np.isnan(found["update_ratio"][-1]).all()  # no update follows
    assert np.isfinite(found["correlation"][-1]).all()


def test_a_stop_that_is_met_at_the_start_or_at_the_last_step() -> None:
    at_start = trained(plan(Stop(loss=1e9)), small.data(40))
    assert (at_start.outcome.stopped_step, list(at_start.recording["step"])) == (0, [0])
    whole = trained(plan(), small.data(40)).recording["loss_train"].mean(axis=1)
    at_end = trained(plan(Stop(loss=float(whole[-1]))), small.data(40))
    if (whole[:-1] > whole[-1]).all():
        assert at_end.outcome.stopped_step is None
        assert at_end.recording["step"][-1] == 60


STOPS = {
    "loss": ("stop={loss: 0.9}", "lr=0.3"),
    "accuracy": ("stop.accuracy=0.6", "critical_lr=both", "lr=0.3"),
    "plateau": ("stop={plateau: 1}", "lr=5", "norm=batch"),
    "thinned": ("stop={loss: 0.9}", "every=1000", "lr=0.3"),
}


@pytest.mark.parametrize("overrides", STOPS.values(), ids=STOPS)
def test_a_stopped_run_says_so_and_is_gone_on_with_to_the_same_bits(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    words = ("evaluate=10", *overrides)
    alone = execute(config("steps=400", *words), tmp_path / "alone")
    stopped = alone.info["outcome"]["stopped"]
    assert 0 < stopped["step"] < 400
    assert alone["step"][-1] == stopped["step"] == alone.summary.training.steps
    assert vars(alone.summary.training.stopped) == stopped
    assert alone.status == "completed"
    for steps in (stopped["step"] - 5, stopped["step"] + 5):  # before the stop, and after it
        runs = tmp_path / str(steps)
        execute(config(f"steps={steps}", *words), runs)
        seen: list[Beginning] = []
        run = execute(config("steps=400", *words), runs, going_on=seen.append)
        assert [before.steps for before in seen] == [min(steps, stopped["step"])]
        require_same(run, alone)


def test_a_stopped_run_that_was_interrupted_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradflow.execution.checkpoint.SHARE", float("inf"))
    words = ("steps=400", "evaluate=10", "lr=0.3", "stop.loss=0.3")
    alone = execute(config(*words), tmp_path / "alone")

    def strike(done: Any) -> None:
        raise KeyboardInterrupt

    steps = 0
    for _ in range(100):
        seen: list[Beginning] = []
        try:
            execute(config(*words), tmp_path / "runs", progress=strike, going_on=seen.append, interval=0)
        except KeyboardInterrupt:
            assert not seen or seen[0].steps >= steps
            steps = seen[0].steps if seen else 0
        else:
            break
    run = execute(config(*words), tmp_path / "runs")
    require_same(run, alone)


def test_a_config_without_a_stop_has_the_digest_that_it_had() -> None:
    assert config("stop={}").digest == config().digest == config("stop.loss=null").digest
    assert config("stop.loss=1").digest != config().digest
    assert config("stop.loss=1").plain()["training"]["stop"] == {
        "loss": 1.0,
        "accuracy": None,
        "plateau": None,
    }


@pytest.mark.parametrize(
    "override",
    ["stop.loss=-1", "stop.loss=0", "stop.accuracy=1.5", "stop.accuracy=0", "stop.plateau=0",
     "stop.plateau=1.5", "stop={patience: 3}", "stop=0.1", "stop.loss=.nan", "stop.loss=.inf"],
)  # fmt: skip
def test_a_stop_that_cannot_be_met_is_refused(override: str) -> None:
    with pytest.raises(InputError, match=r"command line: training\.stop"):
        config(override)


def test_values_to_regress_on_have_no_accuracy_to_stop_at() -> None:
    with pytest.raises(InputError, match=r"training\.stop\.accuracy: needs classes"):
        config("data={name: teacher, samples: 32, features: 4}", "loss=mse", "stop.accuracy=0.9")
