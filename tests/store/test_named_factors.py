"""A part that the package has never seen, from a run to its summary, pages, charts, exports and trace."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.depth_law import first_layer
from gradflow.analysis.summary import Flow
from gradflow.execution.execute import execute
from gradflow.nn.blocks import Plain
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.factors import factor_arrays, in_order
from gradflow.report.charts.figures import run_charts
from gradflow.report.charts.picture import document
from gradflow.report.gradient_pages import trace_page
from gradflow.report.html import render
from gradflow.report.markdown import render as markdown
from gradflow.report.page import Bars, Heading, Table
from gradflow.report.pages import layers_page, run_page
from gradflow.store import Run, open_run
from gradflow.store.export import layers_table
from gradflow.store.rows import read_row
from gradflow.store.summaries import load_brief
from gradflow.trace import Chain, trace
from tests.nn.test_parts import Gain
from tests.store.small import small

GAIN = 0.9
NAMES = ["weights", "slopes", "gain"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose layers end in a part of another kind; it stays readable where that part is not known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plain, "parts", with_gain)
        made = execute(small("depth=12", "steps=4"), tmp_path_factory.mktemp("runs"))
    return open_run(made.path)


PARTS = Plain.parts


def with_gain(self: Plain, *args: Any) -> tuple[Part, ...]:
    return (*PARTS(self, *args), Gain(GAIN))


def chain_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> Chain:
    monkeypatch.setattr(Plain, "parts", with_gain)
    data = run.config.data.load(Path())
    return trace(run.config.plan(data), data)


def test_its_array_is_recorded_and_all_factors_add_up(run: Run) -> None:
    np.testing.assert_allclose(run["log_gain_factor"], np.log(GAIN), rtol=1e-5)
    total = sum(run[name] for name in factor_arrays(run.recording).values())
    delta = run["log_delta_norm"]
    np.testing.assert_allclose(total[:, :-1], delta[:, :-1] - delta[:, 1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("end", ["initial", "final"])
def test_the_flow_names_it_and_the_product_is_c(run: Run, end: str) -> None:
    flow: Flow = getattr(run.summary.flow, end)
    assert list(flow.factors) == list(flow.profile.factors) == NAMES
    assert flow.factors["gain"] == pytest.approx(GAIN, rel=1e-6)
    assert prod(factor for factor in flow.factors.values() if factor) == pytest.approx(flow.c, rel=1e-12)
    assert (flow.weight_factor, flow.slope_factor) == (flow.factors["weights"], flow.factors["slopes"])
    assert flow.profile.weight_factor == flow.profile.factors["weights"]
    assert flow.profile.slope_factor == flow.profile.factors["slopes"]


def test_its_documents_are_read_back(run: Run) -> None:
    assert run.is_sealed
    assert run.summary.flow.initial.factors["gain"] == pytest.approx(GAIN, rel=1e-6)
    brief = load_brief(run.path, run.info, run.stamp)
    assert brief is not None
    assert read_row(run)["c"] == run.summary.flow.initial.c == brief["flow"]["initial"]["c"]
    assert (
        tuple(brief["flow"]["initial"]["profile"]["log10_delta"])
        == run.summary.flow.initial.profile.log10_delta
    )
    assert read_row(run)["loss_final"] == run.summary.training.loss_final


def test_the_depth_law_sums_all_factors(run: Run) -> None:
    found = first_layer(run.summary, run.recording).log_delta
    expected = sum(run[name][0] for name in factor_arrays(run.recording).values()).sum(axis=0)
    np.testing.assert_array_equal(found, expected)
    without = (run["log_weight_factor"] + run["log_slope_factor"])[0].sum(axis=0)
    np.testing.assert_allclose(found - without, 12 * np.log(GAIN), rtol=1e-5)


def test_pages_have_a_column_a_bar_and_a_sentence_of_it(run: Run) -> None:
    page = run_page(run.summary, run.recording)
    headings = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert any(text.startswith("c = weights x slopes x gain, layers") for text in headings)
    (bars,) = [block for block in page.blocks if isinstance(block, Bars)]
    assert [row[0] for row in bars.rows] == NAMES
    text = markdown(page)
    assert "the gain passes 0.90" in text
    layers = [block for block in layers_page(run.summary).blocks if isinstance(block, Table)]
    titles = ["layer", "delta", "dL/dW", "dL/db", *NAMES, "cosine"]
    assert all([column.title for column in table.columns] == titles for table in layers)


def test_charts_and_html_draw_it(run: Run) -> None:
    charts = {name: document(chart) for name, chart in run_charts(run).items()}
    assert {"weights", "slopes", "gain"} <= {
        row["part"] for rows in charts["factors"]["datasets"].values() for row in rows if "part" in row
    }
    html = render(run_page(run.summary, run.recording), charts)
    assert "<td>gain</td>" in html


def test_exports_have_a_column_of_it_also_beside_runs_without(run: Run, tmp_path: Path) -> None:
    plain = execute(small("depth=12", "steps=4", "seed=9"), tmp_path)
    columns = layers_table([run, plain], "first")
    gain, runs = np.array(columns["log_gain_factor"]), np.array(columns["run"])
    np.testing.assert_allclose(gain[runs == run.id], np.log(GAIN), rtol=1e-5)
    assert np.isnan(gain[runs == plain.id]).all()
    assert "log_gain_factor" not in layers_table([plain], "first")


def test_the_trace_multiplies_it_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = chain_of(run, monkeypatch)
    for link in chain.links:
        assert list(link.factors) == NAMES
        assert link.local_factor == pytest.approx(prod(link.factors.values()), rel=1e-12)
        assert (link.weight_factor, link.slope_factor) == (link.factors["weights"], link.factors["slopes"])
    end = chain.links[-1]
    assert end.log10_product == pytest.approx(end.log10_delta - chain.log10_delta_out, abs=1e-6)
    text = markdown(trace_page(run.id, chain))
    assert "multiplies it by weights x slopes x gain." in text
    assert "| layer | weights | slopes | gain | local factor |" in text


def test_factors_stand_in_the_order_of_the_table_and_unknown_ones_last() -> None:
    assert in_order(["zoom", "slope", "gain", "weight", "slope"]) == ["weight", "slope", "zoom", "gain"]
    names = ("loss", "log_gain_factor", "log_slope_factor", "log_delta_norm", "log_weight_factor")
    assert factor_arrays(names) == {
        "weights": "log_weight_factor", "slopes": "log_slope_factor", "gain": "log_gain_factor",
    }  # fmt: skip


def test_a_summary_of_before_named_factors_is_made_again_with_the_same_numbers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plain, "parts", with_gain)  # theory's reason is that it knows no law for the part
    content = json.loads((run.path / "summary.json").read_text())
    before = run.summary
    for flow in content["flow"].values():
        for key in ("factors", "law_exponent", "log10_growth"):
            del flow[key]
        del flow["profile"]["factors"], flow["profile"]["correlation"]
    for key in ("clipped_share", "clip_share_median"):
        del content["training"][key]
    (run.path / "summary.json").write_text(json.dumps(content))
    again = open_run(run.path)
    assert again.summary == before
    assert read_row(again)["c"] == before.flow.initial.c
