"""Pictures in characters: line charts in braille dots, strips, bars and heat maps, each with an ASCII twin.

A picture is lines of spans (text, colour), "" for the text's own colour; renderers colour them or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, floor, isfinite

from gradflow.report.numbers import number, power
from gradflow.report.page import Bars, Chart, Heat, Number, Numbers, Series, Strip
from gradflow.report.palette import SERIES, diverging

Styled = tuple[str, str]
Line = list[Styled]

HEIGHT = 12  # rows of a chart and of a map
STRIP = 24  # characters of a strip
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell, [row][column]
EVERY = (1, 2, 4)  # dot columns from one dot of a series to the next: lines are told apart without colour
MARKS = "*o."
RAMP = " .:-=+*#%@"


def strip(drawn: Strip, unicode: bool = True, width: int = STRIP) -> str:
    """One character a value, or a mean of neighbours; a gap where there is no number."""
    blocks = BLOCKS if unicode else ASCII_BLOCKS
    low, top = drawn.low / 2, len(blocks) - 1  # halves, whose difference is finite
    reach = drawn.high / 2 - low or 1.0
    heights = [
        None if value is None else round(top * ((value / 2 - low) / reach))
        for value in squeezed(drawn.values, width)
    ]
    return "".join(
        [" " if at is None else blocks[0 if at < 0 else top if at > top else at] for at in heights]
    )


def squeezed(values: Numbers, width: int) -> Numbers:
    """At most `width` numbers: the means of neighbours."""
    count = len(values)
    if count <= width:
        return values
    edges = [i * count // width for i in range(width + 1)]
    if None not in values:
        return tuple([sum(values[a:b]) / (b - a) for a, b in pairwise(edges)])  # type: ignore[arg-type]
    return tuple(_mean(values[a:b]) for a, b in pairwise(edges))


def bars(drawn: Bars, width: int, unicode: bool = True) -> list[Line]:
    """Bars to the left of 1 for what shrinks, to the right for what grows, on a log scale."""
    block, axis = ("█", "│") if unicode else ("#", "|")
    label = max(len(row[0]) for row in drawn.rows)
    half = max(4, min(24, (width - label - 12) // 2))
    reach = max(0.1, *(abs(row[1]) for row in drawn.rows))
    lines = []
    for name, log10, text in drawn.rows:
        length = round(half * abs(log10) / reach)
        left, right = (length, 0) if log10 < 0 else (0, length)
        colour = diverging(-0.7 if log10 < 0 else 0.7)
        line = [(f"{name:<{label}} {' ' * (half - left)}", ""), (block * left, colour), (axis, "")]
        lines.append([*line, (block * right, colour), (f"{' ' * (half - right)} {text}", "")])
    return lines


def chart(drawn: Chart, width: int, unicode: bool = True) -> list[Line]:
    """Axis labels, the lines, the x axis and a legend."""
    low, high = _range(drawn)
    ticks = _ticks(drawn, low, high)
    margin = max(map(len, ticks.values()), default=1)
    columns = max(8, width - margin - 2)
    cells = _braille(drawn, low, high, columns) if unicode else _ascii(drawn, low, high, columns)
    axis = "┤│" if unicode else "+|"
    lines: list[Line] = []
    for row, spans in enumerate(cells):
        text = ticks.get(row, "")
        lines.append([(f"{text:>{margin}} {axis[0] if text else axis[1]}", ""), *spans])
    return [*lines, _x_axis(drawn, margin, columns), _legend(drawn, margin, unicode)]


def heat(drawn: Heat, width: int, unicode: bool = True, colour: bool = True) -> list[Line]:
    """Layers from top to bottom, steps from left to right: two layers a row in colour, else a ramp."""
    margin = len(f"layer {drawn.layers[1]}")
    halves = 2 if unicode and colour else 1
    shrunk = _shrunk(drawn, max(8, width - margin - 2), HEIGHT * halves)
    grid = [tuple(None if v is None else max(-1.0, min(1.0, v)) for v in row) for row in shrunk]
    rows = [_halves(grid[i : i + 2]) if halves == 2 else _ramp(grid[i]) for i in range(0, len(grid), halves)]
    names = {0: f"layer {drawn.layers[0]}", len(rows) - 1: f"layer {drawn.layers[1]}"}
    lines: list[Line] = [[(f"{names.get(i, ''):>{margin}}  ", ""), *row] for i, row in enumerate(rows)]
    steps = _ends(f"step {drawn.steps[0]}", f"step {drawn.steps[1]}", margin + 2, len(grid[0]))
    return [*lines, steps, _scale(drawn, shrunk, margin + 2, width, halves == 2)]


def _scale(drawn: Heat, shrunk: Sequence[Numbers], margin: int, width: int, colour: bool) -> Line:
    """What the lowest, the middle and the highest sign of the map stand for; in words if there is room."""
    known = [value for row in shrunk for value in row if value is not None] or [0.0]
    marks = {"low": min([*known, 0.0]), "median": 0.0, "high": max([*known, 0.0])}
    kept = {mark: value for mark, value in marks.items() if value or mark == "median"}
    texts = [(value, _sign(value, colour), _amount(value, drawn), mark) for mark, value in kept.items()]
    roomy = margin + sum(len(f"{sign} {text} ({mark})   ") for _, sign, text, mark in texts) <= width
    line: Line = [(" " * margin, "")]
    for value, sign, text, mark in texts:
        line.append((sign, diverging(max(-1.0, min(1.0, value))) if value and colour else ""))
        line.append((f" {text} ({mark})   " if roomy else f" {text}   ", ""))
    return line


def _sign(value: float, colour: bool) -> str:
    """The name of a colour, or the character of the ramp, at a distance from the centre."""
    if colour:
        return "white" if not value else "blue" if value < 0 else "red"
    return f"'{RAMP[round((max(-1.0, min(1.0, value)) + 1) / 2 * (len(RAMP) - 1))]}'"


def _amount(value: float, drawn: Heat) -> str:
    """The value at a distance from the centre, or the end of the colours that it lies beyond."""
    beyond = "" if abs(value) <= 1 + 1e-9 else "<= " if value < 0 else ">= "
    return beyond + power(drawn.centre + max(-1.0, min(1.0, value)) * drawn.reach)


def _mean(values: Numbers) -> Number:
    kept = [value for value in values if value is not None]
    return sum(kept) / len(kept) if kept else None


def _range(drawn: Chart) -> tuple[float, float]:
    """The y axis: whole or half decades, at least one, so that a flat line looks flat."""
    values = [y for series in drawn.series for y in series.y if y is not None and isfinite(y)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if drawn.labels == "power":
        part = 1 if high - low > 2 else 2  # whole decades, or halves
        low, high = floor(part * low) / part, ceil(part * high) / part
        high = max(high, low + 1)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(drawn: Chart, low: float, high: float) -> dict[int, str]:
    """Row -> label: the whole decades, some of them where they are many; both ends where they are few."""
    label: Callable[[float], str] = number
    values = [low, high]
    if drawn.labels == "power":
        label, apart = power, max(1, ceil((high - low) / 5))
        whole = [float(y) for y in range(ceil(low), floor(high) + 1, apart)]
        values = whole if len(whole) > 1 else values
    return {round((high - y) / (high - low) * (HEIGHT - 1)): label(y) for y in values}


def _places(series: Series, x: Sequence[float], columns: int) -> list[Number]:
    """y of a series at each of `columns` dot columns, between its points by straight lines."""
    first, last = x[0], x[-1]
    found: list[Number] = []
    right = 0
    for column in range(columns):
        at = first + (last - first) * column / max(1, columns - 1)
        while right < len(x) - 1 and x[right] < at:
            right += 1
        left = max(0, right - 1)
        a, b = series.y[left], series.y[right]
        gap = x[right] - x[left]
        share = (at - x[left]) / gap if gap else 0.0
        found.append(None if a is None or b is None else a + share * (b - a))
    return found


def _braille(drawn: Chart, low: float, high: float, columns: int) -> list[Line]:
    bits = [[0] * columns for _ in range(HEIGHT)]
    owner = [[-1] * columns for _ in range(HEIGHT)]
    top = 4 * HEIGHT - 1
    for index, series in reversed(list(enumerate(drawn.series))):
        before: int | None = None
        for column, y in enumerate(_places(series, drawn.x, 2 * columns)):
            dot = None if y is None else round((high - y) / (high - low) * top)
            if dot is not None and column % EVERY[index % 3] == 0:
                joined = before is not None and not series.dashed and EVERY[index % 3] == 1
                start = before if joined and before is not None else dot
                for row in range(min(start, dot), max(start, dot) + 1):
                    bits[row // 4][column // 2] |= DOTS[row % 4][column % 2]
                    owner[row // 4][column // 2] = index
            before = dot
    return [[_dots(bit, own) for bit, own in zip(*row, strict=True)] for row in zip(bits, owner, strict=True)]


def _dots(bits: int, series: int) -> Styled:
    return (chr(0x2800 + bits), SERIES[series % 3]) if bits else (" ", "")


def _ascii(drawn: Chart, low: float, high: float, columns: int) -> list[Line]:
    rows = [[(" ", "")] * columns for _ in range(HEIGHT)]
    for index, series in reversed(list(enumerate(drawn.series))):
        for column, y in enumerate(_places(series, drawn.x, columns)):
            if y is not None and column % EVERY[index % 3] == 0:
                row = round((high - y) / (high - low) * (HEIGHT - 1))
                rows[row][column] = MARKS[index % 3], SERIES[index % 3]
    return [list(row) for row in rows]


def _x_axis(drawn: Chart, margin: int, columns: int) -> Line:
    first, last = (f"{drawn.x_label} {number_of(x)}" for x in (drawn.x[0], drawn.x[-1]))
    return _ends(first, last, margin + 2, columns)


def number_of(x: float) -> str:
    """A place on an axis: layers and steps are whole."""
    return f"{x:.0f}" if float(x).is_integer() else number(x)


def _ends(first: str, last: str, margin: int, columns: int) -> Line:
    if len(first) + len(last) + 1 > columns:
        return [(" " * margin + f"{first} .. {last}", "")]
    return [(" " * margin + first + last.rjust(columns - len(first)), "")]


def _legend(drawn: Chart, margin: int, unicode: bool) -> Line:
    line: Line = [(" " * (margin + 2), "")]
    for index, series in enumerate(drawn.series):
        mark = ("⠤⠤⠤", "⠄⠄⠄", "⠄ ⠄")[index % 3] if unicode else MARKS[index % 3]
        line += [(mark, SERIES[index % 3]), (f" {series.name}   ", "")]
    return line


def _shrunk(drawn: Heat, columns: int, rows: int) -> list[Numbers]:
    """The cells, means of neighbours where there are too many, as distances from the centre by the reach."""
    count = len(drawn.cells)
    rows = min(rows, count)
    edges = [i * count // rows for i in range(rows + 1)]
    grid = []
    for a, b in pairwise(edges):
        merged = tuple(_mean(column) for column in zip(*drawn.cells[a:b], strict=True))
        grid.append(
            tuple(None if v is None else (v - drawn.centre) / drawn.reach for v in squeezed(merged, columns))
        )
    return grid


def _halves(pair: list[Numbers]) -> Line:
    """One row of text for two rows of cells: the upper half block over the lower cell's background."""
    upper, lower = pair[0], pair[1] if len(pair) == 2 else (None,) * len(pair[0])
    return [_half(a, b) for a, b in zip(upper, lower, strict=True)]


def _half(upper: Number, lower: Number) -> Styled:
    if upper is None:
        return (" ", "") if lower is None else ("▄", diverging(lower))
    return ("▀", diverging(upper) + ("" if lower is None else f" on {diverging(lower)}"))


def _ramp(row: Numbers) -> Line:
    top = len(RAMP) - 1
    return [("".join("?" if v is None else RAMP[round((v + 1) / 2 * top)] for v in row), "")]
