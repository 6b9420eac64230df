"""gradflow theory --html: what it writes, and what it refuses before it has computed anything."""

import re
import sys
from pathlib import Path

import pytest

from gradflow.analysis.explore import Grid
from gradflow.cli import explore, main

SMALL = Grid(("tanh",), (1.0, 1.5), (0.0,), (2, 10))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)  # of this process, which is pytest's
    monkeypatch.setattr(explore, "Grid", lambda: SMALL)  # all of it takes a quarter of a minute
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["gradflow", "theory", *words])
    return main()


def test_a_page_is_written_and_replaced_as_long_as_nobody_changes_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert called(monkeypatch, "--html", "explore.html") == 0
        assert capfd.readouterr() == ("", "wrote explore.html\n")
    text = (here / "explore.html").read_text()
    assert not re.findall(
        r'(?:src|href)="(?!data:,)[^"]*"', re.sub("<script.*?</script>", "", text, flags=re.S)
    )
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace('http-equiv="', "")
    (here / "explore.html").write_text(text.replace("theory", "Theory", 1))
    assert called(monkeypatch, "--html", "explore.html") == 2
    assert "is there already, and not as gradflow wrote it: --force" in capfd.readouterr().err
    assert called(monkeypatch, "--html", "explore.html", "--force", "--quiet") == 0
    assert capfd.readouterr() == ("", "")
    assert (here / "explore.html").read_text() == text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["--html", "mine.html"],
            "mine.html: is there already, and not as gradflow wrote it: --force replaces it",
        ),
        (["--html", "a.txt"], "a.txt: the page ends in .html"),
        (["--html", "none/a.html"], "none/a.html: the folder none does not exist: make it first"),
        (["--html", "."], ".: the page ends in .html"),
        (["--html", "folder.html"], "folder.html: is a directory: name a file in it"),
        (
            ["--html", "a.html", "activation=tanh"],
            "activation=tanh: is of no use with --html: the page has its own",
        ),
        (["--html", "a.html", "--json"], "--json is of no use here: the page has its own sliders"),
        (["--html", "a.html", "--csv"], "--csv is of no use here: the page has its own sliders"),
        (["activation=tanh", "--force"], "--force is of no use here: without --html nothing is written"),
        (["--quiet"], "name a config or keys, such as activation=tanh: see `gradflow theory --help`"),
        ([], "name a config or keys, such as activation=tanh: see `gradflow theory --help`"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_a_line_and_before_it_is_computed(
    words: list[str],
    problem: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (here / "mine.html").write_text("mine")
    (here / "folder.html").mkdir()
    monkeypatch.setattr(explore, "explore", lambda *a: pytest.fail("was computed"))
    assert called(monkeypatch, *words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"error: {problem}")
    assert err.count("\n") == 1
    assert sorted(path.name for path in here.iterdir()) == ["folder.html", "mine.html"]


def test_a_long_page_says_how_far_it_is_and_a_quiet_one_does_not(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = Grid(("linear", "relu", "leaky_relu"), (1.0,), (0.0,), (2,))
    monkeypatch.setattr(explore, "TOLD", 0.0)
    explore.page_of_grid(grid, quiet=False)
    assert capfd.readouterr().err == "theory of 1 of 3 activations\ntheory of 2 of 3 activations\n"
    explore.page_of_grid(grid, quiet=True)
    assert capfd.readouterr() == ("", "")
