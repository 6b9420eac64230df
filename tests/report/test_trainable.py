"""The sentence, the columns and the maps that say whether a network trains."""

from dataclasses import replace

import pytest

from gradflow.analysis.compare import compare, row_of
from gradflow.analysis.pivot import pivot
from gradflow.analysis.trainable import ALIKE, Trainable, assess, of_those_alive
from gradflow.analysis.trainable_constants import EDGES
from gradflow.report.compare_pages import compare_page, pivot_page
from gradflow.report.html import render as render_html
from gradflow.report.page import Sentence, Table, Toned
from gradflow.report.pages import report_text, run_page
from gradflow.report.terminal import Look, render
from gradflow.report.trainable import NOTE, trainable_sentence
from tests.report.examples import config, flow, summary, trained

HEALTHY = assess(-0.3, 0.2, "sgd", correlation_depth=1.0, cosine=0.4)
LOST = assess(-0.2, 4.0, "sgd", correlation_depth=24.0, cosine=0.999934)
GONE = assess(-9.0, None, "sgd")


def said(found: Trainable, verdict: str) -> str:
    return trainable_sentence(found, verdict, 50, "sgd")


def test_a_healthy_network_is_trainable_with_its_score() -> None:
    assert said(HEALTHY, "stable").startswith(f"Trainable (score {HEALTHY.score:.2f}): ")


def test_a_gradient_that_arrives_from_samples_that_are_all_alike_is_told() -> None:
    text, head = said(LOST, "stable"), "Untrainable (score 0.00), though the gradient arrives: "
    alike = "after 50 layers all samples look alike (cosine 0.999934, 24.0 xi_c); "
    assert text.startswith(f"{head}{alike}the Jacobian's spread is 4.00 widths, where networks bear ")
    assert text.endswith(
        f"; the gradient changes by -0.2 decades, where they bear {EDGES['sgd']['gradient']}."
    )


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (GONE, "vanishing", "Untrainable (score 0.00): the gradient changes by -9.0 decades, where"),
        (replace(HEALTHY, gradient_decades=-1.2), "vanishing", ", though the gradient is vanishing: "),
        (assess(None, None, "sgd", unknown="too narrow"), "stable",
         "Whether it trains is not known: too narrow."),
        (Trainable("untrainable", 0.0, reason="no gradient reaches the first layer"), "dead",
         "Untrainable (score 0.00): no gradient reaches the first layer."),
        (of_those_alive(HEALTHY, 4, 8), "stable",
         ", though it is called stable: no gradient reaches the first layer of 4 of 8 networks."),
    ],
)  # fmt: skip
def test_the_two_verdicts_stand_side_by_side(found: Trainable, verdict: str, words: str) -> None:
    assert words in said(found, verdict)


def test_a_summary_of_before_says_nothing_of_it() -> None:
    assert said(Trainable(), "stable") == ""
    assert "rainable" not in report_text(summary())


@pytest.mark.parametrize(("found", "tone"), [(HEALTHY, ""), (LOST, "warning")])
def test_a_report_has_it_right_below_the_verdict_in_every_form(found: Trainable, tone: str) -> None:
    told = summary(trainable=found)
    page = run_page(told)
    sentence = page.blocks[1]
    assert isinstance(sentence, Sentence)
    assert sentence == Sentence(trainable_sentence(found, "vanishing", 51, "sgd"), tone)
    assert sentence.text in render(page, Look(columns=1000))
    assert sentence.text.partition("): ")[2].replace("_", "\\_") in report_text(told)
    assert sentence.text.partition(":")[0] in render_html(page, {})


@pytest.mark.parametrize(
    ("found", "loss", "accuracy", "said"),
    [
        (LOST, 0.3, 0.95, True),
        (LOST, 2.4, 0.95, False),
        (LOST, 1.9, 0.4, False),
        (HEALTHY, 0.3, 0.95, False),
    ],
)
def test_an_untrainable_network_that_learnt_is_not_left_unsaid(
    found: Trainable, loss: float, accuracy: float, said: bool
) -> None:
    result = trained(loss_final=loss, loss_final_high=loss, accuracy_train_final=accuracy)
    sentence = run_page(summary(trainable=found, training=result)).blocks[1]
    assert isinstance(sentence, Sentence)
    assert sentence.text.endswith("; this run learnt all the same.") == said


def test_a_comparison_has_a_column_and_an_expression_can_ask_for_it() -> None:
    rows = [
        row_of(summary(id="a", path="a", trainable=HEALTHY)),
        row_of(summary(id="b", path="b", trainable=LOST)),
    ]
    page = compare_page(compare(rows), ["run", "trainable"])
    table = page.blocks[1] if isinstance(page.blocks[1], Table) else page.blocks[-2]
    assert isinstance(table, Table)
    assert [column.title for column in table.columns] == ["run", "trains"]
    assert [row[1] for row in table.rows] == [
        Toned(f"yes {HEALTHY.score:.2f}", ""), Toned(f"no {LOST.score:.2f}", "warning")
    ]  # fmt: skip
    assert rows[1]["trainable"] == "untrainable"
    assert rows[1]["correlation_depth"] == LOST.correlation_depth
    assert "trains" in render(compare_page(compare(rows), room=200), Look(columns=200))
    assert NOTE in render(compare_page(compare(rows), room=200), Look(columns=300))


def test_a_map_of_runs_shows_what_trains() -> None:
    kinds = {10: HEALTHY, 50: LOST}
    rows = [
        row_of(summary(id=f"{depth}{width}", path=f"{depth}{width}", trainable=kinds[depth],
                       config=config(depth=depth, width=width), flow=summary().flow))
        for depth in kinds
        for width in (64, 128)
    ]  # fmt: skip
    found = pivot(compare(rows), "depth", "width", "trainable")
    assert [[cell.value for cell in line] for line in found.cells] == [["trainable"] * 2, ["untrainable"] * 2]
    assert "untrainable" in render(pivot_page(found), Look(columns=80))
    scores = pivot(compare(rows), "depth", "width", "trainable_score")
    assert [line[0].value for line in scores.cells] == [HEALTHY.score, LOST.score]


def test_a_map_of_accuracies_has_the_best_of_a_cell() -> None:
    base = summary()
    rows = [
        row_of(summary(id=f"{depth}{seed}", path=f"{depth}{seed}",
                       config=config(depth=depth) | {"seed": seed},
                       training=replace(base.training, accuracy_final=seed / 10)))
        for depth in (10, 50)
        for seed in (3, 9)
    ]  # fmt: skip
    found = pivot(compare(rows), "depth", "width", "accuracy_final")
    assert [line[0].value for line in found.cells] == [0.9, 0.9]


def test_the_reason_is_one_of_those_that_are_known() -> None:
    assert LOST.reason == ALIKE
    assert flow().verdict == "vanishing"
