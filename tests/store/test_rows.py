"""Rows for comparisons: what a whole summary would give, though most of summary.json is not read."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.compare import row_of
from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.store import Entry, Run, open_run, scan
from gradflow.store.rows import read_row, read_rows, rows_of
from tests.sampling import each
from tests.store.seals import document_of, seal
from tests.store.small import small


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return execute(small("depth=30"), tmp_path)


def test_a_row_is_that_of_the_whole_summary(run: Run) -> None:
    found = open_run(run.path)
    assert read_row(found) == row_of(found.summary)
    assert len(read_row(found).gradient) == 30


def test_a_hostile_text_in_a_summary_is_not_taken_for_numbers(run: Run) -> None:
    document = document_of(run.path)
    text = '"c": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]'
    document["flow"]["initial"]["reason"] = text
    document["config"]["name"] = text
    seal(run.path, document)
    assert read_row(open_run(run.path)).config["name"] == text


def test_a_damaged_summary_is_made_again(run: Run) -> None:
    expected = read_row(run)
    (run.path / "summary.json").write_text('{"format": 1')
    assert read_row(open_run(run.path)) == expected


def test_a_summary_from_before_theory_had_a_ratio_is_made_again(tmp_path: Path) -> None:
    run = execute(small("width=16"), tmp_path)
    expected, document = read_row(run), document_of(run.path)
    assert document["theory"].pop("log10_ratio") == expected["log10_ratio_theory"]
    assert expected["log10_ratio_theory"] is not None
    seal(run.path, document)
    old = open_run(run.path)
    assert read_row(old) == expected == row_of(old.summary)


def test_a_summary_of_before_is_made_again_as_a_whole(run: Run) -> None:
    """Those had no seal, and no count of their networks."""
    row, document = read_row(run), document_of(run.path)
    for flow in document["flow"].values():
        for key in ("networks", "dead_networks", "saturated", "weakest"):
            del flow[key]
    (run.path / "summary.json").write_text(json.dumps(document))
    assert read_row(open_run(run.path)) == row
    assert open_run(run.path).summary == run.summary


@pytest.mark.parametrize(
    ("keys", "value"),
    each(
        3,
        [
            (["format"], 2),
            (["symptoms"], None),
            (["symptoms"], [{"name": 3}]),
            (["flow", "initial", "dead_networks"], "3"),
            (["flow", "final", "saturated"], []),
            (["id"], "net-00000000"),
            (["status"], "failed"),
            (["config"], []),
            (["flow"], [1, 2]),
            (["flow", "initial"], None),
            (["flow", "initial", "c"], "0.9"),
            (["flow", "initial", "verdict"], "\x1b[31m"),
            (["flow", "initial", "profile", "log10_delta"], ["1"]),
            (["flow", "initial", "profile", "log10_delta"], {}),
            (["flow", "final", "log10_ratio"], True),
            (["theory", "sigmas"], [0.5]),
            (["training", "loss_final"], {}),
        ],
    ),
)
def test_a_row_of_a_forged_summary_is_that_of_the_recording(run: Run, keys: list[str], value: Any) -> None:
    expected = read_row(run)
    place = document = document_of(run.path)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    seal(run.path, document)
    assert read_row(open_run(run.path)) == expected


def test_a_damaged_run_is_one_problem_and_the_others_are_read(run: Run, tmp_path: Path) -> None:
    other = execute(small("depth=2"), tmp_path)
    (other.path / "run.json").write_text("{}")
    (run.path / "summary.json").unlink()
    rows, problems = rows_of(["*"], tmp_path)
    assert [row["id"] for row in rows] == [run.id]
    (problem,) = problems
    assert str(other.path) in problem
    (run.path / "recording.npz").write_bytes(b"")  # now the summary cannot be made again
    assert len(read_rows(scan(tmp_path))[1]) == 2


def test_a_run_that_is_named_twice_is_one_row(run: Run, tmp_path: Path) -> None:
    rows, _ = rows_of([run.id, "net-*", str(run.path)], tmp_path)
    assert len(rows) == 1


def test_a_sweep_stands_for_its_points(run: Run) -> None:
    rows, problems = read_rows([Entry(run.path.parent, points=(Entry(run.path, run),))])
    assert ([row["id"] for row in rows], problems) == ([run.id], [])


def test_what_names_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        rows_of(["nothing"], tmp_path)
