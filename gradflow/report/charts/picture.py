"""A chart as a document that a page embeds, as wide as its place and with zoom, and as a picture for papers.

SVG, PDF and PNG are of a width in inches, in fonts that stay readable.
"""

from __future__ import annotations

import re
from textwrap import wrap
from typing import Any

import altair as alt
import vl_convert

from gradflow.errors import InputError
from gradflow.report.charts.axes import lines_of
from gradflow.report.charts.looks import room
from gradflow.report.charts.plot import Drawn

Spec = dict[str, Any]

HEIGHT, NAME_HEIGHT = 270, 16  # pixels in a page: of a chart at least, and of a name above others
WIDEST = 7.2  # pixels of a letter in its legends, in the widest font
MANY = 2000  # values from which a chart is drawn on a canvas
MOUSE = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"
ZOOM: Spec = {  # fingers and the wheel alone scroll the page; Shift would turn the wheel sideways
    "name": "zoom",
    "bind": "scales",
    "select": {"type": "interval", "zoom": "wheel![event.ctrlKey || event.metaKey]", "translate": MOUSE},
}
INCH = 96  # CSS pixels
POINT = INCH / 72
PDF_UNIT = 72  # an inch of PDF
PPI = 300  # of a PNG
ASPECT, LOWEST = 0.45, 130  # height of the plot by the figure's width, and in pixels at least
POINTS = 8.0  # of the labels; names of axes and titles are larger
TEXT, LARGE = 8.5 / POINTS, 9.5 / POINTS
LETTER = 6 / POINTS  # pixels of one, by the points of labels
ACROSS, NARROWEST = 3, 17  # charts beside each other at most, and the pixels of one by the points of labels
NAMES = 1.2 * POINT  # pixels of a name among others above each other, by the points of labels
FACET = 0.7  # of the place of one of several charts that the first try gives to its plot
SQUASHED = 24  # pixels of a plot in which nobody could read anything
CRAMPED = 50  # pixels of plots that had better stand below each other


def document(chart: Drawn) -> Spec:
    """The Vega-Lite document of a chart in a page; `usermeta` has its title, note and renderer."""
    spec: Spec = chart.to_dict(validate=False)
    spec |= {"width": "container", "height": max(HEIGHT, NAME_HEIGHT * _names(spec))}
    units = spec.get("layer", [spec])
    axes = [unit["encoding"].get(axis, {}) for unit in units for axis in ("x", "y")]
    if all(axis.get("type", "quantitative") == "quantitative" for axis in axes):  # else it cannot be moved
        units[-1]["params"] = [ZOOM]
    spec["params"] = [*room("containerSize()[0]", WIDEST), *spec.get("params", [])]
    title = spec.pop("title")
    words = {"text": title} if isinstance(title, str) else title
    rows = [row for data in spec.get("datasets", {}).values() for row in data]  # which may hold lists
    drawn = sum(max((len(v) for v in row.values() if isinstance(v, list)), default=1) for row in rows)
    renderer = "canvas" if drawn > MANY else "svg"
    spec["usermeta"] = {"title": words["text"], "note": words.get("subtitle", ""), "renderer": renderer}
    return {key: value for key, value in spec.items() if key not in ("$schema", "config")}


def _names(spec: Spec) -> int:
    """How many lines the names beside a map take, which need room above each other; 0 of others."""
    return lines_of(spec.get("layer", [spec])[0]["encoding"].get("y", {}).get("sort", []))


def picture(
    chart: Drawn | alt.ConcatChart, suffix: str, width: float, height: float | None = None,
    points: float | None = None, dpi: int | None = None, named: bool = True,
) -> bytes:  # fmt: skip
    """The bytes of a .svg, .pdf or .png file, `width` and maybe `height` inches with all that belongs to it.

    Without a height the plot has one by its width, and the figure grows with its legend. One that is not
    `named` has no title; each of several keeps its own. InputError if there is no room for the plot.
    """
    spec: Spec = chart.to_dict(validate=False)
    if not named:
        del spec["title"]
    elif isinstance(title := spec["title"], dict):  # with a note, which would be cut off
        title["subtitle"] = wrap(title["subtitle"], int(width * INCH / (LETTER * (points or POINTS))))
    drawn = _several if "concat" in spec else _one
    svg = drawn(spec, width * INCH, height and height * INCH, points or POINTS)
    if suffix == ".svg":
        return _of_size(svg, width, height, 1, "in").encode()
    if suffix == ".pdf":
        return bytes(vl_convert.svg_to_pdf(_of_size(svg, width, height, PDF_UNIT)))
    ppi = dpi or PPI  # pixels of its own, which `ppi` says in the file and would scale by too
    return bytes(vl_convert.svg_to_png(_of_size(svg, width, height, ppi), scale=PDF_UNIT / ppi, ppi=ppi))


def _one(spec: Spec, width: float, height: float | None, points: float) -> str:
    own = max(LOWEST, width * ASPECT, _names(spec) * NAMES * points)
    fit = {"type": "fit" if height else "fit-x", "contains": "padding"}
    sized = {**spec, "width": width, "height": height or own, "autosize": fit}
    return _svg(sized, points, room(f"{width}", LETTER * points))


def _several(spec: Spec, width: float, height: float | None, points: float) -> str:
    """As many charts beside each other as leave room for their plots."""
    count = len(spec["concat"])
    most = max(1, min(ACROSS, count, int(width / (NARROWEST * points))))
    for across in range(most, 0, -1):
        if svg := _beside(spec, across, width, height, points):
            return svg
    raise InputError(f"{count} charts leave no room for their plots: make the figure larger")


def _beside(spec: Spec, across: int, width: float, height: float | None, points: float) -> str:
    """So many charts beside each other, or "" without room: what is around plots is found by drawing them."""
    parts: list[Spec] = spec["concat"]
    place, down, svg = width / across, -(-len(parts) // across), ""
    legends = place if spec["resolve"]["scale"]["color"] == "independent" else width
    own = max(LOWEST, place * ASPECT / FACET, *(_names(one) * NAMES * points for one in parts))
    inner = [FACET * place, FACET * (height / down if height else own)]
    for _ in range(3):
        if min(inner) < (SQUASHED if across == 1 else CRAMPED):
            return ""
        charts = [{**one, "width": inner[0], "height": inner[1]} for one in parts]
        sized = {**spec, "concat": charts, "columns": across}
        svg = _svg(sized, points, room(f"{legends}", LETTER * points, f"{place}", f"{inner[0]}"))
        box = _box(svg)
        inner[0] += (width - box[0]) / across
        inner[1] += (height - box[1]) / down if height else 0.0
    return svg


def _svg(sized: Spec, points: float, params: list[Spec]) -> str:
    told = {"params": [*params, *sized.get("params", [])], "config": _style(points)}
    return str(vl_convert.vegalite_to_svg({**sized, **told}))


def _style(points: float) -> Spec:
    small, grey = points * POINT, "#666666"
    plain = {"labelFontSize": small, "titleFontSize": TEXT * small, "titleFontWeight": "normal"}
    titles = {"fontSize": LARGE * small, "subtitleFontSize": small, "subtitleColor": grey, "anchor": "start"}
    return {
        "background": "white",
        "font": "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif",
        "view": {"stroke": None},
        "padding": 4,
        "axis": {**plain, "gridColor": "#e8e8e8", "labelOverlap": True, "tickCount": 6},
        "legend": {**plain, "layout": {"top": {"direction": "vertical", "anchor": "start"}}},
        "title": titles,
    }


def _box(svg: str) -> tuple[float, float]:
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
