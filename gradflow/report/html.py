"""A page as one HTML file that opens offline: its texts, tables and charts, and the scripts that draw them.

No network: the Content-Security-Policy allows the two scripts and the style of the file, each by its hash,
and nothing else; Vega interprets its expressions, so that no text ever becomes code.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from pkgutil import get_data
from typing import Any

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

HELP = "Point at a chart for its values; drag to move, Ctrl and the wheel to zoom, double-click to go back."
SNIPPET = "window.vegaEmbed = vegaEmbed;"
BAR = 100  # user units of a factor's bar, to each side of 1


def render(page: Page, charts: Mapping[str, dict[str, Any]], tail: str = "", verdict: str = "") -> str:
    """The file of a page. `charts` are Vega-Lite documents by name, which stand below the page's facts.

    Without any the file is a twentieth as large, as nothing has to draw them. `tail` is HTML that follows the
    page, see `folded` and `code`; `verdict` is shown beside the title.
    """
    script, data = asset("page.js"), {"charts": dict(charts)}
    main = f"{_body(page, charts, verdict)}\n{tail}"
    return document(page.title, main, data, (vega(), script) if charts else (script,), asset("page.css"))


def document(title: str, main: str, data: Mapping[str, Any], scripts: tuple[str, ...], style: str) -> str:
    """A file that asks for nothing: `main` is HTML, `data` what the scripts find as JSON, by its id."""
    given = (
        f'<script type="application/json" id="{name}">{_json(one)}</script>\n' for name, one in data.items()
    )
    return "".join((
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{policy(scripts, style)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n',
        f'<link rel="icon" href="data:,">\n<title>{safe(title)}</title>\n',
        f"<style>{style}</style>\n</head>\n<body>\n<main>\n{main}\n</main>\n",
        *given, *(f"<script>{one}</script>\n" for one in scripts), "</body>\n</html>\n",
    ))  # fmt: skip


def policy(scripts: tuple[str, ...], style: str) -> str:
    """The Content-Security-Policy of a file with these inline scripts and this style, and of nothing else."""
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def folded(title: str, *blocks: Block) -> str:
    """Blocks that are closed until they are asked for."""
    return f"<details>\n<summary>{safe(title)}</summary>\n{fragment(blocks)}\n</details>"


def code(text: str) -> str:
    """A text as it is."""
    return f"<pre>{_lines(text)}</pre>"


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script (BSD-3-Clause), as vl-convert carries them."""
    import vl_convert

    bundle = str(vl_convert.javascript_bundle(SNIPPET))
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def asset(name: str) -> str:
    """A file of the house's own."""
    found = get_data("gradflow.report", f"assets/{name}")
    assert found is not None
    return found.decode()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Strict ASCII JSON that can stand in a script element: nothing in it can end that."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def safe(text: str) -> str:
    """The one gate: what acts on a terminal or in HTML is escaped."""
    return escape(inert(text))


def _lines(text: str) -> str:
    return "\n".join(map(safe, text.splitlines()))


def _body(page: Page, charts: Mapping[str, dict[str, Any]], verdict: str) -> str:
    """The title, the words before the page's facts and these, the charts, then the rest."""
    badge = f'<span class="badge {_tone(verdict)}">{safe(verdict)}</span>' if verdict else ""
    head = next((i + 1 for i, block in enumerate(page.blocks) if isinstance(block, Facts)), 0)
    split = 0 if any(isinstance(block, Table) for block in page.blocks[:head]) else head
    parts = (f"<h1>{safe(page.title)}{badge}</h1>", fragment(page.blocks[:split]), _figures(charts))
    return "\n".join((*parts, fragment(without_pictures(page.blocks[split:]))))


