"""--where: of the runs that are named, those that fulfil a condition."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.test_compare import on_a_terminal
from tests.cli.test_latest import NET
from tests.promises.calls import Done, gradflow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over depth and init, and a run beside it."""
    folder = tmp_path_factory.mktemp("chosen")
    (folder / "net.yaml").write_text(NET)
    words = ("depth=2,4,8", "init=he_normal,xavier_normal", "--executor", "serial", "--quiet")
    for command in (("sweep", "net.yaml", "name=grid", *words), ("run", "net.yaml", "name=alone", "lr=1e30")):
        assert gradflow(folder, *command).code == 0
    return folder


def found(done: Done) -> list[tuple[int, str]]:
    """Depth and init of the rows of a comparison."""
    assert done.code == 0, done.err
    document = json.loads(done.out)
    rows = [{**document["constant"], **row} for row in document["rows"]]
    return sorted((row["model.depth"], row["model.init"]) for row in rows)


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("depth > 2 and init == 'he_normal'", [(3, "he_normal"), (4, "he_normal"), (8, "he_normal")]),
        ("model.depth == 8", [(8, "he_normal"), (8, "xavier_normal")]),
        ("status == 'diverged'", [(3, "he_normal")]),
        ("c > 0 and depth < 3", [(2, "he_normal"), (2, "xavier_normal")]),
        ("name == 'grid' and depth == 4", [(4, "he_normal"), (4, "xavier_normal")]),
    ],
)
def test_a_comparison_has_the_runs_that_fulfil_it(
    folder: Path, condition: str, chosen: list[tuple[int, str]]
) -> None:
    assert found(gradflow(folder, "compare", "--where", condition, "--json")) == chosen


def test_it_goes_with_a_map_an_order_and_a_condition_to_fail(folder: Path) -> None:
    words = ("--pivot", "depth", "init", "--value", "c", "--csv")
    done = gradflow(folder, "compare", "--where", "depth > 3", *words)
    assert {row["model.depth"] for row in csv.DictReader(done.out.splitlines())} == {"4", "8"}
    done = gradflow(folder, "compare", "--where", "depth < 3", "--fail-if", "depth > 3")
    assert done.code == 0
    done = gradflow(folder, "compare", "--where", "depth > 3", "--sort", "-depth", "--top", "1", "--json")
    assert [row["model.depth"] for row in json.loads(done.out)["rows"]] == [8]


def test_tables_figures_and_reports_are_of_those_alone(folder: Path, tmp_path: Path) -> None:
    chosen = ("grid", "--where", "depth == 4", "-o")
    assert gradflow(folder, "export", *chosen, str(tmp_path / "t.csv"), "--table", "runs").code == 0
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 3
    assert gradflow(folder, "plot", *chosen, str(tmp_path / "f.svg")).code == 0
    assert gradflow(folder, "report", *chosen, str(tmp_path / "r.md")).code == 0
    for name in ("f.svg", "r.md"):
        text = (tmp_path / name).read_text()
        assert "xavier_normal" in text
        assert "depth 8" not in text


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("depth > 400", "--where depth > 400: none of 7 runs fulfils it"),
        ("dpeth > 4", "--where: dpeth > 4 cannot be read: no run has dpeth; did you mean depth?"),
        ("depth >", "--where: depth > is no condition"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "ls", "plot", "report", "export"])
def test_what_no_run_fulfils_or_nobody_understands_is_refused(
    folder: Path, tmp_path: Path, command: str, condition: str, told: str
) -> None:
    suffix = {"plot": "svg", "report": "md", "export": "csv"}.get(command)
    output = ("-o", str(tmp_path / f"out.{suffix}")) if suffix else ()
    named = () if command == "ls" else ("*",)
    done = gradflow(folder, command, *named, "--where", condition, *output)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {told}")
    assert [*tmp_path.iterdir()] == []


def listed(folder: Path, *words: str) -> list[tuple[str, object]]:
    """Name and points of the lines of `ls`."""
    done = gradflow(folder, "ls", *words, "--json")
    assert done.code == 0, done.err
    return [(line["name"], line["points"]) for line in json.loads(done.out)["rows"]]


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("depth > 0", [("alone", None), ("grid", {"completed": 6})]),
        ("depth == 3", [("alone", None)]),
        ("depth >= 4", [("grid", {"completed": 4})]),
        ("status == 'diverged'", [("alone", None)]),
        ("init == 'xavier_normal' and depth == 8", [("grid", {"completed": 1})]),
    ],
)
def test_ls_has_the_runs_that_fulfil_it_and_of_a_sweep_the_points(
    folder: Path, condition: str, lines: list[tuple[str, object]]
) -> None:
    assert listed(folder, "--where", condition) == lines


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--sort", "depth"), ["grid", "alone"]),  # a sweep by the point that comes first
        (("--sort", "-depth"), ["grid", "alone"]),
        (("--sort", "depth", "--where", "depth > 2 and depth < 5"), ["alone", "grid"]),
        (("--sort", "loss_final"), ["grid", "alone"]),  # what diverged is never the best
        (("--sort", "-loss_final", "--top", "1"), ["grid"]),
        (("--top", "1"), ["alone"]),
    ],
)
def test_ls_is_in_the_order_that_is_asked_for(folder: Path, words: tuple[str, ...], names: list[str]) -> None:
    assert [name for name, _ in listed(folder, *words)] == names


