"""What the pages of a run say, whatever they are drawn with."""

from dataclasses import fields, replace
from math import log, log10
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.outside import Norms, summarize_outside
from gradflow.analysis.summary import (
    Evaluation,
    Flows,
    Profile,
    Summary,
    Theory,
    TrainingResult,
)
from gradflow.analysis.summary_parts import Samples
from gradflow.config.keys import CHOICES
from gradflow.nn.norms import Norm
from gradflow.report import headlines, html, markdown, sentences, terminal
from gradflow.report.learning import training_sentence
from gradflow.report.page import Chart, Heat, Page, Sentence, Table
from gradflow.report.pages import layers_page, run_page, step_page
from gradflow.report.terminal import Look
from tests.report.examples import config, flow, hostile, profile, summary

PIPE = Look(wrap=False)


def words(page: Page) -> str:
    return "\n".join(block.text for block in page.blocks if isinstance(block, Sentence))


def test_the_verdict_is_one_sentence_with_its_numbers() -> None:
    made = flow(depth=50)
    assert headlines.verdict_sentence(made) == (
        "vanishing: each layer passes 0.707 ± 0.002 of the gradient; over 50 layers c^50 = 3e-8"
    )


def test_an_exploding_gradient_is_multiplied() -> None:
    made = flow(1.1, verdict="exploding", c_low=1.1, c_high=1.1)
    assert headlines.verdict_sentence(made) == (
        "exploding: each layer multiplies the gradient by 1.1; over 51 layers c^51 = 129"
    )


def test_what_has_no_c_says_why() -> None:
    made = flow(verdict="dead", c=None, reason="no gradient passes layer 7")
    assert headlines.verdict_sentence(made) == "dead: no gradient passes layer 7"
    assert sentences.measured_sentence(made, 1.0) == ""


def test_a_power_beyond_floats_is_still_said() -> None:
    made = flow(2.1, depth=3000, verdict="exploding", c_power_depth={"3000": None})
    assert headlines.verdict_sentence(made).endswith("over 3,000 layers c^3000 = 5e966")


def test_the_measured_ratio_says_how_many_factors_it_is_of() -> None:
    made = flow(0.9, depth=51, log10_ratio=log10(0.9**50))
    assert "over 51 layers c^51 = 0.0046" in headlines.verdict_sentence(made)
    assert sentences.measured_sentence(made, 1.0).startswith(
        "Measured from layer 51 to layer 1, 50 factors: 0.0052"
    )
    assert "1 factor:" in sentences.measured_sentence(flow(depth=2), 1.0)


def test_a_borderline_verdict_names_interval_and_edge() -> None:
    made = flow(0.95, log10_ratio=-1.05, log10_ratio_low=-1.2, log10_ratio_high=-0.9, borderline=True)
    said = sentences.measured_sentence(made, 1.0)
    assert "Borderline: its 95% interval, 0.063 to 0.13, crosses the edge of stable at 0.10 or 10" in said


def test_a_stable_network_names_the_depth_where_it_is_not() -> None:
    made = flow(0.96, depth=30, verdict="stable")
    assert "would not be stable from depth 58 on" in sentences.measured_sentence(made, 1.0)


@pytest.mark.parametrize(
    ("sigmas", "said"),
    [(-0.84, "0.8 standard errors from it."), (3.2, "3.2 standard errors (more than chance")],
)
def test_agreement_with_theory_is_in_standard_errors(sigmas: float, said: str) -> None:
    theory = Theory(c=0.7071, c_finite_width=0.7065, sigmas=sigmas)
    assert said in sentences.theory_sentence(theory, flow(), trained=False)
    assert "no longer applies" not in sentences.theory_sentence(theory, flow(), trained=False)
    assert "no longer applies" in sentences.theory_sentence(theory, flow(), trained=True)


@pytest.mark.parametrize(("finite", "trusted"), [(1.34, False), (2.2, True), (2.5, True), (2.8, False)])
def test_a_correction_for_the_width_that_is_too_large_is_told_and_not_judged_by(
    finite: float, trusted: bool
) -> None:
    theory = Theory(c=2.35, c_finite_width=finite, sigmas=-8.6)
    said = sentences.theory_sentence(theory, flow(1.1, verdict="stable"), trained=False)
    assert ("more than chance" in said) == trusted
    assert (
        "first order in 1 / width, is too large here to be trusted: c without it is 2.35." in said
    ) != trusted
    assert "8.6 standard errors" in said


