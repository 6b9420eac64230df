"""The pages of theory alone."""

from collections.abc import Sequence
from dataclasses import asdict
from math import log10
from typing import Any

import pytest

from gradflow.analysis.summary import Theory, strict
from gradflow.analysis.trainable import Trainable, assess
from gradflow.report.page import Chart, Facts, Sentence, Table, Toned
from gradflow.report.terminal import Look, render
from gradflow.report.theory_pages import expected_verdict, point_page, table_page

STABLE = Theory(c=0.99, log10_ratio=-0.1, critical_sigma_w=1.2)
SMALL = Theory(c=0.5, log10_ratio=-6.0, critical_sigma_w=1.2)
YES, NO = (assess(theory.log10_ratio, None, "sgd") for theory in (STABLE, SMALL))


@pytest.mark.parametrize(
    ("theory", "c"),
    [
        (Theory(), None),
        (Theory(c=0.5), 0.5),
        (Theory(c=0.5, c_finite_width=0.4), 0.4),
        (Theory(c=1e-300, c_finite_width=0.0), 0.0),
    ],
)
def test_the_c_of_this_width_is_expected_where_it_is_known(theory: Theory, c: float | None) -> None:
    assert theory.expected_c == c
    assert "expected_c" not in strict(asdict(theory))


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(-0.9, "stable"), (-1.1, "vanishing"), (1.1, "exploding"), (None, "undetermined")]
)
def test_the_verdict_is_that_of_the_whole_ratio_whatever_c_is(ratio: float | None, verdict: str) -> None:
    assert expected_verdict(Theory(c=1.0, log10_ratio=ratio), 1.0) == verdict
    assert expected_verdict(Theory(log10_ratio=ratio), 1.0) == "undetermined"  # as of a single layer


def test_a_point_sums_up_the_ratio_that_its_verdict_stands_on() -> None:
    layers = [{"layer": layer, "log10_gradient": 0.0} for layer in range(1, 81)]
    page = point_page(Theory(c=0.98, c_finite_width=0.978, log10_ratio=-1.1), layers, [], 1.0)
    assert [block.text for block in page.blocks if isinstance(block, Sentence)] == [
        "vanishing: each layer is expected to pass 0.978 of the gradient; "
        "from layer 80 to layer 1, 79 factors: 0.079 (-1.1 decades)"
    ]


def test_a_point_says_where_its_correction_for_the_width_is_too_large() -> None:
    page = point_page(Theory(c=2.35, c_finite_width=1.34, log10_ratio=1.4), [], [], 1.0)
    (note,) = (block.text for block in page.blocks if isinstance(block, Sentence) and block.tone == "note")
    assert note.startswith("Note: The correction for the width")


def charts(layers: Sequence[dict[str, Any]]) -> list[Chart]:
    page = point_page(Theory(c=0.9, log10_ratio=-0.1), layers, [], 1.0)
    return [block for block in page.blocks if isinstance(block, Chart)]


def test_a_gradient_is_drawn_in_powers_of_ten_and_a_cosine_as_it_is() -> None:
    layers = [{"layer": n, "log10_gradient": 0.0, "correlation": 0.02 * n} for n in (1, 2, 3)]
    assert [chart.labels for chart in charts(layers)] == ["power", "plain"]


def test_a_gradient_that_reaches_no_other_layer_is_not_drawn() -> None:
    layers = [{"layer": n, "log10_gradient": 0.0 if n == 3 else None} for n in (1, 2, 3)]
    assert charts(layers) == charts([]) == []
    assert len(charts(layers[2:] * 2)) == 1


def test_two_axes_make_a_map_with_the_critical_line_marked() -> None:
    axes = {"model.init.sigma_w": (0.5, 1.1, 2.0), "model.init.sigma_b": (0.0, 0.1)}
    page = table_page(axes, [SMALL, SMALL, STABLE, STABLE, SMALL, SMALL], [NO, NO, YES, YES, NO, NO], 1.0)
    table = page.blocks[0]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["0.5", "1.1", "2"]
    assert table.rows[0][1] == Toned("0.500", "vanishing")
    assert table.rows[1][1] == Toned("0.990*", "stable")
    trains = page.blocks[2]
    assert isinstance(trains, Table)
    assert [row[0] for row in trains.rows] == ["0.5", "1.1", "2"]
    assert [row[1] for row in trains.rows] == [
        Toned("0.00", "warning"), Toned(f"{YES.score:.2f}", ""), Toned("0.00", "warning")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sigmas", "starred"),
    [
        ((0.5, 1.1, 2.0), 1.1),
        ((2.0, 1.1, 0.5), 1.1),
        ((1.1, 2.0, 0.5), 1.1),
        ((0.5, 0.9, 1.0, 3.0), 1.0),  # apart by less than to the critical one
        ((0.4, 0.7, 1.1), None),  # it lies beyond them
        ((1.2,), 1.2),
    ],
)
def test_the_critical_sigma_w_is_marked_alike_down_and_across(
    sigmas: tuple[float, ...], starred: float | None
) -> None:
    sigma_w, other = {"model.init.sigma_w": sigmas}, {"model.init.sigma_b": (0.0,)}
    found, trains = [SMALL] * len(sigmas), [NO] * len(sigmas)
    down, across = (
        table_page(axes, found, trains, 1.0).blocks[0]
        for axes in ({**sigma_w, **other}, {**other, **sigma_w})
    )
    assert isinstance(down, Table)
    assert isinstance(across, Table)
    cells = [row[1] for row in down.rows]
    assert cells == [*across.rows[0][1:]]
    marked = [value for value, cell in zip(sigmas, cells, strict=True) if "*" in str(cell)]
    assert marked == ([starred] if starred else [])


