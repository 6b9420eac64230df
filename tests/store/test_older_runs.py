"""Runs of the version before evaluations: all that they hold is shown, a loss of minibatches as no other."""

import json
from pathlib import Path

import pytest

from gradflow.analysis.compare import compare
from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.report.charts.figures import run_charts
from gradflow.report.compare_pages import compare_page
from gradflow.report.listing import line_of, ls_page
from gradflow.report.numbers import number
from gradflow.report.page import Sentence
from gradflow.report.pages import report_text
from gradflow.report.several import several
from gradflow.report.sweep_pages import sweep_page
from gradflow.store import Run, open_run, scan
from gradflow.store.export import evaluations_table, layers_table
from gradflow.store.rows import read_row, read_rows
from tests.store.older import make_older
from tests.store.small import small

FORCE = "run its config again with --force"
CLASSES = "data={name: gaussian, samples: 40, features: 4, classes: 3, test_fraction: 0.2}"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Run, Run]:
    """An older run and one of now, which differ in the depth."""
    older = execute(small(CLASSES), tmp_path)
    make_older(older.path)
    return open_run(older.path), execute(small(CLASSES, "depth=4"), tmp_path)


def test_it_loads_with_its_digest_its_numbers_and_no_evaluated_loss(tmp_path: Path) -> None:
    now = execute(small(CLASSES), tmp_path)
    make_older(now.path)
    older = open_run(now.path)
    assert older.config.digest == older.info["digest"] == now.config.digest
    assert older.summary.flow == now.summary.flow
    assert older.summary.theory == now.summary.theory
    training = older.summary.training
    assert training.accuracy_final == now.summary.training.accuracy_final
    assert training.minibatch_loss_final == now["loss"][-1].mean()
    for name, value in vars(training).items():
        if name not in ("steps", "evaluations", "accuracy_final") and "minibatch" not in name:
            assert value is None, name
    assert training.evaluations == 0
    assert older.summary.evaluation.steps == ()
    assert execute(small(CLASSES), tmp_path).reused


def test_it_opens_after_its_summary_was_sealed_anew(tmp_path: Path) -> None:
    run = execute(small(CLASSES), tmp_path)
    make_older(run.path)
    for _ in range(2):
        found = execute(small(CLASSES), tmp_path)
        assert found.reused
        assert open_run(run.path).is_sealed
        assert open_run(run.path).config == found.config
        assert open_run(run.path)["loss"].shape == run["loss"].shape
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace("stable_decades: 1.0", "stable_decades: 1.5"))
    with pytest.raises(RunError, match="not the config that the run was saved with"):
        _ = open_run(run.path).config


def test_its_report_names_the_minibatches_and_the_remedy(pair: tuple[Run, Run]) -> None:
    older, now = (report_text(run.summary) for run in pair)
    first, last = pair[0]["loss"][[0, -1]].mean(axis=1)
    assert f"Minibatch loss {number(first)} to {number(last)} in 6 steps" in older
    assert FORCE in older
    assert FORCE not in now
    assert ("- evaluated: " in now, "- evaluated: " in older) == (True, False)


def test_force_evaluates_it(tmp_path: Path) -> None:
    run = execute(small(CLASSES), tmp_path)
    expected = run.summary
    make_older(run.path)
    again = execute(small(CLASSES), tmp_path, force=True)
    assert again.summary == expected
    assert again.summary.training.loss_final is not None


def test_a_comparison_shows_no_loss_of_it_and_ranks_it_last(pair: tuple[Run, Run]) -> None:
    older, now = pair
    assert read_row(older)["loss_final"] is None
    assert read_row(older)["minibatch_loss_final"] == older["loss"][-1].mean()
    rows, problems = read_rows(scan(older.path.parent))
    assert problems == []
    for sort in ("loss_final", "-loss_final", "loss_test_final", "ratio", "-ratio"):
        found = compare(rows, sort=sort)
        assert [row["id"] for row in found.rows] == [now.id, older.id]
    assert "training.evaluate" not in found.differing
    assert [standing.relation for standing in found.standings] == ["best", None]
    notes = [block.text for block in compare_page(found).blocks if isinstance(block, Sentence)]
    assert any(note.startswith("1 run is of an older version") and FORCE in note for note in notes)
    alone = compare([read_row(now)])
    assert not any(FORCE in block.text for block in compare_page(alone).blocks if isinstance(block, Sentence))


def test_a_list_and_a_sweep_show_no_loss_of_it(pair: tuple[Run, Run]) -> None:
    older = pair[0]
    for entry in scan(older.path.parent):
        line = line_of(entry, [read_row(open_run(entry.path))])
        assert (line["loss_final"] is None) == (line["id"] == older.id)
        assert ls_page([line], "runs").blocks
    page = sweep_page(several("net", "runs/net", pair))
    notes = [block.text for block in page.blocks if isinstance(block, Sentence)]
    assert any(FORCE in note for note in notes)


def test_its_charts_and_tables_are_of_what_there_is(pair: tuple[Run, Run]) -> None:
    older, now = pair
    assert "accuracy" not in run_charts(older)
    drawn = json.dumps(run_charts(older)["loss"].to_dict())
    assert "over minibatches" in drawn
    assert "training samples" not in drawn
    assert set(evaluations_table(pair)["run"]) == {now.id}
    assert evaluations_table([older])["run"] == []
    assert set(layers_table(pair, "all")["run"]) == {older.id, now.id}
