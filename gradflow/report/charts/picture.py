"""A chart as a picture for papers: SVG, PDF or PNG, of a width in inches, in fonts that stay readable."""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import vl_convert

from gradflow.errors import InputError
from gradflow.report.charts.looks import room
from gradflow.report.charts.plot import Drawn, rows_of

INCH = 96  # CSS pixels
POINT = INCH / 72
PDF_UNIT = 72  # an inch of PDF
PPI = 300  # of a PNG
ASPECT, LOWEST = 0.45, 130  # height of the plot by the figure's width, and in pixels at least
POINTS = 8.0  # of the labels; names of axes and titles are larger
TEXT, LARGE = 8.5 / POINTS, 9.5 / POINTS
LETTER = 6 / POINTS  # pixels of one, by the points of labels
ACROSS, NARROWEST = 3, 17  # charts beside each other at most, and the pixels of one by the points of labels
NAME_HEIGHT = 1.2 * POINT  # pixels of a name among others above each other, by the points of labels
FACET = 0.7  # of the place of one of several charts that the first try gives to its plot
SQUASHED = 24  # pixels of a plot in which nobody could read anything


def picture(
    chart: Drawn | alt.ConcatChart, suffix: str, width: float, height: float | None = None,
    points: float | None = None, dpi: int | None = None,
) -> bytes:  # fmt: skip
    """The bytes of a .svg, .pdf or .png file, `width` and maybe `height` inches with all that belongs to it.

    Without a height the plot has one by its width, and the figure grows with its legend. InputError for one
    that leaves no room for the plot.
    """
    points, dpi = points or POINTS, dpi or PPI
    pixels = width * INCH, height and height * INCH
    if isinstance(chart, alt.ConcatChart):
        svg = _several(chart, *pixels, points)
    else:
        svg = _one(chart, *pixels, points)
    match suffix:
        case ".svg":
            return _of_size(svg, width, height, 1, "in").encode()
        case ".pdf":
            return bytes(vl_convert.svg_to_pdf(_of_size(svg, width, height, PDF_UNIT)))
        case _:  # pixels of its own, which `ppi` says in the file and would scale by too
            return bytes(
                vl_convert.svg_to_png(_of_size(svg, width, height, dpi), scale=PDF_UNIT / dpi, ppi=dpi)
            )


def _one(chart: Drawn, width: float, height: float | None, points: float) -> str:
    """A chart in so many pixels."""
    fit = alt.AutoSizeParams(type="fit" if height else "fit-x", contains="padding")
    own = max(LOWEST, width * ASPECT, rows_of(chart) * NAME_HEIGHT * points)
    sized = chart.properties(width=width, height=height or own, autosize=fit)
    return _svg(sized, points, room(f"{width}", LETTER * points))


def _several(charts: alt.ConcatChart, width: float, height: float | None, points: float) -> str:
    """As many charts beside each other as leave room for their plots."""
    parts: list[Any] = charts.concat
    most = max(1, min(ACROSS, len(parts), int(width / (NARROWEST * points))))
    for across in range(most, 0, -1):
        if svg := _beside(charts, across, width, height, points):
            return svg
    raise InputError(f"{len(parts)} charts leave no room for their plots: make the figure larger")


def _beside(charts: alt.ConcatChart, across: int, width: float, height: float | None, points: float) -> str:
    """So many charts beside each other, or "" without room: what is around plots is found by drawing them."""
    parts: list[Any] = charts.concat
    place, down, svg = width / across, -(-len(parts) // across), ""
    own = max(LOWEST, place * ASPECT / FACET, *(rows_of(one) * NAME_HEIGHT * points for one in parts))
    inner = [FACET * place, FACET * (height / down if height else own)]
    for _ in range(3):
        if min(inner) < SQUASHED:
            return ""
        sized = charts.copy()
        sized.concat, sized.columns = [_sized(one, *inner) for one in parts], across
        svg = _svg(sized, points, room(f"{width}", LETTER * points, f"{place}", f"{inner[0]}"))
        box = _box(svg)
        inner[0] += (width - box[0]) / across
        inner[1] += (height - box[1]) / down if height else 0.0
    return svg


def _sized(chart: Drawn, width: float, height: float) -> Drawn:
    sized = chart.properties(width=width, height=height)
    sized._kwds.pop("usermeta", None)  # which belongs to whole figures
    return sized


def _svg(sized: Drawn | alt.ConcatChart, points: float, params: list[dict[str, Any]]) -> str:
    spec = sized.to_dict(validate=False)
    spec["params"] = [*params, *spec.get("params", [])]
    return str(vl_convert.vegalite_to_svg({**spec, "config": _style(points)}))


def _style(points: float) -> dict[str, Any]:
    small = points * POINT
    plain = {"labelFontSize": small, "titleFontSize": TEXT * small, "titleFontWeight": "normal"}
    return {
        "background": "white",
        "font": "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
        "view": {"stroke": None},
        "padding": 4,
        "axis": {**plain, "gridColor": "#e8e8e8", "labelOverlap": True, "tickCount": 6},
        "legend": {**plain, "layout": {"top": {"direction": "vertical", "anchor": "start"}}},
        "title": {
            "fontSize": LARGE * small,
            "subtitleFontSize": small,
            "subtitleColor": "#666666",
            "anchor": "start",
        },
    }


def _box(svg: str) -> tuple[float, float]:
    """The size of an SVG in its own pixels."""
    found = re.search(r'viewBox="([^"]*)"', svg)
    assert found is not None  # vl-convert always writes one
    _, _, across, down = map(float, found[1].split())
    return across, down


def _of_size(svg: str, inches: float, height: float | None, per_inch: float, unit: str = "") -> str:
    """An SVG that is so many inches wide and high, in units of which an inch has so many."""
    across, down = _box(svg)
    sides = inches * per_inch, (height or inches * down / across) * per_inch
    size = 'width="{:.8g}{unit}" height="{:.8g}{unit}"'.format(*sides, unit=unit)
    return re.sub(r'width="[^"]*" height="[^"]*"', size, svg, count=1)
