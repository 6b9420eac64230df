"""Reports of sweeps: what each point came to stands in the table and in the charts, whatever the axes are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.outcome import outcome
from gradflow.analysis.pivot import VALUES as SHOWN
from gradflow.config import load_config
from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.report.charts.figures import draw, over_keys, sweep_charts
from gradflow.report.charts.maps import colours
from gradflow.report.charts.picture import document
from gradflow.report.files import report_file, several_page
from gradflow.report.learning import quality_of
from gradflow.report.numbers import number, percent
from gradflow.report.page import Sentence, Table
from gradflow.store import Run
from tests.report.examples import summary, trained
from tests.report.runs import made, marks_of, rows_of

CONFIG = """
name: point
seeds: 2
model: {{depth: {depth}, width: 16, activation: tanh, init: {{name: gaussian, sigma_w: {sigma_w}}}}}
data: {data}
training: {{steps: {steps}, batch_size: 16}}
"""
CLASSES = "{name: gaussian, samples: 60, features: 4, classes: 3, test_fraction: 0.2}"
ALL_TRAINED = "{name: gaussian, samples: 60, features: 4, classes: 3, test_fraction: 0}"
VALUES = "{name: teacher, samples: 60, features: 4}"


def swept(folder: Path, data: str, steps: int = 3, sigmas: Sequence[float] = (1.0, 1.5)) -> list[Run]:
    """Two depths by some sigma_w."""
    file = folder / "point.yaml"
    found = []
    for depth in (2, 4):
        for sigma_w in sigmas:
            text = CONFIG.format(depth=depth, sigma_w=sigma_w, data=data, steps=steps)
            file.write_text(text, encoding="utf-8")
            found.append(execute(load_config(file), folder / "runs"))
    return found


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return swept(tmp_path_factory.mktemp("classes"), CLASSES)


def table_of(runs: list[Run]) -> tuple[list[str], dict[tuple[str, ...], dict[str, Any]]]:
    """The titles of a report's table, and its rows by depth and sigma_w."""
    table = next(block for block in several_page(runs).blocks if isinstance(block, Table))
    titles = [column.title for column in table.columns]
    rows = [dict(zip(titles, row, strict=True)) for row in table.rows]
    return titles, {(row["depth"], row["sigma_w"]): row for row in rows}


def notes_of(runs: list[Run]) -> str:
    return "\n".join(block.text for block in several_page(runs).blocks if isinstance(block, Sentence))


def test_each_point_has_its_loss_and_its_accuracy_on_held_out_samples(classes: list[Run]) -> None:
    titles, rows = table_of(classes)
    assert titles[-2:] == ["final loss", "accuracy"]
    for run in classes:
        training, model = run.summary.training, run.summary.config["model"]
        row = rows[str(model["depth"]), str(model["init"]["sigma_w"])]
        assert row["final loss"] == number(training.loss_final)
        assert row["accuracy"] == percent(training.accuracy_final)
    alone = percent(classes[0].summary.training.majority)
    assert f"accuracy: on held-out samples at the end; the largest class alone has {alone}" in notes_of(
        classes
    )


@pytest.mark.parametrize(
    ("data", "steps", "title", "name"),
    [
        (ALL_TRAINED, 3, "accuracy", "accuracy_train_final"),
        (VALUES, 3, "R2", "r2_train_final"),
        (CLASSES, 0, None, None),
    ],
)
def test_the_quality_is_what_the_points_have(
    tmp_path: Path, data: str, steps: int, title: str | None, name: str | None
) -> None:
    runs = swept(tmp_path, data, steps, sigmas=(1.0,))
    found = quality_of([outcome(run.summary) for run in runs])
    assert (found and found.title, found and found.name) == (title, name)
    head = next(block for block in several_page(runs).blocks if isinstance(block, Table)).columns
    assert ({"accuracy", "R2"} & {column.title for column in head}) == ({title} if title else set())
    assert ("on training samples at the end" in notes_of(runs)) is bool(title)
    drawn = {name for name in sweep_charts(runs) if name.startswith("map-")}
    assert drawn == ({"map-loss", f"map-{title.lower()}"} if title else set())


def test_the_maps_of_a_page_hold_the_losses_and_accuracies(classes: list[Run]) -> None:
    charts = sweep_charts(classes)
    assert "map-accuracy" not in charts  # trainable shows it, over the same axes
    rows = {row["run"]: row for row in rows_of(document(charts["map-loss"]))}
    for run in classes:
        assert rows[run.id]["shade"] == pytest.approx(run.summary.training.loss_final, rel=1e-5)
    over = rows_of(document(over_keys(classes, "depth", "sigma_w", "accuracy_final")))
    accuracies = {percent(run.summary.training.accuracy_final) for run in classes}
    assert {row["text_short"] for row in over} == accuracies


def test_losses_that_cover_decades_have_the_colours_of_logs() -> None:
    for losses, kind in (((0.01, 3.0), "log"), ((1.0, 2.0), "linear"), ((0.0, 5.0), "linear")):
        some = [summary(training=trained(loss_final=loss)) for loss in losses]
        scale = colours(SHOWN["loss_final"], some)[0].to_dict()["scale"]
        assert (scale["type"], scale["domain"]) == (kind, list(losses))
    assert colours(SHOWN["accuracy_final"], some)[0].to_dict()["scale"]["type"] == "linear"


def test_a_sweep_over_blocks_has_a_report_with_the_way_up(tmp_path: Path) -> None:
    inits = [f"xavier_normal, block: {block}" for block in ("plain", "residual")]
    runs = [made(tmp_path / "runs", init=init, steps=0) for init in inits]
    assert "log10 growth" in report_file(runs, Path("a.md"))


def test_what_trained_is_not_drawn_where_nothing_is_held_out(tmp_path: Path) -> None:
    runs = swept(tmp_path, ALL_TRAINED)
    assert {"map-loss", "map-accuracy"} <= {*sweep_charts(runs)}
    with pytest.raises(InputError, match="there is nothing to draw: trainable"):
        draw("trainable", runs)


def test_cells_have_rims_of_their_colour(classes: list[Run]) -> None:
    """Or the ground would shine between them, dark in the dark."""
    charts = [sweep_charts(classes)["map"], draw("heatmap", classes[:1]), draw("trainable", classes)]
    for chart in charts:
        (cells,) = (m for m in marks_of(document(chart)) if m["mark"].get("type") == "rect")
        field = cells["encoding"]["color"]["field"]
        assert cells["mark"]["stroke"] == {"expr": f"scale('color', datum.{field})"}
