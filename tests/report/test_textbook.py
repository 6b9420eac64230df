"""The textbook's runs: the classroom's numbers wherever they are told, and no rounding told as a result."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.predictions import predicted, theory_of
from gradflow.config import load_config
from gradflow.execution.execute import execute
from gradflow.report import headlines, html, markdown, terminal
from gradflow.report.page import Table
from gradflow.report.pages import brief_page, run_page
from gradflow.store import Run
from gradflow.sweeps.theory_points import crossed
from gradflow.yaml_file import Document

CONFIGS = Path(__file__).parents[2] / "configs"
CLASSROOM = {
    "textbook-0.9": "each layer passes 0.9 of the gradient; over 50 factors c^50 = 0.0052",
    "textbook-1.1": "each layer multiplies the gradient by 1.1; over 50 factors c^50 = 117",
    "two-layers": "each layer passes 0.212 of the gradient; over 1 factor c^1 = 0.21",
}
INTERVALS = ("c_low", "c_high", "log10_ratio_low", "log10_ratio_high")  # as wide as rounding makes them


@pytest.fixture(scope="module", params=CLASSROOM)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute(
        load_config(CONFIGS / f"{request.param}.yaml"), tmp_path_factory.mktemp("textbook") / "runs"
    )


def small(value: Any, key: str = "") -> list[tuple[str, float]]:
    """Every number of a document that rounding could have made."""
    if isinstance(value, dict):
        return [one for name, inner in value.items() for one in small(inner, name)]
    if isinstance(value, list):
        return [one for inner in value for one in small(inner, key)]
    return [(key, value)] if isinstance(value, float) and 0 < abs(value) < 1e-10 else []


def test_the_headline_is_the_classrooms_wherever_a_run_is_told_of(run: Run) -> None:
    said = CLASSROOM[run.summary.name]
    pages = run_page(run.summary, run.recording), brief_page(run.summary)
    texts = [terminal.render(page, terminal.Look(wrap=False)) for page in pages]
    texts += [render(pages[0]) for render in (markdown.render, partial(html.render, charts={}))]
    assert all(said in re.sub(r"</?span[^>]*>", "", text).replace("\\^", "^") for text in texts)


def test_the_document_says_that_the_factors_are_exact_and_their_power(run: Run) -> None:
    flow = json.loads(json.dumps(run.summary.document()))["flow"]["initial"]
    assert flow["exact"] is True
    assert flow["c_power_depth"][str(flow["transitions"])] == pytest.approx(
        10 ** flow["log10_ratio"], rel=1e-9
    )


def test_no_rounding_is_told_as_a_result(run: Run) -> None:
    document = run.summary.document()
    found = small(document["flow"]["initial"]), small(document["theory"]), small(document["trainable"])
    assert [one for part in found for one in part if one[0] not in INTERVALS and one[0].isidentifier()] == []
    page = terminal.render(run_page(run.summary), terminal.Look(wrap=False))
    assert not re.findall(r"-?\d[\d.]*e-1\d\b", page.partition("c^L")[0])


def test_all_networks_of_the_textbook_are_said_to_be_the_same_where_there_are_several(run: Run) -> None:
    page = terminal.render(run_page(run.summary), terminal.Look(wrap=False))
    several = run.config.seeds > 1
    assert run.summary.flow.initial.log10_ratio_sd == (0 if several else None)
    assert ("All networks' ratios are the same, as theory expects." in page) == several


def test_the_table_of_powers_has_the_factors_of_the_headline_and_not_the_layers(run: Run) -> None:
    tables = [block for block in run_page(run.summary).blocks if isinstance(block, Table)]
    (titles,) = [[c.title for c in table.columns] for table in tables if table.columns[0].title == "L ="]
    trained = run.summary.flow.final.step > 0 and not run.summary.flow.final.exact
    assert (str(run.config.model.depth) in titles) == trained
    assert str(headlines.depth_of(run.summary.flow.initial)) in titles


@pytest.mark.parametrize(
    ("words", "zero"),
    [
        (["activation=linear", "init=orthogonal", "init.gain=0.9", "depth=51"], True),
        (["activation=linear", "init=orthogonal", "init.gain=1.1", "depth=400"], True),
        (["activation=linear", "init=orthogonal", "norm=layer"], True),
        (["activation=relu", "init=orthogonal", "depth=51"], False),
        (["activation=tanh", "init=orthogonal", "init.gain=0.001", "depth=10"], False),  # of slopes 1 - 1e-6
        (["activation=linear", "sigma_w=0.9", "depth=51"], False),
    ],
    ids=str,
)
def test_theorys_spread_is_0_where_all_slopes_are_alike_and_what_it_is_elsewhere(
    words: list[str], zero: bool
) -> None:
    network = {"name": "theory", "model": {"depth": 50, "width": 64, "init": "gaussian"}}
    _, (config,), (inputs,) = crossed(Document(network, {}, "command line"), Path(), words, 1.0)
    theory = theory_of(predicted(config, inputs))
    assert (theory.jacobian_spread == 0) is zero
    assert zero or (theory.jacobian_spread or 0.0) > 0
    if zero and "norm=layer" not in words:
        assert (theory.log10_ratio_sd, theory.log_c_error, theory.log10_last) == (0, 0, 0)