def without_pictures(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks without the charts of characters and their headings, which the drawn ones replace."""
    drawn = [isinstance(block, Chart | Heat) for block in blocks]
    return tuple(
        block
        for i, block in enumerate(blocks)
        if not drawn[i] and not (isinstance(block, Heading) and i + 1 < len(blocks) and drawn[i + 1])
    )


def _figures(charts: Mapping[str, dict[str, Any]]) -> str:
    if not charts:
        return ""
    figures = "\n".join(_figure(name, spec) for name, spec in charts.items())
    return f'<section class="charts">\n{figures}\n</section>\n<p class="help">{HELP}</p>'


def _figure(name: str, spec: dict[str, Any]) -> str:
    """A place for a chart under its title; the chart itself has none."""
    title = spec["usermeta"]
    note = f"<p>{safe(title['note'])}</p>" if title["note"] else ""
    return (
        f'<figure data-chart="{safe(name)}" data-renderer="{safe(title["renderer"])}"><figcaption>'
        f'<h3>{safe(title["title"])}</h3>{note}</figcaption><div class="plot"></div></figure>'
    )


def fragment(blocks: tuple[Block, ...]) -> str:
    return "\n".join(map(_draw, blocks))


def _tone(tone: str) -> str:
    return tone if tone in TONES else ""


def _draw(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{safe(text)}</h2>"
        case Sentence():
            return _sentence(block)
        case Facts(rows):
            terms = (f"<dt>{safe(label)}</dt><dd>{safe(value)}</dd>" for label, value in rows)
            return f"<dl>{''.join(terms)}</dl>"
        case Command(text):
            return code(text)
        case Table():
            return _table(block)
        case Bars():
            return _bars(block)
        case Chart() | Heat():
            return ""


def _sentence(block: Sentence) -> str:
    (label, rest), tone = block.parts, _tone(block.tone)
    if label:
        return f'<p><span class="tone {tone}">{safe(label)}</span>{safe(rest)}</p>'
    return f'<p class="{tone}">{safe(rest)}</p>' if tone else f"<p>{safe(rest)}</p>"


def _table(block: Table) -> str:
    sides = [' class="number"' if column.numeric else "" for column in block.columns]
    head = "".join(
        f'<th scope="col"{side}><button type="button">{safe(column.title) or "&nbsp;"}</button></th>'
        for side, column in zip(sides, block.columns, strict=True)
    )
    rows = "\n".join(
        f"<tr>{''.join(f'<td{side}>{_cell(cell)}</td>' for side, cell in zip(sides, row, strict=True))}</tr>"
        for row in block.rows
    )
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="scroll"><table>\n{body}\n</table></div>'


def _cell(cell: Cell) -> str:
    match cell:
        case Strip():
            return _strip(cell)
        case Toned():
            return f'<span class="tone {_tone(cell.tone)}">{safe(cell.text)}</span>'
        case tuple():
            return "".join(map(_cell, cell))
    return safe(cell)


def _strip(strip: Strip) -> str:
    """One bar a value, as high as it stands between the ends of the scale."""
    reach = strip.high - strip.low or 1.0
    bars = "".join(
        f'<rect x="{i}" y="{100 - height:.0f}" width="1" height="{height:.0f}"/>'
        for i, value in enumerate(strip.values)
        if value is not None
        for height in [4 + 96 * max(0.0, min(1.0, (value - strip.low) / reach))]
    )
    box = f"0 0 {max(1, len(strip.values))} 100"
    return f'<svg class="strip" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'


def _bars(block: Bars) -> str:
    """Factors as bars from 1 to the left or to the right."""
    reach = max(0.1, *(abs(row[1]) for row in block.rows))
    rows = []
    for name, log10, text in block.rows:
        length = BAR * abs(log10) / reach
        start = BAR - length if log10 < 0 else BAR
        tone = "vanishing" if log10 < 0 else "exploding"
        bar = f'<rect x="{start:.1f}" y="4" width="{max(length, 0.5):.1f}" height="12" class="{tone}"/>'
        axis = f'<line x1="{BAR}" x2="{BAR}" y1="0" y2="20"/>'
        svg = f'<svg class="bar" viewBox="0 0 {2 * BAR} 20" aria-hidden="true">{bar}{axis}</svg>'
        rows.append(f"<tr><td>{safe(name)}</td><td>{svg}</td><td>{safe(text)}</td></tr>")
    return f'<div class="scroll"><table><tbody>{"".join(rows)}</tbody></table></div>'
