"""A chart as a picture for papers: SVG, PDF or PNG, of a width in inches, in fonts that stay readable."""

from __future__ import annotations

from typing import Any

import altair as alt
import vl_convert

from gradflow.report.charts.base import Drawn

INCH = 96  # CSS pixels
POINT = INCH / 72
PPI = 300  # of a PNG
ASPECT = 0.62
STYLE: dict[str, Any] = {
    "background": "white",
    "font": "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
    "view": {"stroke": None},
    "padding": 4,
    "axis": {"labelFontSize": 8 * POINT, "titleFontSize": 8.5 * POINT, "titleFontWeight": "normal", "gridColor": "#e8e8e8",
             "labelOverlap": True, "tickCount": 6},
    "legend": {"labelFontSize": 8 * POINT, "titleFontSize": 8 * POINT, "titleFontWeight": "normal"},
    "title": {"fontSize": 9.5 * POINT, "subtitleFontSize": 8 * POINT, "subtitleColor": "#666666", "anchor": "start", "offset": 8},
}  # fmt: skip


def picture(chart: Drawn, suffix: str, width: float) -> bytes:
    """The bytes of a .svg, .pdf or .png file, `width` inches wide with all that belongs to the chart."""
    pixels = width * INCH
    sized = chart.properties(
        width=pixels, height=pixels * ASPECT, autosize=alt.AutoSizeParams(type="fit", contains="padding")
    )
    spec = {**sized.to_dict(), "config": STYLE}
    svg = vl_convert.vegalite_to_svg(spec)
    match suffix:
        case ".svg":
            return svg.encode()
        case ".pdf":
            return bytes(vl_convert.svg_to_pdf(svg))
        case _:
            return bytes(vl_convert.svg_to_png(svg, scale=PPI / INCH))