def test_an_exact_c_is_not_measured_in_rounding_errors() -> None:
    exact = flow(0.9, c_low=0.9, c_high=0.9)
    said = sentences.theory_sentence(Theory(c=0.9 + 1e-15, sigmas=3.6), exact, trained=False)
    assert (
        said == "Theory expects 0.900 at this depth and width; c at initialization equals it to six digits."
    )


@pytest.mark.parametrize(
    ("verdict", "weights", "slopes", "blame"),
    [
        ("vanishing", 1.0, 0.24, ": the activation is to blame."),
        ("vanishing", 0.5, 1.0, ": the weights are to blame."),
        ("vanishing", 0.7, 0.7, ": both have their part."),
        ("exploding", 4.0, 0.39, ": the weights are to blame."),
        ("exploding", 1.0, 1.035, ": the activation is to blame."),
        ("vanishing", 1.0, 0.0, ": the activation is to blame."),
        ("stable", 1.4, 0.7, "pass 0.700."),
    ],
)
def test_the_cause_is_the_factor_that_pushes_the_way_of_the_verdict(
    verdict: str, weights: float, slopes: float, blame: str
) -> None:
    made = flow(verdict=verdict, weight_factor=weights, slope_factor=slopes)
    assert sentences.cause_sentence(made, "sigmoid").endswith(blame)


@pytest.mark.parametrize(
    ("c", "ratio", "verdict", "said"),
    [
        (1.009, -2.2, "vanishing", "The change lies in layers 1 to 6, outside the fit of c."),
        (1.0, -2.2, "vanishing", "The change lies in layers 1 to 6, outside the fit of c."),
        (0.97, 2.2, "exploding", "The change lies in layers 1 to 6, outside the fit of c."),
        (0.99, -2.2, "vanishing", "Most of the change lies in layers 1 to 6, outside the fit of c."),
    ],
)
def test_no_factor_is_to_blame_for_what_happens_outside_the_fit(
    c: float, ratio: float, verdict: str, said: str
) -> None:
    made = flow(c, depth=20, verdict=verdict, weight_factor=c, slope_factor=1.0, log10_ratio=ratio)
    assert said in sentences.measured_sentence(made, 1.0)
    assert "blame" not in sentences.cause_sentence(made, "linear")


@pytest.mark.parametrize(("c", "verdict"), [(0.8, "vanishing"), (1.0, "stable")])
def test_a_change_that_c_makes_is_not_sought_elsewhere(c: float, verdict: str) -> None:
    assert "outside" not in sentences.measured_sentence(flow(c, depth=20, verdict=verdict), 1.0)


@pytest.mark.parametrize(("samples", "batch"), [(6, "batch 6,"), (128, "batch 128,"), (1438, "batch 128,")])
def test_a_batch_has_no_more_samples_than_there_are(samples: int, batch: str) -> None:
    made = summary(data=Samples(samples, 64, 10))
    training = {**made.config["training"], "batch_size": 128}
    told = dict(sentences.what_was_run(replace(made, config={**made.config, "training": training})))
    assert batch in told["training"]


@pytest.mark.parametrize(
    ("config", "data", "said"),
    [
        (
            {"name": "digits", "standardize": True},
            Samples(1438, 64, 10, 359, "classification"),
            "digits: 1,438 samples + 359 held out, 64 features, classification, 10 classes",
        ),
        (
            {"name": "csv", "path": "x.csv", "standardize": False},
            Samples(80, 1, 1, 20, "regression"),
            "csv (path x.csv): 80 samples + 20 held out, 1 feature, regression, 1 value a sample, "
            "standardize: false",
        ),
        (
            {"name": "teacher"},
            Samples(100, 5, 2, 0, "regression"),
            "teacher: 100 samples, 5 features, regression, 2 values a sample",
        ),
        ({"name": "npz"}, Samples(9, 5, 2), "npz: 9 samples, 5 features, target, 2 values a sample"),
        ({"name": "inline", "standardize": False}, None, "inline"),
    ],
)
def test_the_data_line_says_what_was_learnt_from_what(
    config: dict[str, Any], data: Samples | None, said: str
) -> None:
    made = summary(data=data)
    made = replace(made, config={**made.config, "data": config})
    assert dict(sentences.what_was_run(made))["data"] == said
    page = run_page(made)
    assert said in terminal.render(page, PIPE)
    assert said in html.render(page, {})
    assert said in markdown.render(page).replace("\\", "")