def test_ls_knows_no_condition_for_what_is_not_finished(folder: Path, tmp_path: Path) -> None:
    partial = tmp_path / "runs" / ".partial"
    partial.mkdir(parents=True)
    (partial / "cut-00000001-checkpoint").touch()
    assert gradflow(tmp_path, "ls", "--sort", "c", "--csv").out.count("cut-00000001") > 0
    assert "cut" not in gradflow(tmp_path, "ls", "--where", "c > 0", "--csv").out
    assert gradflow(folder, "ls", "--top", "0").code == 2
    assert "no run has dpeth; did you mean depth?" in gradflow(folder, "ls", "--sort", "dpeth").err


def test_show_tells_the_flow_at_a_step(folder: Path) -> None:
    point = json.loads(gradflow(folder, "compare", "grid", "--json").out)["rows"][0]["path"]
    flow = json.loads(gradflow(folder, "show", point, "--step", "last", "--json").out)
    whole = json.loads(gradflow(folder, "show", point, "--json").out)["flow"]["final"]
    assert (flow["step"], flow["c"], flow["verdict"]) == (whole["step"], whole["c"], whole["verdict"])
    assert gradflow(folder, "show", point, "--step", "1").out.splitlines()[0].endswith(": step 1")
    refused = gradflow(folder, "show", point, "--step", "9")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: --step 9: the step was not recorded; the nearest is 2\n"


def test_in_brief_a_run_is_its_verdict_and_its_advice(folder: Path) -> None:
    point = json.loads(gradflow(folder, "compare", "grid", "--json").out)["rows"][-1]["path"]
    document = json.loads(gradflow(folder, "show", point, "--json").out)
    brief, whole = (gradflow(folder, "show", point, *words).out for words in (("--brief",), ()))
    assert document["flow"]["initial"]["verdict"] in brief.splitlines()[1]
    assert all(advice["command"] in brief for advice in document["advice"])
    assert len(brief.splitlines()) < len(whole.splitlines()) / 2
    assert set(brief.splitlines()) - set(whole.splitlines()) <= {""}
    for words in (("--json",), ("--layers",), ("--trace",), ("--step", "1")):
        assert gradflow(folder, "show", point, "--brief", *words).code == 2


def test_on_a_terminal_a_report_ends_with_the_verdict_once_more(folder: Path) -> None:
    grid = json.loads(gradflow(folder, "compare", "grid", "--json").out)["rows"]
    shown = on_a_terminal(folder, "show", grid[-1]["path"], columns=200).splitlines()
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line).strip() for line in shown]
    verdict = plain[1]
    assert verdict.startswith(grid[-1]["verdict"])
    assert plain.count(verdict) == 2
    assert verdict in plain[-4:]
    piped = gradflow(folder, "show", grid[-1]["path"]).out.splitlines()
    assert piped.count(verdict) == 1


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps, of widths that are numbers and lists, with gradients that are clipped and not."""
    folder = tmp_path_factory.mktemp("lists")
    (folder / "net.yaml").write_text(NET)
    for name, more in (
        ("odd", ("width=[8, 4],[4, 8]", "clip_norm=null,1.0")),
        ("even", ("width=4,16", "activation=tanh,relu")),
    ):
        words = (f"name={name}", "depth=2", *more, "--executor", "serial", "--quiet")
        assert gradflow(folder, "sweep", "net.yaml", *words).code == 0
    return folder


def test_a_key_that_is_a_list_in_some_runs_is_missing_where_a_number_is_needed(lists: Path) -> None:
    assert listed(lists, "--where", "width > 4") == [("even", {"completed": 2})]
    assert listed(lists, "--where", "width == [8, 4]") == [("odd", {"completed": 2})]
    assert listed(lists, "--where", "clip_norm == None and width != [8, 4]") == [
        ("even", {"completed": 4}), ("odd", {"completed": 1}),
    ]  # fmt: skip
    failing = gradflow(lists, "compare", "--fail-if", "width > 4")
    assert failing.code == 3
    assert "4 of 8 runs lack a value that width > 4 needs" in failing.err
    refused = gradflow(lists, "ls", "--where", "activation > 4")
    assert refused.err.startswith("error: --where: activation > 4 cannot be tested: activation is no number")


def test_the_condition_that_a_refusal_names_is_one(lists: Path, tmp_path: Path) -> None:
    words = ("compare", "odd", "--pivot", "depth", "init")
    refused = gradflow(lists, *words)
    assert refused.code == 2
    condition = shlex.split(refused.err.split("as in ")[1])[0]
    assert condition == "model.width == [4, 8] and training.clip_norm == 1.0"
    assert gradflow(lists, *words, "--where", condition).code == 0
    words = ("plot", "even", "odd", "--x", "clip_norm", "--y", "depth", "-o", str(tmp_path / "a.svg"))
    refused = gradflow(lists, *words)
    assert refused.code == 2
    condition = refused.err.strip().split("as ")[-1]
    assert gradflow(lists, *words, "--where", f"({condition}) and activation == 'relu'").code == 0
