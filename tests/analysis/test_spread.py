"""How far networks are apart: measured, expected, and shown by the starter sweep over widths."""

from dataclasses import replace
from math import sqrt
from typing import Any

import pytest

from gradflow.analysis.summary import Theory
from gradflow.report.page import Table
from gradflow.report.sentences import spread_sentence
from gradflow.report.sweep_pages import spreads
from gradflow.starters import starter_text
from gradflow.units import LN10
from tests.studies.lab import at_initialization

TEXT = starter_text("sweep-width").partition("sweep:")[0]


@pytest.mark.parametrize(("activation", "own"), [("relu", 5), ("linear", 2)])
@pytest.mark.parametrize("width", [32, 64])
def test_networks_are_apart_as_hanin_and_nica_have_it(activation: str, own: int, width: int) -> None:
    """Var ln ||delta_1||^2 / ||delta_L||^2 is 5 sum 1 / n for relu, 2 sum 1 / n for linear networks."""
    flow, theory = at_initialization(TEXT, f"activation={activation}", f"width={width}")
    expected = own * 19 / width
    assert flow.log10_ratio_sd is not None
    assert theory.log10_ratio_sd is not None
    assert (2 * LN10 * theory.log10_ratio_sd) ** 2 == pytest.approx(expected, rel=1e-6)
    error = 4 * sqrt(2 / 199) + own / width  # of a variance of 200, and the next order
    assert (2 * LN10 * flow.log10_ratio_sd) ** 2 == pytest.approx(expected, rel=error)
    assert "decades; theory expects" in spread_sentence(theory, flow)


def test_one_network_has_no_spread() -> None:
    flow, theory = at_initialization(TEXT, "seeds=1")
    assert flow.log10_ratio_sd is None
    assert spread_sentence(theory, flow) == ""
    several, _ = at_initialization(TEXT, "seeds=2")
    assert several.log10_ratio_sd is not None
    assert spread_sentence(Theory(), several) == ""
    assert spread_sentence(replace(theory, log10_ratio_sd=None), several) == ""


def point(width: int, **changes: Any) -> dict[str, Any]:
    told = {"networks": 200, "dead_networks": 0, "log10_ratio_sd": 0.4, "log10_ratio_sd_theory": 0.374}
    return {"model.width": width, **told, **changes}


def test_a_sweep_over_widths_shows_variances_beside_theory() -> None:
    _, table = spreads([point(32), point(64, log10_ratio_sd_theory=None)], ["model.width"], None)
    assert isinstance(table, Table)
    assert [column.title for column in table.columns] == ["width", "networks", "variance", "theory"]
    # (2 ln 10)^2 .4^2 = 3.39, to 199 times that by 161.83, the 2.5% quantile of chi squared, = 4.17
    assert table.rows == (("32", "200", "3.4 ± 0.8", "3.0"), ("64", "200", "3.4 ± 0.8", "-"))


@pytest.mark.parametrize(
    ("networks", "sd", "variance"),
    [
        (8, 0.4, "1.5 to 14"),  # 3.39 of 7 / 16.013 to 7 / 1.690
        (8, 0.1, "0.093 to 0.88"),  # 0.212
        (20, 0.4, "2.0 to 7.2"),  # 19 / 32.852 to 19 / 8.907
        (900, 0.4, "3.4 ± 0.3"),
    ],
)
def test_the_variance_of_few_networks_has_the_wide_interval_of_chi_squared(
    networks: int, sd: float, variance: str
) -> None:
    _, table = spreads([point(32, networks=networks, log10_ratio_sd=sd)], ["model.width"], None)
    assert isinstance(table, Table)
    assert table.rows[0][:3] == ("32", str(networks), variance)


@pytest.mark.parametrize(
    ("axes", "changes"),
    [
        (["model.depth"], {}),
        (["model.width"], {"networks": 7}),
        (["model.width"], {"dead_networks": 195}),
        (["model.width"], {"log10_ratio_sd": None}),
    ],
)
def test_few_networks_show_no_variance(axes: list[str], changes: dict[str, Any]) -> None:
    assert spreads([point(32, **changes)], axes, None) == []
