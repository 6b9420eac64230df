"""Figures of many runs: what tells their lines apart, and legends that stay legible whatever their number."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from gradflow.report.charts.figures import draw, over_keys
from gradflow.report.charts.lines import FIRST, MOST, PALE, apart, of_runs
from gradflow.report.charts.picture import document, picture
from gradflow.report.several import in_order
from gradflow.store import Run
from tests.report.runs import made, marks_of, renamed, rows_of


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("one") / "runs", depth=5, steps=1, seeds=2)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    runs = tmp_path_factory.mktemp("three") / "runs"
    inits = ("he_normal", "orthogonal", "xavier_normal")
    return [made(runs, depth=depth, init=init, steps=0) for init in inits for depth in (3, 6)]


def varied(run: Run, **values: Any) -> Run:
    """The same run with other keys of its model."""
    return renamed(run, model=run.summary.config["model"] | values)


def by_width(run: Run, count: int) -> list[Run]:
    return [varied(run, width=16 + i) for i in range(count)]


def legends_of(spec: dict[str, Any]) -> list[list[str]]:
    """The names that each legend of a chart has."""
    channels = ("color", "shape", "strokeDash")
    encodings = [mark["encoding"][c] for mark in marks_of(spec) for c in channels if c in mark["encoding"]]
    shown = [one["scale"]["domain"] for one in encodings if one.get("legend", {}) is not None]
    return [names for names in shown if isinstance(names[0], str)]


@pytest.mark.parametrize("figure", ["flow", "factors", "loss", "course"])
def test_three_hundred_runs_that_differ_in_a_number_are_coloured_by_it(one: Run, figure: str) -> None:
    spec = document(draw(figure, by_width(one, 300)))
    rows = [row for row in rows_of(spec) if "line" in row]
    assert len({row["line"] for row in rows}) == 300
    assert all(row["line"] == f"width {row['number']:.0f}" for row in rows)
    line = next(mark for mark in marks_of(spec) if mark["mark"].get("type") == "line")
    colour = line["encoding"]["color"]
    assert (colour["field"], colour["type"], colour["title"]) == ("number", "quantitative", "width")
    assert colour["scale"]["domain"] == [16, 315]
    assert not any("width" in name for names in legends_of(spec) for name in names)
    assert "band" not in spec["usermeta"]["note"]


def test_a_number_over_decades_is_coloured_by_its_logs() -> None:
    names = [f"lr {i}" for i in range(9)]
    for numbers, kind in (([10.0**-i for i in range(9)], "log"), ([1.0 + i for i in range(9)], "linear")):
        scale = of_runs(names, ("lr", numbers)).colour().to_dict()["scale"]
        assert (scale["type"], scale["domain"]) == (kind, [min(numbers), max(numbers)])


def test_a_seed_is_a_name_as_long_as_names_can_be_told_apart() -> None:
    for count, numbered in ((8, False), (MOST, False), (MOST + 1, True)):
        found = of_runs([f"seed {i}" for i in range(count)], ("seed", list(range(count))))
        assert bool(found.numbers) is numbered


@pytest.mark.parametrize(
    ("count", "figures"),
    [(8, ("flow", "factors", "course", "loss", "squares", "correlation", "units")), (24, ("loss", "units"))],
)
def test_runs_are_called_by_their_names_in_every_figure(one: Run, count: int, figures: Sequence[str]) -> None:
    runs = [renamed(run, f"my-net-{i}") for i, run in enumerate(by_width(one, count))]
    for figure in figures:
        spec = document(draw(figure, runs))
        assert {row["line"] for row in rows_of(spec) if "line" in row} == {run.summary.name for run in runs}
        assert all(set(names) == {run.summary.name for run in runs} for names in legends_of(spec)[:1])
    over = document(over_keys(runs, "name", None, "c"))
    assert [row["x"] for row in rows_of(over) if "x" in row] == [run.summary.name for run in runs]


def test_of_more_names_than_can_be_told_apart_the_first_have_colours_and_the_rest_one() -> None:
    names = [f"name {i}" for i in range(300)]
    found = of_runs(names)
    assert list(found.colours) == [*names[:FIRST], "and 294 more"]
    assert len({*found.colours.values()}) == FIRST + 1
    assert found.colours["and 294 more"] == PALE
    rows = found.rows([{"line": name} for name in names])
    assert [row["name"] for row in rows] == ["and 294 more"] * 294 + names[:FIRST]  # the rest at the bottom
    assert {row["line"] for row in rows} == {*names}


def test_lines_of_the_rest_stay_lines_of_their_own(one: Run) -> None:
    """Twenty data sets by two read-outs, over the depth."""
    runs = [
        renamed(varied(one, depth=depth, readout=readout), data=f"set-{i}")
        for depth in (4, 5) for readout in ("linear", "none") for i in range(20)
    ]  # fmt: skip
    spec = document(over_keys(runs, "depth", None, "log10_ratio"))
    line = next(mark for mark in marks_of(spec) if mark["mark"].get("type") == "line")
    assert line["encoding"]["detail"]["field"] == "line"
    assert line["encoding"]["color"]["field"] == "name"
    assert all(names[-1] == "and 34 more" and len(names) == 7 for names in legends_of(spec))
    rows = [row for row in rows_of(spec) if "line" in row]
    assert len({row["line"] for row in rows}) == 40


@pytest.mark.parametrize("width", [3.3, 6.8])
def test_the_plot_of_three_hundred_runs_is_larger_than_all_around_it(one: Run, width: float) -> None:
    svg = picture(draw("flow", by_width(one, 300)), ".svg", width).decode()
    plot = re.search(r'class="background"[^>]* d="M0,0h([\d.]+)v([\d.]+)', svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert plot
    assert box
    assert float(plot[1]) > 0.65 * 96 * width
    assert float(plot[2]) > 0.5 * float(box[2])


def test_many_laws_that_cross_two_keys_have_two_short_legends(three: list[Run]) -> None:
    """Nine laws: three inits by three data sets."""
    runs = [renamed(run, data=f"set-{i}") for run in three for i in range(3)]
    spec = document(draw("depth-law", in_order(runs)))
    inits = ("he_normal", "orthogonal", "xavier_normal")
    assert {tuple(sorted(names)) for names in legends_of(spec)} == {inits, ("set-0", "set-1", "set-2")}
    rows = [row for row in rows_of(spec) if "line" in row]
    assert len({(row["line"], row["part"]) for row in rows}) == 9
    assert all(": c = " in row["differs"] for row in rows)  # which the tooltip tells


def test_few_laws_have_their_c_in_the_legend(three: list[Run]) -> None:
    (names, *_) = legends_of(document(draw("depth-law", in_order(three))))
    assert all(re.fullmatch(r"init \w+: c = .*", name) for name in names)


def test_configs_that_differ_in_two_keys_are_crossed_where_names_would_be_many() -> None:
    pairs = [{"a.x": x, "a.y": y} for x in ("p", "q", "r", "s") for y in (1, 2, 3)]
    lines, columns = apart(pairs, ["a.x", "a.y"])
    assert lines.titles == ("x", "y")
    assert columns[4] == {"line": "q", "part": "2", "differs": "x q, y 2"}
    _, few = apart(pairs[:6], ["a.x", "a.y"])
    assert [column["line"] for column in few[:2]] == ["x p, y 1", "x p, y 2"]
    _, long = apart([{"a.x": f"p{x}", "a.y": y} for x in range(9) for y in (1, 2)], ["a.x", "a.y"])
    assert long[0]["line"] == "x p0, y 1"  # nine are more than there are colours
