"""The report of a run, or of many, as the text of a file: one self-contained HTML page, or markdown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradflow.errors import InputError, Problem
from gradflow.report import html, markdown
from gradflow.report.page import Command, Facts, Heading
from gradflow.report.pages import layers_page, run_page

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.store import Run

SUFFIXES = (".html", ".md")


def report_file(runs: Sequence[Run], path: Path) -> str:
    """The report of these runs as the file name asks for it. InputError if it is neither .html nor .md."""
    if path.suffix not in SUFFIXES:
        raise InputError(Problem(f"should end in {' or '.join(SUFFIXES)}", source=str(path)))
    if path.suffix == ".md":
        return markdown.render(run_page(runs[0].summary, runs[0].recording))
    return run_html(runs[0])


def run_html(run: Run) -> str:
    """One run: its page with charts, every layer, its config and how to compute it again."""
    from gradflow.report.charts import document, run_charts

    summary = run.summary
    charts = {name: document(chart) for name, chart in run_charts(run).items()}
    page = run_page(summary, run.recording)
    tail = [html.folded("Every layer", *layers_page(summary).blocks), _again(run)]
    return html.render(page, charts, "\n".join(tail), summary.flow.initial.verdict)


def _again(run: Run) -> str:
    """The resolved config and the command that computes it again bit for bit."""
    from gradflow.store.save import config_text

    name, versions = f"{run.summary.name}.yaml", run.info["versions"]
    facts = Facts((
        ("computed", f"{run.info['times']['finished'][:16].replace('T', ' ')} UTC"),
        ("by", ", ".join(f"{what} {version}" for what, version in versions.items() if version)),
    ))  # fmt: skip
    command = Command(shlex.join(["gradflow", "run", name]))
    blocks = html.drawn_blocks((Heading("How to compute it again"), facts))
    return f"{blocks}\n<p>Save the config as {html.safe(name)}, then type</p>\n{html.drawn_blocks((command,))}\n" + (
        f"<h2>The resolved config</h2>\n{html.code(config_text(run.config))}"
    )
