"""The axes of charts: as wide as the data, logarithmic or cut where one curve would make the others flat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import log10
from typing import Any, TypeAlias

import altair as alt

from gradflow.report.charts.looks import PLACE, SWING, wrapped
from gradflow.units import is_number

AxisScale: TypeAlias = "dict[str, Any]"  # the settings of an axis's scale

REACH = 40.0  # of an axis beyond what it is to show: decades, of logs
WHOLE = ("layer", "step", "depth (hidden layers)")  # axes whose ticks are whole numbers
FRACTION = "datum.value % 1"
FADED: Any = {"condition": {"test": FRACTION, "value": 0}, "value": 1}
THREE = ".3~g"  # the digits of ticks that would be rounded else
CROWDED = 10  # numbers of an axis from which some may be left out
SLANTED = 45  # letters of an axis's names from which these do not stand beside each other
NAMED = 30  # names of which each is written
# a slanted name of more than 24 letters without its middle
SHORT = "length(datum.label) > 24 ? slice(datum.label, 0, 10) + '…' + slice(datum.label, -13) : datum.label"
ENDS = "[-_]"  # where a name may be broken
NAMES, LONG = 0.4, 14  # of the room, that names beside a map take; letters from which one may be broken


def x(name: str, title: str, whole: bool = False, **scale: Any) -> alt.X:
    """A horizontal axis of numbers, as wide as the data."""
    plain = alt.Scale(nice=False, zero=False, **scale)
    return alt.X(f"{name}:Q", title=title, scale=plain, axis=_ticks(whole or title in WHOLE))


def y(name: str, title: str, whole: bool = False, one: bool = False, **scale: Any) -> alt.Y:
    """A vertical axis of numbers that need not hold 0; where all are `one` its only tick would be rounded."""
    log = scale.get("type") == "log"
    plain: AxisScale = {} if log else {"zero": False}
    axis = alt.Axis(format=THREE) if log or one else _ticks(whole or title in WHOLE)
    return alt.Y(f"{name}:Q", title=title, scale=alt.Scale(**plain | scale), axis=axis)


def _ticks(whole: bool) -> alt.Axis:
    """Ticks, at whole numbers alone if the axis is one of these: Vega has fractions where these are few."""
    if not whole:
        return alt.Axis()
    words = f"{FRACTION} ? '' : format(datum.value, ',')"
    return alt.Axis(tickMinStep=1, labelExpr=words, gridOpacity=FADED, tickOpacity=FADED)


def are_whole(values: Iterable[Any]) -> bool:
    """Whether there is nothing between numbers, as of layers."""
    return all(isinstance(value, int) for value in values)


def across(values: Sequence[Any]) -> alt.Axis:
    """A horizontal axis of values. Names are broken where they are too long, or slanted, each with its
    beginning and its end; none is left out but of many, as numbers are."""
    numeric, count = are_numbers(values), len(values)
    if not numeric and sum(len(max(re.split(f"(?<={ENDS})", str(v)), key=len)) for v in values) > SLANTED:
        angle = -90 if count > CROWDED else -40
        return alt.Axis(labelAngle=angle, grid=False, labelOverlap=count > NAMED, labelExpr=SHORT)
    words = wrapped(f"{PLACE} / {count}", ENDS)
    return alt.Axis(labelAngle=0, grid=False, labelOverlap=numeric and count > CROWDED, labelExpr=words)


def up(values: Sequence[Any]) -> alt.Axis:
    """The vertical axis of a map: all names, broken where they are too long, and some of many numbers."""
    overlap = are_numbers(values) and len(values) > CROWDED
    return alt.Axis(grid=False, labelOverlap=overlap, labelExpr=wrapped(f"{NAMES} * {PLACE}", ENDS))


def lines_of(values: Sequence[Any]) -> int:
    """How many lines of text the names of a vertical axis may take; 0 of numbers, which may be left out."""
    if are_numbers(values):
        return 0
    return len(values) * (2 if any(len(str(v)) > LONG and re.search(ENDS, str(v)) for v in values) else 1)


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether an axis is one of numbers, of which some may be left out."""
    return all(map(is_number, values))


def cut(core: Sequence[float], curves: Sequence[float], ends: Sequence[float]) -> AxisScale:
    """Where an axis should end so that its `core` can be read; nothing where all fits.

    `curves` count up to 40 beyond the core, the `ends` of intervals as far beyond as these span.
    """
    low, high = max(min(core) - REACH, min(curves)), min(max(core) + REACH, max(curves))
    span, beyond = max(high - low, 1.0), [*(ends or core), low, high]
    limits = [max(low - span, min(beyond)), min(high + span, max(beyond))]
    drawn = [*curves, *ends]
    whole = limits[0] <= min(drawn) and max(drawn) <= limits[1]
    return {} if whole else {"domain": limits, "nice": False}


def of_factors(values: Sequence[float], ends: Sequence[float]) -> AxisScale:
    """A logarithmic axis where factors cover decades; else cut where an interval would make them flat."""
    return in_logs(values, ends) or cut([1.0, *values], values, ends)


def in_logs(values: Sequence[float], ends: Sequence[float] = (), apart: float = SWING) -> AxisScale:
    """A logarithmic axis where the largest value is `apart` times the smallest above 0; else nothing."""
    known = [value for value in values if value > 0]
    if not known or max(known) <= apart * min(known):
        return {}
    logs = [log10(value) for value in known]
    scale = cut(logs, logs, [log10(end) for end in ends if end > 0])
    domain = {"domain": [10**end for end in scale["domain"]]} if scale else {}
    return {"type": "log", **scale, **domain}
