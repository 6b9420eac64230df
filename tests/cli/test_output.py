"""What is printed when values, texts or terminals are beyond what is usual; a warning is an error here."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gradflow.report.drawing import strip
from gradflow.report.page import Strip
from gradflow.telling.lines import ENDING, LONGEST, WIDEST, columns_of
from tests.faults.commands import command, environment
from tests.programs import program
from tests.promises.calls import gradflow
from tests.sampling import each
from tests.small import NET

HUGE = """
name: huge
model: {depth: 3, width: 8, activation: %s, init: {name: constant, value: %s}}
data: {name: inline, x: [[%s, 1.0], [2.0, 3.0]], y: [[0.2], [1.0]], standardize: false}
training: {steps: 2, batch_size: 2, loss: mse, dtype: %s}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["new"], ["-h"]])
def test_a_reader_that_has_gone_is_141_without_a_word(arguments: list[str]) -> None:
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


@pytest.mark.parametrize(
    ("given", "columns"),
    [("9" * 5000, WIDEST), ("0" * 5000, 80), ("0" * 5000 + "70", 70), (str(WIDEST), WIDEST), ("٧٠", 80),
     ("9999", 9999), ("-5", 80), ("", 80), ("8 0", 80)],
)  # fmt: skip
def test_any_columns_are_respected_or_passed_over(
    monkeypatch: pytest.MonkeyPatch, given: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", given)
    with open(os.devnull) as nothing:
        assert columns_of(nothing.fileno()) == columns


def test_a_terminal_of_any_columns_shows_runs(folder: Path) -> None:
    """Under script, which gives the command a terminal."""
    under = [program("script"), "-qec", f"{sys.executable} -m gradflow run net.yaml", "/dev/null"]
    done = subprocess.run(
        under, cwd=folder, env={**environment(), "COLUMNS": "9" * 5000, "TERM": "xterm"}, check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["show", "x" * 4000], [f"--{'x' * 100_000}"], ["run", "net.yaml", f"model.{'x' * 4000}=1"],
     ["run", "net.yaml", f"name={'x' * 50_000}"], ["compare", "--fail-if", "c" * 5000],
     ["fit", "x" * 4000], ["report", "y" * 3000, "-o", "x" * 4000], ["run", "/".join(["y"] * 1900)]],
)  # fmt: skip
def test_a_long_error_is_cut_and_keeps_its_end(folder: Path, arguments: list[str]) -> None:
    done = gradflow(folder, *arguments)
    assert done.code == 2
    for line in done.err.splitlines():
        assert line.startswith("error: ")
        assert len(line) <= LONGEST + ENDING
    long = gradflow(folder, f"--{'x' * 100_000}").err
    assert long.startswith("error: No such option: --xxx")
    assert " ... xxx" in long
    assert long.endswith(": see `gradflow --help`\n")


@pytest.mark.parametrize("text", ["1if c else 2", "0x1for x in c", "1or c", "'\\d' == c", "c is 1", "1()"])
def test_a_condition_that_is_none_is_refused_without_a_warning(folder: Path, text: str) -> None:
    assert gradflow(folder, "run", "net.yaml").code == 0
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        done = gradflow(folder, "compare", "--fail-if", text)
    assert shown == []
    assert done.code in (0, 2)
    assert not done.code or len(done.err.splitlines()) == 1
    assert "Warning" not in done.err


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", each(2, ["linear", "relu", "sin", "tanh"]))
@pytest.mark.parametrize(
    ("value", "x"), [("1e100", "1.5"), ("0.5", "1e100"), ("-1e140", "1e140"), ("0", "1")]
)
def test_values_beyond_the_type_are_traced_and_reported_without_a_warning(
    folder: Path, dtype: str, activation: str, value: str, x: str
) -> None:
    (folder / "huge.yaml").write_text(HUGE % (activation, value, x, dtype))
    commands = (
        ["run", "huge.yaml"], ["show", "@1", "--trace"], ["show", "@1", "--trace", "--json"],
        ["show", "@1", "--layers"], ["report", "@1", "-o", "huge.md"], ["report", "@1", "-o", "huge.html"],
        ["compare", "--json"], ["ls"],
    )  # fmt: skip
    for arguments in commands:
        done = gradflow(
            folder, *arguments, "--quiet" if arguments[0] in ("run", "report") else "--runs-dir=runs"
        )
        assert (done.code, done.err) == (0, ""), arguments
        if "--json" in arguments:
            json.loads(done.out, parse_constant=pytest.fail)


def test_a_strip_of_numbers_whose_distance_overflows_is_drawn() -> None:
    assert strip(Strip((-1e308, 0.0, 1e308, None), -1e308, 1e308)) == "▁▅█ "


@pytest.mark.parametrize(
    "arguments", [["report", "-o", "x.html"], ["report", "-o", "x.md"], ["plot", "-o", "x.svg"],
                  ["export", "-o", "x.csv"]],
)  # fmt: skip
def test_a_sweep_without_a_finished_point_is_not_begun(folder: Path, arguments: list[str]) -> None:
    assert gradflow(folder, "sweep", "net.yaml", "seed=1,2", "--executor", "serial").code == 0
    (sweep,) = (path.parent for path in folder.glob("runs/*/sweep.json"))
    for point in sweep.glob("net-*"):
        shutil.rmtree(point)
    done = gradflow(folder, arguments[0], sweep.name, *arguments[1:])
    assert done.code == 2
    assert done.err == (
        f"error: runs/{sweep.name} is not begun: no point of it is finished: see `gradflow ls`\n"
    )
    assert "0 of 2 points" in gradflow(folder, "ls").out
    assert gradflow(folder, "run", "net.yaml").code == 0
    assert gradflow(folder, arguments[0], "*", *arguments[1:]).code == 0


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc/self/pagemap", "/dev/zero", "/"])
def test_files_that_are_none_are_one_line_for_every_reader(folder: Path, path: str) -> None:
    data = ({"name": "csv", "path": path, "target": "y"}, {"name": "npz", "path": path})
    readers = (
        ["run", path], ["check", path], ["theory", path], ["sweep", path, "seed=1,2"],
        ["fit", path, "--kind=delta"],
        *(["run", "net.yaml", f"data={json.dumps(one)}"] for one in data),
    )  # fmt: skip
    for arguments in readers:
        done = gradflow(folder, *arguments, seconds=10)
        assert done.code == 2, (arguments, done.err)
        (line,) = done.err.splitlines()
        assert path in line