def test_training_that_diverged_says_when_and_what() -> None:
    diverged = TrainingResult(100, 2.0, diverged_step=7, diverged_reason="the loss is nan")
    assert training_sentence(diverged, Evaluation()) == "Diverged at step 7: the loss is nan."


def test_the_report_has_c_beside_the_three_theories() -> None:
    tables = [block for block in run_page(summary()).blocks if isinstance(block, Table)]
    rows = {row[0]: row[1] for row in tables[0].rows}
    assert rows == {
        "step 0": "0.707 ± 0.002",
        "theory, this width": "0.705",
        "theory, infinite width": "0.707",
        "theory, infinite depth": "0.707",
        "step 100": "0.900 ± 0.002",
    }


def test_all_three_norms_are_drawn_at_the_first_and_last_step() -> None:
    strips = next(
        block
        for block in run_page(summary()).blocks
        if isinstance(block, Table) and block.columns[0].title == "norm"
    )
    assert [(row[0], row[1]) for row in strips.rows] == [
        (norm, step) for norm in ("delta", "dL/dW", "dL/db") for step in ("step 0", "step 100")
    ]


@pytest.mark.parametrize(
    ("kind", "c", "norm", "titles"),
    [
        ("delta", 0.9, "delta", [["", "c"], ["", "step 0", "over training", "step 5"]]),
        ("weight", None, "dL/dW", []),
    ],
)
def test_what_nobody_recorded_is_left_out(
    kind: str, c: float | None, norm: str, titles: list[list[str]]
) -> None:
    logs = np.log(0.9) * np.tile(np.arange(20.0, 0, -1)[None, :, None], (2, 1, 3))
    norms = Norms((0, 5), tuple(map(str, range(1, 21))), {kind: logs})
    recorded = summarize_outside("norms-0123abcd", norms.config("norms", "norms.csv"), norms.recording())
    assert recorded.flow.initial.c == (c and pytest.approx(c))
    page = run_page(recorded, norms.recording(), saved=False)
    tables = [block for block in page.blocks if isinstance(block, Table)]
    assert [row[:2] for table in tables for row in table.rows if table.columns[0].title == "norm"] == [
        (norm, "step 0"), (norm, "step 5")
    ]  # fmt: skip
    found = [[column.title for column in table.columns] for table in tables]
    assert [one for one in found if one[0] == ""] == titles
    assert any(isinstance(block, Chart) for block in page.blocks) == (kind == "delta")
    assert all(set(row[1:]) != {"-"} for table in tables for row in table.rows)
    assert "saved in" not in terminal.render(page, PIPE)


def test_theory_s_line_starts_at_the_measured_norm_of_the_last_layer() -> None:
    chart = next(block for block in run_page(summary()).blocks if isinstance(block, Chart))
    assert [series.name for series in chart.series] == ["step 0", "step 100", "theory at step 0"]
    assert chart.series[2].y[-1] == 0.0
    assert chart.series[2].y[0] == pytest.approx(50 * log10(0.7054))


def test_the_map_is_around_the_median_and_has_a_gap_where_there_is_no_number() -> None:
    log_delta = np.log(10) * np.tile(np.linspace(-4, 0, 5)[None, :, None], (3, 1, 2))
    log_delta[1, 0, 0] = np.nan
    recording = {"step": np.array([0.0, 1, 2]), "log_delta_norm": log_delta}
    heat = next(block for block in run_page(summary(), recording).blocks if isinstance(block, Heat))
    assert heat.centre == pytest.approx(-2.0)
    assert [value and round(value, 9) for value in heat.cells[0]] == [-4.0, None, -4.0]
    assert heat.layers == (1, 5)
    assert heat.steps == (0, 2)


