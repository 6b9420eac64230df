"""--where: of the runs that are named, those that fulfil a condition."""

import csv
import json
from pathlib import Path

import pytest

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
@pytest.mark.parametrize("command", ["compare", "plot", "report", "export"])
def test_what_no_run_fulfils_or_nobody_understands_is_refused(
    folder: Path, tmp_path: Path, command: str, condition: str, told: str
) -> None:
    suffix = {"plot": "svg", "report": "md", "export": "csv"}.get(command)
    output = ("-o", str(tmp_path / f"out.{suffix}")) if suffix else ()
    done = gradflow(folder, command, "*", "--where", condition, *output)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {told}")
    assert [*tmp_path.iterdir()] == []
