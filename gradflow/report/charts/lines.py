"""How lines are told apart, be they two or hundreds, and the legends that name them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

import altair as alt

from gradflow.analysis.differences import short_names
from gradflow.report.charts.looks import DASH, LETTER, ROOM, RUNS, SOLID, SWING, SYMBOL, shaded, wrapped
from gradflow.report.labels import number_of_each, settings
from gradflow.report.numbers import count, inert, side_by_side

DOTS, MIXED = [2, 2], [8, 2, 2, 2]
PARTS = (SOLID, DASH, DOTS, MIXED)
# where there are more names than colours, one for each round of these; theory's lines are dashed
SHAPES = ("circle", "square", "triangle-up", "diamond")
STROKES = (SOLID, DOTS, MIXED, [8, 2, 2, 2, 2, 2])
MOST = len(RUNS) * len(SHAPES)  # names that can be told apart
FIRST = 6  # of more names, that have a colour of their own
PALE = "#c4c4c4"  # of the others
NUMBER, NAME = "number", "name"  # columns of the rows of many lines
GAP = 8  # pixels between columns of a legend
LABEL = f"max(60, {ROOM} - {SYMBOL})"
LEGEND: dict[str, Any] = {"orient": "top", "labelLimit": {"expr": LABEL}, "symbolOpacity": 1}
NAMES: dict[str, Any] = {"labelExpr": wrapped(LABEL, ", |: "), "symbolSize": 80, "symbolLimit": MOST}
STROKE: dict[str, Any] = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}


@dataclass(frozen=True)
class Lines:
    """What tells lines apart: a colour each, with other dots and dashes in each round of the colours.

    More than that can tell apart are coloured by their `numbers`, else all but the first share one colour.
    """

    colours: Mapping[str, str] = field(default_factory=dict)  # name in the legend -> colour
    parts: tuple[str, ...] = ()  # that dashes tell apart, if they are several, or dots
    titles: tuple[str | None, str | None] = (None, None)  # of the names or numbers, and of the parts
    rest: frozenset[str] = frozenset()  # lines that share the last of the names
    numbers: Mapping[str, float] = field(default_factory=dict)  # line -> number
    dots: bool = False  # whether each is but a dot

    @property
    def crowded(self) -> bool:
        """Whether there is no room for more than the lines themselves."""
        return bool(self.rest) or len(self.numbers) > MOST

    def rows(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows with the column that colours are by, those of the rest at the bottom."""
        if self.numbers:
            return [{**row, NUMBER: self.numbers[row["line"]]} for row in rows]
        if not self.rest:
            return [*rows]
        last = [*self.colours][-1]
        named = [{**row, NAME: last if row["line"] in self.rest else row["line"]} for row in rows]
        return sorted(named, key=lambda row: row[NAME] != last)

    def colour(self) -> alt.Color:
        """The colour of each line, with a legend where there are several."""
        if self.numbers:
            return _graded(self.titles[0], self.numbers.values())
        look = {"symbolStrokeWidth": 0} if are_many(self.colours) else {"symbolType": "circle"}
        colour: alt.Color = self._named(alt.Color, self.colours.values(), **look)
        return colour

    def apart(self) -> dict[str, Any]:
        """What keeps lines apart that have a colour in common."""
        return {"detail": "line:N"} if self.numbers or self.rest else {}

    def shapes(self) -> dict[str, Any]:
        """The shape of each line's dots, where there are more than colours; of each part, without lines."""
        if self.dots and len(self.parts) > 1:
            return {"shape": _told(alt.Shape, "part", self.parts, SHAPES, self.titles[1], **LEGEND)}
        return {"shape": self._in_rounds(alt.Shape, SHAPES)} if are_many(self.colours) else {}

    def strokes(self) -> dict[str, Any]:
        """Dashes: of each name in the column `part`; else of each line, where there are more than colours."""
        if len(self.parts) > 1 and self.dots:
            return {"detail": ["line:N", "part:N"]}  # that nothing is drawn from one to another
        if len(self.parts) > 1:
            return {"strokeDash": _told(alt.StrokeDash, "part", self.parts, PARTS, self.titles[1], **STROKE)}
        return {"strokeDash": self._in_rounds(alt.StrokeDash, STROKES)} if are_many(self.colours) else {}

    def _in_rounds(self, channel: Any, looks: Sequence[Any]) -> Any:
        """The next look after each round of the colours."""
        return self._named(channel, [looks[i // len(RUNS) % len(looks)] for i in range(len(self.colours))])

    def _named(self, channel: Any, looks: Iterable[Any], **look: Any) -> Any:
        column = NAME if self.rest else "line"
        return _told(channel, column, self.colours, looks, self.titles[0], **NAMES | look)


def of_runs(names: Iterable[str], by: tuple[str, Sequence[float]] | None = None) -> Lines:
    """What tells the lines of these names apart; `by` is the number of each, if they differ in one alone."""
    names = list(names)
    lines = list(dict.fromkeys(names))
    if len(lines) <= (MOST if by is None or by[0] == "seed" else len(RUNS)):  # a seed is a name
        return Lines(dict(zip(lines, cycle(RUNS), strict=False)))
    if by is not None:
        return Lines(numbers=dict(zip(names, by[1], strict=True)), titles=(by[0], None))
    more = {f"and {count(len(lines) - FIRST)} more": PALE}
    return Lines(dict(zip(lines, RUNS[:FIRST], strict=False)) | more, rest=frozenset(lines[FIRST:]))


def apart(
    configs: Sequence[Mapping[str, Any]], keys: Sequence[str], told: Sequence[str] = ()
) -> tuple[Lines, list[dict[str, str]]]:
    """Lines of runs by the keys in which they differ, with the columns `line`, `part` and `differs` of each.

    Many that cross two have a colour for each value of the one, dashes for each of the other; few are called
    as they are `told`, which says more.
    """
    names = [name or "all" for name in settings(configs, keys)]
    shown = told or names
    if are_many({*names}) and (crossing := _crossing(configs, keys)):
        (one, lines), (other, parts) = crossing
        look = replace(of_runs(lines), parts=tuple(dict.fromkeys(parts)), titles=(one, other))
    else:
        lines, parts = names if are_many({*names}) else [*shown], [""] * len(names)
        look = of_runs(lines, number_of_each(configs, keys))
    rows = zip(lines, parts, shown, strict=True)
    return look, [{"line": line, "part": part, "differs": name} for line, part, name in rows]


def _crossing(configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Two keys with their values as texts, more values first; [] where colours and dashes are too few."""
    shorts = short_names(keys).items()
    named = [(short, side_by_side([config.get(key) for config in configs])) for key, short in shorts]
    named.sort(key=lambda one: -len({*one[1]}))
    fits = len(named) == 2 and not are_many({*named[0][1]}) and len({*named[1][1]}) <= len(PARTS)
    return named if fits else []


def are_many(names: Collection[Any]) -> bool:
    """Whether colours alone do not tell them apart."""
    return len(names) > len(RUNS)


def _graded(title: str | None, numbers: Collection[float]) -> alt.Color:
    """From dark to light by a number, in logs where it covers decades."""
    low, high = min(numbers), max(numbers)
    scheme = alt.SchemeParams(name="viridis", extent=[0, 0.9])  # its end is lost on white
    kind: Any = "log" if 0 < SWING * low < high else "linear"
    scale = alt.Scale(scheme=scheme, domain=[low, high], type=kind)
    return shaded(NUMBER, title, scale, orient="top", direction="horizontal")


def _told(
    channel: Any, column: str, names: Collection[str], looks: Iterable[Any], title: str | None, **look: Any
) -> Any:
    """A channel by names, with a legend of several, beside each other as far as there is room."""
    legend = alt.Legend(columns=columns(names), title=title, **LEGEND | look) if len(names) > 1 else None
    scale = alt.Scale(domain=[inert(name) for name in names], range=[*looks][: len(names)])
    return channel(f"{column}:N", scale=scale, legend=legend)


def columns(names: Collection[str]) -> dict[str, str]:
    """The columns of a legend: as many as there is room for."""
    wide = f"({LETTER} * {max(map(len, names))} + {SYMBOL + GAP})"
    return {"expr": f"max(1, floor({ROOM} / {wide}))"}
