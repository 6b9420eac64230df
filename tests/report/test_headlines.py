"""The headline of a flow: dead networks first, the one layer that decides, intervals that stay above 0."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.summary import Evaluation, Flow, Flows, TrainingResult, Weakest
from gradflow.analysis.summary_parts import LostSamples
from gradflow.outside import read_norms, run_of
from gradflow.report import headlines, sentences, terminal
from gradflow.report.page import Table
from gradflow.report.pages import run_page
from tests.report.examples import flow, summary
from tests.report.test_pages import PIPE, words


def dying(dead: int, networks: int = 10, **changes: Any) -> Flow:
    verdict = "dead" if 2 * dead > networks else "stable"
    reason = f"{dead} of {networks} networks are dead and left out: no gradient passes layer 3"
    made = flow(0.95, depth=3, verdict=verdict, networks=networks, dead_networks=dead, reason=reason)
    return replace(made, **changes)


def test_most_networks_dead_is_what_the_verdict_leads_with() -> None:
    assert headlines.verdict_sentence(dying(7)) == (
        "dead: 7 of 10 networks are dead; over the 3 that are alive, each layer passes 0.950 ± 0.002 of the "
        "gradient; over 3 layers c^3 = 0.86"
    )
    assert "over the 1 that is alive, each layer" in headlines.verdict_sentence(dying(9))
    said = words(run_page(summary(flow=Flows(dying(7), dying(8, step=100)))))
    assert "After 100 steps dead: 8 of 10 networks are dead; over the 2 that are alive" in said


@pytest.mark.parametrize("dead", [1, 5])
def test_a_mean_over_survivors_says_so_and_the_dead_have_a_line(dead: int) -> None:
    said = headlines.verdict_sentence(dying(dead))
    assert said.startswith(f"stable: over the {10 - dead} of 10 networks alive, each layer passes 0.950")
    assert f"{dead} of 10 networks are dead" in sentences.measured_sentence(dying(dead), 1.0)
    tables = [
        block
        for block in run_page(summary(flow=Flows(dying(dead), dying(dead)))).blocks
        if isinstance(block, Table)
    ]
    assert tables[0].rows[0][0] == f"step 0, {10 - dead} of 10 networks alive"


def test_without_a_death_nothing_is_said_of_survivors() -> None:
    said = words(run_page(summary(flow=Flows(dying(0, reason=None), dying(0, reason=None)))))
    assert "alive" not in said
    assert "dead" not in said


ONE = Weakest(31, 0.004, 0.35, "slopes", 31, None, 0.97, 0.95, 0.99, "stable")


def test_one_layer_that_makes_the_verdict_is_in_its_sentence() -> None:
    made = flow(0.8, weakest=ONE)
    assert headlines.verdict_sentence(made) == (
        "vanishing: layer 31 alone passes 0.0040 of the gradient; without it c = 0.97 ± 0.02"
    )
    assert headlines.weakest_sentence(made) == (
        "One layer decides: layer 31, by the slopes of layer 31 (the others' spread reaches to 0.35); "
        "without it stable."
    )
    said = words(run_page(summary(flow=Flows(made, made))))
    assert said.count("alone passes") == said.count("without it c") == 1


def test_one_layer_of_a_gradient_that_vanishes_anyway_is_told_after_the_verdict() -> None:
    one = Weakest(31, 0.004, 0.35, "weights", 32, None, 0.7, 0.68, 0.72, "vanishing")
    made = flow(0.6, weakest=one)
    assert headlines.verdict_sentence(made).startswith("vanishing: each layer passes 0.600 ± 0.002")
    said = words(run_page(summary(flow=Flows(made, made))))
    assert "layer 31 alone passes 0.0040, by the weights of layer 32" in said
    assert "without it c = 0.70 ± 0.02, still vanishing." in said


@pytest.mark.parametrize(
    ("log_c", "each", "whole"),
    [
        (-900.0, "vanishing: each layer passes 1e-391 of the gradient", "c^11 = 3e-4300"),
        (900.0, "exploding: each layer multiplies the gradient by 7e390", "c^11 = 3e4299"),
    ],
)
def test_a_c_that_no_float_holds_is_a_power_of_ten(log_c: float, each: str, whole: str) -> None:
    made = fit_flow({"log_delta_norm": log_c * (11 - np.arange(12.0))[:, None]}, 0)
    assert made.c == (0 if log_c < 0 else None)
    assert made.log_c == pytest.approx(log_c)
    assert headlines.verdict_sentence(made) == f"{each}; over 11 factors {whole}"
    table = next(
        block for block in run_page(summary(flow=Flows(made, made))).blocks if isinstance(block, Table)
    )
    assert table.rows[0][1] in each.split()


@pytest.mark.parametrize(("name", "called"), [("fc31", "fc31"), ("31", "layer 31"), (None, "layer 31")])
def test_a_layer_of_another_program_keeps_its_name(name: str | None, called: str) -> None:
    assert f"vanishing: {called} alone" in headlines.verdict_sentence(
        flow(0.8, weakest=replace(ONE, name=name))
    )


def test_a_wide_interval_of_c_is_told_by_its_ends_with_c_beside() -> None:
    made = flow(0.86, depth=3, verdict="stable", c_low=0.36, c_high=2.1)
    assert headlines.verdict_sentence(made) == (
        "stable: each layer passes 0.860 of the gradient (95%: 0.36 to 2.1); over 3 layers c^3 = 0.64"
    )
    page = run_page(summary(flow=Flows(made, made)))
    assert "0.36 to 2.1" in terminal.render(page, PIPE)
    assert "0.9 ± 1" not in terminal.render(page, PIPE)


@pytest.mark.parametrize(
    ("training", "verdict", "said"),
    [
        ((2.31, 0.12, 0.1, 0.14), "vanishing", "; all the same the loss fell from 2.31 to 0.12 ± 0.02"),
        ((2.31, 0.12, None, None), "exploding", "; all the same the loss fell from 2.31 to 0.120"),
        ((2.31, 2.2, 1.9, 2.5), "vanishing", ""),  # within its spread
        ((2.31, 2.31, None, None), "vanishing", ""),
        ((2.31, 0.12, 0.1, 0.14), "stable", ""),
        ((2.31, 0.12, 0.1, 0.14), "undetermined", ""),
        ((None, None, None, None), "vanishing", ""),
        ((None, 0.1, None, None), "vanishing", ""),
    ],
)
def test_a_network_that_learnt_says_so_beside_a_final_verdict(
    training: tuple[float | None, ...], verdict: str, said: str
) -> None:
    first, last, low, high = training
    result = TrainingResult(100, first, last, low, high)
    final = flow(0.8, step=100, verdict=verdict)
    assert headlines.all_the_same(final, result) == said
    if said:
        page = words(run_page(summary(flow=Flows(flow(), final), training=result)))
        assert any(
            line.startswith(f"After 100 steps {verdict}") and said in line for line in page.split("\n")
        )


@pytest.mark.parametrize(
    ("guesses", "learnt"),
    [
        ({"accuracy_train_final": 0.11}, False),
        ({"accuracy_train_final": 0.20}, False),
        ({"accuracy_train_final": 0.35}, True),
        ({"r2_train_final": 0.03}, False),
        ({"r2_train_final": 0.6}, True),
    ],
)
def test_a_loss_that_falls_to_that_of_guessing_has_taught_nothing(
    guesses: dict[str, float], learnt: bool
) -> None:
    result = TrainingResult(100, 2.5, 2.302, 2.301, 2.303, **guesses)  # type: ignore[arg-type]
    evaluation = Evaluation(majority_train=0.2)
    made = summary(flow=Flows(flow(), flow(0.8, step=100)), training=result, evaluation=evaluation)
    assert ("all the same the loss fell" in words(run_page(made))) == learnt


def test_norms_that_are_not_finite_are_told_once(tmp_path: Path) -> None:
    file = tmp_path / "norms.csv"
    rows = [f"{step},{layer},{0.5 * layer}" for step in range(2) for layer in range(1, 9)]
    rows[10] = "1,3,nan"
    file.write_text("\n".join(["step,layer,norm", *rows]))
    run = run_of(read_norms(file, "delta"), "norms", file)
    assert words(run_page(run.summary)).count("nan at layer 3") == 1


def test_a_verdict_that_training_leaves_word_for_word_is_not_told_twice() -> None:
    reason = "all 4 networks are dead: in the first of them no gradient passes layer 3"
    first = replace(flow(), c=None, verdict="dead", reason=reason)
    said = words(run_page(summary(flow=Flows(first, replace(first, step=20)))))
    assert said.count("all 4 networks are dead") == 1
    assert "After 20 steps still dead" in said


@pytest.mark.parametrize(
    ("lost", "dead", "headline", "after"),
    [
        (124.5, 0, "over the 3.5 of 128 samples whose gradient is not 0, each layer passes", ""),
        (124.5, 1, "over the 3 of 4 networks alive and the 3.5 of 128 samples whose gradient is", ""),
        (2.25, 0, "each layer passes",
         "The measurement is over the 125.8 of 128 samples whose gradient is not 0 in layer 1."),
    ],
)  # fmt: skip
def test_samples_that_pass_no_gradient_are_told_first_where_they_are_most(
    lost: float, dead: int, headline: str, after: str
) -> None:
    made = flow(0.8, lost_samples=LostSamples(lost, 128), networks=4, dead_networks=dead)
    assert headlines.verdict_sentence(made).startswith(f"vanishing: {headline}")
    assert sentences.reason_sentence(made) == after
    trained = replace(made, step=100)
    said = words(run_page(summary(flow=Flows(made, trained))))
    assert said.count("samples whose gradient is not 0") == (2 if after else 1)
