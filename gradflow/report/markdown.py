"""A page as GitHub-flavoured markdown: report.md, and text for pull requests."""

from __future__ import annotations

import re

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

PICTURE = 80
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!@$])")
_FENCE = "```"


def render(page: Page) -> str:
    """The text of a page, ending in a newline."""
    parts = [f"# {_text(page.title)}", *filter(None, map(_draw, page.blocks))]
    return "\n\n".join(parts) + "\n"


def _text(text: str) -> str:
    """The one gate: what acts on a terminal or in markdown and HTML is escaped."""
    return (
        _SPECIAL.sub(r"\\\1", inert(text))
        .replace("\\<", "&lt;")
        .replace("\\&", "&amp;")
        .replace("\\@", "&#64;")
    )


def _fenced(lines: list[str], language: str = "text") -> str:
    """Lines as they are; a fence inside them cannot close the block, whose own is longer."""
    body = "\n".join(lines)
    fence = _FENCE + "`" * max((len(run) for run in re.findall("`{3,}", body)), default=0)
    return f"{fence}{language}\n{body}\n{fence}"


def _draw(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_text(text)}"
        case Sentence():
            return _sentence(block)
        case Facts(rows):
            return "\n".join(f"- {_text(label)}: {_text(value)}" for label, value in rows)
        case Command(text):
            return _fenced([inert(text)], "sh")
        case Table():
            return _table(block)
        case Chart():
            return _picture(drawing.chart(block, PICTURE))
        case Bars():
            return _picture(drawing.bars(block, PICTURE))
        case Heat():
            return _picture(drawing.heat(block, PICTURE, colour=False))


def _sentence(block: Sentence) -> str:
    label, rest = block.parts
    return f"**{_text(label)}**{_text(rest)}" if label else _text(rest)


def _table(block: Table) -> str:
    titles = " | ".join(_text(column.title) for column in block.columns)
    rule = " | ".join("---:" if column.numeric else "---" for column in block.columns)
    rows = [" | ".join(map(_cell, row)) for row in block.rows]
    return "\n".join(f"| {row} |" for row in (titles, rule, *rows))


def _cell(cell: Cell) -> str:
    match cell:
        case Strip():
            return f"`{drawing.strip(cell)}`"
        case Toned():
            return f"**{_text(cell.text)}**"
        case tuple():
            return _text("".join(part.text for part in cell))
    return _text(cell)


def _picture(lines: list[drawing.Line]) -> str:
    return _fenced([inert("".join(text for text, _ in line)).rstrip() for line in lines])