def test_a_wide_map_has_a_sign_a_point_and_fits_a_terminal() -> None:
    sigma_w = tuple(i / 10 for i in range(1, 51))
    axes = {"model.init.sigma_b": (0.0,), "model.init.sigma_w": sigma_w}
    found = [Theory(c=value, log10_ratio=19 * log10(value), critical_sigma_w=1.2) for value in sigma_w]
    trains = [assess(theory.log10_ratio, None, "sgd") for theory in found[:-1]] + [Trainable()]
    text = render(table_page(axes, found, trains, 1.0), Look(columns=80))
    signs = next(line for line in text.splitlines() if "xxx" in line).split()[-1]
    assert signs.strip("x") == "o" * signs.count("o") + "x" * signs[10:].count("x") + "?"
    row = next(line for line in text.splitlines() if "---" in line and "+++" in line)
    assert row.split()[-1].index("*") == sigma_w.index(1.2)
    assert max(map(len, text.splitlines()[:4])) <= 80


def test_other_numbers_of_axes_make_a_line_a_point() -> None:
    page = table_page({"model.depth": (10, 200)}, [STABLE, SMALL], [YES, NO], 0.5)
    table = page.blocks[0]
    assert isinstance(table, Table)
    assert [row[1] for row in table.rows] == [Toned("stable", "stable"), Toned("vanishing", "vanishing")]
    assert [row[2] for row in table.rows] == [Toned(f"yes {YES.score:.2f}", ""), Toned("no 0.00", "warning")]


TANH = {"depth": 10, "activation": "tanh", "init": {"name": "gaussian", "sigma_w": 1.5}}


@pytest.mark.parametrize(
    ("axes", "heads"),
    [
        ({"model": (TANH, {**TANH, "activation": "relu"})}, ["activation tanh", "activation relu"]),
        (
            {"model.init": ({"name": "gaussian", "sigma_w": 1.0}, {"name": "gaussian", "sigma_w": 2.0})},
            ["gaussian (sigma_w 1.0)", "gaussian (sigma_w 2.0)"],
        ),
        (
            {"model.norm": ({"name": "layer", "place": "before"}, {"name": "layer", "place": "after"})},
            ["layer before", "layer after"],
        ),
        ({"model.width": ([8] * 6, [8] * 4 + [4] * 2)}, ["[8 x 6]", "[8 x 4, 4 x 2]"]),
        ({"model.init.sigma_w": (1.00001, 1.00002)}, ["1.00001", "1.00002"]),
    ],
)
def test_values_are_in_words_that_tell_them_apart(axes: dict[str, Sequence[Any]], heads: list[str]) -> None:
    alone = table_page(axes, [STABLE, SMALL], [YES, NO], 1.0).blocks[0]
    assert isinstance(alone, Table)
    assert [row[0] for row in alone.rows] == heads
    down, _, trains, _ = table_page({**axes, "seed": (0,)}, [STABLE, SMALL], [YES, NO], 1.0).blocks
    across = table_page({"seed": (0,), **axes}, [STABLE, SMALL], [YES, NO], 1.0).blocks[0]
    assert isinstance(down, Table)
    assert isinstance(trains, Table)
    assert isinstance(across, Table)
    assert [row[0] for row in down.rows] == [row[0] for row in trains.rows] == heads
    assert [column.title for column in across.columns[1:]] == heads


@pytest.mark.parametrize(
    ("xi", "said"),
    [
        (0.0, "0 layers, in which a squared gradient shrinks by a factor of e"),
        (4.26, "4.26 layers, in which a squared gradient shrinks by a factor of e"),
        (-7.8, "-7.80 layers: negative, for a squared gradient grows by a factor of e in 7.80 layers"),
        (None, "infinite"),
    ],
)
def test_the_depth_scale_says_what_its_sign_means(xi: float | None, said: str) -> None:
    page = point_page(Theory(c=0.9, xi=xi), [], [], 1.0)
    facts = dict(row for block in page.blocks if isinstance(block, Facts) for row in block.rows)
    assert facts["xi"] == said


@pytest.mark.parametrize(("star", "said"), [(1.0, "1"), (0.99987, "0.99987"), (0.64, "0.640")])
def test_a_cosine_below_1_is_not_shown_as_1(star: float, said: str) -> None:
    page = point_page(Theory(c=0.9, correlation_star=star), [], [], 1.0)
    facts = dict(row for block in page.blocks if isinstance(block, Facts) for row in block.rows)
    assert facts["correlation"] == f"rho* = {said} between two samples"


def test_what_has_no_theory_says_why() -> None:
    page = point_page(Theory(reason="mean field needs wide layers"), [], [("init", "he")], 1.0)
    assert [block.text for block in page.blocks if isinstance(block, Sentence)] == [
        "undetermined: theory predicts no c here",
        "Note: mean field needs wide layers.",
    ]
