"""The chain rule in a report's file: the numbers of `show --trace`, where they can be followed on paper."""

import re
import sys
from html import unescape
from math import exp
from pathlib import Path
from typing import Any

import pytest

from gradflow.cli import main
from gradflow.config import load_config, parse_config
from gradflow.execution.execute import execute
from gradflow.outside import read_norms, run_of
from gradflow.report import html
from gradflow.report.chains import chain_of, folded_chains
from gradflow.report.gradient_pages import trace_page
from gradflow.report.page import Facts, Table
from gradflow.store import Run
from gradflow.yaml_file import parse

CONFIGS = Path(__file__).parents[2] / "configs"
CSV = """\
name: csv
model: {depth: 2, width: 4, activation: tanh, init: xavier_normal}
data: {name: csv, path: x.csv, target: y, task: regression}
training: {steps: 0, batch_size: 2, loss: mse}
"""


def visible(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def made(folder: Path, name: str, *overrides: str) -> Run:
    return execute(load_config(CONFIGS / f"{name}.yaml", overrides), folder / "runs")


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("two"), "two-layers")


def told(run: Run, step: str | None) -> list[str]:
    """What `show --trace` says of each number."""
    blocks = trace_page(run.id, chain_of(run, step)).blocks
    facts = [f"{label} {said}" for block in blocks if isinstance(block, Facts) for label, said in block.rows]
    return facts + [
        " ".join(map(str, row)) for block in blocks if isinstance(block, Table) for row in block.rows
    ]


def test_the_textbooks_layers_are_worked_out_before_and_after_training(two_layers: Run) -> None:
    before, after = map(visible, folded_chains(two_layers))
    assert before.startswith("The chain rule on one sample, at initialization network 0 at initialization")
    assert after.startswith("The chain rule on one sample, after 20 steps network 0 after 20 steps")
    for step, text in ((None, before), ("last", after)):
        assert [one for one in told(two_layers, step) if one not in text] == []
    a1 = 1 / (1 + exp(-0.5))
    assert f"f'(z1) {a1 * (1 - a1):.10g}" in before


def test_the_chain_after_training_ends_at_the_delta_that_was_recorded(two_layers: Run) -> None:
    for step, row in ((None, 0), ("20", -1)):
        links = chain_of(two_layers, step).links
        recorded = [exp(one) for one in two_layers["log_delta_norm"][row, ::-1, 0].tolist()]
        assert [10**link.log10_delta for link in links] == pytest.approx(recorded, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "overrides", "chains"),
    [
        ("one-neuron", [], 2),
        ("textbook-0.9", ["seeds=1"], 1),
        ("textbook-0.9", ["width=65", "seeds=1"], 0),  # nobody reads
        ("textbook-0.9", ["depth=61", "seeds=1"], 0),
        ("two-layers", ["steps=1001", "recording.every=1001"], 1),  # nobody waits
        ("two-layers", ["steps=0"], 1),
    ],
    ids=str,
)
def test_a_report_has_the_chain_where_it_can_be_followed(
    name: str, overrides: list[str], chains: int, tmp_path: Path
) -> None:
    assert len(folded_chains(made(tmp_path, name, *overrides))) == chains


def test_a_report_does_without_the_chain_where_the_data_is_gone_or_was_never_there(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x,y\n1,2\n2,3\n3,5\n4,1\n")
    run = execute(parse_config(parse(CSV, "a.yaml"), tmp_path), tmp_path / "runs")
    assert len(folded_chains(run)) == 1
    (tmp_path / "x.csv").unlink()
    assert folded_chains(run) == []
    norms = tmp_path / "norms.csv"
    norms.write_text("layer,norm\n1,0.5\n2,0.7\n3,1.0\n")
    assert folded_chains(run_of(read_norms(norms, "delta"), "norms", norms)) == []


def test_a_hostile_name_stays_a_text_in_a_chains_page(two_layers: Run) -> None:
    page = trace_page("<img src=x onerror=alert(1)>\x1b[31m", chain_of(two_layers))
    text = html.render(page, {})
    assert "<img" not in text
    assert "\x1b" not in text
    assert len(text) < 30_000  # nothing has to draw charts


def test_report_writes_the_chain_of_one_run_at_any_recorded_step(
    two_layers: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *a: None)  # of this process, which is pytest's

    def called(*words: Any) -> int:
        monkeypatch.setattr(sys, "argv", ["gradflow", "report", *map(str, words)])
        return main()

    path = two_layers.path
    for name in ("chain.html", "chain.md"):
        assert called(path, "-o", name, "--trace", "--step", "10", "--quiet") == 0
        text = visible((tmp_path / name).read_text().replace(": ", " ").replace(" | ", " "))
        assert [one for one in told(two_layers, "10")[:-2] if one.replace(": ", " ") not in text] == []
    capfd.readouterr()
    other = made(tmp_path, "one-neuron").path
    refused = {
        ("--trace", "--brief"): "--brief is of no use here: --trace follows one run",
        ("--trace", "--where", "c < 1"): "--where is of no use here: --trace follows one run",
        ("--step", "3"): "--step is of no use here: only --trace is of a step",
        ("--trace", "--step", "21"): "--step 21: the step was not recorded; the nearest is 20",
        ("--trace", other): "--trace follows one run, not 2: name one, see `gradflow ls`",
    }
    for words, problem in refused.items():
        assert called(path, "-o", "no.html", *words) == 2
        assert capfd.readouterr().err == f"error: {problem}\n"
    assert called(path, "-o", "no.pdf", "--trace") == 2
    assert capfd.readouterr().err == "error: no.pdf: a report ends in .html or .md\n"
    assert called(path, "-o", "no.HTML") == 2
    assert capfd.readouterr().err == "error: no.HTML: a report ends in .html or .md, in small letters\n"
    assert not [*tmp_path.glob("no.*")]
