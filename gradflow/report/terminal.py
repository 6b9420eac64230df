"""A page as text for a terminal or a pipe: coloured or not, braille or ASCII, never cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from rich.box import ASCII, SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text

from gradflow.report import drawing
from gradflow.report.drawing import Line
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
ROWS = 25  # of which nothing here depends; without them rich reads COLUMNS again, whatever it says
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
        file=StringIO(), width=width, height=ROWS, color_system=look.colours,
        force_terminal=bool(look.colours), no_color=look.colours is None, markup=False, emoji=False,
        highlight=False, legacy_windows=False,
    )  # fmt: skip
    with console.capture() as capture:
        console.print(_text(page.title, look, "bold"), crop=False)
        for block in page.blocks:
            console.print(_draw(block, look), crop=False)
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(lines) + "\n"


def _shown(text: str, look: Look) -> str:
    """The one gate: what acts is escaped, and what the reader's end cannot show is replaced."""
    shown = inert(text)
    return shown if look.unicode else shown.translate(PLAIN).encode("ascii", "backslashreplace").decode()


def _text(text: str, look: Look, style: str = "") -> Text:
    return Text(_shown(text, look), style)


@dataclass(frozen=True)
class _Lines:
    """Lines of spans that have passed the gate, as they are: neither wrapped nor cut nor padded."""

    lines: Iterable[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.no_color:  # and no style either: of thousands of lines rich would look at every span
            yield Segment("".join([f"{''.join([text for text, _ in line])}\n" for line in self.lines]))
            return
        for line in self.lines:
            for text, style in line:
                yield Segment(text, Style.parse(style) if style else None)
            yield Segment.line()


def _draw(block: Block, look: Look) -> RenderableType:
    match block:
        case Heading(text):
            return _below(_text(text, look, "bold"))
        case Sentence():
            return _sentence(block, look)
        case Facts():
            return _facts(block, look)
        case Command(text):  # never broken: a terminal wraps it softly, so that what is copied is one command
            return _lines([[("  ", ""), (text, "bold")]], look)
        case Table():
            return _table(block, look)
        case Chart():
            return _lines(drawing.chart(block, look.picture, look.unicode), look)
        case Bars():
            return _lines([[], *drawing.bars(block, look.picture, look.unicode)], look)
        case Heat():
            return _lines(drawing.heat(block, look.picture, look.unicode, look.colours is not None), look)


def _sentence(block: Sentence, look: Look) -> RenderableType:
    (label, rest), tone = block.parts, TONES.get(block.tone, "")
    if label:
        return Text.assemble(_text(label, look, f"bold {tone}".strip()), _text(rest, look))
    return _text(rest, look, tone)


def _facts(block: Facts, look: Look) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in block.rows:
        grid.add_row(_text(label, look, TONES["note"]), _text(value, look))
    return _below(grid)


def _table(block: Table, look: Look) -> RenderableType:
    titles = [[(_shown(column.title, look), TONES["note"])] for column in block.columns]
    rows = [titles, *([_spans(cell, look) for cell in row] for row in block.rows)]
    sizes = [[*map(_width, row)] for row in rows]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    total = sum(widths) + len(GAP) * (len(widths) - 1)
    if total > (max(NARROW, look.columns) if look.wrap else ENDLESS):
        return _folded(block, rows, look)
    right = [column.numeric for column in block.columns]
    spare = [[width - size for width, size in zip(widths, row, strict=True)] for row in sizes]
    lines = [_line(row, space, right) for row, space in zip(rows, spare, strict=True)]
    rule = [(("─" if look.unicode else "-") * total, "")]
    return _Lines([lines[0], rule, *lines[1:]])


def _width(cell: Line) -> int:
    """The columns that a cell takes."""
    if len(cell) == 1 and cell[0][0].isascii():  # as nearly all of thousands
        return len(cell[0][0])
    return sum(cell_len(text) for text, _ in cell)


def _line(cells: Sequence[Line], spare: Sequence[int], right: Sequence[bool]) -> Line:
    """A row of a table that has room: rich's own takes ten times as long, and there are thousands."""
    line: Line = []
    plain = ""  # what has no style of its own is one span, up to what has
    for cell, space, at_right in zip(cells, spare, right, strict=True):
        plain += " " * space if at_right else ""
        for text, style in cell:
            if style:
                line += [(plain, ""), (text, style)]
                plain = ""
            else:
                plain += text
        plain += GAP if at_right else GAP + " " * space
    return [*line, (plain, "")]


def _folded(block: Table, rows: Sequence[Sequence[Line]], look: Look) -> RenderableType:
    """A table that is wider than the terminal, its cells folded."""
    box: Box = SIMPLE_HEAD if look.unicode else ASCII
    table = RichTable(box=box, show_edge=False, pad_edge=False, padding=(0, 1), header_style="")
    titles, *cells = ([Text.assemble(*cell) for cell in row] for row in rows)
    for column, title in zip(block.columns, titles, strict=True):
        table.add_column(title, justify="right" if column.numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def _spans(cell: Cell, look: Look) -> Line:
    if isinstance(cell, str):
        return [(_shown(cell, look), "")]
    if isinstance(cell, Toned):
        return [(_shown(cell.text, look), TONES.get(cell.tone, ""))]
    if isinstance(cell, Strip):
        return [(drawing.strip(cell, look.unicode, look.strip), "")]
    return [span for part in cell for span in _spans(part, look)]


def _lines(lines: Iterable[Line], look: Look) -> _Lines:
    """A picture or a command: its spans, each through the gate."""
    return _Lines([[(_shown(text, look), style) for text, style in line] for line in lines])


def _below(block: RenderableType) -> Padding:
    """With an empty line above, and no spaces behind: a pipe's lines would have a million of them."""
    return Padding(block, (1, 0, 0, 0), expand=False)
