"""What is said of residual and normed networks: laws, factors, cosines, by runs of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.execution.execute import execute
from gradflow.nn.activations import Tanh
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.correlation import mean_cosine
from gradflow.nn.norms import NO_NORM, LayerNorm, RmsNorm
from gradflow.nn.parameters import Parameters
from gradflow.report.charts.figures import run_charts
from gradflow.report.charts.layers import EXPECTED
from gradflow.report.charts.picture import document
from gradflow.report.forward import alike_words, forward_sentence
from gradflow.report.markdown import render
from gradflow.report.numbers import cosine
from gradflow.report.page import Sentence, Table
from gradflow.report.pages import layers_page, run_page
from gradflow.store import Run
from tests import oracle, small
from tests.store.small import small as net

Array = np.ndarray[Any, Any]
DEEP = ("depth=60", "width=64", "steps=0", "seeds=4", "training.batch_size=32", "features=64")


def run(folder: Path, *overrides: str) -> Run:
    return execute(net(*overrides), folder)


@pytest.fixture(scope="module")
def rezero(tmp_path_factory: pytest.TempPathFactory) -> Run:
    block = "model.block={name: residual, scale: 0.0, train_scale: true}"
    return run(tmp_path_factory.mktemp("runs"), "depth=24", "width=16", "steps=60", "activation=relu", block)


@pytest.mark.parametrize(
    ("activation", "init", "block", "norm", "law"),
    [
        ("tanh", "xavier_normal", "residual", "none", "stretched"),
        ("relu", "he_normal", "residual", "layer", "power"),
        ("relu", "he_normal", "residual", "{name: rms, place: after}", "exponential"),
        ("relu", "he_normal", "residual", "none", "exponential"),
        ("tanh", "xavier_normal", "plain", "layer", "exponential"),
    ],
)
def test_the_law_of_a_block_is_named(
    activation: str, init: str, block: str, norm: str, law: str, tmp_path: Path
) -> None:
    model = f"activation={activation}", f"init={init}", f"model.block={block}", f"model.norm={norm}"
    flow = run(tmp_path, *DEEP, *model).summary.flow.initial
    assert flow.law == law
    assert (flow.law_exponent is None) == (law == "exponential")
    if law == "power":  # the gradient's square times q is level, and q grows with the depth
        assert flow.law_exponent == pytest.approx(0.5, abs=0.1)


def test_branches_that_pass_nothing_leave_a_c_of_one_without_factors(rezero: Run) -> None:
    flow = rezero.summary.flow.initial
    assert (flow.c, flow.verdict, rezero.status) == (1.0, "stable", "completed")
    assert set(flow.factors.values()) == {None}
    assert flow.profile.factors["skip"][:-1] == (None,) * 23


def test_they_raise_no_symptom_of_their_matrices(rezero: Run) -> None:
    assert (rezero["update_ratio"][0, 1:] == 0).all()
    assert (rezero["update_ratio"][5, 1:] > 0).all()
    assert "frozen-layers" not in [symptom.name for symptom in rezero.summary.symptoms]


def test_once_they_pass_something_c_is_the_streams_and_factors_multiply_to_it(rezero: Run) -> None:
    flow = rezero.summary.flow.final
    assert all(value is not None for value in flow.factors.values())
    assert np.prod([*flow.factors.values()]) == pytest.approx(flow.c, rel=1e-9)
    assert flow.factors["skip"] > 1


def test_its_pages_say_so(rezero: Run) -> None:
    text = render(run_page(rezero.summary, rezero.recording))
    assert "residual (scale 0.0, trained)" in text
    assert "beside the skip, which passes all" not in text
    assert "grows by 0.0 decades over the depth" in text
    first, last = (block for block in layers_page(rezero.summary).blocks if isinstance(block, Table))
    shown = dict(zip((column.title for column in first.columns), first.rows[0], strict=True))
    assert shown.get("skip", "-") == "-"
    assert "skip" in [column.title for column in last.columns]


def test_samples_stay_as_unlike_as_they_are_where_branches_add_nothing(rezero: Run) -> None:
    said = forward_sentence(rezero.summary.flow.initial, rezero.summary.theory)
    assert said.endswith("; by theory the samples' cosine stays as it is.")
    assert "rho*" not in said


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ((0.3, 0.3), "the samples' cosine stays as it is"),
        ((0.3, 0.3 + 1e-9), "the samples' cosine stays as it is"),
        ((0.0, 0.0), "the samples' cosine stays as it is"),
        ((0.0030, 0.0027), ""),
        ((0.00302, 0.00299), ""),  # alike as they are shown
        ((-0.0030, 0.0027), ""),
        ((0.3,), ""),
        ((), ""),
    ],
)
def test_a_cosine_stays_where_its_number_does_and_not_only_the_digits_shown(
    expected: tuple[float, ...], said: str, rezero: Run
) -> None:
    flow = rezero.summary.flow.initial
    flow = replace(flow, profile=replace(flow.profile, correlation_expected=expected))
    assert alike_words(replace(rezero.summary.theory, correlation_star=None), flow) == said


@pytest.mark.parametrize(
    "overrides",
    [("model.block=residual",), ("model.block=residual", "model.norm=layer"), ("model.norm=batch",)],
)
def test_layers_of_any_block_fit_into_80_columns(overrides: tuple[str, ...], tmp_path: Path) -> None:
    page = layers_page(run(tmp_path, "depth=8", "width=16", *overrides).summary)
    table = next(block for block in page.blocks if isinstance(block, Table))
    cells = [[column.title for column in table.columns], *table.rows]
    assert sum(max(len(str(cell)) for cell in column) + 2 for column in zip(*cells, strict=True)) <= 80


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("sigma_w=1.3", "sigma_b=0.3"), "samples become alike, rho* = 1, over xi_c = 16.1 layers."),
        (("sigma_w=2.5", "sigma_b=0.3"), "the samples' cosine comes to rho* = "),
        (
            ("activation=relu", "block=residual", "norm=layer"),
            "samples become alike, rho* = 1, ever more slowly.",
        ),
    ],
)
def test_the_cosine_that_theory_expects_stands_beside_the_measured_one(
    overrides: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    """In report, layers and chart: by the map from the mean cosine that was measured in layer 1."""
    few = ("depth=20", "width=64", "steps=2", "init=gaussian", "features=64")
    made = run(tmp_path, *few, *overrides)
    before, after = (flow.profile for flow in (made.summary.flow.initial, made.summary.flow.final))
    assert before.correlation_expected[0] == before.correlation[0]
    np.testing.assert_allclose(before.correlation_expected, before.correlation, atol=0.15)
    assert set(after.correlation_expected) == {None}
    text = forward_sentence(made.summary.flow.initial, made.summary.theory)
    assert text in " ".join(
        block.text for block in run_page(made.summary).blocks if isinstance(block, Sentence)
    )
    assert f"(theory {cosine(before.correlation_expected[-1])}), at layer 1" in text
    assert f"by theory {words}" in text
    first, last = (block for block in layers_page(made.summary).blocks if isinstance(block, Table))
    assert [column.title for column in first.columns[-2:]] == ["cosine", "by theory"]
    assert "by theory" not in [column.title for column in last.columns]
    assert EXPECTED in str(document(run_charts(made)["correlation"]))


def forward(plan: Any, x: Array) -> list[Array]:
    """z (units, B) of every layer by the formulas alone; x is (B, features)."""
    model, a = plan.model, x.T
    p = Parameters(model.shape, np.float64, model.own)
    model.draw(p, range(plan.seed, plan.seed + 1))
    tensors = [tensor[0] for tensor in p]
    scale, zs = getattr(model.block, "scale", None), []
    for layer in range(model.shape.depth):
        w, b = tensors[layer][:-1], tensors[layer][-1:]
        z = w.T @ a + b.T
        if layer and scale is not None:
            z = zs[-1] + scale * z
        zs.append(z)
        a = np.tanh(normed(z, model.norm))
    return zs


def normed(z: Array, norm: Any) -> Array:
    centred = z - z.mean(axis=0) if isinstance(norm, LayerNorm) else z
    return z if norm.name == "none" else centred / np.sqrt((centred**2).mean(axis=0) + norm.eps)


@pytest.mark.parametrize("block", [Plain(), Residual(), Residual(0.3)], ids=repr)
@pytest.mark.parametrize("norm", [NO_NORM, LayerNorm(), RmsNorm()], ids=repr)
def test_the_correlation_is_of_the_stream_by_the_formulas(block: Plain, norm: Any) -> None:
    plan = small.plan(block=block, norm=norm, activation=Tanh(), depth=5, width=6, steps=0)
    data = small.data()
    x = data.x[oracle.batch(plan.seed, data.samples, plan.model.shape.batch, 0)]
    found = small.trained(plan, data).recording["correlation"][0, :, 0]
    np.testing.assert_allclose(found, [mean_cosine(z) for z in forward(plan, x)], rtol=0, atol=1e-12)
