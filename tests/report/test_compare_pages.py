"""What the pages of comparisons say, and that they fit where they are shown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.compare import Comparison, Row, compare, row_of
from gradflow.analysis.pivot import pivot
from gradflow.analysis.summary import Flows
from gradflow.errors import InputError
from gradflow.report import markdown, terminal
from gradflow.report.compare_pages import compare_page, pivot_page
from gradflow.report.listing import line_of, ls_page, unfinished_line
from gradflow.report.page import Facts, Heading, Page, Sentence, Strip, Table, Toned
from gradflow.report.sweep_pages import sweep_page
from gradflow.report.terminal import Look
from gradflow.store import Entry
from tests.analysis.test_compare import grid, row, run
from tests.report.examples import HOSTILE, config, flow, hostile

PIPE = Look(wrap=False)


def table(page: Page) -> Table:
    (found,) = (block for block in page.blocks if isinstance(block, Table))
    return found


def titles(page: Page) -> list[str]:
    return [column.title for column in table(page).columns]


def notes(page: Page) -> str:
    return "\n".join(block.text for block in page.blocks if isinstance(block, Sentence))


def found() -> Comparison:
    return compare(
        [row(f"study-{d:08x}", model={"depth": d}, flow=Flows(flow(depth=d), flow(depth=d))) for d in (5, 50)]
    )


def test_what_all_share_is_told_once_above_the_table() -> None:
    page = compare_page(found())
    (facts,) = (block for block in page.blocks if isinstance(block, Facts))
    assert "width 128" in dict(facts.rows)["model"]
    assert "width" not in titles(page)
    assert titles(page) == [
        "run",
        "depth",
        "verdict",
        "c",
        "log10 ratio",
        "gradient",
        "final loss",
        "loss ratio",
    ]


def test_c_has_its_interval_in_the_colour_of_the_verdict() -> None:
    cells = table(compare_page(found())).rows[0]
    assert Toned("0.707 ± 0.002", "vanishing") in cells
    assert Toned("vanishing", "vanishing") in cells


def test_strips_are_relative_to_the_last_layer_on_one_scale() -> None:
    strips = [
        cell for cells in table(compare_page(found())).rows for cell in cells if isinstance(cell, Strip)
    ]
    assert [strip.values[-1] for strip in strips] == pytest.approx([0.0, 0.0], abs=0.2)  # the last bin's mean
    assert len({(strip.low, strip.high) for strip in strips}) == 1


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_table_fits_and_says_what_it_hides(columns: int, unicode: bool) -> None:
    page = compare_page(found(), room=columns)
    text = terminal.render(page, Look(columns=columns, unicode=unicode))
    assert all(len(line) <= columns for line in text.splitlines())
    hidden = set(titles(compare_page(found()))) - set(titles(page))
    assert all(title in notes(page) for title in hidden)
    assert ("--all" in notes(page)) == bool(hidden)
    assert {"run", "depth", "verdict", "c"} <= set(titles(page))


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 140])
def test_the_id_that_is_typed_next_is_the_last_to_go(columns: int) -> None:
    ids = ["depth-init-relu-at-criticality-0123abcd", "relu-at-criticality-4567cdef"]
    page = compare_page(compare([row(one, model={"depth": len(one)}) for one in ids]), room=columns)
    assert titles(page)[0] == "run"
    text = "".join(terminal.render(page, Look(columns=columns)).split())
    assert all(one in text for one in ids)


def test_all_hides_nothing_and_a_pipe_neither() -> None:
    everything = titles(compare_page(found(), everything=True, room=80))
    assert {
        "run",
        "gradient",
        "loss ratio",
        "final c",
        "final verdict",
        "theory",
        "accuracy (largest class)",
    } <= set(everything)
    text = terminal.render(compare_page(found()), PIPE)
    assert all(title in text for title in titles(compare_page(found())))


def test_columns_are_those_that_are_wanted_in_their_order() -> None:
    page = compare_page(found(), ["verdict_final", "run", "width", "c"], room=20)
    assert titles(page) == ["final verdict", "run", "width", "c"]
    with pytest.raises(InputError, match="did you mean verdict"):
        compare_page(found(), ["verdct"])


def test_the_first_rows_are_told_to_be_the_first() -> None:
    page = compare_page(found(), top=1)
    assert len(table(page).rows) == 1
    assert page.title == "1 of 2 runs"


def test_a_diverged_run_shows_that_it_diverged_and_a_failed_one_that_it_failed() -> None:
    rows = [row("a", status="diverged"), row("b", status="failed")]
    cells = [cell for line in table(compare_page(compare(rows))).rows for cell in line]
    assert Toned("diverged", "overflow") in cells
    assert Toned("failed", "warning") in cells


def test_the_loss_of_an_interrupted_run_is_marked_and_never_the_best() -> None:
    rows = [row("a", status="interrupted"), row("b")]
    first, second = table(compare_page(compare(rows))).rows
    place = titles(compare_page(compare(rows))).index("final loss")
    assert first[place] == Toned(f"{second[place]} (interrupted)", "warning")
    assert "best" in second[place + 1]
    assert "best" not in first[place + 1]


def test_a_borderline_verdict_is_marked_and_explained() -> None:
    page = compare_page(compare([row_of(run(flow=Flows(flow(borderline=True), flow())))]))
    assert Toned("vanishing?", "vanishing") in table(page).rows[0]
    assert "borderline" in notes(page)


def test_recorded_norms_are_not_said_to_share_what_they_know_nothing_of() -> None:
    one, other = row("one"), row("other", model={"depth": 5})
    recorded = replace(other, config={"name": "other", "data": "recorded", "model.depth": 5})
    assert "recorded norms" in notes(compare_page(compare([one, recorded])))
    assert "recorded norms" not in notes(compare_page(compare([one, other])))
    assert "recorded norms" not in notes(compare_page(compare([recorded, recorded])))


def test_a_sweep_marks_a_borderline_verdict_as_a_comparison_does() -> None:
    numbers = {
        "c": 0.9,
        "c_low": 0.8,
        "c_high": 1.0,
        "log10_ratio": -1.0,
        "loss_final": 1.0,
        "evaluations": 2,
    }
    point = {"model.depth": 5, "status": "completed", **numbers, "verdict": "vanishing", "borderline": True}
    document = {"id": "s", "path": "p", "axes": {"model.depth": [5]}, "depth_law": {"groups": []}}
    marked = sweep_page({**document, "points": [point]})
    assert Toned("vanishing?", "vanishing") in table(marked).rows[0]
    assert "borderline" in notes(marked)
    plain = sweep_page({**document, "points": [{**point, "borderline": False}]})
    assert "borderline" not in notes(plain)


def test_a_sweep_hides_results_rather_than_break_words() -> None:
    numbers = {
        "c": 0.9,
        "c_low": 0.8,
        "c_high": 1.0,
        "log10_ratio": -1.0,
        "loss_final": 1.0,
        "evaluations": 2,
    }
    results = {**numbers, "status": "completed", "verdict": "vanishing", "borderline": False}
    axes = {"model.activation": ["leaky_relu"], "model.init": ["xavier_normal"]}
    point = {key: values[0] for key, values in axes.items()} | results
    document = {"id": "s", "path": "p", "axes": axes, "points": [point], "depth_law": {"groups": []}}
    assert titles(sweep_page(document, 80))[-1] == "final loss"
    page = sweep_page(document, 60)
    assert titles(page) == ["activation", "init", "verdict", "c"]
    assert "hidden for want of room: log10 ratio, final loss" in notes(page)
    assert all(len(line) <= 60 for line in terminal.render(page, Look(columns=60)).splitlines())
    assert len(titles(sweep_page(document, 20))) == 6  # folded: not even the axes fit


def test_a_sweep_explains_the_columns_that_it_shows() -> None:
    numbers = {
        "c": 0.9,
        "c_low": 0.8,
        "c_high": 1.0,
        "log10_ratio": -1.0,
        "log10_growth": 0.5,
        "majority": 0.1,
    }
    learnt = {"loss_initial": 2.0, "loss_final": 1.0, "accuracy_final": 0.5, "steps": 3, "evaluations": 2}
    told = {"status": "completed", "verdict": "stable", "borderline": False, "dead_networks": None}
    point = {"model.block": "residual", **numbers, **learnt, **told}
    axes = {"model.block": ["residual"]}
    document = {"id": "s", "path": "p", "axes": axes, "points": [point], "depth_law": {"groups": []}}
    wide, narrow = sweep_page(document, 140), sweep_page(document, 68)
    assert titles(wide)[-4:] == ["log10 growth", "first loss", "final loss", "accuracy"]
    assert "the largest class alone has 10.0%" in notes(wide)
    assert "log10 growth: of |z|" in notes(wide)
    assert titles(narrow)[-2:] == ["final loss", "accuracy"]  # these say more of what was trained
    assert "log10 growth: of" not in notes(narrow)
    assert "the largest class alone" not in notes(sweep_page(document, 36))


def test_a_map_has_a_coloured_cell_for_each_pair_and_theory_beside_it() -> None:
    made = pivot(compare(grid()), "depth", "init")
    page = pivot_page(made, theory=True)
    assert titles(page) == ["depth \\ init", "he", "xavier"]
    assert table(page).rows[0][:2] == ("10", Toned("1.0000 (0.7054)", "vanishing"))
    assert "theory" in notes(page)
    assert "theory" not in notes(pivot_page(made))


def test_a_map_says_how_it_combines_the_runs_of_a_cell() -> None:
    rows = [*grid(), *(replace(one, values={**one.values, "path": "other"}) for one in grid())]
    page = pivot_page(pivot(compare(rows), "depth", "init"))
    assert "it is combined as the mean of ln c" in notes(page)
    assert table(page).rows[0][1] == Toned("1.0000 x2", "vanishing")


def test_a_map_says_which_runs_did_not_go_to_their_end() -> None:
    ends = zip(grid(), ("completed", "diverged", "diverged", "interrupted"), strict=True)
    rows = [replace(one, values={**one.values, "status": status}) for one, status in ends]
    made = pivot(compare(rows), "depth", "init")
    assert "(2 diverged, 1 interrupted)" in notes(pivot_page(made))
    assert made.document()["stopped"] == {"diverged": 2, "interrupted": 1}
    assert "to their end" not in notes(pivot_page(pivot(compare(grid()), "depth", "init")))


def test_a_share_in_a_map_is_written_as_in_the_table() -> None:
    flows = Flows(flow(saturated=0.25), flow())
    found = compare(row(f"at-{depth}", config=config(depth=depth), flow=flows) for depth in (5, 9))
    shown = table(pivot_page(pivot(found, "depth", "width", "saturated"))).rows[0][1]
    assert shown == Toned("25.0%", "vanishing")
    assert shown.text == table(compare_page(found, ["saturated"])).rows[0][-1]


def listed(*rows: Row, sweep: bool = False) -> dict[str, Any]:
    path = Path(rows[0]["path"])
    return line_of(Entry(path, points=()) if sweep else Entry(path, problem="-"), rows)


def test_a_line_of_ls_is_a_run() -> None:
    line = listed(row("study-0123abcd"))
    assert (line["depth"], line["activation"], line["init"]) == (51, "relu", "gaussian")
    assert (line["verdict"], line["points"]) == ("vanishing", None)


def test_a_sweep_is_one_line_with_the_range_of_its_depths() -> None:
    made = {**listed(*grid(status="diverged"), sweep=True), "id": "study-00000000"}
    cells = table(ls_page([made], "runs")).rows[0]
    assert "sweep of 4, 4 diverged" in cells
    assert "10..20" in cells
    assert "he, xavier" in cells


@pytest.mark.parametrize("sweep", [False, True])
def test_a_borderline_verdict_of_ls_has_its_mark_and_a_note(sweep: bool) -> None:
    edge = row("edge-0123abcd", flow=Flows(flow(borderline=True), flow()))
    rows = [edge, row("study-0123abcd")] if sweep else [edge]
    page = ls_page([listed(*rows, sweep=sweep), listed(row("study-0123abcd"))], "runs")
    column = titles(page).index("verdict")
    cells = [cells[column] for cells in table(page).rows]
    assert cells == [Toned("vanishing?", "vanishing"), Toned("vanishing", "vanishing")]
    assert "?: borderline" in notes(page)
    assert "borderline" not in notes(ls_page([listed(row("study-0123abcd"))], "runs"))


def test_an_interrupted_sweep_says_how_many_of_its_points_are_there() -> None:
    line = {**listed(*grid(), sweep=True), "part": "4 of 20 points"}
    assert "4 of 20 points" in table(ls_page([line], "runs")).rows[0]


def test_ls_fits_eighty_columns_and_says_what_it_hides() -> None:
    page = ls_page([listed(row(f"study-{i:08x}")) for i in range(3)], "runs", 80)
    assert all(len(line) <= 80 for line in terminal.render(page, Look(columns=80)).splitlines())
    assert "hidden" in notes(page)
    assert titles(page)[0] == "run"


def test_what_was_interrupted_is_not_hidden() -> None:
    room = 60
    lines = [listed(row(f"a-longer-study-{i:08x}")) for i in range(3)]
    assert "status" not in titles(ls_page(lines, "runs", room))
    cut = {**listed(*grid(), sweep=True), "part": "4 of 20 points"}
    for one in (unfinished_line(Path("b-0123abcd"), False), cut):
        page = ls_page([one, *lines], "runs", room)
        assert titles(page)[:2] == ["run", "status"]


def test_an_empty_folder_says_how_to_make_a_run() -> None:
    assert "gradflow run" in terminal.render(ls_page([], "runs"), PIPE)


def test_no_text_of_a_user_acts_in_a_comparison() -> None:
    bad = row_of(hostile())
    for page in (
        compare_page(compare([bad, row("b")])),
        ls_page([line_of(Entry(Path(HOSTILE), problem="-"), [bad])], HOSTILE),
    ):
        for text in (terminal.render(page, PIPE), markdown.render(page)):
            assert not {"\x1b", "\x07", "\u202e", "\x9b", "\ud800"} & set(text)


def with_deaths(*dead: int) -> Comparison:
    flows = [flow(depth=5, networks=4, dead_networks=n, verdict="dead" if n > 2 else "stable") for n in dead]
    return compare([row(f"study-{i:08x}", model={"width": i}, flow=Flows(f, f)) for i, f in enumerate(flows)])


def test_dead_networks_have_a_column_as_soon_as_there_are_any() -> None:
    assert "dead" not in titles(compare_page(with_deaths(0, 0)))
    page = compare_page(with_deaths(0, 3))
    assert titles(page)[:4] == ["run", "width", "dead", "verdict"]
    assert [line[2] for line in table(page).rows] == [Toned("0/4", ""), Toned("3/4", "dead")]
    assert "dead" in titles(compare_page(with_deaths(0, 0), everything=True))


def test_dead_networks_are_among_the_last_to_be_hidden() -> None:
    assert titles(compare_page(with_deaths(0, 3), room=34)) == ["run", "dead", "verdict"]


def test_saturation_and_symptoms_are_columns() -> None:
    found = compare([row("study-00000001", flow=Flows(flow(saturated=0.853), flow(saturated=None)))])
    page = compare_page(found, columns=["saturated", "saturated_final", "symptoms", "dead_networks"])
    assert titles(page) == ["saturated", "final saturated", "symptoms", "dead"]
    assert table(page).rows == (("85.3%", "-", "stalled", "-"),)


def test_a_wide_interval_of_c_is_shown_by_its_ends_wherever_c_stands() -> None:
    wide = flow(1.0, c_low=0.1, c_high=9.4)
    page = compare_page(compare([row("study-00000001", flow=Flows(wide, wide))]))
    assert Toned("0.10 to 9.4", "vanishing") in table(page).rows[0]


@pytest.mark.parametrize("deadly", [False, True])
def test_a_sweep_has_a_column_of_dead_networks_where_there_are_any(deadly: bool) -> None:
    point = {
        "id": "a", "status": "completed", "verdict": "stable", "borderline": False, "model.depth": 5,
        "c": 0.9, "c_low": 0.1, "c_high": 8.1, "log10_ratio": 0.0, "loss_final": 1.0, "networks": 4,
        "evaluations": 2,
    }  # fmt: skip
    points = [{**point, "dead_networks": 0}, {**point, "dead_networks": int(deadly)},
              {**point, "status": "failed", "reason": "memory", "dead_networks": None}]  # fmt: skip
    document = {"id": "s", "path": "s", "axes": {"model.depth": [5]}, "points": points}
    page = sweep_page({**document, "depth_law": {"groups": []}})
    assert ("dead" in titles(page)) == deadly
    assert {len(line) for line in table(page).rows} == {len(titles(page))}
    assert "0.10 to 8.1" in terminal.render(page, PIPE)


@pytest.mark.parametrize("key", ["model.block", "model.norm", "model.norm.place"])
def test_where_blocks_or_norms_differ_the_way_up_is_shown(key: str) -> None:
    point = {
        "c": 0.9, "c_low": 0.8, "c_high": 1.0, "log10_ratio": -1.0, "log10_growth": 3.1, "evaluations": 2,
        "loss_initial": 422.0, "loss_final": 1.0, "status": "completed", "verdict": "stable",
        "borderline": False, key: {"name": "layer", "place": "after"},
    }  # fmt: skip
    failed = {**point, "status": "failed", "reason": "no memory"}
    document = {
        "id": "s",
        "path": "p",
        "axes": {key: []},
        "points": [point, failed],
        "depth_law": {"groups": []},
    }
    page = sweep_page(document)
    assert titles(page)[-4:] == ["log10 ratio", "log10 growth", "first loss", "final loss"]
    assert table(page).rows[0][0] == "layer after"
    assert table(page).rows[0][-3:] == ("+3.1", "422", "1.00")
    assert len(table(page).rows[1]) == len(titles(page))
    assert "log10 growth: of |z|" in notes(page)
    plain = sweep_page({**document, "axes": {"model.depth": []}, "points": [{**point, "model.depth": 5}]})
    assert "log10 growth" not in titles(plain)
    assert "|z|" not in notes(plain)


@pytest.mark.parametrize(("deeper", "heading"), [(8, "c^L, depths 3 to 8, ±"), (1024, "c^L, ±")])
def test_each_depth_law_is_told_with_its_own_depths(deeper: int, heading: str) -> None:
    fit = {"c": 0.9, "c_low": 0.88, "c_high": 0.92}
    law = {"delta": fit, "weight_grad": fit, "c_expected": 0.9, "c_inside": 0.9, "batch_size": 8}
    groups = [
        {"model.activation": "relu", "depths": [3, 5, 8], **law},
        {"model.activation": "tanh", "depths": [3, deeper], **law},
    ]
    point = {
        "id": "a", "status": "completed", "verdict": "stable", "borderline": False, "model.depth": 5,
        "log10_ratio": 0.0, "loss_final": 1.0, "networks": 4, "evaluations": 2, **fit,
    }  # fmt: skip
    document = {"id": "s", "path": "s", "axes": {"model.depth": [5]}, "points": [point]}
    page = sweep_page({**document, "depth_law": {"groups": groups}})
    (head,) = (block.text for block in page.blocks if isinstance(block, Heading))
    laws = [block for block in page.blocks if isinstance(block, Table)][-1]
    assert heading in head
    own = [row[1] for row in laws.rows] if laws.columns[1].title == "depths" else None
    assert own == (["3 to 8", "3 to 1,024"] if deeper > 8 else None)


def test_runs_of_several_blocks_are_compared_by_their_way_up_too() -> None:
    grown = replace(flow(), log10_growth=3.1)
    runs = [row(f"b-{b}", model={"block": b}, flow=Flows(grown, grown)) for b in ("plain", "residual")]
    shown = titles(page := compare_page(compare(runs)))
    assert shown[shown.index("log10 ratio") + 1 :][:2] == ["log10 growth", "first loss"]
    assert "log10 growth: of |z|" in notes(page)
    assert "+3.1" in table(page).rows[0]
