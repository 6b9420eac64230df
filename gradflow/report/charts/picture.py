"""A chart as a picture for papers: SVG, PDF or PNG, of a width in inches, in fonts that stay readable."""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import vl_convert

from gradflow.report.charts.looks import room
from gradflow.report.charts.plot import Drawn

INCH = 96  # CSS pixels
POINT = INCH / 72
PDF_UNIT = 72  # an inch of PDF
PPI = 300  # of a PNG
ASPECT, LOWEST = 0.45, 130  # height of the plot by the figure's width, and in pixels at least
SMALL, TEXT, LARGE = 8 * POINT, 8.5 * POINT, 9.5 * POINT
LETTER = 6  # pixels of a SMALL one
PLAIN = {"labelFontSize": SMALL, "titleFontSize": TEXT, "titleFontWeight": "normal"}
STYLE: dict[str, Any] = {
    "background": "white",
    "font": "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
    "view": {"stroke": None},
    "padding": 4,
    "axis": {**PLAIN, "gridColor": "#e8e8e8", "labelOverlap": True, "tickCount": 6},
    "legend": {**PLAIN, "layout": {"top": {"direction": "vertical", "anchor": "start"}}},
    "title": {"fontSize": LARGE, "subtitleFontSize": SMALL, "subtitleColor": "#666666", "anchor": "start"},
}


def picture(chart: Drawn, suffix: str, width: float) -> bytes:
    """The bytes of a .svg, .pdf or .png file, `width` inches wide with all that belongs to the chart.

    The plot keeps its height: the figure grows with its legend.
    """
    pixels = width * INCH
    sized = chart.properties(
        width=pixels,
        height=max(LOWEST, pixels * ASPECT),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec = sized.to_dict(validate=False)
    spec["params"] = [*room(str(pixels), LETTER), *spec.get("params", [])]
    svg = vl_convert.vegalite_to_svg({**spec, "config": STYLE})
    match suffix:
        case ".svg":
            return _of_size(svg, width, 1, "in").encode()
        case ".pdf":
            return bytes(vl_convert.svg_to_pdf(_of_size(svg, width, PDF_UNIT)))
        case _:  # pixels of its own, which `ppi` says in the file and would scale by too
            return bytes(vl_convert.svg_to_png(_of_size(svg, width, PPI), scale=PDF_UNIT / PPI, ppi=PPI))


def _of_size(svg: str, inches: float, per_inch: float, unit: str = "") -> str:
    """An SVG that is so many inches wide, in units of which an inch has so many."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None  # vl-convert always writes one
    _, _, across, down = map(float, box[1].split())
    sides = inches * per_inch, inches * per_inch * down / across
    size = 'width="{:.8g}{unit}" height="{:.8g}{unit}"'.format(*sides, unit=unit)
    return re.sub(r'width="[^"]*" height="[^"]*"', size, svg, count=1)
