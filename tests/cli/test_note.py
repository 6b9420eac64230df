"""gradflow note: what is said of a run, where it is told and found, and that it changes nothing else."""

import csv
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradflow.store.names import NOTE
from tests.cli.test_app import environment
from tests.cli.test_latest import NET
from tests.promises.calls import gradflow
from tests.store.small import names


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "net.yaml").write_text(NET)
    for words in (
        ["run", "net.yaml", "name=first"],
        ["run", "net.yaml", "name=second", "seed=1"],
        ["sweep", "net.yaml", "name=two", "seed=2,3", "--executor", "serial"],
    ):
        done = gradflow(folder, *words, "--quiet")
        assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """With the times of the folders, by which the latest is told."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def said(folder: Path, *words: str) -> str:
    done = gradflow(folder, "note", *words)
    assert done.code == 0, done.err
    return done.out or done.err


def rows(folder: Path, *words: str) -> list[dict[str, object]]:
    done = gradflow(folder, *words, "--json")
    assert done.code == 0, done.err
    return list(json.loads(done.out)["rows"])


def test_a_note_is_told_by_note_ls_compare_show_and_report(folder: Path, thorough: bool) -> None:
    said(folder, "first", "the baseline", "--tag", "paper", "--tag", "figure-3")
    told = "[figure-3, paper] the baseline"
    assert said(folder, "first").endswith(f"{told}\n")
    assert gradflow(folder, "ls").out.count(told) == 1
    assert gradflow(folder, "compare", "first", "second").out.count(told) == 1
    shown = gradflow(folder, "show", "first").out.splitlines()
    assert [line.split() for line in shown[2:4]] == [
        ["note", "the", "baseline"],
        ["tags", "figure-3,", "paper"],
    ]
    assert "the baseline" in gradflow(folder, "show", "first", "--brief").out
    page = [] if thorough else ["--brief"]  # which needs no charts
    for words in (["note.md"], ["note.html", *page]):
        assert gradflow(folder, "report", "first", "-o", *words).code == 0
        assert "the baseline" in (folder / words[0]).read_text()


def test_nothing_is_told_where_nothing_was_said(folder: Path) -> None:
    assert said(folder, "first").endswith(": no note\n")
    for words in (["ls"], ["compare"], ["show", "first"]):
        assert "note" not in gradflow(folder, *words).out.replace("note:", "")


def test_json_has_the_note_and_the_tags_in_one_text(folder: Path) -> None:
    said(folder, "first", "baseline", "--tag", "b", "--tag", "a")
    for words in (["ls"], ["compare", "first", "second"]):
        found = {str(row["name"]): (row["note"], row["tags"]) for row in rows(folder, *words)}
        assert (found["first"], found["second"]) == (("baseline", "a, b"), (None, ""))


def test_a_table_of_runs_has_the_note_and_the_tags(folder: Path) -> None:
    said(folder, "first", "baseline", "--tag", "b", "--tag", "a")
    assert gradflow(folder, "export", "first", "second", "-o", "runs.csv", "--table", "runs").code == 0
    with (folder / "runs.csv").open(newline="") as file:
        found = {row["name"]: (row["note"], row["tags"]) for row in csv.DictReader(file)}
    assert found == {"first": ("baseline", "a, b"), "second": ("", "")}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("'paper' in tags", {"first", "two"}),
        ("'pap' in tags", set()),
        ("'paper' not in tags", {"second", "two"}),
        ("tags == ['paper']", {"first", "two"}),
        ("'base' in note", {"first"}),
        ("note == 'the baseline'", {"first"}),
        ("'paper' in tags and seed == 0", {"first"}),
    ],
)
def test_where_finds_notes_and_tags(folder: Path, condition: str, expected: set[str]) -> None:
    said(folder, "first", "the baseline", "--tag", "paper")
    point = next((folder / "runs").glob("two-*/two-*"))
    said(folder, str(point), "--tag", "paper")
    done = gradflow(folder, "ls", "--json", "--where", condition)
    assert {row["name"] for row in json.loads(done.out or '{"rows": []}')["rows"]} == expected
    assert done.code == (0 if expected else 2)


def test_tags_come_and_go_and_the_text_stays(folder: Path) -> None:
    for words, expected in (
        (["text", "--tag", "b"], "[b] text"),
        (["--tag", "a", "--tag", "b"], "[a, b] text"),
        (["--untag", "b", "--untag", "never"], "[a] text"),
        (["another"], "[a] another"),
        ([""], "[a]"),
    ):
        assert said(folder, "first", *words).endswith(f": {expected}\n")
    assert said(folder, "first", "--untag", "a").endswith(": no note\n")
    assert not [*(folder / "runs").glob(f"first-*/{NOTE}")]


def test_a_tag_to_take_away_that_no_run_has_is_told_of(folder: Path) -> None:
    said(folder, "first", "--tag", "paper")
    told, after = said(folder, "first", "--untag", "papr").splitlines()
    assert told == "there was no tag papr; did you mean paper?"
    assert after.endswith(": [paper]")
    assert "there was" not in said(folder, "*", "--untag", "paper")  # one of them had it


def test_a_sweep_has_notes_of_its_own(folder: Path) -> None:
    said(folder, "two", "both seeds")
    found = {row["name"]: row["note"] for row in rows(folder, "ls")}
    assert (found["two"], found["first"]) == ("both seeds", None)


def test_what_is_said_of_a_sweep_finds_its_points(folder: Path) -> None:
    said(folder, "two", "both seeds", "--tag", "paper")
    condition = ("--where", "'paper' in tags")
    assert [row["name"] for row in rows(folder, "ls", *condition)] == ["two"]
    points = rows(folder, "compare", *condition)
    assert [(row["note"], row["tags"]) for row in points] == [("both seeds", "paper")] * 2
    said(folder, str(points[0]["path"]), "the better", "--tag", "good")
    own = [(row["note"], row["tags"]) for row in rows(folder, "compare", *condition)]
    assert own == [("the better", "good, paper"), ("both seeds", "paper")]


def test_what_is_said_of_a_sweep_is_told_of_a_point_that_is_named_itself(folder: Path) -> None:
    said(folder, "two", "both seeds", "--tag", "paper")
    point = str(next((folder / "runs").glob("two-*/two-*")).relative_to(folder))
    assert [row["tags"] for row in rows(folder, "compare", point, "first")].count("paper") == 1
    assert "both seeds" in gradflow(folder, "show", point, "--brief").out
    words = ["export", "two", "first", "-o", "runs.csv", "--table", "runs", "--where", "'paper' in tags"]
    assert gradflow(folder, *words).code == 0
    with (folder / "runs.csv").open(newline="") as file:
        assert [(row["note"], row["tags"]) for row in csv.DictReader(file)] == [("both seeds", "paper")] * 2


def test_the_report_of_several_runs_has_a_column_of_notes(folder: Path) -> None:
    said(folder, "first", "the baseline", "--tag", "figure-3")
    said(folder, "two", "both seeds")
    point = str(next((folder / "runs").glob("two-*/two-*")).relative_to(folder))
    assert gradflow(folder, "report", "first", "second", point, "-o", "mixed.md").code == 0
    mixed = (folder / "mixed.md").read_text()
    assert mixed.count("the baseline") == mixed.count("figure-3") == mixed.count("both seeds") == 1
    said(folder, point, "the better")
    assert gradflow(folder, "report", "two", "-o", "two.md").code == 0
    lines = (folder / "two.md").read_text().splitlines()
    row = next(line for line in lines if "the better" in line)
    assert row.startswith("|")
    assert "both seeds" not in row  # which stands above, once
    assert sum("both seeds" in line for line in lines) == 1
    assert gradflow(folder, "report", "second", "two", "-o", "none.md").code == 0
    assert "figure-3" not in (folder / "none.md").read_text()


def test_a_glob_notes_all_that_it_names(folder: Path) -> None:
    said(folder, "*st-*", "--tag", "x")
    assert {row["name"] for row in rows(folder, "ls", "--where", "'x' in tags")} == {"first"}
    said(folder, "*", "--tag", "y")
    assert [row["tags"] for row in rows(folder, "ls")].count("y") == 2
    assert len(rows(folder, "ls", "--where", "'x' in tags")) == 1


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("{", 1, "is damaged: write it anew"),
        (json.dumps({"note": None, "tags": [f"t{i}" for i in range(50)]}), 2, "at most 50 tags"),
    ],
)
def test_a_glob_notes_none_where_one_would_be_refused(
    folder: Path, content: str, code: int, message: str
) -> None:
    first, second = (next((folder / "runs").glob(f"{name}-*")) for name in ("first", "second"))
    (second / NOTE).write_text(content)
    done = gradflow(folder, "note", "*", "--tag", "x")
    assert (done.code, done.err.count("\n")) == (code, 1), done.err
    assert message in done.err
    assert not (first / NOTE).exists()
    assert (second / NOTE).read_text() == content


def test_a_note_leaves_the_run_its_id_and_its_age(folder: Path) -> None:
    before = [gradflow(folder, "show", f"@{number}").out.splitlines()[0] for number in (2, 3)]
    ids = [row["id"] for row in rows(folder, "ls")]
    said(folder, "first", "old and good", "--tag", "x")
    assert [gradflow(folder, "show", f"@{number}").out.splitlines()[0] for number in (2, 3)] == before
    assert [row["id"] for row in rows(folder, "ls")] == ids
    again = gradflow(folder, "run", "net.yaml", "name=first")
    assert "found it finished" in again.err


@pytest.mark.parametrize("words", [["note", "POINT", "the better"], ["rm", "POINT", "--yes"]])
def test_what_is_done_to_a_point_leaves_its_sweep_its_age(folder: Path, words: list[str]) -> None:
    (point, _), sweep = (folder / "runs").glob("two-*/two-*"), next((folder / "runs").glob("two-*"))
    os.utime(sweep, (1e9, 1e9))
    done = gradflow(folder, *(str(point) if word == "POINT" else word for word in words))
    assert done.code == 0, done.err
    assert sweep.stat().st_mtime == 1e9
    assert gradflow(folder, "show", "@1").out.startswith("second-")


def test_a_run_that_is_computed_again_keeps_its_note(folder: Path) -> None:
    said(folder, "first", "kept", "--tag", "x")
    assert gradflow(folder, "run", "net.yaml", "name=first", "--force").code == 0
    assert said(folder, "first").endswith(": [x] kept\n")
    (run,) = (folder / "runs").glob("first-*")
    assert [name for name in names(run) if name.startswith("note")] == [NOTE]


def test_rm_takes_the_note_with_the_run(folder: Path) -> None:
    said(folder, "*", "gone", "--tag", "x")
    assert gradflow(folder, "rm", "*", "--yes").code == 0
    assert [name for name in names(folder / "runs") if not name.startswith(".")] == []


def test_rm_leaves_a_file_of_that_name_that_is_no_note(folder: Path) -> None:
    (run,) = (folder / "runs").glob("first-*")
    (run / NOTE).write_text('{"my": "own"}')
    assert gradflow(folder, "rm", "first", "--yes").code == 0
    assert names(run) == [NOTE]


DAMAGED = ["", "{", "[]", '{"note": 1, "tags": []}', '{"note": "a\\nb", "tags": []}', '{"note": null}',
           '{"note": null, "tags": ["a b"]}', '{"note": "' + "x" * 1001 + '", "tags": []}']  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_of_a_damaged_note_one_line_warns_and_the_run_goes_on(folder: Path, content: str) -> None:
    (run,) = (folder / "runs").glob("first-*")
    (run / NOTE).write_text(content)
    for words in (["ls"], ["compare", "first", "second"], ["show", "first"]):
        done = gradflow(folder, *words)
        assert (done.code, done.err.count("\n")) == (0, 1), done.err
        assert done.err.startswith(f"warning: runs/{run.name}/{NOTE}: is damaged: write it anew")
        assert run.name in done.out
        assert gradflow(folder, *words, "--quiet").err == ""
    assert gradflow(folder, "note", "first").code == 1
    assert said(folder, "first", "anew").endswith(": anew\n")
    assert gradflow(folder, "ls").err == ""


@pytest.mark.parametrize("content", [*DAMAGED, '{"my": "own"}'])
def test_what_cannot_be_read_as_a_note_is_never_lost(folder: Path, content: str) -> None:
    (run,) = (folder / "runs").glob("first-*")
    (run / NOTE).write_text(content)
    for words in (["--tag", "x"], ["--untag", "x"]):
        done = gradflow(folder, "note", "first", *words)
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert "`gradflow note RUN TEXT`" in done.err
        assert (run / NOTE).read_text() == content
    for text, kept in (("anew", [content]), ("again", [content])):
        assert said(folder, "first", text).endswith(f": {text}\n")
        assert [path.read_text() for path in sorted(run.glob(f"{NOTE}.*"))] == kept


def test_a_note_that_is_too_large_or_a_folder_says_how_to_write_it_anew(folder: Path) -> None:
    first, second = (next((folder / "runs").glob(f"{name}-*")) for name in ("first", "second"))
    (first / NOTE).write_bytes(b" " * 64_001)
    (second / NOTE).mkdir()
    for name, words in (("first", "is larger than 64 kB"), ("second", "is not a regular file")):
        done = gradflow(folder, "note", name)
        assert done.code == 1
        assert f"{NOTE}: {words}: write it anew with `gradflow note RUN TEXT`" in done.err
        assert said(folder, name, "anew").endswith(": anew\n")
    assert (first / f"{NOTE}.1").stat().st_size == 64_001
    assert (second / f"{NOTE}.1").is_dir()


def test_a_note_that_is_a_link_or_a_folder_stops_nothing(folder: Path) -> None:
    first, second = (next((folder / "runs").glob(f"{name}-*")) for name in ("first", "second"))
    (first / NOTE).mkdir()
    (second / NOTE).symlink_to("/dev/zero")
    done = gradflow(folder, "ls")
    assert (done.code, done.err.count("warning: ")) == (0, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["two\nlines"], "a note is one line"),
        (["\x1b[31mred"], "a note is one line"),
        (["x" * 1001], "at most 1,000"),
        (["--tag", "a b"], "'a b' is no tag"),
        (["--tag", ""], "'' is no tag"),
        (["--tag", "-x"], "'-x' is no tag"),
        ([word for i in range(51) for word in ("--tag", f"t{i}")], "at most 50 tags"),
    ],
)
def test_what_is_no_note_is_refused_and_nothing_written(folder: Path, words: list[str], message: str) -> None:
    done = gradflow(folder, "note", "first", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert not [*(folder / "runs").glob(f"first-*/{NOTE}")]


def test_what_is_not_there_is_refused(folder: Path) -> None:
    assert gradflow(folder, "note", "nothing", "text").code == 2


def test_ls_shortens_a_long_note_on_a_terminal_alone(folder: Path) -> None:
    text = "a long story of why this run matters more than all others"
    said(folder, "first", text)
    assert text in gradflow(folder, "ls").out
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gradflow", "ls"]
    subprocess.run(command, cwd=folder, stdout=theirs, env=environment() | {"COLUMNS": "80"}, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert text[:25] + "..." in shown
    assert text not in shown
