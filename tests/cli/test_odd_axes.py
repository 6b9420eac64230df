"""Axes of mappings, lists and nulls: every command that tells of a sweep takes them."""

import csv
import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gradflow.report.sweep_pages import progress_page
from gradflow.report.terminal import Look, render
from tests.promises.calls import Done, gradflow
from tests.sampling import each

HEAD = """\
name: odd
seeds: 2
training: {steps: 2, batch_size: 8}
data: {name: gaussian, samples: 32, features: 8, classes: 3}
model: {depth: 3, width: 16, activation: tanh, init: he_normal}
sweep:
"""
MODELS = (
    "model: [{depth: 3, width: 16, activation: tanh, init: he_normal}, "
    "{depth: 5, width: 16, activation: relu, init: {name: gaussian, sigma_w: 1.5}}]"
)
KINDS = {  # sections: the words of a table's first row
    MODELS: "depth 3, activation tanh, init he_normal",
    "training: [{steps: 1, optimizer: {name: adam, lr: 2}}, {steps: 3}]": "steps 1, optimizer adam (lr 2)",
    "training: [{}, {steps: 1}]": "{}",
    "recording: [{every: 1}, {every: 2}]": "every 1",
    "data: [{name: inline, x: [[1], [2]], y: [0, 1]}, digits]": "inline (x [[1], [2]], y [0, 1])",
    "model.init: [{name: constant, value: [1, 1, 1, 1]}, he_normal]": "constant (value [1, 1, 1, 1])",
    "data: [{name: inline, x: [[1], [2]], y: [0, 1]}, {name: inline, x: [[1], [3]], y: [0, 1]}]": (
        "inline (x [[1], [2]], y [0, 1])"
    ),
    "model.width: [[16, 16, 16], [16, 8, 8]]": "[16, 16, 16]",
    "model: [{depth: 6, width: [8, 8, 8, 8, 8, 8], activation: tanh, init: he_normal}, "
    "{depth: 6, width: [8, 8, 8, 8, 4, 4], activation: tanh, init: he_normal}]": "width [8 x 6]",
    "training.clip_norm: [null, 1]": "null",
    "model.activation: [{name: leaky_relu, slope: 0.5}, {name: leaky_relu}]": "leaky_relu (slope 0.5)",
}  # fmt: skip


