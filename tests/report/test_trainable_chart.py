"""The map of what trained, with the boundary of that and the one that was predicted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gradflow.analysis.summary import Summary
from gradflow.analysis.trainable import assess
from gradflow.errors import NothingToDraw
from gradflow.report.charts.laws import trainable
from gradflow.report.charts.picture import document
from tests.report.examples import config, summary, trained
from tests.report.runs import marks_of, rows_of

PREDICTED = {True: assess(-0.1, None, "sgd"), False: assess(-30.0, None, "sgd")}
SIGMAS, DEPTHS = (1.0, 1.5, 2.0), (10, 20, 40)


def cell(depth: int, sigma_w: float, accuracy: float, predicted: bool, lr: float = 0.1) -> Summary:
    settings: dict[str, Any] = config(depth=depth, init={"name": "gaussian", "sigma_w": sigma_w})
    optimizer = {**settings["training"]["optimizer"], "lr": lr}
    settings["training"] = {**settings["training"], "optimizer": optimizer}
    name = f"{depth}-{sigma_w}-{lr}"
    result = trained(accuracy_final=accuracy, majority=0.1)
    return summary(id=name, path=name, config=settings, training=result, trainable=PREDICTED[predicted])


def lines_of(chart: Any, colour: str) -> list[Mapping[str, float]]:
    spec = document(chart)
    (mark,) = (mark for mark in marks_of(spec) if mark["mark"].get("color") == colour)
    found: list[Mapping[str, float]] = spec["datasets"][mark["data"]["name"]]
    return found


def test_the_two_boundaries_run_between_cells_that_differ() -> None:
    """Where sigma_w is 1.5 all depths train and are predicted to; beside it the first depth alone trains."""
    cells = [
        cell(depth, w, 0.9 if w == 1.5 or depth == 10 else 0.1, w == 1.5) for depth in DEPTHS for w in SIGMAS
    ]
    chart = trainable(cells)
    spec = document(chart)
    assert spec["usermeta"]["note"].endswith("right in 7 of 9")
    assert len([row for row in rows_of(spec) if "value" in row]) == 9
    solid, dashed = lines_of(chart, "white"), lines_of(chart, "black")
    assert sorted((line["x"], line["x2"]) for line in solid if line["y"] == line["y2"]) == [
        (0.75, 1.25), (1.75, 2.25)
    ]  # fmt: skip
    assert {line["y"] for line in solid if line["y"] == line["y2"]} == {15.0}
    assert all(line["x"] == line["x2"] for line in dashed)
    assert len(dashed) == 6


def test_the_best_rate_of_a_place_counts() -> None:
    cells = [
        cell(depth, w, accuracy, True, lr)
        for depth in DEPTHS[:2]
        for w in SIGMAS[:2]
        for lr, accuracy in ((0.1, 0.1), (0.01, 0.8))
    ]
    chart = trainable(cells)
    assert {row["value"] for row in rows_of(document(chart)) if "value" in row} == {0.8}
    assert document(chart)["usermeta"]["note"].endswith("right in 4 of 4")


def test_r2_is_called_so_and_may_be_below_0() -> None:
    found = [cell(depth, w, 0.9, True) for depth in DEPTHS[:2] for w in SIGMAS[:2]]
    values = [-2.5, 0.25, 0.75, 0.9]
    cells = [
        replace(one, training=replace(one.training, accuracy_final=None, majority=None, r2_test_final=value))
        for one, value in zip(found, values, strict=True)
    ]
    spec = document(trainable(cells))
    assert spec["usermeta"]["title"] == "R2 on held-out samples at the end"
    rows = [row for row in rows_of(spec) if "value" in row]
    assert [row["value"] for row in rows] == values
    assert [row["text"] for row in rows] == ["-2.50", "0.250", "0.750", "0.900"]
    assert [row["what"] for row in rows] == ["not trained"] * 2 + ["trained"] * 2
    (mark,) = (mark for mark in marks_of(spec) if mark["mark"].get("type") == "rect")
    assert mark["encoding"]["color"]["title"] == "R2"
    assert "R2" in [tip["title"] for tip in mark["encoding"]["tooltip"]]


@pytest.mark.parametrize(
    "change",
    [
        {"training": replace(trained(), steps=0)},
        {"trainable": assess(None, None, "sgd")},
    ],
    ids=["untrained", "unknown"],
)
def test_there_is_no_map_of_what_was_not_trained_or_not_predicted(change: dict[str, Any]) -> None:
    cells = [replace(cell(depth, w, 0.9, True), **change) for depth in DEPTHS for w in SIGMAS]
    with pytest.raises(NothingToDraw, match="trainable needs trained runs"):
        trainable(cells)


def test_there_is_no_map_over_one_key() -> None:
    with pytest.raises(NothingToDraw, match="two numbers"):
        trainable([cell(depth, 1.0, 0.9, True) for depth in DEPTHS])
