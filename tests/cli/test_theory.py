"""gradflow theory: a list says of each of its values what the value says alone."""

import csv
import json
import sys
from io import StringIO
from pathlib import Path

import pytest

from gradflow.cli import main
from tests.promises.calls import gradflow
from tests.small import NET


@pytest.mark.parametrize(
    ("before", "key", "values"),
    [
        ((), "width", ("64", "256")),
        (("net.yaml",), "width", ("16", "64")),
        (("net.yaml", "width=32"), "data.features", ("4", "1024")),
        (("net.yaml", "width=32"), "data", ("digits", "spirals")),
    ],
    ids=str,
)
def test_each_point_of_a_list_has_the_theory_of_its_own_data_and_width(
    before: tuple[str, ...],
    key: str,
    values: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)  # of this process, which is pytest's

    def told(*arguments: str) -> str:
        words = before or ("activation=tanh", "init=xavier_normal", "depth=5")
        monkeypatch.setattr(sys, "argv", ["gradflow", "theory", *words, *arguments])
        assert main() == 0
        return capfd.readouterr().out

    alone = [json.loads(told(f"{key}={value}", "--json"))["theory"] for value in values]
    rows = list(csv.DictReader(StringIO(told(f"{key}={','.join(values)}", "--csv"))))
    for row, theory in zip(rows, alone, strict=True):
        assert float(row["c"]) == theory["c"]
        assert float(row["c_finite_width"]) == theory["c_finite_width"]
    assert rows[0]["c_finite_width"] != rows[1]["c_finite_width"]


def test_theory_says_what_trains_of_a_point_and_of_every_point_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)

    def told(*arguments: str) -> str:
        words = ("activation=tanh", "sigma_w=1", "sigma_b=0.2", *arguments)
        monkeypatch.setattr(sys, "argv", ["gradflow", "theory", *words])
        assert main() == 0
        return capfd.readouterr().out

    healthy, lost = (json.loads(told(f"depth={depth}", "--json"))["trainable"] for depth in (5, 200))
    assert (healthy["verdict"], lost["verdict"]) == ("trainable", "untrainable")
    assert lost["reason"]
    points = json.loads(told("depth=5,200", "--json"))["points"]
    for point, alone in zip(points, (healthy, lost), strict=True):
        assert point["trainable"]["verdict"] == alone["verdict"]
        assert point["trainable"]["score"] == pytest.approx(alone["score"], rel=1e-6)
    rows = list(csv.DictReader(StringIO(told("depth=5,200", "--csv"))))
    assert [row["trainable"] for row in rows] == ["trainable", "untrainable"]
    assert "Untrainable (score 0.00)" in told("depth=200")
    assert "yes" in told("depth=5,200")
    assert json.loads(told("depth=200", "width=4", "--json"))["trainable"]["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["depth=5"], "- network: 5 hidden layers, width 256, tanh"),
        (["depth=5,9"], "| depth | verdict | "),
        (["sigma_w=1,2", "sigma_b=0,0.1"], "| sigma\\_w \\\\ sigma\\_b | 0 | 0.1 |"),
    ],
    ids=str,
)
def test_a_point_and_a_table_are_markdown_too(tmp_path: Path, given: list[str], line: str) -> None:
    done = gradflow(tmp_path, "theory", "activation=tanh", *given, "--md")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("# ")
    assert f"\n{line}" in done.out


@pytest.mark.parametrize(
    ("text", "words"),
    [("5", "not 5"), ("true", "not true"), ("sweep", "not the text"), ("- sweep", "a list")],
)
@pytest.mark.parametrize("more", [(), ("width=8,16",)])
def test_a_file_that_is_no_config_is_refused_in_one_line(
    text: str, words: str, more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "odd.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)
    monkeypatch.setattr(sys, "argv", ["gradflow", "theory", "odd.yaml", *more])
    assert main() == 2
    told = capfd.readouterr().err
    assert told.startswith("error: odd.yaml:1: should be a mapping (key: value)")
    assert words in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["depth=1"], "1 hidden layer, width 256, tanh"),
        (["depth=1000", "width=1024"], "1,000 hidden layers, width 1,024, tanh"),
        (["depth=2", "width=[64, 32]"], "2 hidden layers, widths 64, 32, tanh"),
    ],
    ids=str,
)
def test_a_point_tells_its_network_as_reports_do(
    given: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *a: None)
    monkeypatch.setattr(sys, "argv", ["gradflow", "theory", "activation=tanh", *given])
    assert main() == 0
    network = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("network"))
    assert network.split(maxsplit=1)[1] == said
