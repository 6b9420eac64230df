"""Runs that are named, of which some stand in two sweeps: each is told once."""

import shutil
from pathlib import Path

import pytest

import gradflow
from gradflow.analysis.pivot import pivot
from gradflow.cli.ls import lines_of
from gradflow.report.charts.figures import over_keys
from gradflow.report.files import several_page
from gradflow.report.listing import ls_page
from gradflow.report.several import several
from gradflow.report.terminal import Look, render
from gradflow.store.named import comparison, named_runs
from gradflow.store.notes import all_notes, change_notes
from gradflow.store.result import failed
from gradflow.store.rows import rows_of
from gradflow.store.save import save
from tests.sweeps.small import run, small

FIRST, SECOND = small("depth=2,3", "seed=0,5"), small("depth=3,4", "seed=0,5,10")
SHARED = [point for point in FIRST.points if point.config.model.depth == 3]
IDS = sorted({point.id for sweep in (FIRST, SECOND) for point in sweep.points})
BOTH = [FIRST.id, SECOND.id]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps that share two points."""
    runs = tmp_path_factory.mktemp("made")
    for sweep in (FIRST, SECOND):
        run(sweep, runs)
    return runs


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs"))


def test_a_run_that_stands_in_two_sweeps_is_one_row_and_one_run(runs: Path) -> None:
    shutil.copytree(runs / FIRST.id / SHARED[0].id, runs / "renamed")
    rows, problems = rows_of(["*", *BOTH, "renamed"], runs)
    assert (sorted(row["id"] for row in rows), problems) == (IDS, [])
    assert sorted(run.id for run in named_runs([*BOTH, "renamed"], runs)) == IDS
    assert sorted(row["id"] for row in gradflow.compare(runs=runs).rows) == IDS


def test_a_map_counts_a_run_that_stands_in_two_sweeps_once(runs: Path) -> None:
    found, alone = (
        pivot(comparison(named, runs, None, None), "depth", "activation", "c") for named in (BOTH, BOTH[1:])
    )
    assert [cell.runs for (cell,) in found.cells] == [2, 3, 3]
    assert found.cells[1:] == alone.cells


def test_a_figure_over_a_key_takes_two_sweeps_that_share_points(runs: Path) -> None:
    found = named_runs(BOTH, runs)
    assert over_keys(found, "depth", None, "c", found).to_dict()["datasets"]


def test_of_a_run_that_has_failed_elsewhere_the_finished_one_counts(runs: Path) -> None:
    save(runs / FIRST.id, SHARED[0].config, failed("no memory"), force=True)
    (row,) = [row for row in rows_of(BOTH, runs)[0] if row["id"] == SHARED[0].id]
    assert (row["status"], row["path"]) == ("completed", str(runs / SECOND.id / SHARED[0].id))
    (found,) = [run for run in named_runs(BOTH, runs) if run.id == SHARED[0].id]
    assert (found.status, str(found.path)) == (row["status"], row["path"])
    assert len(named_runs(BOTH, runs, "status == 'completed'")) == len(IDS)


def test_what_is_said_of_any_copy_is_said_of_the_run(runs: Path) -> None:
    """In rows, in conditions and in the points of a report alike."""
    change_notes(runs / FIRST.id, added=["paper"])
    change_notes(runs / SECOND.id, "of both", ["deep"])
    change_notes(runs / SECOND.id / SHARED[0].id, "the best", ["good"])
    expected = {SHARED[0].id: ("the best", ("deep", "good", "paper")),
                SHARED[1].id: ("of both", ("deep", "paper"))}  # fmt: skip
    rows = {row["id"]: (row["note"], row["tags"]) for row in rows_of(BOTH, runs)[0]}
    found = named_runs(BOTH, runs, "'deep' in tags and 'paper' in tags")
    points = several("both", "", found, named=True)["points"]
    assert {run.id: tuple(all_notes(run)[0]) for run in found} == expected
    assert {id: rows[id] for id in expected} == expected
    assert {point["id"]: (point["note"], point["tags"]) for point in points} == expected


def test_a_sweep_that_lacks_points_is_told_of_in_one_line(runs: Path) -> None:
    told: list[str] = []
    shutil.rmtree(runs / SECOND.id / SHARED[0].id)
    (runs / SECOND.id / SHARED[1].id / "run.json").write_text("{")
    line = f"{runs / SECOND.id}: 4 of 6 points: the same sweep goes on"
    assert len(comparison(["*"], runs, None, None, tell=told.append).damaged) == 1
    assert told == [line]
    shutil.rmtree(runs / FIRST.id / SHARED[1].id)
    shutil.rmtree(runs / SECOND.id / SHARED[1].id)
    named_runs(BOTH[1:], runs, "depth > 3", told.append)
    named_runs([SECOND.points[-1].id], runs, None, told.append)
    assert told == [line] * 2
    comparison(BOTH[::-1], runs, None, None, tell=told.append)
    assert told[2] == line.replace(" points:", " points, and 1 more sweep lacks some:")


def test_lists_count_the_points_of_a_sweep_as_comparisons_do_whatever_else_stands_in_it(runs: Path) -> None:
    sweep, other = runs / SECOND.id, FIRST.points[0].id

    def told(where: str | None = None) -> tuple[str | None, list[str]]:
        """What the list says of the sweep, and the line of a comparison."""
        lines, _ = lines_of(runs, True, where, None, None)
        (line,) = (line for line in lines if line["path"] == str(sweep))
        page, found = render(ls_page([line], "runs"), Look(columns=200)), list[str]()
        comparison([SECOND.id], runs, None, None, tell=found.append)
        words = ("sweep of 7", "sweep of 4", "5 of 6 points")
        return next((part for part in words if part in page), None), found

    shutil.copytree(runs / FIRST.id / other, sweep / other)
    assert told() == ("sweep of 7", [])
    assert told("depth > 2 and seed < 10") == ("sweep of 4", [])
    shutil.rmtree(sweep / SECOND.points[-1].id)
    assert told() == ("5 of 6 points", [f"{sweep}: 5 of 6 points: the same sweep goes on"])


def test_a_finished_sweep_is_not_told_of(runs: Path) -> None:
    told: list[str] = []
    comparison(["*"], runs, None, None, "depth > 3", told.append)
    named_runs(BOTH, runs, "depth > 3", told.append)
    assert told == []


def test_titles_of_a_sweep_that_lacks_points_say_how_many_there_are(runs: Path) -> None:
    whole, (first, *_) = f"{SECOND.id}: 6 runs", SECOND.points
    for title in (whole, f"{SECOND.id}: 5 of 6 points"):
        assert several_page(named_runs([SECOND.id], runs)).title == title
        assert repr(loaded := gradflow.load(SECOND.id, runs)) == f"<{title}>"
        assert ("5 of 6 points" in loaded._repr_html_()) == (title != whole)
        shutil.rmtree(runs / SECOND.id / first.id, ignore_errors=True)


def test_a_copy_stands_in_for_a_row_that_is_damaged(runs: Path) -> None:
    place = runs / FIRST.id / SHARED[0].id
    (place / "summary.json").unlink()
    (place / "recording.npz").write_bytes(b"")
    rows, (problem,) = rows_of(BOTH, runs)
    assert sorted(row["id"] for row in rows) == IDS
    assert problem.startswith(str(place))
