"""Charts as the documents that an HTML page embeds: as wide as their place, with zoom, their titles apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradflow.report.charts.looks import room
from gradflow.report.charts.plot import Drawn, rows_of

Spec = dict[str, Any]

HEIGHT, NAME_HEIGHT = 270, 16
LETTER = 7.2  # pixels of one in a legend, of the widest font
MANY = 2000  # values from which a chart is drawn on a canvas
MOUSE = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!"
ZOOM: Spec = {  # fingers and the wheel alone scroll the page; Shift would turn the wheel sideways
    "name": "zoom",
    "bind": "scales",
    "select": {"type": "interval", "zoom": "wheel![event.ctrlKey || event.metaKey]", "translate": MOUSE},
}


def document(chart: Drawn) -> Spec:
    """The Vega-Lite document of a chart; `usermeta` has its title, note and renderer."""
    height = max(HEIGHT, NAME_HEIGHT * rows_of(chart))
    spec: Spec = chart.properties(width="container", height=height).to_dict(validate=False)
    units = list(_units(spec))
    if all(_is_continuous(unit) for unit in units):
        units[-1]["params"] = [ZOOM]
    spec["params"] = [*room("containerSize()[0]", LETTER), *spec.get("params", [])]
    title = spec.pop("title")
    words = {"text": title} if isinstance(title, str) else title
    renderer = "canvas" if _values(spec) > MANY else "svg"
    spec["usermeta"] = {"title": words["text"], "note": words.get("subtitle", ""), "renderer": renderer}
    return {key: value for key, value in spec.items() if key not in ("$schema", "config")}


def _units(spec: Spec) -> Iterator[Spec]:
    """The layers that draw something themselves."""
    if "layer" not in spec:
        yield spec
    for layer in spec.get("layer", []):
        yield from _units(layer)


def _is_continuous(unit: Spec) -> bool:
    """Whether the axes are numbers, which can be moved and zoomed."""
    axes = [unit["encoding"][axis] for axis in ("x", "y") if axis in unit["encoding"]]
    return all(axis.get("type", "quantitative") == "quantitative" for axis in axes)


def _values(spec: Spec) -> int:
    """How many values are drawn; a row may hold a list of them."""
    rows = [row for data in spec.get("datasets", {}).values() for row in data]
    return sum(max((len(v) for v in row.values() if isinstance(v, list)), default=1) for row in rows)
