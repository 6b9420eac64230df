"""The curves of what was learnt: which samples each is over, and of how many runs."""

import re
from pathlib import Path

import pytest

from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.report.charts.figures import draw, run_charts
from gradflow.report.charts.looks import LEFT
from gradflow.report.charts.picture import document, picture
from gradflow.store import Run, open_run
from tests.report.runs import rows_of
from tests.store.older import make_older
from tests.store.small import small

CLASSES = "data={name: gaussian, samples: 50, features: 4, classes: 3, test_fraction: 0.2}"
TEACHER = "data={name: teacher, samples: 50, features: 4}"  # nothing is held out
PARTS = {"training samples": "train", "held-out samples": "test"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves") / "runs"


def made(runs: Path, *overrides: str) -> Run:
    return execute(small("steps=4", *overrides), runs)


def assert_drawn(run: Run, figure: str, quantity: str) -> None:
    rows = rows_of(document(run_charts(run)[figure]))
    found = run.summary.evaluation
    for words, part in PARTS.items():
        drawn = [(row["step"], row["value"]) for row in rows if row.get("part") == words]
        values = getattr(found, f"{quantity}_{part}")
        assert len(drawn) == len(values) >= (2 if found.of_test or part == "train" else 0)
        for (step, value), expected_step, expected in zip(drawn, found.steps, values, strict=False):
            assert (step, value) == (expected_step, pytest.approx(expected, rel=1e-5))


def test_a_run_s_losses_are_drawn_over_training_held_out_and_minibatches(folder: Path) -> None:
    run = made(folder, CLASSES)
    assert_drawn(run, "loss", "loss")
    rows = rows_of(document(run_charts(run)["loss"]))
    minibatches = [row["value"] for row in rows if row.get("part") == "minibatches"]
    assert minibatches == pytest.approx(run["loss"].mean(axis=1), rel=1e-5)


@pytest.mark.parametrize("width", [2.5, 3.3, 5.0])
def test_the_legend_of_the_losses_ends_within_the_figure(folder: Path, width: float) -> None:
    drawing = picture(draw("loss", [made(folder, CLASSES)]), ".svg", width).decode()
    entry = (
        r"translate\(([\d.]+),[\d.]+\)\"><path[^>]* d=\"M0,0h([\d.]+)v[\d.]+h[^>]*><g><g class=\"mark-symbol"
    )
    entries = [(float(left), float(wide)) for left, wide in re.findall(entry, drawing)]
    assert len(entries) == 3
    assert max(left + wide for left, wide in entries) < width * 96 - LEFT


def test_an_accuracy_is_drawn_beside_the_largest_class(folder: Path) -> None:
    run = made(folder, CLASSES)
    assert_drawn(run, "accuracy", "accuracy")
    spec = document(run_charts(run)["accuracy"])
    assert spec["usermeta"]["title"] == "Accuracy over training"
    assert "grey line: the largest class alone" in spec["usermeta"]["note"]
    level = run.summary.evaluation.majority_test
    assert f"{level}"[:6] in str(spec["layer"])


def test_of_a_regression_r2_is_drawn(folder: Path) -> None:
    run = made(folder, TEACHER)
    assert_drawn(run, "accuracy", "r2")
    assert document(run_charts(run)["accuracy"])["usermeta"]["title"] == "R2 over training"


def test_what_clipping_left_is_drawn_where_it_cut(folder: Path) -> None:
    cut, free = made(folder, "clip_norm=0.05"), made(folder, "clip_norm=1e9")
    spec = document(run_charts(cut)["clipping"])
    rows = [row for row in rows_of(spec) if "step" in row]
    left = cut["clip_share"].mean(axis=1)
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["value"] for row in rows[:-1]] == pytest.approx(left[:-1], rel=1e-5)
    assert rows[-1]["value"] is None  # the last row has no update
    assert max(left[:-1]) < 1
    assert "grey line: nothing is clipped" in spec["usermeta"]["note"]
    over = rows_of(document(draw("clipping", [cut, free])))
    assert {row["line"] for row in over if "line" in row} == {"clip_norm 0.05", "clip_norm 1e+09"}
    for run in (free, made(folder)):
        assert "clipping" not in run_charts(run)
        with pytest.raises(InputError, match="gradients were clipped"):
            draw("clipping", [run])


def test_several_runs_are_drawn_without_their_minibatches_but_older_ones(folder: Path) -> None:
    runs = [made(folder, CLASSES, f"lr={lr}") for lr in (0.01, 0.02)]
    parts = {row["part"] for row in rows_of(document(draw("loss", runs)))}
    assert parts == {*PARTS}
    older = made(folder.parent / "older", CLASSES, "lr=0.03")
    make_older(older.path)
    rows = rows_of(document(draw("loss", [*runs, open_run(older.path)])))
    assert {row["line"] for row in rows if row.get("part") == "minibatches"} == {"lr 0.03"}


def test_of_many_runs_each_has_one_line(folder: Path) -> None:
    runs = [made(folder, CLASSES, f"lr={i / 100}") for i in range(1, 10)]
    spec = document(draw("loss", runs))
    rows = rows_of(spec)
    lines = [row for row in rows if "part" in row]
    assert {row["part"] for row in lines} == {"training samples"}
    assert len({row["line"] for row in lines}) == 9
    assert "over training samples" in spec["usermeta"]["note"]
