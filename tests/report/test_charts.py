"""The charts: their data is the summary's, their colours the verdicts', and they export to every format."""

import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.summary import Summary
from gradflow.errors import InputError
from gradflow.report.charts import axes
from gradflow.report.charts.axes import cut, in_logs
from gradflow.report.charts.figures import FIGURES, draw, of_array, over_keys, run_charts, sweep_charts
from gradflow.report.charts.looks import VERDICTS
from gradflow.report.charts.picture import document, picture
from gradflow.report.charts.plot import Plot, cell, tips
from gradflow.report.charts.study import spread
from gradflow.report.labels import keys_apart, labels
from gradflow.report.page import Heat
from gradflow.report.pages import run_page
from gradflow.report.palette import TONES
from gradflow.report.several import depth_laws, in_order
from gradflow.store import Run
from gradflow.units import LN10
from tests.report.runs import made, marks_of, renamed, rows_of


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made(tmp_path_factory.mktemp("one") / "runs")


@pytest.fixture(scope="module")
def depths(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    runs = tmp_path_factory.mktemp("depths") / "runs"
    return [
        made(runs, depth=depth, init=init, activation="relu", steps=0)
        for depth in (12, 4, 8)
        for init in ("xavier_normal", "he_normal")
    ]


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    runs = tmp_path_factory.mktemp("phases") / "runs"
    init = "{{name: gaussian, sigma_w: {}, sigma_b: {}}}"
    return [made(runs, init=init.format(w, b), steps=0) for w in (0.8, 1.2, 2.0) for b in (0.1, 0.2)]


def summaries(runs: Sequence[Run]) -> list[Summary]:
    return [run.summary for run in runs]


def test_a_run_has_every_chart_with_a_title(healthy: Run) -> None:
    charts = {name: document(chart) for name, chart in run_charts(healthy).items()}
    expected = {"flow", "heatmap", "factors", "course", "loss", "accuracy", "squares", "correlation", "units"}
    assert {*charts} == expected
    assert all(spec["usermeta"]["title"] for spec in charts.values())


def test_the_flow_chart_holds_the_norms_of_the_summary(healthy: Run) -> None:
    rows = rows_of(document(run_charts(healthy)["flow"]))
    for flow, line in ((healthy.summary.flow.initial, "step 0"), (healthy.summary.flow.final, "step 6")):
        drawn = [row["value"] for row in rows if row["line"] == line]
        assert drawn == pytest.approx(flow.profile.log10_delta, rel=1e-5)
        assert all(row["low"] < row["value"] < row["high"] for row in rows if row["line"] == line)


def test_the_factors_drawn_are_those_of_the_summary(healthy: Run) -> None:
    rows = rows_of(document(run_charts(healthy)["factors"]))
    profile = healthy.summary.flow.initial.profile
    for part, factors in (("weights", profile.weight_factor), ("slopes", profile.slope_factor)):
        drawn = [row["value"] for row in rows if row.get("part") == part and row["line"] == "step 0"]
        assert drawn == pytest.approx(factors[:-1], rel=1e-5)


def test_factors_of_one_layer_are_told_apart_by_their_dots(tmp_path: Path) -> None:
    run = made(tmp_path / "runs", depth=2, steps=0)
    *_, line, dots = marks_of(document(draw("factors", [run])))
    shape = dots["encoding"]["shape"]
    assert (shape["field"], shape["scale"]["domain"]) == ("part", ["weights", "slopes"])
    assert len({*shape["scale"]["range"]}) == 2
    assert "strokeDash" not in line["encoding"]
    assert [one["field"] for one in line["encoding"]["detail"]] == ["line", "part"]


def test_a_network_without_a_read_out_has_factors_of_all_there_is(healthy: Run) -> None:
    bare = renamed(healthy, model=healthy.summary.config["model"] | {"readout": "none"})
    said = [document(draw("factors", [run]))["usermeta"]["note"] for run in (healthy, bare)]
    assert ["read-out" in note for note in said] == [True, False]


def test_every_factor_that_a_record_has_is_drawn(healthy: Run) -> None:
    more = {"log_norm_factor": healthy["log_slope_factor"] - 1, "log_skip_factor": healthy["q"] * 0}
    record = {**healthy.recording, **more}
    run = Run(healthy.path, healthy.info, config=healthy.config, recording=record, summary=healthy.summary)
    spec = document(run_charts(run)["factors"])
    drawn = {row["part"]: row["value"] for row in rows_of(spec) if row.get("layer") == 3}
    assert [*drawn] == ["weights", "slopes", "norm", "skip"]
    assert drawn["norm"] < drawn["slopes"]
    assert drawn["skip"] == 1
    (line,) = (mark for mark in marks_of(spec) if "strokeDash" in mark["encoding"])
    dashes = line["encoding"]["strokeDash"]["scale"]
    assert len({*map(str, dashes["range"])}) == len(dashes["domain"]) == 4


def test_theory_is_a_dashed_line_that_starts_at_the_last_layers_norm(healthy: Run) -> None:
    spec = document(run_charts(healthy)["flow"])
    rows = [row for row in rows_of(spec) if row["line"] == "theory at step 0"]
    assert len(rows) == 8
    assert rows[-1]["value"] == pytest.approx(healthy.summary.flow.initial.profile.log10_delta[-1], rel=1e-5)
    assert any(mark["mark"].get("strokeDash") for mark in marks_of(spec))


def test_the_course_of_c_is_the_summarys_history(healthy: Run) -> None:
    rows = [row for row in rows_of(document(run_charts(healthy)["course"])) if "step" in row]
    history = healthy.summary.history
    assert [row["step"] for row in rows] == list(history.steps)
    assert [row["value"] for row in rows] == pytest.approx(history.c, rel=1e-5)
    assert [row["high"] for row in rows] == pytest.approx(history.c_high, rel=1e-5)


def test_the_band_is_the_t_interval_over_networks() -> None:
    low, high = spread(np.array([[1.0, 2.0, 3.0]]))
    assert high[0] - low[0] == pytest.approx(2 * 4.302653 / 3**0.5, rel=1e-6)  # t(0.975, 2), sd 1
    assert np.isnan(spread(np.array([[1.0]]))[0]).all()


def test_a_long_run_is_thinned_in_its_map_and_says_so(tmp_path: Path) -> None:
    run = made(tmp_path / "runs", depth=110, steps=130, seeds=1)
    spec = document(run_charts(run)["heatmap"])
    rows = rows_of(spec)
    assert (len(rows), len(rows[0]["step"])) == (100, 120)
    assert "100 of 110 layers and 120 of 131 recorded steps" in spec["usermeta"]["note"]
    assert spec["usermeta"]["renderer"] == "canvas"


def test_a_map_is_blue_below_its_median_and_red_above(healthy: Run) -> None:
    (spec,) = marks_of(document(run_charts(healthy)["heatmap"]))
    low, middle, high = spec["encoding"]["color"]["scale"]["domain"]
    cells = np.array([row["value"] for row in rows_of(spec)])
    assert middle == pytest.approx(np.median(cells), rel=1e-4)
    assert low < middle < high
    assert spec["encoding"]["color"]["scale"]["range"][0] == "rgb(33, 102, 172)"


def test_verdicts_have_the_colours_of_every_other_report() -> None:
    assert {name: VERDICTS[name] for name in ("vanishing", "exploding", "dead")} == {
        name: TONES[name] for name in ("vanishing", "exploding", "dead")
    }


def test_a_dead_network_has_charts_without_its_norms(tmp_path: Path) -> None:
    run = made(tmp_path / "runs", activation="relu", init="{name: constant, value: -0.5}")
    assert run.summary.flow.initial.verdict == "dead"
    charts = run_charts(run)
    assert "flow" not in charts
    assert "loss" in charts


def test_a_diverged_run_has_a_logarithmic_loss_and_gaps(tmp_path: Path) -> None:
    run = made(tmp_path / "runs", activation="relu", init="he_normal", lr=1e3, steps=40)
    assert run.status == "diverged"
    spec = document(run_charts(run)["loss"])
    assert all(row["value"] is None or np.isfinite(row["value"]) for row in rows_of(spec))
    assert {mark["encoding"]["y"]["scale"].get("type") for mark in marks_of(spec)} == {"log"}


def test_an_axis_is_cut_where_one_curve_would_make_the_others_flat(tmp_path: Path) -> None:
    init = "{name: gaussian, sigma_w: 1.2}"
    run = made(tmp_path / "runs", init=init, lr=1e4, depth=60, steps=30)
    spec = document(draw("flow", [run]))
    first = [row["value"] for row in rows_of(spec) if row.get("line") == "step 0"]
    last = [row["value"] for row in rows_of(spec) if row.get("line") not in ("step 0", "theory at step 0")]
    assert min(filter(None, last)) < min(first) - 100
    for mark in marks_of(spec):
        low, high = mark["encoding"]["y"]["scale"]["domain"]
        assert -100 < low < min(first) < max(first) < high < 100
    assert "the axis is cut" in spec["usermeta"]["note"]


def test_an_axis_that_holds_everything_is_not_cut(healthy: Run) -> None:
    for name, chart in run_charts(healthy).items():
        assert "cut" not in document(chart)["usermeta"]["note"], name


def test_an_interval_counts_as_far_as_the_curves_span() -> None:
    assert cut([0, 1], [0, 1], [-0.5, 1.5]) == {}
    assert cut([0, 1], [0, 1], [-9, 1.5])["domain"] == [-1, 1.5]
    assert cut([0, 1], [0, 300], [])["domain"] == [0, 41]
    assert in_logs([1, 10], [1e-9, 10], 5)["domain"] == [0.1, 10]


def test_several_runs_are_labelled_by_what_differs(depths: list[Run]) -> None:
    runs = in_order(depths)
    assert labels(summaries(runs))[:2] == ["depth 4, init he_normal", "depth 4, init xavier_normal"]
    names = {row["line"] for row in rows_of(document(draw("flow", runs)))}
    assert names == set(labels(summaries(runs)))


def test_a_setting_that_follows_from_another_choice_is_no_difference(depths: list[Run]) -> None:
    assert keys_apart(summaries(depths)) == ["model.depth", "model.init"]  # not init.gain, 1 or sqrt 2


def test_a_depth_by_init_sweep_is_a_map_of_c(depths: list[Run]) -> None:
    spec = document(sweep_charts(in_order(depths))["map"])
    cells = {(row["x"], row["y"]): row["shade"] for row in rows_of(spec)}
    for run in depths:
        model = run.summary.config["model"]
        c = run.summary.flow.initial.c
        assert c is not None
        assert cells[model["depth"], model["init"]["name"]] == pytest.approx(log10(c), rel=1e-4)


def test_the_depth_law_is_a_line_whose_slope_is_c(depths: list[Run]) -> None:
    spec = document(sweep_charts(in_order(depths))["depth-law"])
    for law in depth_laws(depths):
        (first, *_, last) = [row for row in rows_of(spec) if f"init {law['model.init']}:" in row["line"]]
        slope = (last["fit"] - first["fit"]) / (last["depth"] - first["depth"])
        assert 10**slope == pytest.approx(law["delta"]["c"], rel=1e-4)


def test_the_line_of_a_depth_law_goes_through_what_the_law_was_fitted_to(tmp_path: Path) -> None:
    norm = "he_normal, block: residual, norm: {name: layer, place: before}"
    runs = [made(tmp_path / "runs", depth=d, init=norm, activation="relu", steps=0) for d in (1, 4, 16)]
    rows, (law,) = rows_of(document(draw("depth-law", runs))), depth_laws(runs)
    assert [row["depth"] for row in rows] == [1, 4, 16]
    for name in ("value", "fit"):
        slope, _ = np.polyfit([1, 4, 16], [row[name] for row in rows], 1)
        assert slope == pytest.approx(log10(law["delta"]["c"]), rel=1e-3)
    assert np.mean([row["fit"] - row["value"] for row in rows]) == pytest.approx(0, abs=1e-5)


def test_networks_that_a_depth_law_leaves_out_are_in_no_dot(tmp_path: Path) -> None:
    he = {"init": "he_normal", "activation": "relu", "steps": 0}
    whole = [made(tmp_path / "runs", depth=d, **he) for d in (2, 4, 8)]
    runs = [without_network(run, 1) if run is whole[-1] else run for run in whole]
    rows, (law,) = rows_of(document(draw("depth-law", runs))), depth_laws(runs)
    slope, _ = np.polyfit([2, 4, 8], [row["value"] for row in rows], 1)
    assert slope == pytest.approx(log10(law["delta"]["c"]), rel=1e-3)


def without_network(run: Run, network: int) -> Run:
    """The same run with a network that is dead."""
    recording = {name: array.copy() for name, array in run.recording.items()}
    recording["log_delta_norm"][:, :, network] = -np.inf
    return Run(run.path, run.info, config=run.config, recording=recording, summary=run.summary)


def test_a_network_that_is_dead_is_in_no_mean_over_steps(tmp_path: Path) -> None:
    whole = made(tmp_path / "runs", seeds=4, steps=2)
    run = without_network(whole, 1)
    for name in ("log_delta_norm", "log_weight_grad_norm"):
        living = whole[name][:, :, [0, 2, 3]].mean(axis=2) / LN10
        cells, lines = (
            rows_of(document(of_array(name, [run], over))) for over in (("step", "layer"), ("step",))
        )
        assert np.array([row["value"] for row in cells]) == pytest.approx(living.T, rel=1e-5)
        first = [row["value"] for row in lines if row["line"] == "layer 1"]
        assert first == pytest.approx(living[:, 0].tolist(), rel=1e-5)
    assert draw("heatmap", [run])
    assert any(isinstance(block, Heat) for block in run_page(run.summary, run.recording).blocks)


def test_each_run_obeys_one_depth_law_which_names_its_seed(tmp_path: Path) -> None:
    runs = [made(tmp_path / "runs", depth=d, seed=seed, steps=0) for d in (4, 8) for seed in (0, 50)]
    rows = rows_of(document(draw("depth-law", runs)))
    assert sorted(row["run"] for row in rows) == sorted(run.id for run in runs)
    seeds = {run.id: run.summary.config["seed"] for run in runs}
    assert all(row["line"].startswith(f"seed {seeds[row['run']]}: c = ") for row in rows)


def test_a_phase_map_has_theorys_critical_line(phases: list[Run]) -> None:
    spec = document(sweep_charts(in_order(phases))["phase"])
    line = {row["y"]: row["x"] for row in rows_of(spec) if "shade" not in row}
    assert line == {0.1: pytest.approx(1.193401, rel=1e-5), 0.2: pytest.approx(1.304146, rel=1e-5)}


def test_a_maps_axes_are_in_order_where_values_have_many_digits(tmp_path: Path) -> None:
    init = "{{name: gaussian, sigma_w: {}, sigma_b: {}}}"
    sigmas = [(w, b) for w in (1.75, 0.5, 0.9166666666666666) for b in (1 / 3, 0.0)]
    runs = [made(tmp_path / "runs", init=init.format(w, b), steps=0) for w, b in sigmas]
    spec = document(over_keys(runs, "sigma_w", "sigma_b", "c"))
    cells = next(marks_of(spec))
    assert cells["encoding"]["x"]["sort"] == [0.5, 0.916667, 1.75]
    assert cells["encoding"]["y"]["sort"] == [0.333333, 0.0]
    assert {row["x"] for row in rows_of(spec)} == {*cells["encoding"]["x"]["sort"]}


def test_measured_and_predicted_c_stand_side_by_side(phases: list[Run]) -> None:
    rows = [row for row in rows_of(document(draw("theory", phases))) if "run" in row]
    by_id = {run.id: run.summary for run in phases}
    for row in rows:
        assert row["value"] == pytest.approx(by_id[row["run"]].flow.initial.c, rel=1e-5)
        assert row["expected"] == pytest.approx(by_id[row["run"]].theory.c_finite_width, rel=1e-5)
    assert len(rows) == len(phases)


@pytest.mark.parametrize("value", ["c", "log10_ratio", "c_final", "loss_final"])
def test_any_value_is_drawn_over_any_keys(phases: list[Run], value: str) -> None:
    assert len(rows_of(document(over_keys(phases, "sigma_w", "sigma_b", value)))) == len(phases)
    assert document(over_keys(phases[::2], "model.init.sigma_w", None, value))


@pytest.mark.parametrize(
    ("x", "y", "value", "message"),
    [
        ("sigma_v", None, "c", "no run has sigma_v"),
        ("name", "seed", "c", "runs share"),
        ("sigma_w", None, "los_final", "did you mean loss_final"),
    ],
)
def test_keys_and_values_that_cannot_be_drawn_are_refused(
    phases: list[Run], x: str, y: str | None, value: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        over_keys(phases, x, y, value)


def test_a_run_given_twice_has_no_place_of_its_own_in_a_map(phases: list[Run]) -> None:
    with pytest.raises(InputError, match=r"2 runs share .*: name fewer runs, for they differ in nothing$"):
        over_keys([*phases, phases[0]], "sigma_w", "sigma_b", "c")


def test_a_figure_without_data_says_what_it_needs(healthy: Run) -> None:
    with pytest.raises(InputError, match="several depths"):
        draw("depth-law", [healthy])
    failed = Run(healthy.path, healthy.info, config=healthy.config, recording={}, summary=healthy.summary)
    with pytest.raises(InputError, match="two recorded steps"):
        draw("heatmap", [failed])
    with pytest.raises(InputError, match="shows one run"):
        draw("heatmap", [healthy, healthy])


@pytest.mark.parametrize(("suffix", "head"), [(".svg", b"<svg"), (".pdf", b"%PDF"), (".png", b"\x89PNG")])
def test_one_description_gives_every_format(healthy: Run, suffix: str, head: bytes) -> None:
    assert picture(draw("flow", [healthy]), suffix, 4).startswith(head)


@pytest.mark.parametrize("width", [1.0, 3.3, 6.75])
@pytest.mark.parametrize("figure", ["flow", "heatmap"])
def test_the_width_in_inches_is_that_of_the_whole_figure_in_every_format(
    healthy: Run, figure: str, width: float
) -> None:
    chart = draw(figure, [healthy])
    svg = re.search(
        r'<svg [^>]*width="([\d.]+)in" height="([\d.]+)in"', picture(chart, ".svg", width).decode()
    )
    pdf = re.search(rb"/MediaBox *\[ *0 0 ([\d.]+) ([\d.]+)", picture(chart, ".pdf", width))
    assert svg
    assert pdf
    assert float(svg[1]) == width
    assert float(pdf[1]) / 72 == pytest.approx(width, rel=1e-6)
    across, down = png_inches(picture(chart, ".png", width))
    assert across == pytest.approx(width, abs=1 / 300)
    for height in (float(pdf[2]) / 72, down):
        assert height == pytest.approx(float(svg[2]), abs=1 / 300)


def png_inches(png: bytes) -> tuple[float, float]:
    """The size of a PNG by its pixels and its tag of pixels per metre."""
    pixels = struct.unpack(">II", png[16:24])
    across, down, unit = struct.unpack(">IIB", png[png.index(b"pHYs") + 4 :][:9])
    assert (across, down, unit) == (11811, 11811, 1)  # 300 an inch
    return pixels[0] / across / 0.0254, pixels[1] / down / 0.0254


def many(depths: Sequence[Run], count: int) -> list[Run]:
    """The first run, each time under another seed."""
    return [renamed(depths[0], seed=seed) for seed in range(count)]


def test_too_many_lines_are_refused_with_what_draws_them_all(depths: list[Run]) -> None:
    deep, key = ", or give --figure depth-law", ", or give --x {} --value c"
    some = [renamed(run, seed=seed) for run in depths for seed in range(5)]
    two = [renamed(run, data=f"of {i}") for i, run in enumerate(many(depths, 25))]
    cases = [(some, deep + key.format("model.depth")), (two, key.format("seed"))]
    for runs, told in [*cases, (depths[:1] * 25, "")]:
        with pytest.raises(InputError, match=f"name at most 24 runs{told}$"):
            draw("flow", runs)
    assert draw("depth-law", some)
    assert all(over_keys(runs, "model.depth", None, "c") for runs, _ in cases)


@pytest.mark.parametrize("width", [2.5, 3.25, 6.75])
def test_the_figure_grows_with_its_legend_and_not_the_plot_into_it(depths: list[Run], width: float) -> None:
    heights = []
    for count in (3, 12):
        svg = picture(draw("flow", many(depths, count)), ".svg", width).decode()
        plot = re.search(r'class="background"[^>]* d="M0,0h([\d.]+)v([\d.]+)', svg)
        assert plot
        assert float(plot[2]) >= max(130, 0.45 * width * 96 - 1)
        assert float(plot[1]) > 0.65 * width * 96
        assert all(f">seed {seed}<" in svg for seed in range(count))
        heights.append(float(re.search(r'height="([\d.]+)in"', svg)[1]))  # type: ignore[index]
    assert heights[0] < heights[1] if width < 6 else heights[0] <= heights[1]


def test_a_long_label_is_wrapped_where_a_figure_is_narrow(depths: list[Run]) -> None:
    svgs = [picture(draw("depth-law", depths), ".svg", width).decode() for width in (2.5, 6.75)]
    assert [">init xavier_normal:<" in svg for svg in svgs] == [True, False]
    assert not any("…" in svg for svg in svgs)


def test_more_series_than_colours_are_told_apart_by_shapes_and_dashes(depths: list[Run]) -> None:
    marks = [mark["encoding"] for mark in marks_of(document(draw("flow", many(depths, 12))))]
    for channel in ("shape", "strokeDash"):
        (own,) = (mark for mark in marks if channel in mark)
        looks = zip(*(map(repr, own[name]["scale"]["range"]) for name in ("color", channel)), strict=True)
        assert len(set(looks)) == 12
    few = marks_of(document(draw("flow", many(depths, 7))))
    assert not any({"shape", "strokeDash"} & {*mark["encoding"]} for mark in few)


def test_every_figure_has_a_name_that_is_documented() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "gradflow", "plot", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in out for name in FIGURES)


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, healthy: Run) -> None:
    code = (
        "import sys; sys.modules['altair'] = None; from gradflow.cli import main;"
        f"sys.argv = ['gradflow', 'plot', {str(healthy.path)!r}, '-o', {str(tmp_path / 'a.svg')!r}];"
        "sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: drawing charts needs the extra 'plot': pip install 'gradflow-lab[plot]'\n"
    assert not list(tmp_path.iterdir())


def test_texts_in_charts_are_inert(healthy: Run) -> None:
    hostile: Any = "a\x1b[31m\u202eb"
    assert cell(hostile) == "a\\x1b[31m\\u202eb"
    assert cell(float("inf")) is None


def test_a_tooltip_has_a_line_a_column_and_the_formats_of_numbers() -> None:
    told = [one.to_dict() for one in tips("run", x="depth", value=("c", ".3f"))]
    assert told == [
        {"field": "run", "type": "nominal", "title": "run"},
        {"field": "x", "type": "nominal", "title": "depth"},
        {"field": "value", "type": "quantitative", "title": "c", "format": ".3f"},
    ]


def test_an_axis_of_one_value_is_labelled_with_it_unrounded() -> None:
    def labelled(*values: float) -> dict[str, Any]:
        rows = [{"x": i, "value": value} for i, value in enumerate(values)]
        axis: dict[str, Any] = Plot(rows, axes.x("x", "x"), "accuracy").up("value").to_dict()["axis"]
        return axis

    assert labelled(0.5, 0.5)["format"] == ".3~g"
    assert labelled(0.5, 0.6) == {}


@pytest.mark.parametrize(("figure", "title"), [("flow", "layer"), ("heatmap", "step"), ("units", "layer")])
def test_there_is_no_tick_between_two_layers_or_steps(tmp_path: Path, figure: str, title: str) -> None:
    run = made(tmp_path / "runs", depth=3, steps=1)
    svg = picture(draw(figure, [run]), ".svg", 5.0).decode()
    assert f">{title}<" in svg
    ticks = svg.partition(f"X-axis titled '{title}'")[2].partition("axis-title")[0]
    assert ">1<" in ticks
    assert not re.search(r">\d+\.\d<", ticks)


def test_there_is_no_tick_between_two_depths(depths: list[Run]) -> None:
    runs = [run for run in depths if run.summary.config["model"]["init"]["name"] == "he_normal"]
    for chart in (draw("depth-law", runs), over_keys(runs, "depth", None, "c")):
        found = [
            mark["encoding"]["x"]["axis"] for mark in marks_of(document(chart)) if "x" in mark["encoding"]
        ]
        assert {one["labelExpr"] for one in found} == {"datum.value % 1 ? '' : format(datum.value, ',')"}


def test_one_wide_interval_does_not_make_c_flat(healthy: Run) -> None:
    flow = replace(healthy.summary.flow.initial, c=1.0, c_low=3e-9, c_high=2e7)
    wide = renamed(healthy, seed=1)
    summary = replace(wide.summary, flow=replace(wide.summary.flow, initial=flow))
    wide = Run(wide.path, wide.info, config=wide.config, recording=wide.recording, summary=summary)
    spec = document(over_keys([healthy, wide], "seed", None, "c"))
    for mark in marks_of(spec):
        if "scale" in mark["encoding"]["y"]:
            low, high = mark["encoding"]["y"]["scale"]["domain"]
            assert low < 1 < high < 10
    assert spec["usermeta"]["note"] == "the axis is cut: more lies beyond"
