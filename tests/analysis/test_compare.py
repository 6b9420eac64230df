"""Comparisons of runs: what differs, in which order, and when a loss may be called better."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from gradflow.analysis.compare import Comparison, Row, compare, row_of
from gradflow.analysis.differences import full_name, short_names, split
from gradflow.analysis.pivot import pivot
from gradflow.analysis.summary import Flows, Summary, TrainingResult
from gradflow.errors import InputError
from gradflow.report.compare_pages import pivot_page
from tests.report.examples import config, flow, summary


def run(id: str = "study-0123abcd", loss: tuple[float | None, float] = (1.0, 0.1), **changes: Any) -> Summary:
    """A summary with a final loss and its half width, and keys of the model or dotted ones changed."""
    value, half = loss
    low, high = (None, None) if value is None else (value - half, value + half)
    made = summary(id=id, path=f"runs/{id}", training=TrainingResult(100, 2.3, value, low, high))
    plain = config(**changes.pop("model", {}))
    return replace(made, **{"config": plain, **changes})


def row(*args: Any, **kwargs: Any) -> Row:
    return row_of(run(*args, **kwargs))


def ids(found: Comparison) -> list[str]:
    return [row["id"] for row in found.rows]


def relations(*rows: Row, baseline: Row | None = None) -> list[str | None]:
    return [standing.relation for standing in compare(rows, baseline=baseline).standings]


def test_what_is_the_same_stands_apart_from_what_differs() -> None:
    found = compare([row("a", model={"depth": 10}), row("b", model={"depth": 20})])
    assert found.differing == ["model.depth"]
    assert found.constant["model.width"] == 128
    assert found.constant["model.init"] == "gaussian"
    assert found.constant["model.init.sigma_w"] == 1.0
    document = found.document()
    assert document["constant"] == found.constant
    assert [line["model.depth"] for line in document["rows"]] == [10, 20]
    assert list(document["rows"][0])[:4] == ["id", "path", "status", "model.depth"]


def test_a_document_s_row_says_what_the_summary_says() -> None:
    one = summary()
    (line,) = compare([row_of(one)]).document()["rows"]
    initial = one.flow.initial
    assert (line["c"], line["c_low"], line["c_high"]) == (initial.c, initial.c_low, initial.c_high)
    assert (line["log10_ratio"], line["verdict"]) == (initial.log10_ratio, "vanishing")
    assert (line["loss_final"], line["loss_final_low"]) == (1.92, 1.87)
    assert (line["c_final"], line["verdict_final"]) == (0.9, "vanishing")
    assert line["c_theory"] == one.theory.c_finite_width


def test_a_key_that_only_some_have_differs_unless_they_were_recorded_elsewhere() -> None:
    gaussian, he = {"model.init": "gaussian", "model.init.sigma_w": 1.5}, {"model.init": "he_normal"}
    assert split([gaussian, he]) == ({}, ["model.init", "model.init.sigma_w"])
    constant, differing = split([{**gaussian, "data": "digits"}, {"data": "recorded"}])
    assert (constant, differing) == (gaussian, ["data"])


def test_a_key_of_a_later_version_at_null_is_no_difference_from_a_run_without_it() -> None:
    before, after = {"data": "csv"}, {"data": "csv", "data.drop": None}
    assert split([before, after]) == ({"data": "csv", "data.drop": None}, [])
    assert split([before, {**after, "data.drop": ("id",)}]) == ({"data": "csv"}, ["data.drop"])


def test_a_setting_that_follows_from_its_choice_is_not_told_again() -> None:
    inits = [{"name": "he_normal", "gain": 1.41}, {"name": "xavier_normal", "gain": 1.0}]
    rows = [row(str(i), model={"init": init}) for i, init in enumerate(inits)]
    assert compare(rows).differing == ["model.init", "model.init.gain"]
    assert compare(rows).telling == ["model.init"]
    swept = [*rows, row("2", model={"init": {"name": "he_normal", "gain": 2.0}})]
    assert compare(swept).telling == ["model.init", "model.init.gain"]


def test_short_names_are_the_shortest_ends_that_are_unique() -> None:
    keys = ["model.depth", "seed", "data.seed", "model.init.sigma_w", "c"]
    assert list(short_names(keys, taken=["c"]).values()) == ["depth", "seed", "data.seed", "sigma_w", "c"]


def test_names_are_found_by_their_ends_and_told_when_they_are_not() -> None:
    keys = ["model.init.gain", "model.other.gain", "model.depth"]
    assert full_name("depth", keys) == "model.depth"
    assert full_name("init.gain", keys) == "model.init.gain"
    with pytest.raises(InputError, match=r"could be model\.init\.gain or model\.other\.gain"):
        full_name("gain", keys)
    with pytest.raises(InputError, match="did you mean depth"):
        full_name("dept", keys)


def test_rows_are_ordered_by_the_keys_that_differ_numbers_by_size() -> None:
    rows = [row(str(depth), model={"depth": depth}) for depth in (100, 9, 20)]
    assert ids(compare(rows)) == ["9", "20", "100"]


def test_names_with_numbers_are_ordered_by_these() -> None:
    rows = [row("x", name=name, config={**config(), "name": name}) for name in ("r10", "r2", "r1")]
    for sort, order in (
        (None, ["r1", "r2", "r10"]),
        ("name", ["r1", "r2", "r10"]),
        ("-name", ["r10", "r2", "r1"]),
    ):
        assert [one["name"] for one in compare(rows, sort=sort).rows] == order
    assert ids(compare([row(id) for id in ("r10", "r2")])) == ["r2", "r10"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("loss_final", "bac"), ("-loss_final", "abc"), ("-depth", "cab"), ("c", "abc"), ("ratio", "bac")],
)
def test_rows_are_sorted_by_any_name_what_is_missing_last(sort: str, order: str) -> None:
    flows = [Flows(flow(c), flow(c)) for c in (0.5, 0.6)]
    none = flow(c=None)
    rows = [
        row("a", (2.0, 0.1), flow=flows[0], model={"depth": 20}),
        row("b", (1.0, 0.1), flow=flows[1], model={"depth": 10}),
        row("c", (None, 0.1), flow=Flows(none, none), model={"depth": 30}),
    ]
    assert "".join(ids(compare(rows, sort=sort))) == order


def test_rows_without_a_tag_come_last_both_ways() -> None:
    rows = [row("a"), row("b").noted(None, ("r10",)), row("c").noted(None, ("r2", "x")), row("d")]
    assert ids(compare(rows, sort="tags")) == ["c", "b", "a", "d"]
    assert ids(compare(rows, sort="-tags")) == ["b", "c", "a", "d"]


def test_a_diverged_run_is_never_ranked_best() -> None:
    diverged, good, failed = (
        row("a", (0.1, 0.0), status="diverged"),
        row("b", (5.0, 0.1)),
        row("c", status="failed"),
    )
    assert ids(compare([diverged, good, failed], sort="loss_final"))[0] == "b"
    assert ids(compare([diverged, good, failed], sort="-loss_final"))[0] == "b"
    assert relations(diverged, good, failed) == [None, "best", None]
    assert relations(diverged, good, baseline=good) == [None, "baseline"]


@pytest.mark.parametrize(("half", "relation"), [(0.01, "worse"), (0.2, "same")])
def test_nothing_is_better_or_worse_inside_the_spread_over_seeds(half: float, relation: str) -> None:
    best, other = row("a", (1.0, half)), row("b", (1.1, half))
    assert relations(best, other) == ["best", relation]
    turned = {"worse": "better", "same": "same"}[relation]
    assert relations(best, other, baseline=other) == [turned, "baseline"]


def test_one_network_has_no_spread_so_nothing_is_called_better() -> None:
    alone = replace(run("b"), training=TrainingResult(100, 2.3, 3.0))
    found = compare([row("a"), row_of(alone)])
    assert [(s.ratio, s.relation) for s in found.standings] == [(1.0, "best"), (3.0, None)]


def test_a_ratio_beyond_float64_is_none_and_the_document_strict() -> None:
    found = compare([row("a", loss=(1e-200, 0.0)), row("b", loss=(1e200, 0.0), model={"depth": 9})])
    assert [standing.relation for standing in found.standings] == [None, "best"]
    assert [line["ratio"] for line in found.document()["rows"]] == [None, 1.0]
    json.dumps(found.document(), allow_nan=False)


def test_losses_of_different_data_or_loss_functions_are_not_set_against_each_other() -> None:
    other = config()
    other["data"] = {"name": "spirals"}
    mse = config()
    mse["training"] = {**mse["training"], "loss": "mse"}
    assert relations(row("a"), row("b", (0.1, 0.01), config=other), row("c", config=mse)) == ["best"] * 3
    assert relations(row("a"), row("b", config=other), baseline=row("d")) == ["same", None]


def test_losses_of_the_same_files_elsewhere_are_comparable() -> None:
    files = {"name": "csv", "path": "a.csv", "sha256": "1", "test_path": "b.csv", "test_sha256": "2"}
    moved = {**files, "path": "moved/a.csv", "test_path": "moved/b.csv"}
    one, elsewhere, other = (
        {**config(), "data": data} for data in (files, moved, {**moved, "test_sha256": "3"})
    )
    assert relations(row("a", config=one), row("b", config=elsewhere)) == ["best", "same"]
    assert relations(row("a", config=one), row("b", config=other)) == ["best", "best"]
    assert relations(row("a", config=one), row("b", config=elsewhere), baseline=row("a", config=one)) == [
        "baseline", "same",
    ]  # fmt: skip


def test_a_ratio_s_error_comes_from_both_losses() -> None:
    _, standing = compare([row("a", (1.0, 0.03)), row("b", (2.0, 0.08))]).standings
    assert standing.ratio == 2.0
    assert standing.error == pytest.approx(2.0 * (0.03**2 + 0.04**2) ** 0.5)


def grid(**changes: Any) -> list[Row]:
    return [
        row(f"{init}{depth}", flow=Flows(flow(c, depth), flow(c, depth)),
            model={"depth": depth, "init": {"name": init}}, **changes)
        for depth in (20, 10) for init, c in (("he", 1.0), ("xavier", 0.5))
    ]  # fmt: skip


def test_a_pivot_has_a_cell_for_each_pair_of_values() -> None:
    found = pivot(compare(grid()), "depth", "init")
    assert (found.row, found.column, found.rows, found.columns) == (
        "model.depth", "model.init", (10, 20), ("he", "xavier"),
    )  # fmt: skip
    assert [[cell.value for cell in line] for line in found.cells] == [[1.0, 0.5], [1.0, 0.5]]
    assert found.lines()[0] == {"model.depth": 10, "model.init=he": 1.0, "model.init=xavier": 0.5}
    assert found.document()["cells"]["runs"] == [[1, 1], [1, 1]]


def test_several_runs_of_a_cell_are_combined_as_it_says() -> None:
    rows = [row(str(i), (loss, 0.1), flow=Flows(flow(c, verdict=v), flow(c)), config=config() | {"seed": i})
            for i, (c, v, loss) in enumerate([(0.25, "vanishing", 1.0), (1.0, "stable", 2.0)])]  # fmt: skip
    for value, expected in (("c", 0.5), ("loss_final", 1.5), ("verdict", "mixed")):
        ((cell,),) = pivot(compare(rows), "depth", "init", value).cells
        assert (cell.runs, cell.value) == (2, expected)
        assert cell.verdict == "mixed"


def crossed_with(key: str, *values: Any) -> list[Row]:
    """Two depths, each with every value of another key."""
    return [
        row(f"{depth}-{value}", config=config(depth=depth, **{key: value} if key != "seed" else {})
            | ({"seed": value} if key == "seed" else {}))
        for depth in (5, 9) for value in values
    ]  # fmt: skip


def test_a_pivot_names_the_keys_that_it_combines_over() -> None:
    found = pivot(compare(crossed_with("seed", 1, 2)), "depth", "init")
    assert found.over == ("seed",)
    assert found.document()["over"] == ["seed"]
    assert "it is combined over seed as the mean of ln c" in str(pivot_page(found))
    wide = compare(crossed_with("width", 8, 16))
    assert pivot(wide, "depth", "width").over == ()
    assert pivot(wide, "depth", "init", "verdict").over == ("model.width",)  # which says that it is mixed


@pytest.mark.parametrize(
    "value", ["c", "c_final", "log10_ratio", "loss_final", "loss_test_final", "saturated"]
)
@pytest.mark.parametrize(
    ("key", "values", "remedy"),
    [
        ("width", (8, 16), "'model.width == 8'"),
        ("readout", ("linear", "zeros"), "\"model.readout == 'linear'\""),
    ],
)
def test_a_pivot_shows_no_mean_over_a_key_that_is_hidden(
    key: str, values: tuple[Any, ...], remedy: str, value: str
) -> None:
    with pytest.raises(InputError) as refused:
        pivot(compare(crossed_with(key, *values)), "depth", "init", value)
    told = f"--pivot model.depth model.init would show means of {value} over model.{key}: "
    assert str(refused.value).startswith(told)
    assert shlex.split(str(refused.value).rpartition(" in ")[2]) == shlex.split(remedy)


def test_a_pivot_sets_theory_beside_c_and_the_ratio() -> None:
    assert pivot(compare(grid()), "depth", "init").cells[0][0].theory == summary().theory.c_finite_width
    ratio = pivot(compare(grid()), "depth", "init", "log10_ratio").cells[0][0]
    assert ratio.theory == summary().theory.log10_ratio


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("depth", "init"), "los_final", "did you mean loss_final"),
        (("dept", "init"), "c", "did you mean depth"),
        (("depth", "model.depth"), "c", "both are model.depth"),
    ],
)
def test_a_pivot_that_cannot_be_is_refused(keys: tuple[str, str], value: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pivot(compare(grid()), *keys, value)


def test_a_pair_without_runs_is_an_empty_cell() -> None:
    found = pivot(compare(grid()[:3]), "depth", "init", "verdict")
    assert (found.cells[0][1].runs, found.cells[0][1].value) == (0, None)
