"""A page as text for a terminal or a pipe: coloured or not, braille or ASCII, never cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from io import StringIO
from typing import Literal

from rich.box import ASCII, SIMPLE_HEAD, Box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from gradflow.report import drawing
from gradflow.report.numbers import inert
from gradflow.report.page import (
    Bars,
    Block,
    Cell,
    Chart,
    Command,
    Facts,
    Heading,
    Heat,
    Page,
    Sentence,
    Strip,
    Table,
    Toned,
)  # fmt: skip
from gradflow.report.palette import TONES

PICTURE = 100  # columns that a picture takes at most
Colours = Literal["auto", "standard", "256", "truecolor", "windows"]

NARROW, ROOMY = 20, 72  # columns
GAP = "  "  # between two columns
ENDLESS = 1_000_000  # columns of a pipe: nothing is wrapped
PLAIN = str.maketrans({"±": "+-", "−": "-", "×": "x", "→": "->", "…": "...", "·": "-", "–": "-", "≤": "<="})


@dataclass(frozen=True)
class Look:
    """What the reader's end can show: columns for pictures, and for text too where that is wrapped."""

    columns: int = 80
    wrap: bool = True  # a pipe's lines have no end
    colours: Colours | None = None  # rich's colour system: standard, 256, truecolor
    unicode: bool = True

    @property
    def picture(self) -> int:
        """Columns for charts and maps."""
        return max(NARROW, min(PICTURE, self.columns - 1))

    @property
    def strip(self) -> int:
        """Columns for a strip inside a table."""
        return drawing.STRIP if self.columns >= ROOMY else drawing.STRIP // 2


def render(page: Page, look: Look) -> str:
    """The text of a page, ending in a newline."""
    width = max(NARROW, look.columns) if look.wrap else ENDLESS
    console = Console(
        file=StringIO(), width=width, color_system=look.colours, force_terminal=bool(look.colours),
        no_color=look.colours is None, markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
    with console.capture() as capture:
        console.print(_text(page.title, look, "bold"))
        for block in page.blocks:
            console.print(_draw(block, look))
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(lines) + "\n"


def _text(text: str, look: Look, style: str = "") -> Text:
    """The one gate: what acts is escaped, and what the reader's end cannot show is replaced."""
    shown = inert(text)
    if not look.unicode:
        shown = shown.translate(PLAIN).encode("ascii", "backslashreplace").decode()
    return Text(shown, style)


@singledispatch
def _draw(block: Block, look: Look) -> RenderableType:
    raise TypeError(f"no drawing of {type(block).__name__}")


@_draw.register
def _(block: Heading, look: Look) -> RenderableType:
    return Padding(_text(block.text, look, "bold"), (1, 0, 0, 0))


@_draw.register
def _(block: Sentence, look: Look) -> RenderableType:
    head, colon, tail = block.text.partition(":")
    tone = TONES.get(block.tone, "")
    if block.tone in TONES and colon and len(head) < 40:
        return Text.assemble(_text(head, look, f"bold {tone}".strip()), _text(colon + tail, look))
    return _text(block.text, look, tone)


@_draw.register
def _(block: Facts, look: Look) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in block.rows:
        grid.add_row(_text(label, look, TONES["note"]), _text(value, look))
    return Padding(grid, (1, 0, 0, 0))


@_draw.register
def _(block: Command, look: Look) -> RenderableType:
    # never broken: a terminal wraps it softly, so that what is copied is still one command
    return Text.assemble("  ", _text(block.text, look, "bold"), no_wrap=True, overflow="ignore")


@_draw.register
def _(block: Table, look: Look) -> RenderableType:
    titles = [_text(column.title, look, TONES["note"]) for column in block.columns]
    cells = [[_cell(cell, look) for cell in row] for row in block.rows]
    widths = [max(text.cell_len for text in column) for column in zip(titles, *cells, strict=True)]
    room = max(NARROW, look.columns) if look.wrap else ENDLESS
    if sum(widths) + len(GAP) * (len(widths) - 1) > room:
        return _folded(block, titles, cells, look)
    right = [column.numeric for column in block.columns]
    rule = Text(("─" if look.unicode else "-") * (sum(widths) + len(GAP) * (len(widths) - 1)))
    lines = [_line(titles, widths, right), rule, *(_line(row, widths, right) for row in cells)]
    return Group(*lines)


def _line(cells: list[Text], widths: list[int], right: list[bool]) -> Text:
    """A row of a table that has room: rich's own takes ten times as long, and there are thousands."""
    line = Text(no_wrap=True)
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        spare = " " * (width - cell.cell_len)
        line.append(GAP if i else "")
        line.append(spare if right[i] else "")
        line.append_text(cell)
        line.append("" if right[i] else spare)
    return line


def _folded(block: Table, titles: list[Text], cells: list[list[Text]], look: Look) -> RenderableType:
    """A table that is wider than the terminal, its cells folded."""
    box: Box = SIMPLE_HEAD if look.unicode else ASCII
    table = RichTable(box=box, show_edge=False, pad_edge=False, padding=(0, 1), header_style="")
    for column, title in zip(block.columns, titles, strict=True):
        table.add_column(title, justify="right" if column.numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def _cell(cell: Cell, look: Look) -> Text:
    match cell:
        case Strip():
            return Text(drawing.strip(cell, look.unicode, look.strip))
        case Toned():
            return _text(cell.text, look, TONES.get(cell.tone, ""))
        case tuple():
            return Text.assemble(*(_cell(part, look) for part in cell))
    return _text(cell, look)


@_draw.register
def _(block: Chart, look: Look) -> RenderableType:
    return _lines(drawing.chart(block, look.picture, look.unicode), look)


@_draw.register
def _(block: Bars, look: Look) -> RenderableType:
    return Padding(_lines(drawing.bars(block, look.picture, look.unicode), look), (1, 0, 0, 0))


@_draw.register
def _(block: Heat, look: Look) -> RenderableType:
    return _lines(drawing.heat(block, look.picture, look.unicode, look.colours is not None), look)


def _lines(lines: list[drawing.Line], look: Look) -> Group:
    """A picture: its spans, each through the gate, unwrapped."""
    return Group(*(Text.assemble(*(_text(text, look, style) for text, style in line)) for line in lines))
