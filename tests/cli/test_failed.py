"""A run that failed says so wherever it is shown, why, and what tries it again, and nothing else."""

import json
from pathlib import Path

import pytest

from gradflow import load
from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.report.listing import line_of
from gradflow.report.pages import report_text, verdicts_again
from gradflow.store import Entry, Run
from gradflow.store.names import SWEEP
from gradflow.store.result import failed
from gradflow.store.rows import read_row
from gradflow.store.save import save
from tests.promises.calls import gradflow
from tests.store.small import small

ALONE = "Run its config again to try it again."
OF_A_SWEEP = "Type the command of its sweep with --retry-failed to try it again."
UNTRUE = ("undetermined", "Theory", "nan", "Every layer", "Gradient norms", "chain rule")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One that stands alone."""
    return save(tmp_path / "runs", small(), failed("no memory"), lambda run: report_text(run.summary))


def point(folder: Path) -> Run:
    """Another, in a sweep."""
    place = folder / "runs" / "study-00000000"
    place.mkdir(parents=True)
    (place / SWEEP).touch()
    return save(place, small("seed=1"), failed("no memory"))


@pytest.mark.parametrize("brief", [False, True])
def test_it_leads_with_the_reason_and_what_tries_it_again(tmp_path: Path, run: Run, brief: bool) -> None:
    shown = gradflow(tmp_path, "show", "net", *(["--brief"] if brief else [])).out
    assert shown.splitlines()[:3] == [run.id, "failed: no memory", ALONE]
    assert not [word for word in UNTRUE if word in shown]
    assert ("width 8" in shown, "saved in" in shown) == (not brief, not brief)


def test_a_point_is_tried_again_by_its_sweep(tmp_path: Path) -> None:
    shown = gradflow(tmp_path, "show", str(point(tmp_path).path)).out
    assert shown.splitlines()[1:3] == ["failed: no memory", OF_A_SWEEP]


@pytest.mark.parametrize("file", ["net.md", "net.html", "both.html"])
def test_reports_say_no_more(tmp_path: Path, run: Run, file: str) -> None:
    named = ["net"] if file.startswith("net") else ["net", str(point(tmp_path).path)]
    assert gradflow(tmp_path, "report", *named, "-o", file).code == 0
    text = (tmp_path / file).read_text()
    words = text[text.index("<body") :] if file.endswith("html") else text
    assert "failed" in words
    assert "no memory" in words
    assert ALONE in words
    assert (OF_A_SWEEP in words) == file.startswith("both")
    if file.startswith("net"):
        assert not [word for word in UNTRUE if word in words.partition("<script")[0]]


def test_a_report_of_runs_of_no_one_sweep_has_the_remedy_of_each(tmp_path: Path, run: Run) -> None:
    other = save(tmp_path / "runs", small("depth=4", "name=other"), failed("no memory"))
    gradflow(tmp_path, "report", run.id, other.id, str(point(tmp_path).path), "-o", "all.md")
    text = (tmp_path / "all.md").read_text()
    assert "\n3 runs failed\n" in text
    assert text.count("no memory; run its config again to try it again\n") == 2
    assert "no memory; type the command of its sweep with --retry-failed to try it again\n" in text


def test_the_report_beside_it_says_so_too(run: Run) -> None:
    assert "**failed**: no memory\n" in (run.path / "report.md").read_text()


def test_the_end_of_a_terminal_has_the_reason(run: Run) -> None:
    assert [block.text for block in verdicts_again(run.summary)] == ["failed: no memory", ALONE]


def test_its_document_says_nothing_of_theory(tmp_path: Path, run: Run) -> None:
    document = json.loads(gradflow(tmp_path, "show", "net", "--json").out)
    assert (document["status"], document["flow"]["initial"]["reason"]) == ("failed", "no memory")
    assert document["theory"]["reason"] == "the run failed"


@pytest.mark.parametrize("option", [["--layers"], ["--step", "0"], ["--step", "last", "--json"]])
def test_what_was_not_recorded_is_refused_with_the_reason(
    tmp_path: Path, run: Run, option: list[str]
) -> None:
    done = gradflow(tmp_path, "show", "net", *option)
    assert (done.code, done.out, done.err) == (2, "", f"error: {run.id} failed: no memory\n")
    with pytest.raises(InputError, match=f"{run.id} failed: no memory"):
        load("net", tmp_path / "runs")["loss"]


def test_a_list_has_no_verdict_of_it(tmp_path: Path, run: Run) -> None:
    assert "undetermined" not in gradflow(tmp_path, "ls").out
    (line,) = json.loads(gradflow(tmp_path, "ls", "--json").out)["rows"]
    assert (line["status"], line["verdict"], line["verdicts"]) == ("failed", None, {})


def test_the_line_of_a_sweep_has_the_verdict_of_its_other_points(tmp_path: Path) -> None:
    rows = [read_row(one) for one in (point(tmp_path), execute(small("steps=0"), tmp_path / "runs"))]
    line = line_of(Entry(tmp_path, points=()), rows)
    assert (line["points"], line["verdict"]) == ({"failed": 1, "completed": 1}, "stable")
    assert line["verdicts"] == {"stable": 1}


@pytest.mark.parametrize("value", ["verdict", "trainable"])
def test_a_map_has_no_word_for_it(tmp_path: Path, run: Run, value: str) -> None:
    for other in ("depth=4", "init=he_normal"):
        execute(small(other, "steps=0"), tmp_path / "runs")
    save(tmp_path / "runs", small("depth=4", "seed=1"), failed("no memory"))
    pivot = "compare", "--pivot", "init", "depth", "--value", value
    found = json.loads(gradflow(tmp_path, *pivot, "--json").out)["cells"]
    word = "stable" if value == "verdict" else "trainable"
    assert found["runs"] == [[1, 0], [1, 2]]
    assert found["value"] == [[word, None], [None, word]]
    assert found["verdict"] == [["stable", None], [None, "stable"]]
    shown = gradflow(tmp_path, *pivot).out
    assert not [one for one in ("undetermined", "unknown") if one in shown]
    assert " - " in shown
