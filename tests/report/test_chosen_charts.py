"""Figures of what is chosen: a step, an array of the record, a chart for each value of a key; their sizes."""

import re
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.compare import RESULTS, compare, row_of
from gradflow.analysis.pivot import TEXTS, VALUES, pivot
from gradflow.cli.plot import Print, drawn, require_picture
from gradflow.errors import InputError
from gradflow.recording import STATISTICS
from gradflow.report.charts import axes, laws
from gradflow.report.charts.facets import faceted
from gradflow.report.charts.lines import Lines
from gradflow.report.charts.looks import LOG10, NUMBER, VERDICTS
from gradflow.report.charts.picture import document, picture
from gradflow.report.charts.plot import Plot, titled
from gradflow.report.columns import filled
from gradflow.report.numbers import factor
from gradflow.report.wanted import Wanted, chart_of
from gradflow.store import Run
from gradflow.units import LN10
from tests.report.runs import made, marks_of, renamed, rows_of

MAPS = "give --x layer, or --x step, or --x step --y layer"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("chosen") / "runs")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two activations by two depths by two inits, of which the relu ones reach further."""
    runs = tmp_path_factory.mktemp("grid") / "runs"
    return [
        made(runs, depth=depth, init=init, activation=activation, steps=1, seeds=2)
        for activation in ("tanh", "relu")
        for depth in (3, 6)
        for init in ("he_normal", "xavier_normal")
    ]


def values(runs: Sequence[Run], wanted: Wanted) -> list[dict[str, Any]]:
    return [row for row in rows_of(document(chart_of([*runs], wanted))) if "value" in row]


@pytest.mark.parametrize(("step", "row"), [("0", 0), ("3", 3), ("last", 6)])
def test_a_figure_is_drawn_at_the_step_that_is_asked_for(run: Run, step: str, row: int) -> None:
    rows = values([run], Wanted("flow", step=step))
    measured = [one["value"] for one in rows if one["line"] == f"step {row}"]
    expected = run["log_delta_norm"][row].mean(axis=1) / LN10
    assert measured == pytest.approx(expected.tolist(), rel=1e-5)
    assert {one["line"] for one in rows} == {f"step {row}", "theory at step 0"}


def test_theory_beside_several_runs_is_named_and_not_taken_for_that_of_the_step(run: Run) -> None:
    runs = [run, renamed(run, seed=1)]
    for step in ("0", "last"):
        assert "dashed: theory at step 0" in chart_of(runs, Wanted("flow", step=step)).title.subtitle
    assert "dashed" not in chart_of(runs, Wanted("units", step="last")).title.subtitle


def test_a_note_is_wrapped_where_a_figure_is_narrow(run: Run) -> None:
    chart = chart_of([run, renamed(run, seed=1)], Wanted("flow"))
    assert f">{chart.title.subtitle}<" in picture(chart, ".svg", 5.0).decode()
    lines = re.findall(r"<tspan[^>]*>([^<]*)<", picture(chart, ".svg", 2.0).decode())
    assert " ".join(lines) == chart.title.subtitle
    assert max(map(len, lines)) <= 32  # 2 inches in letters of 6 pixels


@pytest.mark.parametrize(
    "array", [*STATISTICS, "log_weight_grad_norm", "log_slope_factor", "log_bias_grad_norm"]
)
def test_any_array_of_the_record_is_drawn_over_layers_and_over_steps(run: Run, array: str) -> None:
    scaled = np.exp if array.endswith("_factor") else np.log10 if array == "q" else lambda values: values
    base = run[array] / LN10 if array.startswith("log_") and scaled is not np.exp else run[array]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.exp(base.mean(axis=2)) if scaled is np.exp else scaled(base).mean(axis=2)
    last = values([run], Wanted(value=array, step="3"))
    layers = expected.shape[1] - array.endswith("_factor")  # those between hidden layers
    assert [row["value"] for row in last] == pytest.approx(
        expected[3, :layers].tolist(), rel=1e-5, nan_ok=True
    )
    over = values([run], Wanted(value=array, x="step"))
    assert [row["value"] for row in over if row["line"] == "layer 1"][:6] == pytest.approx(
        expected[:6, 0].tolist(), rel=1e-5, nan_ok=True
    )


@pytest.mark.parametrize("array", ["loss", "clip_share", "log_dw_head", "loss_train"])
def test_an_array_without_layers_is_drawn_over_steps_with_a_line_a_run(run: Run, array: str) -> None:
    record = {**run.recording, "log_dw_head": np.log(run["loss"])}
    one, other = (
        Run(run.path, run.info, config=run.config, recording=record, summary=renamed(run, seed=seed).summary)
        for seed in (0, 1)
    )
    expected = np.log10(run["loss"]) if array == "log_dw_head" else record[array]
    for wanted in (Wanted(value=array), Wanted(value=array, x="step")):
        rows = values([one, other], wanted)
        for line in ("seed 0", "seed 1"):
            drawn_values = [row["value"] for row in rows if row["line"] == line]
            means = np.array(drawn_values, dtype=float)
            assert means == pytest.approx(expected.mean(axis=1), rel=1e-5, nan_ok=True)
    assert [row["step"] for row in rows][:2] == record["eval_step" if array == "loss_train" else "step"][
        :2
    ].tolist()
    with pytest.raises(InputError, match=f"--value {array} is recorded by step: give --x step"):
        chart_of([one], Wanted(value=array, x="layer"))


def test_an_array_over_steps_and_layers_is_a_map(run: Run) -> None:
    spec = document(chart_of([run], Wanted(value="activation_std", x="step", y="layer")))
    rows = [row for row in rows_of(spec) if "top" in row]
    assert np.array([row["value"] for row in rows]) == pytest.approx(
        run["activation_std"].mean(axis=2).T, rel=1e-5
    )
    assert spec["usermeta"]["title"] == "Activation std over layers and steps"


@pytest.mark.parametrize(
    ("array", "title", "form"),
    [
        ("q", "log10 q", LOG10),
        ("log_slope_factor", "log10 slope_factor", LOG10),
        ("log_weight_grad_norm", "log10 weight_grad_norm", LOG10),
        ("update_ratio", "update_ratio", NUMBER),
        ("saturated", "saturated", NUMBER),
    ],
)
def test_the_cells_of_a_map_hold_what_its_title_and_its_tooltips_say(
    run: Run, array: str, title: str, form: str
) -> None:
    spec = document(chart_of([run], Wanted(value=array, x="step", y="layer")))
    base = np.log10(run[array]) if array == "q" else run[array] / (LN10 if form == LOG10 else 1.0)
    cells = np.array([row["value"] for row in rows_of(spec) if "top" in row], dtype=float)
    assert cells == pytest.approx(base.mean(axis=2).T, rel=1e-5, abs=1e-9, nan_ok=True)
    (mark,) = marks_of(spec)
    assert mark["encoding"]["color"]["title"] == title
    told = mark["encoding"]["tooltip"][-1]
    assert (told["title"], told["format"]) == (title, form)


@pytest.mark.parametrize("over", [{"x": "step"}, {"x": "step", "y": "layer"}])
def test_a_dead_network_makes_no_gap_in_the_logs_of_the_others(run: Run, over: dict[str, str]) -> None:
    record = {name: run[name].copy() for name in ("step", "log_delta_norm", "q")}
    record["log_delta_norm"][:, :, 0], record["q"][:, -1, 0] = -np.inf, 0.0
    one = Run(run.path, run.info, config=run.config, recording=record, summary=run.summary)
    rows = values([one], Wanted(value="q", **over))
    last = rows[-1]["value"] if "y" in over else [row["value"] for row in rows if row["line"] == "layer 8"]
    assert last == pytest.approx(np.log10(run["q"][:, -1, 1:]).mean(axis=1).tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(value="activation_sdt"), "did you mean activation_std"),
        (Wanted(value="activation_std", x="depth"), f"recorded by layer and step: {MAPS}"),
        (Wanted(value="activation_std", x="step", y="step"), f"recorded by layer and step: {MAPS}"),
        (Wanted(value="activation_std", x="layer", y="step"), f"recorded by layer and step: {MAPS}"),
        (Wanted(value="activation_std", y="layer"), "--y is of no use here"),
        (Wanted(value="activation_std", x="step", step="3"), "--step is of no use here"),
        (Wanted("flow", value="activation_std"), "--figure is of no use here"),
        (Wanted("loss", step="3"), "loss is no figure of one step"),
        (Wanted("flow", step="7"), "--step 7: the step was not recorded; the nearest is 6"),
        (Wanted(x="step", value="c"), "--x step: values over the steps are --figure course (of c), loss"),
        (Wanted("flow", facet="dept"), "did you mean depth"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, wanted: Wanted, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        chart_of([run], wanted)


def test_what_a_value_may_be_is_listed_once(run: Run) -> None:
    with pytest.raises(InputError, match="--value nope: choose one of") as caught:
        chart_of([run], Wanted(value="nope"))
    listed = str(caught.value).partition(" of ")[2].split(", ")
    assert sorted({*listed}) == sorted(listed)
    assert "saturated" in listed


@pytest.mark.parametrize("output", ["a.SVG", "b.Png"])
def test_a_picture_is_named_in_small_letters(output: str) -> None:
    with pytest.raises(InputError, match=r"a figure ends in \.svg, \.pdf, \.png, in small letters$"):
        require_picture(Path(output))


def test_over_steps_one_run_is_shown_or_a_chart_each(grid: list[Run]) -> None:
    with pytest.raises(InputError, match="over steps one run is shown, and 2 are named"):
        chart_of(grid[:2], Wanted(value="activation_std", x="step"))
    found = chart_of(grid[:2], Wanted(value="activation_std", x="step", facet="init"))
    assert [chart.title for chart in found.concat] == ["init he_normal", "init xavier_normal"]


def test_a_map_over_hidden_keys_is_refused_with_what_shows_them(grid: list[Run]) -> None:
    told = "for model.activation differ too: give --facet model.activation, or --where .* == 'tanh'"
    with pytest.raises(InputError, match=told):
        chart_of(grid, Wanted(x="depth", y="init"))


def test_charts_side_by_side_have_one_scale_of_colours(grid: list[Run]) -> None:
    found = chart_of(grid, Wanted(x="depth", y="init", value="log10_ratio", facet="activation"))
    assert [chart.title for chart in found.concat] == ["activation tanh", "activation relu"]
    specs = [document(chart) for chart in found.concat]
    domains = [spec["layer"][0]["encoding"]["color"]["scale"]["domain"] for spec in specs]
    reach = max(1.0, *(abs(run.summary.flow.initial.log10_ratio or 0) for run in grid))
    assert domains == [[pytest.approx(-reach), 0.0, pytest.approx(reach)]] * 2
    drawn_values = [row["text_short"] for spec in specs for row in rows_of(spec)]
    assert len(drawn_values) == len(grid)


def told_in(chart: Any, channel: str) -> dict[str, Any]:
    """The look of each name in a chart, which all its marks agree on."""
    scales = [mark["encoding"].get(channel, {}).get("scale") for mark in marks_of(document(chart))]
    looks = [dict(zip(scale["domain"], scale["range"], strict=True)) for scale in scales if scale]
    assert all(one == looks[0] for one in looks)
    return looks[0]


def in_panels(run: Run, *panels: Sequence[float]) -> list[Run]:
    """Runs of some learning rates in each panel, one for each seed; each measures the same."""
    training = run.summary.config["training"]
    return [
        renamed(run, seed=seed, training=training | {"optimizer": {"name": "sgd", "lr": lr}})
        for seed, rates in enumerate(panels) for lr in rates
    ]  # fmt: skip


def test_a_line_has_one_colour_in_all_charts_and_no_other_has_it(run: Run) -> None:
    found = chart_of(in_panels(run, (0.1, 0.2), (0.3, 0.1, 0.4)), Wanted("flow", facet="seed"))
    assert found.resolve.scale.to_dict()["color"] == "shared"
    first, second = (told_in(chart, "color") for chart in found.concat)
    assert first == second
    assert [*first] == ["lr 0.1", "lr 0.2", "lr 0.3", "lr 0.4"]
    assert len({*first.values()}) == 4
    assert ">lr 0.4<" in picture(found, ".svg", 5.0).decode()


@pytest.mark.parametrize("panels", [[(0.1, 0.2), (0.3, 0.4)], [(0.1,), (0.1, 0.2)]])
def test_charts_without_lines_in_common_have_legends_of_their_own(
    run: Run, panels: list[tuple[float, ...]]
) -> None:
    found = chart_of(in_panels(run, *panels), Wanted("flow", facet="seed"))
    ways = found.resolve.scale.to_dict()
    assert (ways["x"], ways["color"]) == ("shared", "independent")
    for chart in found.concat:
        looks = told_in(chart, "color")
        assert len({*looks.values()}) == len(looks)
    svg = picture(found, ".svg", 5.0).decode()
    assert float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1]) == pytest.approx(480, abs=1.5)  # type: ignore[index]


def test_more_names_than_colours_are_told_apart_in_each_chart(run: Run) -> None:
    named = [renamed(one, f"net-{i}") for i, one in enumerate(in_panels(run, [0.1] * 9, [0.1] * 3))]
    named[-3:] = [renamed(one, f"net-{i}", seed=1) for i, one in enumerate(named[-3:])]
    ways = chart_of(named, Wanted("flow", facet="seed")).resolve.scale.to_dict()
    assert {ways[channel] for channel in ("color", "shape", "strokeDash")} == {"independent"}


def test_what_dashes_mean_is_said_once_of_charts_of_one_run_each(run: Run) -> None:
    runs = [renamed(run, f"net-{i}", seed=i) for i in range(2)]
    svg = picture(chart_of(runs, Wanted("loss", facet="seed")), ".svg", 5.0).decode()
    assert svg.count(">training samples<") == 1


def test_a_verdict_keeps_its_colour_where_only_some_charts_have_it(run: Run) -> None:
    runs = [renamed(run, seed=seed) for seed in (0, 1, 1)]
    flows = [
        replace(run.summary.flow.initial, verdict=name, c=c)
        for name, c in (("stable", 1.0), ("stable", 1.0), ("vanishing", 0.5))
    ]
    runs = [
        Run(one.path, one.info, config=one.config, recording=one.recording,
            summary=replace(one.summary, flow=replace(one.summary.flow, initial=flow)))
        for one, flow in zip(runs, flows, strict=True)
    ]  # fmt: skip
    found = chart_of(runs, Wanted("theory", facet="seed"))
    met = {name: VERDICTS[name] for name in ("vanishing", "stable")}
    assert [told_in(chart, "color") for chart in found.concat] == [met, met]


def test_parts_are_dashed_alike_in_all_charts(run: Run) -> None:
    dashes = [["a", "c"], ["a", "b", "c"]]
    parts = [
        Plot([{"x": 1, "value": 1.0, "line": "l", "part": p} for p in names], axes.x("x", "x"), "y",
             Lines({"l": "#000000"}, parts=tuple(names))).line()
        for names in dashes
    ]  # fmt: skip
    runs = [renamed(run, seed=seed) for seed in (0, 1)]
    drawn_parts = iter([titled("t", "", part) for part in parts])
    found = faceted(runs, "seed", lambda _: next(drawn_parts))
    first, second = (told_in(chart, "strokeDash") for chart in found.concat)
    assert first == second
    assert len({*map(tuple, first.values())}) == 3


def test_charts_of_which_one_is_cut_have_axes_of_their_own_and_the_notes_of_all(run: Run) -> None:
    def chart(cut: bool) -> Any:
        rows = [{"line": "l", "layer": layer, "value": float(layer)} for layer in (1, 2)]
        scale = {"domain": [0.0, 1.5], "nice": False} if cut else {}
        plot = Plot(rows, axes.x("layer", "layer"), "y", Lines({"l": "#000000"}), scale)
        return titled("t", "; ".join(["at step 0", *plot.notes]), plot.line())

    charts = iter([chart(False), chart(True)])
    found = faceted([renamed(run, seed=seed) for seed in (0, 1)], "seed", lambda _: next(charts))
    ways = found.resolve.scale.to_dict()
    assert (ways["x"], ways["y"], ways["color"]) == ("shared", "independent", "shared")
    assert found.title.subtitle == "at step 0; the axis is cut: more lies beyond"


def test_maps_of_charts_around_medians_of_their_own_have_bars_of_their_own(grid: list[Run]) -> None:
    found = chart_of(grid[:2], Wanted("heatmap", facet="init"))
    assert found.resolve.scale.to_dict()["color"] == "independent"


@pytest.mark.parametrize(
    ("wanted", "width", "height"),
    [
        (Wanted("flow"), 3.3, 2.2),
        (Wanted("heatmap"), 3.3, 2.0),
        (Wanted(value="q", x="step"), 5.0, 4.0),
        (Wanted("flow", facet="seed"), 5.0, 2.5),
    ],
)
def test_a_figure_is_as_wide_and_high_as_is_asked_for(
    run: Run, wanted: Wanted, width: float, height: float
) -> None:
    svg = picture(chart_of([run], wanted), ".svg", width, height).decode()
    assert re.search(rf'width="{width:g}in" height="{height:g}in"', svg)
    across, down = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())  # type: ignore[union-attr]
    assert across == pytest.approx(96 * width, abs=1.5)  # drawn at that size, not stretched to it
    assert down == pytest.approx(96 * height, abs=1.5)


def test_a_figure_has_the_letters_the_dots_and_the_title_that_are_asked_for(run: Run, tmp_path: Path) -> None:
    def made_of(**changes: Any) -> bytes:
        return drawn([run], tmp_path / "a.svg", Wanted("flow"), Print(3.3, **changes))

    assert 'font-size="10.66' in made_of().decode()  # pixels of 8 points
    assert 'font-size="16px"' in made_of(points=12.0).decode()
    assert "Gradient norm by layer" in made_of().decode()
    assert "Gradient norm by layer" not in made_of(titled=False).decode()
    png = drawn([run], tmp_path / "a.png", Wanted("flow"), Print(3.3, height=2.0, dpi=100))
    assert struct.unpack(">II", png[16:24]) == (330, 200)
    with pytest.raises(InputError, match=r"only a \.png has dots"):
        made_of(dpi=100)


def test_names_of_a_map_are_all_there_where_it_is_narrow(grid: list[Run]) -> None:
    chart = chart_of(grid[:4], Wanted(x="init", y="depth"))
    svg = picture(chart, ".svg", 2.0).decode()
    for words in ("he_normal", "xavier_", "normal"):
        assert f">{words}<" in svg
    wide = picture(chart, ".svg", 5.0).decode()
    assert ">xavier_normal<" in wide


def test_charts_that_leave_no_room_for_their_plots_are_refused(grid: list[Run]) -> None:
    chart = chart_of(grid, Wanted("flow", facet="depth"))
    with pytest.raises(InputError, match="leave no room for their plots: make the figure larger"):
        picture(chart, ".svg", 1.0)


def fonts_of(svg: str) -> list[tuple[str, float]]:
    """The texts of a picture with the sizes of their letters."""
    found = re.findall(r'<text[^>]*font-size="([\d.]+)px"[^>]*>([^<]*)</text>', svg)
    return [(text, float(size)) for size, text in found]


def plots_of(svg: str) -> list[float]:
    """The widths of the plots; legends are lower, or less wide."""
    found = re.findall(r'class="background"[^>]* d="M0,0h([\d.]+)v([\d.]+)', svg)
    return [float(wide) for wide, high in found if float(high) >= 60 and float(wide) > 50]


def places_of(svg: str, names: Sequence[str]) -> list[float]:
    """How far down some labels of an axis stand."""
    found = [re.search(rf"translate\([-\d.]+,([\d.]+)\)[^>]*>{name}<", svg) for name in names]
    assert all(found)
    return sorted(float(one[1]) for one in found if one)


@pytest.mark.parametrize("width", [2.5, 3.3, 6.8])
def test_every_name_beside_a_map_has_a_line_of_its_own(run: Run, width: float) -> None:
    names = [f"net-{i}" for i in range(30)]
    runs = [
        renamed(run, data=name, model=run.summary.config["model"] | {"depth": depth})
        for name in names for depth in (4, 8)
    ]  # fmt: skip
    svg = picture(chart_of(runs, Wanted(x="depth", y="data")), ".svg", width).decode()
    places = places_of(svg, names)
    assert min(np.diff(places)) >= 8 * 96 / 72  # pixels of 8 points


def test_many_numbers_beside_a_map_are_thinned_out(run: Run) -> None:
    runs = [renamed(run, seed=seed, seeds=seeds) for seed in range(60) for seeds in (2, 3)]
    svg = picture(chart_of(runs, Wanted(x="seeds", y="seed")), ".svg", 3.3).decode()
    seen = [str(i) for i in range(4, 60) if re.search(rf'opacity="1"[^>]*>{i}<', svg)]
    assert 6 <= len(seen) <= 20
    assert min(np.diff(places_of(svg, seen))) >= 8 * 96 / 72


@pytest.mark.parametrize("width", [2.0, 3.3, 5.0])
def test_charts_stand_in_as_many_rows_as_the_figure_is_narrow(run: Run, width: float) -> None:
    runs = [renamed(run, seed=seed) for seed in range(3)]
    svg = picture(chart_of(runs, Wanted("flow", facet="seed")), ".svg", width).decode()
    titles = [re.search(rf"translate\(([-\d.]+),([-\d.]+)\)[^>]*>seed {seed}<", svg) for seed in range(3)]
    assert all(titles)
    assert len(plots_of(svg)) >= 3
    across, down = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())  # type: ignore[union-attr]
    assert across == pytest.approx(96 * width, abs=1.5)
    assert down > {2.0: 3, 3.3: 2, 5.0: 1}[width] * 130


@pytest.mark.parametrize(
    ("width", "facet"), [(2.5, None), (3.3, None), (3.3, "seed"), (6.8, None), (6.8, "seed")]
)
def test_numbers_in_cells_fit_or_are_left_out(run: Run, width: float, facet: str | None) -> None:
    model = run.summary.config["model"]
    runs = [
        renamed(run, data=f"a-long-name-{i}", seed=seed, model=model | {"depth": depth})
        for i in range(3) for depth in range(4, 9) for seed in ((0, 1) if facet else (0,))
    ]  # fmt: skip
    svg = picture(chart_of(runs, Wanted(x="depth", y="data", facet=facet)), ".svg", width).decode()
    plot = min(plots_of(svg))
    written = [(text, size) for text, size in fonts_of(svg) if re.fullmatch(r"[01]\.\d+", text) and size < 10]
    assert all(0.55 * size * len(text) <= plot / 5 for text, size in written)
    assert written or width < 6


@pytest.mark.parametrize("width", [3.3, 6.8])
def test_each_of_several_long_names_is_told_by_its_end(run: Run, width: float) -> None:
    runs = [renamed(run, f"a-name-that-is-much-too-long-for-a-figure-{i}") for i in range(9)]
    svg = picture(chart_of(runs, Wanted("map")), ".svg", width).decode()
    shown = re.findall(r'opacity="1"[^>]*>([^<]*…[^<]*)<', svg)
    assert [name[-1] for name in shown] == [str(i) for i in range(9)]
    across = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
    assert across == pytest.approx(96 * width, abs=1.5)


def test_what_has_no_interval_has_no_bars(run: Run) -> None:
    """Of which a browser would complain."""
    runs = [renamed(run, f"net-{i}", seed=i) for i in range(3)]
    kinds = {}
    for value in ("c", "c_final", "loss_final"):
        spec = document(chart_of(runs, Wanted(x="seed", value=value)))
        kinds[value] = [mark["mark"]["type"] for mark in marks_of(spec)]
    with_bars = ["rule", "rule", "line", "point"]
    assert kinds == {"c": with_bars, "c_final": with_bars, "loss_final": ["line", "point"]}


def test_c_at_the_end_is_written_with_its_interval(grid: list[Run]) -> None:
    rows = values(grid[:2], Wanted(x="init", value="c_final"))
    flows = [run.summary.flow.final for run in grid[:2]]
    assert [row["text"] for row in rows] == [factor(flow.c, flow.c_low, flow.c_high) for flow in flows]
    assert [row["low"] for row in rows] == pytest.approx([flow.c_low for flow in flows], rel=1e-5)


def test_true_and_false_are_names_on_an_axis(run: Run) -> None:
    model = run.summary.config["model"]
    norms = [{"name": "layer", "affine": affine} for affine in (False, True)]
    runs = [renamed(run, model=model | {"norm": norm}) for norm in norms]
    marks = marks_of(document(chart_of(runs, Wanted(x="affine"))))
    assert {mark["encoding"]["x"]["type"] for mark in marks if "x" in mark["encoding"]} == {"nominal"}
    columns = filled(compare(row_of(one.summary) for one in runs), None, False)
    assert [one.column.numeric for one in columns if one.column.title == "affine"] == [False]


def test_figures_and_maps_of_compare_show_the_same_numbers(grid: list[Run]) -> None:
    compared = compare(row_of(run.summary) for run in grid[:4])

    def is_shown(show: Callable[[], object]) -> bool:
        with suppress(InputError):
            return bool(show())
        return False

    shown = {
        name: [
            is_shown(partial(pivot, compared, "depth", "init", name)),
            is_shown(partial(chart_of, grid[:4], Wanted(x="depth", y="init", value=name))),
        ]
        for name in RESULTS if name not in TEXTS
    }  # fmt: skip
    assert {*VALUES} == {name for name, both in shown.items() if all(both)}
    assert all(one == other for one, other in shown.values())
    assert {"r2_train_final", "saturated", "log10_ratio_final"} <= {*VALUES}


def test_predictions_over_decades_are_set_against_what_was_measured_in_logs(run: Run) -> None:
    def kinds(*expected: float) -> set[Any]:
        theory = [replace(run.summary.theory, c_finite_width=c) for c in expected]
        summaries = [replace(run.summary, theory=one) for one in theory]
        marks = marks_of(document(laws.theory(summaries)))
        return {mark["encoding"][axis].get("scale", {}).get("type") for mark in marks for axis in "xy"}

    assert "log" in kinds(0.9, 40.0)
    assert "log" not in kinds(0.9, 1.1)
