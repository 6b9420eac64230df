"""Hostile strings wherever a user's text can stand, in all that is printed or written: inert, readable."""

# ruff: noqa: E501 - rows of tables

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from gradflow.yaml_file import dump
from tests.promises.calls import Done, gradflow
from tests.small import NET

IMAGE = "<img src=x onerror=alert(1)>"
NAMES = {  # what a file can be called, with what must be read of it
    "colours": ("\x1b[31mred\x1b[0m", "\\x1b[31mred"),
    "title": ("\x1b]0;owned\x07t", "\\x1b]0;owned\\x07t"),
    "C1": ("\x9b31mred", "\\x9b31mred"),
    "bidi": ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
    "invisible": ("a\u200b\u00adb\U000e0041", "a\\u200b\\xadb\\U000e0041"),
    "markup": ("[bold red]b[link=file:x]", "[bold red]b[link=file:x]"),
    "html": (f"{IMAGE}&amp;", "<img src=x onerror=alert(1)>&amp;"),
    "formula": ("=cmd|' C calc'!A0", "=cmd|' C calc'!A0"),
    "sum": ("@SUM(1+1)", "@SUM(1+1)"),
    "line": ("a\nerror: not mine", "a\\nerror: not mine"),
    "return": ("right\rwrong", "right\\rwrong"),
    "markdown": ("`|*_#~$x$", "`|*_#~$x$"),
    "dash": ("-rf", "-rf"),
}
TEXTS = {
    **NAMES,
    "closing markup": ("[/x][/]", "[/x][/]"),
    "undecodable": ("a\udcffb", "a\\udcffb"),
    "100 kB": ("x" * 100_000, "xxxxx"),
    "100 kB of escapes": ("\x1b[2J" * 25_000, "\\x1b[2J"),
}


def inert(text: str) -> bool:
    return all(line.isprintable() or line == "" for line in text.split("\n"))


def assert_refused(done: Done, shown: str) -> None:
    assert (done.code, done.out) == (2, "")
    assert inert(done.err)
    assert shown in done.err
    assert all(line.startswith("error: ") for line in done.err.splitlines()), done.err


@pytest.mark.parametrize("title", TEXTS)
def test_what_is_typed_is_told_back_inert(tmp_path: Path, title: str) -> None:
    text, shown = TEXTS[title]
    (tmp_path / "net.yaml").write_text(NET)
    at = text.partition("=")[0].strip() or text
    for args in (
        ["run", "net.yaml", f"{at}=1"],
        ["run", "net.yaml", f"model.{at}=1"],
        ["run", f"./{text}"],
        ["show", "--", text],
        ["compare", "--", text],
        ["fit", f"./{text}"],
        ["theory", f"{at}=1"],
    ):
        done = gradflow(tmp_path, *args)
        assert_refused(done, shown[:4] if args[-1] == f"./{text}" else "")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("title", TEXTS)
def test_values_that_are_refused_are_told_back_inert(tmp_path: Path, title: str) -> None:
    text, _ = TEXTS[title]
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "wrong.yaml").write_text(dump({"model": {"activation": text.replace("\udcff", "")}}))
    for args in (
        ["run", "net.yaml", f"name={text}"],
        ["run", "net.yaml", f"activation='{text}'"],
        ["run", "net.yaml", "data=csv", f"data.path={text}", f"data.target={text}"],
        ["run", "wrong.yaml"],
        ["sweep", "net.yaml", f"activation={text},tanh"],
    ):
        done = gradflow(tmp_path, *args)
        assert done.code == 2
        assert inert(done.err)
        assert all(line.startswith("error: ") and len(line) < 1_000_000 for line in done.err.splitlines())


@pytest.mark.parametrize("title", ["colours", "C1", "bidi", "markup", "html", "formula", "line"])
def test_names_in_data_and_files_are_inert_in_every_output(tmp_path: Path, title: str) -> None:
    text, shown = NAMES[title]
    cells = io.StringIO()
    rows = [["a", text], *([str(i), f"{text}{i % 2}"] for i in range(12))]
    csv.writer(cells).writerows(rows)
    (tmp_path / f"{text}.csv").write_text(cells.getvalue(), newline="")
    (tmp_path / f"{text}.yaml").write_text(
        dump({"name": "net", "seeds": 2, "model": {"depth": 2, "width": 4, "activation": "tanh", "init": "he_normal"},
              "data": {"name": "csv", "path": f"{text}.csv", "target": text}, "training": {"steps": 1}}),
    )  # fmt: skip
    run = gradflow(tmp_path, "run", f"./{text}.yaml", "--runs-dir", f"./{text}")
    assert run.code == 0, run.err
    twin = gradflow(
        tmp_path, "run", f"./{text}.yaml", "depth=3", "data.standardize=false", "--runs-dir", f"./{text}"
    )
    for args in (["show", "@1"], ["show", "@1", "--json"], ["ls"], ["compare", "net*", "--csv"], ["compare", "net*", "--md", "--all"],
                 ["report", "@1", "-o", f"./{text}.md"],
                 ["report", "@1", "-o", f"./{text}.html"], ["export", "net*", "-o", f"./{text}-x.csv"]):  # fmt: skip
        done = gradflow(tmp_path, *args, "--runs-dir", f"./{text}")
        assert done.code == 0, (args, done.err)
        assert inert(done.out)
        assert inert(done.err)
        if args[-1] == "--csv":
            assert not any(
                cell.startswith(("=", "@")) for row in csv.reader(io.StringIO(done.out)) for cell in row
            )
    assert inert(run.err + twin.err)
    assert shown in run.err
    for suffix in (".md", ".html", "-x.csv"):
        written = (tmp_path / f"{text}{suffix}").read_text(encoding="utf-8")
        assert IMAGE not in written
        assert "\x1b" not in written
        assert "\u202e" not in written
        assert "\x9b" not in written


def test_layer_names_of_other_tools_are_inert(tmp_path: Path) -> None:
    cells = io.StringIO()
    csv.writer(cells).writerows(
        [["layer", "norm"], *([t, str(0.5**i)] for i, (t, _) in enumerate(NAMES.values()))]
    )
    (tmp_path / "norms.csv").write_text(cells.getvalue(), newline="")
    unsure = gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta")
    assert (unsure.code, unsure.err.count("\n"), inert(unsure.err)) == (2, 1, True)
    stated = ["fit", "norms.csv", "--kind", "delta", "--order", "file"]
    for args in ([*stated, "-o", "fit"], ["show", "@1", "--layers"],
                 ["report", "@1", "-o", "x.md"], ["report", "@1", "-o", "x.html"]):  # fmt: skip
        done = gradflow(tmp_path, *args)
        assert done.code == 0, done.err
        assert inert(done.out + done.err)
    for name in ("x.md", "x.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)
        assert IMAGE not in text


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x9b2J", "\u202egnp", "[/x][red]", "a\rb"])
def test_a_terminal_gets_no_sequence_of_a_user(tmp_path: Path, text: str) -> None:
    master, slave = pty.openpty()
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TERM": "xterm",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-m", "gradflow", "show", "--", text]
    subprocess.run(
        command, cwd=tmp_path, env=env, stdout=slave, stderr=slave, stdin=slave, timeout=60, check=False
    )
    os.close(slave)
    seen = os.read(master, 100_000).decode()
    os.close(master)
    assert seen.startswith("error: ")
    assert inert(seen.replace("\r\n", "\n"))
