"""The constants of `trainable` are those of the grid, and hold on activations and blocks left out of it."""

from dataclasses import asdict, fields
from functools import cache

import numpy as np
import pytest

from gradflow.analysis.trainable import assess
from gradflow.analysis.trainable_constants import EDGES
from tests.studies import trainable_fit, trainable_held_out
from tests.studies.trainable_grid import Cell, Trained, critical, expected, read, scattered, trained

CLEAR, ALL = 0.95, 0.90
Counts = dict[str, tuple[int, int]]
HELD_OUT: dict[str, Counts] = {  # right and all of the networks
    "sgd": {"clear": (184, 192), "all": (190, 200), "not trained": (37, 44)},
    "adam": {"clear": (181, 191), "all": (187, 200), "not trained": (26, 38)},
}
SHORT = {"sgd": 0, "adam": 1}  # clear networks that are missing to CLEAR: 181 of 191 are 94.8%, 182 would do


@cache
def grid() -> dict[int, Cell]:
    return {cell.cell: cell for cell in scattered()}


def test_the_constants_are_those_that_the_table_gives() -> None:
    assert trainable_fit.HOME.read_text(encoding="utf-8") == trainable_fit.constants()


@pytest.mark.parametrize("family", trainable_fit.FAMILIES)
def test_the_package_says_of_the_table_what_the_fit_says(family: str) -> None:
    optimizer = trainable_fit.FAMILIES[family]
    known = trainable_fit.read(optimizer)
    weights = trainable_fit.fit(known.terms, known.trained)
    own = [assess(decades, spread, optimizer).verdict for decades, spread in known.terms]
    agree = (np.array(own) == "trainable") == trainable_fit.predict(weights, known.terms)
    assert agree.mean() > 0.99  # but for the digits of the constants


@pytest.mark.parametrize("optimizer", trainable_fit.FAMILIES.values())
@pytest.mark.parametrize("out", ["activation", "block"])
def test_networks_of_kinds_that_were_left_out_are_told_right(optimizer: str, out: str) -> None:
    known = trainable_fit.read(optimizer)
    right = trainable_fit.left_out(known, out)
    assert known.clear.sum() > 100
    assert right[known.clear].mean() >= CLEAR
    assert right.mean() >= ALL


@pytest.mark.parametrize(("optimizer", "told"), HELD_OUT.items())
def test_networks_trained_after_the_fit_are_told_right(optimizer: str, told: Counts) -> None:
    """All of activations or blocks that the grid has not."""
    held_out = trainable_fit.read(optimizer, trainable_held_out.TABLE)
    said = np.array([assess(*terms, optimizer).verdict == "trainable" for terms in held_out.terms])
    right, clear, none = said == held_out.trained, held_out.clear, ~held_out.trained
    for part, name in ((right[clear], "clear"), (right, "all"), (right[none], "not trained")):
        assert (int(part.sum()), len(part)) == told[name]
    assert right[clear].sum() + SHORT[optimizer] >= CLEAR * clear.sum()
    assert right.mean() >= ALL
    assert right.mean() > held_out.trained.mean()  # of calling all of them trainable


def test_the_held_out_rows_are_of_activations_or_blocks_that_the_grid_has_not() -> None:
    rows, grid_rows = read(trainable_held_out.TABLE), read()
    seen = {key: {row[key] for row in grid_rows} for key in ("activation", "block")}
    assert all(any(row[key] not in seen[key] for key in seen) for row in rows)
    drawn = {str(cell.cell): cell for cell in trainable_held_out.cells()}
    assert [row["cell"] for row in rows] == [*drawn]
    for row in rows:
        assert all(row[each.name] == str(getattr(drawn[row["cell"]], each.name)) for each in fields(Cell))


def test_a_fit_finds_the_edges_that_were_planted() -> None:
    draw = np.random.default_rng(0)
    terms = draw.uniform(0, 1, (4000, 2)) * (6.0, 4.0)
    inside = 4 * (1 - (terms[:, 0] / 3) ** 2 - (terms[:, 1] / 2) ** 2)
    found = trainable_fit.edges(trainable_fit.fit(terms, draw.uniform(size=4000) < 1 / (1 + np.exp(-inside))))
    assert found["gradient"] == pytest.approx(3, rel=0.03)
    assert found["spread"] == pytest.approx(2, rel=0.03)
    assert found["sharpness"] == pytest.approx(4, rel=0.15)


def test_the_rows_are_cells_of_the_grid_each_once() -> None:
    rows = read()
    assert len({row["cell"] for row in rows}) == len(rows) > 140
    for row in rows:
        cell = grid().get(int(row["cell"]))
        if cell is not None:
            assert all(row[each.name] == str(getattr(cell, each.name)) for each in fields(Cell)), row
    assert {*EDGES} == {*trainable_fit.FAMILIES}


def test_a_row_is_what_training_its_cell_gives(thorough: bool) -> None:
    assert {each.name for each in fields(Trained)} == {*read()[0]}
    known = grid() | ({cell.cell: cell for cell in critical()} if thorough else {})
    for row in read()[1 : None if thorough else 2 : 28]:  # the second is shallow
        cell = known[int(row["cell"])]
        found = asdict(trained(cell))
        for name, error in {
            "accuracy_sgd": 0.1,
            "accuracy_adam": 0.1,
            "log10_ratio": 1e-3,
            "cosine": 1e-4,
        }.items():
            assert found[name] == pytest.approx(float(row[name]), abs=error), (name, row)
        assert {name: "" if value is None else str(value) for name, value in expected(cell).items()} == {
            name: row[name] for name in ("xi_c", "spread")
        }
