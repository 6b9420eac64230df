"""A page as plain data: a title and blocks that each renderer draws in its own way.

Texts in a page are as they came from the user; each renderer makes them inert.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradflow.report.palette import TONES

LABEL = 40  # characters, of which what is set apart before a colon has fewer
Number = float | None  # None: a gap
Numbers = tuple[Number, ...]


@dataclass(frozen=True)
class Heading:
    """The title of the blocks that follow."""

    text: str


@dataclass(frozen=True)
class Sentence:
    """One or two sentences; `tone` is a verdict, "note" or "warning", which decides the colour."""

    text: str
    tone: str = ""

    @property
    def parts(self) -> tuple[str, str]:
        """Of a sentence with a tone, what stands before its colon, which is set apart if it is short, and
        the rest; of others "" and all.
        """
        label, colon, rest = self.text.partition(":")
        apart = self.tone in TONES and colon and len(label) < LABEL
        return (label, colon + rest) if apart else ("", self.text)


@dataclass(frozen=True)
class Facts:
    """Labels and what they say, a line each."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Strip:
    """A row of numbers as a line of small bars, drawn from `low` to `high`, which strips of a table share."""

    values: Numbers
    low: float
    high: float


@dataclass(frozen=True)
class Toned:
    """A cell whose colour says something."""

    text: str
    tone: str


Spans = tuple[Toned, ...]  # texts of one cell, one after the other
Cell = str | Strip | Toned | Spans


@dataclass(frozen=True)
class Column:
    """A column's title; numbers are aligned to the right."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Series:
    """A line of a chart: y over the chart's x; a `dashed` line is a prediction."""

    name: str
    y: Numbers
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over common x; `labels` are the y axis: "power" writes 10^y, "plain" y itself."""

    title: str
    x_label: str
    x: tuple[float, ...]
    series: tuple[Series, ...]
    labels: str = "power"


@dataclass(frozen=True)
class Bars:
    """Factors around 1: (label, log10 of the factor, the factor as text)."""

    rows: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True)
class Heat:
    """A map of base-10 logs: `cells[layer][step]` around `centre`; the ends of both axes are named."""

    title: str
    cells: tuple[Numbers, ...]
    layers: tuple[int, int]
    steps: tuple[int, int]
    centre: float
    reach: float  # distance from the centre at which the colours end


@dataclass(frozen=True)
class Command:
    """Something to type, ready for a shell."""

    text: str


Block = Heading | Sentence | Facts | Table | Chart | Bars | Heat | Command


@dataclass(frozen=True)
class Page:
    """A title and its blocks, from top to bottom."""

    title: str
    blocks: tuple[Block, ...]