@pytest.mark.parametrize("command", ["run", "advise", "check", "jacobian", "precision"])
@pytest.mark.parametrize("more", ["", "depth=4"])
def test_what_takes_one_network_takes_no_sweep_section(tmp_path: Path, command: str, more: str) -> None:
    text = HEAD.replace("depth: 3, ", "") + "  model.depth: [2, 3]\n"
    (tmp_path / "odd.yaml").write_text(text)
    done = gradflow(tmp_path, command, "odd.yaml", *more.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: odd.yaml:6: sweep: this config is many runs: leave the section out with sweep=null, or type "
        f"{' '.join(['gradflow sweep odd.yaml', *more.split()])}\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["odd.yaml"]
    if command != "advise":
        assert gradflow(tmp_path, command, "odd.yaml", "depth=2", "sweep=null").code == 0


def test_theory_takes_the_section_that_is_left_of_what_was_typed(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(f"{HEAD}  model.depth: [4, 5]\n")

    def told(*words: str) -> Any:
        done = gradflow(tmp_path, "theory", "odd.yaml", *words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    assert told()["axes"] == {"model.depth": [4, 5]}
    assert len(told("sweep=null")["layers"]) == 3
    assert told("sweep=null", "width=16,32")["axes"] == {"model.width": [16, 32]}
    (tmp_path / "odd.yaml").write_text(f"{HEAD}  null\n")
    assert len(told()["layers"]) == 3
    assert told("sweep={depth: [2, 6]}")["axes"] == {"model.depth": [2, 6]}


def swept(folder: Path, section: str, *options: str) -> Done:
    (folder / "odd.yaml").write_text(f"{HEAD}  {section}\n")
    done = gradflow(folder, "sweep", "odd.yaml", "--executor", "serial", *options)
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize(("section", "first"), KINDS.items())
def test_a_sweep_and_its_plan_show_the_values_of_any_axis(tmp_path: Path, section: str, first: str) -> None:
    for options in (["--dry-run"], []):
        page = swept(tmp_path, section, *options).out
        assert page.splitlines()[3].strip().split("  ")[0] == first
        assert swept(tmp_path, section, *options, "--md").out.startswith("# odd-")
        document = json.loads(swept(tmp_path, section, *options, "--json").out)
        ((key, values),) = document["axes"].items()
        assert [point[key] for point in document["points"]] == values
        rows = list(csv.DictReader(StringIO(swept(tmp_path, section, *options, "--csv").out)))
        assert [row["id"] for row in rows] == [point["id"] for point in document["points"]]


@pytest.mark.parametrize("section", each(2, KINDS))
def test_the_commands_that_read_a_sweep_take_any_axis(tmp_path: Path, section: str) -> None:
    document = json.loads(swept(tmp_path, section, "--json").out)
    names = [f"runs/{document['id']}"]
    compared = json.loads(gradflow(tmp_path, "compare", *names, "--json").out)
    assert {row["id"] for row in compared["rows"]} == {point["id"] for point in document["points"]}
    for words in (
        ["compare", *names, "--all"],
        ["compare", *names, "--pivot", "init", "activation", "--value", "verdict"],
        ["report", *names, "-o", "a.md"],
        ["report", *names, "-o", "a.html"],
        ["plot", *names, "-o", "a.svg"],
        ["plot", *names, "-o", "b.svg", "--figure", "map"],
        ["export", *names, "-o", "a.csv", "--to", "csv"],
        ["ls"],
    ):
        done = gradflow(tmp_path, *words)
        assert done.code == 0, (words, done.err)


@pytest.mark.parametrize("section", KINDS)
def test_the_command_that_a_sweep_prints_finds_all_its_points(tmp_path: Path, section: str) -> None:
    page = swept(tmp_path, section).out
    words = shlex.split(page.split("How to compute it again")[1])
    again = gradflow(tmp_path, *words[1:], "--executor", "serial")
    assert again.out == page
    assert "found 2 finished" in again.err


@pytest.mark.parametrize("section", KINDS)
def test_the_progress_of_a_sweep_shows_points_before_all_are_there(tmp_path: Path, section: str) -> None:
    document = json.loads(swept(tmp_path, section, "--json").out)
    points: list[Any] = document["points"]
    for seen in (points[:1], points):
        picture = render(progress_page("1/2", seen, list(document["axes"]), 200), Look(200, True, None, True))
        assert "stable" in picture or "dead" in picture


@pytest.mark.parametrize(
    ("section", "laws"),
    [
        ("{model.depth: [2, 3, 5], training.optimizer.lr: [0.1, 0.2]}", 1),
        ("{training.optimizer: [sgd, {name: adam, lr: 0.1}], model.depth: [2, 3, 5]}", 1),
        ("{model.depth: [2, 3, 5], training: [{steps: 1}, {steps: 2, clip_norm: 1}]}", 1),
        ("{model.depth: [2, 5], recording.every: [1, 2], model.width: [8, 16]}", 2),
        (
            "{model.depth: [2, 5], model.init: [{name: gaussian, sigma_w: 1}, {name: gaussian, sigma_w: 2}]}",
            2,
        ),
        (
            "{model: [{depth: 2, width: 8, activation: relu, init: he_normal}, "
            "{depth: 4, width: 8, activation: relu, init: he_normal}]}",
            1,
        ),
    ],
)
def test_sweep_and_report_print_the_same_depth_laws(tmp_path: Path, section: str, laws: int) -> None:
    text = HEAD.replace("sweep:\n", f"sweep: {section}\n")
    (tmp_path / "odd.yaml").write_text(text)
    page = gradflow(tmp_path, "sweep", "odd.yaml", "--executor", "serial", "--md").out
    assert gradflow(tmp_path, "report", "odd", "-o", "a.md").code == 0
    told = [law_of(page), law_of((tmp_path / "a.md").read_text())]
    assert told[0] == told[1]
    assert told[0].count("\n| ") == laws + 2  # a row a law, under the titles


def law_of(page: str) -> str:
    return page.split("## Depth law")[1].split("\n\n- saved in")[0].split("\n\n##")[0].strip()


LONG = "[[8, 8, 8, 8, 8, 8], [8, 8, 8, 8, 4, 4], [8, 8, 8, 8, 4, 8]]"
ALIKE = "[[1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 2, 1], [1, 2, 1, 2, 1, 1]]"  # up to their fifth entry


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (LONG, ["[8 x 6]", "[8 x 4, 4 x 2]", "[8 x 4, 4, 8]"]),
        (ALIKE, ["[1, 2, 1, 2, 1, 2]", "[1, 2, 1, 2 x 2, 1]", "[1, 2, 1, 2, 1 x 2]"]),
    ],
)
def test_lists_that_differ_late_are_told_apart(tmp_path: Path, values: str, texts: list[str]) -> None:
    section = f"{{model.depth: [6], model.init: [he_normal, gaussian], model.width: {values}}}"
    (tmp_path / "odd.yaml").write_text(HEAD.replace("sweep:\n", f"sweep: {section}\n"))
    page = gradflow(tmp_path, "sweep", "odd.yaml", "--executor", "serial", "--md").out
    assert [page.replace("\\", "").count(f"| {text} |") for text in texts] == [2, 2, 2]
    across = gradflow(tmp_path, "compare", "odd", "--pivot", "init", "width", "--md").out
    assert [across.replace("\\", "").count(f" {text} |") for text in texts] == [1, 1, 1]
    told = {
        "--facet width": [f">width {text}<" for text in texts],
        "--x width --y init": [f">{text}<" for text in texts],
        "--x width --facet init": [f">{text}<" for text in texts],
        "--x init --y width": [f">{text}<" for text in texts],
    }
    for options, names in told.items():
        done = gradflow(tmp_path, "plot", "odd", *options.split(), "-o", "a.svg", "--force")
        assert done.code == 0, (options, done.err)
        picture = (tmp_path / "a.svg").read_text()
        assert [name for name in names if name not in picture] == [], options
