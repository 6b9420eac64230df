"""From what a figure is to show to its chart, of an extra that is loaded when one is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradflow.analysis.pivot import VALUES
from gradflow.errors import InputError, did_you_mean, refuse_unused
from gradflow.store import Run

if TYPE_CHECKING:
    from gradflow.report.charts.plot import Drawn


@dataclass(frozen=True)
class Wanted:
    """What a figure is to show: a figure by name, or a value over keys, `layer` or `step`."""

    figure: str | None = None
    x: str | None = None
    y: str | None = None
    value: str | None = None
    facet: str | None = None
    step: str | None = None


def chart_of(runs: list[Run], wanted: Wanted) -> Any:
    """The figure, once or for each value of a key."""
    from gradflow.report.charts.facets import faceted

    if wanted.facet is None:
        return _chart(runs, wanted, runs)
    return faceted(runs, wanted.facet, lambda group: _chart([*group], wanted, runs))


def _chart(runs: list[Run], wanted: Wanted, among: list[Run]) -> Drawn:
    """The named figure, or a value over keys. InputError for an option of the other."""
    from gradflow.report.charts.figures import FIGURES, draw, of_array, over_keys, recorded

    figure, x, y, value = wanted.figure, wanted.x, wanted.y, wanted.value
    if value is not None and (value not in VALUES or x in (None, "layer", "step")):
        arrays = recorded(runs)
        if value in arrays:
            return of_array(value, runs, _axes_of_array(wanted, arrays[value]), wanted.step)
        known = dict.fromkeys((*VALUES, *arrays))  # "saturated" is a result and an array
        if value not in known:
            raise InputError(f"--value {value}: choose one of {', '.join(known)}{did_you_mean(value, known)}")
    if x == "step":
        raise InputError("--x step: values over the steps are --figure course (of c), loss and accuracy")
    if x is not None:
        refuse_unused("--x draws a value over keys", figure=figure, step=wanted.step)
        return over_keys(runs, x, y, value or "c", among)
    refuse_unused("give the key over which to draw with --x", y=y, value=value)
    figure = "flow" if figure is None else figure
    if figure not in FIGURES:
        figures = ", ".join(FIGURES)
        raise InputError(f"--figure {figure}: choose one of {figures}{did_you_mean(figure, FIGURES)}")
    return draw(figure, runs, wanted.step, among)


def _axes_of_array(wanted: Wanted, axes: list[str]) -> list[str]:
    """Those of its axes that are wanted, the first if none is. InputError for others, and for a step where
    steps are an axis."""
    refuse_unused(f"--value {wanted.value} is an array of the record", figure=wanted.figure)
    refuse_unused("give --x, too", y=wanted.y if wanted.x is None else None)
    found = [axis for axis in (wanted.x, wanted.y) if axis is not None] or axes[:1]
    ways = {f"--x {axis}": [axis] for axis in axes}
    if len(axes) > 1:  # layers stand below each other, as in a table
        ways["--x step --y layer"] = ["step", "layer"]
    if found not in ways.values():
        words = f"--value {wanted.value} is recorded by {' and '.join(axes)}"
        raise InputError(f"{words}: give {', or '.join(ways)}")
    if "step" in found:
        refuse_unused("steps are an axis", step=wanted.step)
    return found
