"""The pages of theory alone."""

import pytest

from gradflow.analysis.summary import Theory
from gradflow.report.page import Facts, Sentence, Table, Toned
from gradflow.report.terminal import Look, render
from gradflow.report.theory_pages import point_page, table_page, verdict_at

STABLE, SMALL = Theory(c=0.99, critical_sigma_w=1.2), Theory(c=0.5, critical_sigma_w=1.2)


def test_the_verdict_is_that_of_c_to_the_depth() -> None:
    assert verdict_at(Theory(c=0.9), 10, 1.0) == "stable"
    assert verdict_at(Theory(c=0.9), 50, 1.0) == "vanishing"
    assert verdict_at(Theory(c=1.1), 50, 1.0) == "exploding"
    assert verdict_at(Theory(), 50, 1.0) == "undetermined"


def test_two_axes_make_a_map_with_the_critical_line_marked() -> None:
    axes = {"model.init.sigma_w": (0.5, 1.1, 2.0), "model.init.sigma_b": (0.0, 0.1)}
    page = table_page(axes, [SMALL, SMALL, STABLE, STABLE, SMALL, SMALL], [20] * 6, 1.0)
    table = page.blocks[0]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["0.5", "1.1", "2"]
    assert table.rows[0][1] == Toned("0.500", "vanishing")
    assert table.rows[1][1] == Toned("0.990*", "stable")


def test_a_wide_map_has_a_sign_a_point_and_fits_a_terminal() -> None:
    sigma_w = tuple(i / 10 for i in range(1, 51))
    axes = {"model.init.sigma_b": (0.0,), "model.init.sigma_w": sigma_w}
    found = [Theory(c=value, critical_sigma_w=1.2) for value in sigma_w]
    text = render(table_page(axes, found, [20] * 50, 1.0), Look(columns=80))
    row = next(line for line in text.splitlines() if "---" in line and "+++" in line)
    assert row.split()[-1].index("*") == sigma_w.index(1.2)
    assert max(map(len, text.splitlines()[:4])) <= 80


def test_other_numbers_of_axes_make_a_line_a_point() -> None:
    page = table_page({"model.depth": (10, 200)}, [STABLE, STABLE], [10, 200], 0.5)
    table = page.blocks[0]
    assert isinstance(table, Table)
    assert [row[1] for row in table.rows] == [Toned("stable", "stable"), Toned("vanishing", "vanishing")]


@pytest.mark.parametrize(
    ("xi", "said"),
    [
        (4.26, "4.26 layers, in which a squared gradient shrinks by a factor of e"),
        (-7.8, "-7.80 layers: negative, for a squared gradient grows by a factor of e in 7.80 layers"),
        (None, "infinite"),
    ],
)
def test_the_depth_scale_says_what_its_sign_means(xi: float | None, said: str) -> None:
    page = point_page(Theory(c=0.9, xi=xi), [], [], 1.0)
    facts = dict(row for block in page.blocks if isinstance(block, Facts) for row in block.rows)
    assert facts["xi"] == said


def test_what_has_no_theory_says_why() -> None:
    page = point_page(Theory(reason="mean field needs wide layers"), [], [("init", "he")], 1.0)
    assert [block.text for block in page.blocks if isinstance(block, Sentence)] == [
        "undetermined: theory predicts no c here",
        "Note: mean field needs wide layers.",
    ]
