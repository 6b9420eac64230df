"""How results look in a notebook: the blocks of the report, and a chart as a picture without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradflow.errors import InputError
from gradflow.report.html import fragment, without_pictures
from gradflow.report.pages import run_page
from gradflow.report.wanted import Wanted, chart_of

if TYPE_CHECKING:
    from gradflow.report.charts.plot import Drawn
    from gradflow.report.page import Block
    from gradflow.store import Run

WIDTH = 6.5  # inches
HEAD = 8  # blocks of the report that a notebook shows


def html_of_run(run: Run) -> str:
    """The head of a run's report, and its gradient norms by layer."""
    blocks = run_page(run.summary).blocks[:HEAD]
    return html_of(blocks, lambda: chart_of([run], Wanted("flow")))


def html_of(blocks: tuple[Block, ...], chart: Callable[[], Drawn] | None = None) -> str:
    """Blocks of a page, and a chart below where there is one and the extra `plot` is installed."""
    return f"<div>{fragment(without_pictures(blocks))}{_svg(chart) if chart else ''}</div>"


def _svg(chart: Callable[[], Drawn]) -> str:
    try:
        from gradflow.report.charts.picture import picture  # of an extra

        return picture(chart(), ".svg", WIDTH).decode()
    except InputError:  # the extra is missing, or there is nothing to draw
        return ""