def test_a_large_map_is_thinned_with_both_ends_kept() -> None:
    log_delta = np.zeros((1000, 500, 1))
    log_delta[-1, -1] = log(10)
    recording = {"step": np.arange(1000.0), "log_delta_norm": log_delta}
    heat = next(block for block in run_page(summary(), recording).blocks if isinstance(block, Heat))
    assert (len(heat.cells), len(heat.cells[0])) == (48, 240)
    assert heat.cells[-1][-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "odd",
    [
        summary(flow=Flows(flow(c=None, verdict="dead"), flow(step=3, verdict="dead", c=None))),
        summary(flow=Flows(flow(depth=1, c=None), flow(depth=1, c=None)), theory=Theory(reason="too narrow")),
        summary(flow=Flows(flow(profile=Profile()), flow(profile=Profile()))),
        summary(flow=Flows(flow(profile=replace(profile(0.5, 51), log10_delta=(None,) * 51)), flow(step=2))),
        summary(flow=Flows(flow(weight_factor=0.0), flow(c_low=None, c_high=None, interval=None))),
        summary(training=TrainingResult(0)),
        hostile(),
    ],
)
def test_every_page_of_an_odd_run_can_be_drawn(odd: Summary) -> None:
    for page in (run_page(odd), layers_page(odd)):
        assert terminal.render(page, PIPE).strip()
        assert terminal.render(page, Look(columns=40, unicode=False)).isascii()
        assert markdown.render(page).startswith("# ")


def test_terminal_and_markdown_say_the_same_numbers() -> None:
    page = run_page(summary())
    plain = terminal.render(page, PIPE)
    marked = markdown.render(page).replace("\\", "")
    for block in page.blocks:
        cells = []
        if isinstance(block, Sentence):
            cells = [block.text.partition(":")[2]]
        elif isinstance(block, Table):
            cells = [cell for row in block.rows for cell in row if isinstance(cell, str)]
        for cell in cells:
            assert cell in plain
            assert cell in marked


def test_the_advice_comes_with_its_command() -> None:
    assert "gradflow run study.yaml init=he_normal" in terminal.render(run_page(summary()), PIPE)
    assert "```sh\ngradflow run study.yaml init=he_normal\n```" in markdown.render(run_page(summary()))
    assert "initialization: draw the weights larger; theory then expects c = 1" in words(run_page(summary()))


def test_a_symptom_comes_with_its_place_value_and_threshold() -> None:
    said = words(run_page(summary()))
    assert "stalled, step 40: 0.100 (threshold 0.200): the loss has stalled since step 40" in said


def test_an_overflow_has_no_distance_from_theory() -> None:
    made = flow(c=None, c_low=None, c_high=None, verdict="overflow", reason="the norms are not finite")
    said = sentences.theory_sentence(Theory(c=0.9, c_finite_width=0.9, sigmas=1.6), made, False)
    assert said == "Theory expects 0.900 at this depth and width."


LATE = "batch norm's c holds from layer 14 on, when samples have come to be equally alike"


@pytest.mark.parametrize(
    ("depth", "sigmas", "words"),
    [
        (3, None, f"where batch norm has settled, which takes more layers than these ({LATE})."),
        (14, None, f"where batch norm has settled, which takes more layers than these ({LATE})."),
        (15, None, f"where batch norm has settled ({LATE})."),
        (15, 0.8, "from layer 14 on, when batch norm has settled; c of those layers at initialization is "
                  "0.8 standard errors from it."),
    ],
)  # fmt: skip
def test_a_batch_norm_that_has_not_settled_is_told_once(depth: int, sigmas: float | None, words: str) -> None:
    theory = Theory(c=1.234, c_finite_width=1.234, sigmas=sigmas, settling=14, reason=LATE)
    said = sentences.theory_sentence(theory, flow(1.2, depth=depth), trained=False)
    assert said == f"Theory expects 1.234 {words}"


