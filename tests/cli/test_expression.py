"""An activation of one's own in every command: the numbers of what it is, under the name of its formula."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_latest import NET
from tests.promises.calls import gradflow

MISH = "z * tanh(log1p(exp(z)))"
FORMULAS = "activation.value=max(z, 0),where(z > 0, z, 0.2 * z)"
SWEEP = (
    "sweep",
    "net.yaml",
    "name=many",
    "--executor",
    "serial",
    "depth=4,8",
    "activation=expression",
    FORMULAS,
)
OWN = ("activation=expression", f"activation.value={MISH}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a formula, one of the table's activation that it is, and a sweep over formulas."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "net.yaml").write_text(NET.replace("depth: 3", "depth: 8"))
    for words in (
        ("run", "net.yaml", "name=own", *OWN),
        ("run", "net.yaml", "name=theirs", "activation=mish"),
        SWEEP,
    ):
        done = gradflow(folder, *words)
        assert done.code == 0, done.err
    return folder


def printed(folder: Path, *words: str) -> str:
    done = gradflow(folder, *words)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "Warning" not in done.err
    return done.out


def document(folder: Path, *words: str) -> Any:
    return json.loads(printed(folder, *words, "--json"))


def test_the_run_is_that_of_the_tables_activation(folder: Path) -> None:
    ours, theirs = (document(folder, "show", f"{name}-*") for name in ("own", "theirs"))
    for key in ("c", "log10_ratio", "slope_factor"):
        assert ours["flow"]["initial"][key] == pytest.approx(theirs["flow"]["initial"][key], rel=1e-5)
        assert ours["theory"]["c"] == pytest.approx(theirs["theory"]["c"], rel=1e-10)
    assert ours["config"]["model"]["activation"] == {"name": "expression", "value": MISH, "kinks_at": []}


def test_its_name_is_its_formula_wherever_it_is_named(folder: Path) -> None:
    assert f"the slopes of {MISH} pass" in printed(folder, "show", "own-*")
    assert f"width 16, {MISH}" in printed(folder, "show", "own-*")
    assert MISH in printed(folder, "ls")
    rows = {row["name"]: row for row in document(folder, "compare", "own-*", "theirs-*")["rows"]}
    assert {name: row["model.activation"] for name, row in rows.items()} == {"own": MISH, "theirs": "mish"}
    page = printed(folder, "compare", "own-*", "theirs-*")
    assert page.count(MISH) == 1  # under `activation`, and not again under `value`
    chosen = document(folder, "compare", "own-*", "theirs-*", "--where", f"activation == '{MISH}'")
    assert [row["name"] for row in chosen["rows"]] == ["own"]


def test_a_sweep_over_formulas_shows_them_and_its_command_computes_it_again(folder: Path) -> None:
    page = printed(folder, *SWEEP)
    assert "where(z > 0, z, 0.2 * z)" in page
    assert 'model.activation.value="max(z, 0)","where(z > 0, z, 0.2 * z)"' in page
    printed(folder, "report", "many-*", "-o", "many.html")
    assert "where(z &gt; 0, z, 0.2 * z)" in (folder / "many.html").read_text(encoding="utf-8")
    printed(folder, "plot", "many-*", "-o", "many.svg")
    assert "0.2 * z" in (folder / "many.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["check", "theory", "precision", "jacobian", "advise"])
def test_every_command_that_reads_a_config_says_of_it_what_it_says_of_the_tables(
    folder: Path, command: str
) -> None:
    ours, theirs = (document(folder, command, "net.yaml", *words) for words in (OWN, ("activation=mish",)))
    if command == "check":
        assert ours["passed"]
        return
    mine, other = numbers(ours), numbers(theirs)
    assert len(mine) == len(other) > 3
    assert mine == pytest.approx(other, rel=1e-4, abs=1e-6)


def numbers(found: Any) -> list[float]:
    """All that stand in a document, in order."""
    if isinstance(found, dict):
        return [n for key, value in found.items() if key != "config" for n in numbers(value)]
    if isinstance(found, list):
        return [n for value in found for n in numbers(value)]
    return [found] if isinstance(found, float) else []


def test_what_grows_without_bound_blows_up_as_a_result_and_without_a_warning(folder: Path) -> None:
    for text in ("exp(z)", "sinh(3 * z)", "z**3"):
        words = ("activation=expression", f"activation.value={text}")
        theory = document(folder, "theory", "net.yaml", *words, "init=gaussian", "init.sigma_w=3")
        assert theory["theory"]["c"] is None
        run = document(folder, "run", "net.yaml", "name=up", *words, "init=gaussian", "init.sigma_w=30")
        assert run["status"] == "diverged", text
        assert run["training"]["diverged_step"] == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("lambda(z)", "has the unknown name lambda at character 1"),
        ("z.real", "cannot be read at character 2, ."),
        ("1 / z", "has no value at z = 0, where it is infinite"),
        ("sign(z)", "jumps at z = 0 from -1 to 1: an activation is continuous"),
    ],
)
def test_a_refusal_is_one_line_with_file_line_and_key(folder: Path, value: str, words: str) -> None:
    text = NET.replace("activation: tanh", f'activation: {{name: expression, value: "{value}"}}')
    (folder / "bad.yaml").write_text(text)
    done = gradflow(folder, "run", "bad.yaml")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"error: bad.yaml:3: model.activation.value: {words}")
