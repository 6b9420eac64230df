"""The live picture of a run, on a real terminal and off it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradflow.execution.beginning import Beginning
from gradflow.telling.progress import Bar
from gradflow.training import Progress

STUDY = """\
model: {depth: 12, width: 32, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 64, features: 8, classes: 2}
seeds: 1
training: {steps: 8000, batch_size: 32}
recording: {every: 100}
"""


def on_a_terminal(folder: Path, columns: int, *args: str) -> str:
    """What a command writes to a stderr that is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gradflow", *args]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        written = bytearray()
        while True:
            try:
                written += os.read(ours, 65536)
            except OSError:  # the other end was closed
                break
        os.close(ours)
        assert process.wait() == 0
    return written.decode()


@pytest.mark.parametrize("columns", [50, 70])
def test_a_terminal_sees_the_steps_and_the_layers_and_is_left_clean(tmp_path: Path, columns: int) -> None:
    (tmp_path / "net.yaml").write_text(STUDY)
    written = on_a_terminal(tmp_path, columns, "run", "net.yaml")
    frames = written.split("\r\x1b[2K")
    assert any(
        "/8,000  batch loss" in frame and "layer 1 " in frame and "12  log ||delta||" in frame
        for frame in frames
    )
    lines = [line for frame in frames[1:-1] for line in frame.replace("\x1b[1A", "").splitlines()]
    assert all(len(line) < columns for line in lines)
    assert all(line.endswith(" left") for line in lines if "  loss " in line)
    after = written[written.rindex("log ||delta||") :]
    assert "\x1b[1A\r\x1b[2K" in after  # both lines are gone before the last note
    assert "trained in" in after


def test_elsewhere_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(10, 100, np.array([2.0]), np.linspace(-3, 0, 12)[:, None])
    monkeypatch.setattr("gradflow.telling.progress.TOLD", 0.0)
    with Bar("saving about 1 MB", 100, quiet=False) as bar:
        bar(progress)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "saving about 1 MB"
    assert said[1].startswith("step 10/100  batch loss 2.00  c 0.761")
    with Bar("saving about 1 MB", 100, quiet=True) as bar:
        bar(progress)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("run", "end"), [(None, ""), ("net-12345678", ", the last of net-12345678")])
def test_a_run_that_goes_on_says_from_where_and_counts_the_steps_after_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, run: str | None, end: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr("gradflow.telling.progress.monotonic", lambda: clock[0])
    bar = Bar("saving about 1 MB", 1000, quiet=False)
    clock[0] = 100  # for loading, which is no step
    bar.go_on(Beginning("", 0.0, 900, {}, run))
    clock[0] = 120
    bar(Progress(910, 1000, np.array([2.0]), np.zeros((2, 1))))
    first, _, words = capsys.readouterr().err.splitlines()
    assert first == f"going on from step 900 of 1,000{end}"
    assert words.startswith("step 910/1,000")
    assert words.endswith("  3 min left")