@pytest.mark.parametrize(
    ("block", "norm", "words"),
    [
        ("plain", "none", "relu"),
        ({"name": "residual", "scale": 1.0, "train_scale": False}, "none", "relu, residual (scale 1.0)"),
        ({"name": "residual", "scale": 0.0, "train_scale": True}, "none",
         "relu, residual (scale 0.0, trained)"),
        ({"name": "residual", "scale": "1/sqrt(depth)", "train_scale": False},
         {"name": "layer", "place": "after", "eps": 1e-5, "affine": True},
         "relu, residual (scale 1/sqrt(depth)), layer norm after, affine"),
        ("plain", "batch", "relu, batch norm before"),
        ("plain", {"name": "rms", "place": "before", "eps": 0.0, "affine": False},
         "relu, rms norm before, eps 0.0"),
    ],
)  # fmt: skip
def test_the_network_is_told_with_its_block_and_norm(block: Any, norm: Any, words: str) -> None:
    told = dict(sentences.what_was_run(summary(config=config(block=block, norm=norm))))
    assert told["network"] == f"51 hidden layers + read-out, width 128, {words}"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"name": "leaky_relu", "slope": 0}, "leaky_relu (slope 0)"),
        ({"name": "adam", "lr": 0.001, "beta1": 0.0, "weight_decay": 0.0},
         "adam (lr 0.001, beta1 0.0)"),
        ({"name": "residual", "scale": 0.0, "train_scale": False}, "residual (scale 0.0)"),
        ({"name": "constant", "value": 0.0}, "constant (value 0.0)"),
        ({"name": "truncated_normal", "correct": False}, "truncated_normal (correct false)"),
        ({"name": "gaussian", "sigma_w": 0.0, "sigma_b": 0.0}, "gaussian (sigma_w 0.0)"),
        ({"name": "of a later version", "new": False}, "of a later version (new false)"),
    ],
)  # fmt: skip
def test_of_a_choice_only_a_zero_that_is_the_default_goes_without_saying(
    choice: dict[str, Any], words: str
) -> None:
    assert sentences.entry(choice) == words


def test_what_goes_without_saying_is_zero_by_default_in_every_choice_that_has_it() -> None:
    defaults: dict[str, set[Any]] = {}
    for choice in CHOICES.values():
        for cls in choice.table.values():
            for key in fields(cls):
                defaults.setdefault(key.name, set()).add(key.default)
    assert {key for key, found in defaults.items() if found == {0}} == sentences.ZERO_BY_DEFAULT
    assert Norm.eps == sentences.EPS


def test_a_factor_far_from_c_has_three_digits_and_not_those_of_c() -> None:
    factors = {"weights": 0.00511, "slopes": 0.69659, "skip": 280.75247}
    made = flow(0.99996, c_low=0.99991, c_high=1.00001, factors=factors)
    page = markdown.render(run_page(summary(flow=Flows(made, made))))
    assert "| 0.00511 | 0.69659 | 281 |" in page


def test_a_law_stands_where_c_to_the_depth_would() -> None:
    made = flow(1.02, verdict="exploding", law="power", law_exponent=0.5)
    page = markdown.render(run_page(summary(flow=Flows(made, made))))
    assert "## What L layers make of the gradient, by the law" in page
    assert "| step 0, L^0.500 | 3.2 | 4.5 | 7.1 | 7.1 | 10 |" in page
    assert "e-fold" not in page


def test_the_page_of_the_first_step_blames_what_the_report_blames() -> None:
    activation = {"name": "expression", "value": "z * tanh(z)"}
    narrow = flow(0.118, depth=6, c_low=0.05, c_high=0.3, slope_factor=0.118)
    made = summary(
        config=config(activation=activation), flow=Flows(narrow, replace(narrow, step=100)),
        theory=Theory(c=0.33, c_finite_width=0.088),
    )  # fmt: skip
    said = "the slopes of z * tanh(z) pass 0.12"
    assert f"{said}: the width is to blame" in words(run_page(made))
    assert f"{said}: the width is to blame" in words(step_page(made, made.flow.initial, None))
    assert f"{said}: the activation is to blame" in words(step_page(made, made.flow.final, None))
