"""The report of a run, or of several, as the text of a file: one self-contained HTML page, or markdown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradflow.analysis.commands import command_for, sweep_command, sweep_of_file
from gradflow.errors import InputError, Problem
from gradflow.report import html, markdown
from gradflow.report.labels import names
from gradflow.report.numbers import counted
from gradflow.report.page import Block, Command, Facts, Heading, Page, Sentence
from gradflow.report.pages import brief_page, layers_page, run_page, with_notes
from gradflow.report.several import in_order, several
from gradflow.report.sweep_pages import sweep_page
from gradflow.store import Run
from gradflow.store.names import is_point
from gradflow.store.notes import all_notes, notes_above
from gradflow.store.sweeps import part_of, swept_axes

SUFFIXES = (".html", ".md")
LISTED = 5  # runs that a title names
DETAILED = 60  # runs of which each has its own lines


def report_file(runs: Sequence[Run], path: Path, brief: bool = False) -> str:
    """The report of these runs, as the file's name asks for it. InputError for neither .html nor .md.

    In `brief` it is what `show --brief` says of each.
    """
    require_suffix(path)
    if path.suffix == ".html":
        if brief:
            return html.render(briefly(runs), {})
        return run_html(runs[0]) if len(runs) == 1 else several_html(runs)
    if brief:
        return markdown.render(briefly(runs))
    return markdown.render(_noted(runs[0], _whole(runs[0])) if len(runs) == 1 else several_page(runs))


def require_suffix(path: Path) -> None:
    """InputError for a name that ends as no report does."""
    if path.suffix not in SUFFIXES:
        small = ", in small letters" if path.suffix.lower() in SUFFIXES else ""
        raise InputError(Problem(f"a report ends in {' or '.join(SUFFIXES)}{small}", source=str(path)))


def briefly(runs: Sequence[Run]) -> Page:
    """The verdict of each run, its c^L and what to change, under its id where there are several."""
    pages = [_noted(run, brief_page(run.summary)) for run in in_order(runs)]
    if len(pages) == 1:
        return pages[0]
    blocks: list[Block] = []
    for page in pages:
        blocks += [Heading(page.title), *(block for block in page.blocks if not isinstance(block, Heading))]
    return Page(_title(runs), tuple(blocks))


def _whole(run: Run) -> Page:
    return run_page(run.summary, run.recording)


def _noted(run: Run, page: Page) -> Page:
    return with_notes(page, all_notes(run)[0])


def run_html(run: Run) -> str:
    """One run: its page with charts, every layer, its config and how to compute it again."""
    from gradflow.report.chains import folded_chains
    from gradflow.report.charts.figures import run_charts
    from gradflow.report.charts.picture import document

    summary, recording = run.summary, run.recording
    charts = {name: document(chart) for name, chart in run_charts(run).items()}
    layers = [html.folded("Every layer", *layers_page(summary, recording).blocks)] if recording else []
    tail = [*layers, *folded_chains(run), _again(run)]
    verdict = "failed" if run.status == "failed" else summary.flow.initial.verdict
    return html.render(_noted(run, _whole(run)), charts, "\n".join(tail), verdict)


def several_page(runs: Sequence[Run]) -> Page:
    """A line a run with what differs, and the depth laws."""
    runs = in_order(runs)
    page = sweep_page({**_document(runs), "command": sweep_command(str(runs[0].path), _axes(runs))})
    kept = [run for run in _trained(runs) if run.status != "interrupted"]  # which has no config there yet
    trained = [] if _axes(runs) else kept[:LISTED]
    commands = [Command(command_for(str(run.path), {}, is_point=is_point(run.path))) for run in trained]
    again: list[Block] = [Heading("How to compute them again"), *commands] if commands else []
    return _noted_above(runs, Page(page.title, (*page.blocks, *again)))


def _noted_above(runs: Sequence[Run], page: Page) -> Page:
    """The page under what is said of the one sweep that all the runs belong to."""
    return with_notes(page, notes_above(runs[0].path)) if _axes(runs) else page


def _trained(runs: Sequence[Run]) -> list[Run]:
    """Those that gradflow can compute again: not the norms that were recorded elsewhere."""
    return [run for run in runs if "recorded" not in run.info]


def _document(runs: Sequence[Run]) -> dict[str, Any]:
    """The document of a sweep, or of runs that are compared by name."""
    folders = {run.path.parent for run in runs}
    where = ", ".join(sorted(map(str, folders)))
    return several(_title(runs), where, runs, named=not _axes(runs))


def _title(runs: Sequence[Run]) -> str:
    """The sweep and how many of its points, or how many runs and which, if they are few."""
    total = counted(len(runs), "run")
    if _axes(runs):
        sweep = runs[0].path.parent
        return f"{sweep.name}: {part_of(sweep, (run.id for run in runs)) or total}"
    listed = ", ".join(names([run.summary for run in runs])) if len(runs) <= LISTED else ""
    return f"{total}: {listed}".removesuffix(": ")


def _axes(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """The axes of the one sweep that all these runs belong to; {} if there is none."""
    folders = {run.path.parent for run in runs}
    return swept_axes(folders.pop()) if len(folders) == 1 else {}


def several_html(runs: Sequence[Run]) -> str:
    """Several runs: their charts, a table, the verdict of each, and how to compute them again."""
    from gradflow.report.charts.figures import compared_charts, sweep_charts
    from gradflow.report.charts.picture import document

    runs = in_order(runs)
    drawn = sweep_charts(runs) if _axes(runs) else compared_charts(runs)
    charts = {name: document(chart) for name, chart in drawn.items()}
    again = [_again(runs[0], _axes(runs))] if _axes(runs) else _each_again(runs)
    tail = [html.folded("Each run", *_told(runs)), *again]
    return html.render(_noted_above(runs, sweep_page(_document(runs))), charts, "\n".join(tail))


def _told(runs: Sequence[Run]) -> list[Block]:
    """What each run says, or the first of many."""
    blocks: list[Block] = []
    for run in runs[:DETAILED]:
        told = run_page(run.summary).blocks
        blocks += [Heading(run.id), *(block for block in told if isinstance(block, Sentence))]
    left = len(runs) - DETAILED
    more = [Sentence(f"{counted(left, 'more run')} not told here.", "note")] if left > 0 else []
    return [*blocks, *more]


def _each_again(runs: Sequence[Run]) -> list[str]:
    """How to compute each of the first runs again, in files of different names, and how many are left out."""
    trained = _trained(runs)
    called = names([run.summary for run in trained])
    parts = [_again(run, name=name) for run, name in zip(trained[:LISTED], called, strict=False)]
    left = counted(len(trained) - LISTED, "more run")
    words = f"How to compute {left} again stands in the report of each."
    return [*parts, *([html.fragment((Sentence(words, "note"),))] if len(trained) > LISTED else [])]


def _again(run: Run, axes: Mapping[str, Sequence[Any]] | None = None, name: str = "") -> str:
    """The resolved config and the command that computes it again, or sweeps the axes from it; "" of norms
    recorded elsewhere. `name` tells it from other runs of the page."""
    if "recorded" in run.info:
        return ""
    from gradflow.store.save import config_text

    title = f"How to compute {name or 'it'} again"
    file, versions = f"{name or run.summary.name}.yaml", run.info["versions"]
    sweep = sweep_of_file(file, axes or {})
    facts = Facts((
        ("run", f"{run.id}, the first of the sweep" if sweep else run.id),
        ("computed", f"{run.info['times']['finished'][:16].replace('T', ' ')} UTC"),
        ("by", ", ".join(f"{what} {version}" for what, version in versions.items() if version)),
    ))  # fmt: skip
    save = Sentence(f"Save the config below as {file}, then type")
    command = Command(sweep or shlex.join(["gradflow", "run", file]))
    blocks = (Heading(title), facts, save, command, Heading("The resolved config"))
    return f"{html.fragment(blocks)}\n{html.code(config_text(run.config))}"
