"""Clipping told by its share and median, named where it cuts nearly all, and advised so that it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.clipping import NAME, clipping_of, clipping_symptom
from gradflow.analysis.rates import end_of
from gradflow.execution.execute import execute
from gradflow.report.markdown import render
from gradflow.report.pages import run_page
from gradflow.store import Run
from tests.store.small import small

HARD = {"training.clip_norm": 0.05, "training.steps": 40}


def record(*rows: Any) -> dict[str, Any]:
    shares = np.array([*rows, np.full(np.shape(rows)[1:], np.nan)], float).reshape(len(rows) + 1, -1)
    return {"step": np.arange(len(shares), dtype=float), "clip_share": shares}


def run(folder: Path, *overrides: str, **settings: Any) -> Run:
    return execute(small(*overrides, *(f"{key}={value}" for key, value in settings.items())), folder)


def names(run: Run) -> list[str]:
    return [symptom.name for symptom in run.summary.symptoms]


def test_share_and_median_are_of_the_updates_and_of_the_clipped_ones() -> None:
    assert clipping_of(record([1.0, 0.5], [0.25, 1.0], [0.75, 1.0])) == (0.5, 0.5)
    assert clipping_of(record([1.0, 1.0])) == (0.0, None)
    assert clipping_of({}) == (None, None)


@pytest.mark.parametrize(("clipped", "told"), [(20, True), (18, True), (17, False), (0, False)])
def test_the_symptom_is_there_from_nine_in_ten_on(clipped: int, told: bool) -> None:
    found = clipping_symptom(record(*[[0.1]] * clipped, *[[1.0]] * (20 - clipped)), 0.9)
    assert (found is not None) == told
    if found is not None:
        assert (found.name, found.step, found.value, found.threshold) == (NAME, 0, clipped / 20, 0.9)


def test_a_few_updates_are_no_habit() -> None:
    assert clipping_symptom(record(*[[0.1]] * 4), 0.9) is None
    assert clipping_symptom(record(*[[0.1]] * 5), 0.9) is not None


def test_what_is_recorded_is_the_share_of_the_joint_norm(tmp_path: Path) -> None:
    free, cut = run(tmp_path, "steps=1"), run(tmp_path, "steps=1", "training.clip_norm=0.05")
    assert (free["clip_share"][0] == 1).all()
    assert np.isnan(free["clip_share"][-1]).all()
    ratio = cut["update_ratio"][0] / free["update_ratio"][0]
    np.testing.assert_allclose(ratio, np.broadcast_to(cut["clip_share"][0], ratio.shape), rtol=1e-5)


def test_a_run_that_is_clipped_throughout_says_so(tmp_path: Path) -> None:
    made = run(tmp_path, **HARD)
    training = made.summary.training
    assert training.clipped_share == 1
    assert training.clip_share_median == np.median(made["clip_share"][:-1])
    assert NAME in names(made)
    text = render(run_page(made.summary, made.recording))
    assert "100.0% of the recorded gradients were clipped, to" in text
    assert "clip rare gradients only:" in text


def test_a_run_without_clipping_says_nothing_of_it(tmp_path: Path) -> None:
    made = run(tmp_path, "steps=40")
    assert made.summary.training.clipped_share is made.summary.training.clip_share_median is None
    assert "clipped" not in render(run_page(made.summary, made.recording))


def test_a_bound_that_no_gradient_reaches_is_said_in_a_sentence(tmp_path: Path) -> None:
    made = run(tmp_path, "steps=40", "training.clip_norm=1000.0")
    assert (made.summary.training.clipped_share, made.summary.training.clip_share_median) == (0, None)
    assert "No gradient was clipped." in render(run_page(made.summary, made.recording))
    assert NAME not in names(made)


@pytest.mark.parametrize(
    ("optimizer", "lr", "advised"),
    [
        ("sgd", 2.0, 0.14),
        ("sgd", 0.5, None),
        ("sgd", 0.01, 0.3),
        ("adam", 1e-3, None),
        ("rmsprop", 1e-3, None),
    ],
)
def test_as_advised_it_clips_rarely_and_learns_as_much(
    optimizer: str, lr: float, advised: float | None, tmp_path: Path
) -> None:
    """Steps that go by gradients stay as long as they were where they have learnt, and grow elsewhere."""
    settings = {**HARD, "training.optimizer": optimizer, "training.optimizer.lr": lr}
    before = run(tmp_path, **settings)
    (advice,) = before.summary.advice
    assert advice.set.get("training.optimizer.lr") == advised
    again = run(tmp_path, **settings | advice.set)
    assert NAME not in names(again)
    share = again.summary.training.clipped_share
    assert share is not None
    assert share < 0.5
    assert end_of(again.recording) < 1.1 * end_of(before.recording)


@pytest.mark.parametrize(("measured", "times"), [("auto", 0.2), ("none", 0.95)])
@pytest.mark.parametrize("lr", [0.01, 0.5])
def test_steps_that_have_learnt_little_are_not_kept_as_short(
    lr: float, measured: str, times: float, tmp_path: Path
) -> None:
    """Without a critical rate they are those that change a layer's weights by a hundredth."""
    settings = {**HARD, "training.optimizer.lr": lr, "recording.critical_lr": measured}
    before = run(tmp_path, **settings)
    (advice,) = before.summary.advice
    assert "have learnt little" in advice.message
    again = run(tmp_path, **settings | advice.set)
    assert end_of(again.recording) < times * end_of(before.recording)


def test_a_threshold_of_the_config_counts(tmp_path: Path) -> None:
    norms = 0.05 / run(tmp_path, **HARD)["clip_share"][:-1]
    half = f"training.clip_norm={float(np.quantile(norms, 0.4)):.4g}"
    assert NAME not in names(run(tmp_path, half, "steps=40"))
    assert NAME in names(run(tmp_path, half, "steps=40", "analysis.clipped_share=0.3", "name=low"))
