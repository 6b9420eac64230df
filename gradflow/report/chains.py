"""The chain rule on one sample of a saved run, computed anew: its page, and its part of an HTML report."""

from __future__ import annotations

from pathlib import Path

from gradflow.analysis.steps import row_at
from gradflow.config.load import load_data
from gradflow.errors import InputError
from gradflow.report import html, markdown
from gradflow.report.gradient_pages import trace_page
from gradflow.report.numbers import counted
from gradflow.store import Run
from gradflow.trace import Chain, trace

LONGEST, WIDEST = 60, 64  # layers and units up to which a report has the chain: beyond, nobody reads it
MOST, WORKED = 10_000, 1000  # samples that are read anew for a report, and updates that are made anew


def chain_of(run: Run, step: str | None = None) -> Chain:
    """The chain at a recorded step, at initialization if none is given.

    InputError if the step was not recorded, or if the data is not there any more.
    """
    at = 0 if step is None else int(run["step"][row_at(run["step"], step)])
    data = load_data(run.config.data)
    return trace(run.config.plan(data), data, at)


def chain_file(run: Run, step: str | None, path: Path) -> str:
    """The page of a chain, in the form that a file's name asks for."""
    page = trace_page(run.id, chain_of(run, step))
    return html.render(page, {}) if path.suffix == ".html" else markdown.render(page)


def folded_chains(run: Run) -> list[str]:
    """The chain before training, of single neurons after it too, in HTML that is closed until asked for.

    [] of networks that are too large to be followed, and where the data is not there any more.
    """
    if "recorded" in run.info or not _is_followed(run):
        return []
    try:
        chains = [chain_of(run)]
        last = int(run["step"][-1])
        if chains[0].neurons is not None and 0 < last <= WORKED:
            chains.append(chain_of(run, "last"))
    except InputError:
        return []
    return [html.folded(_title(chain), *trace_page(run.id, chain).blocks) for chain in chains]


def _is_followed(run: Run) -> bool:
    model, data = run.config.model, run.info["data"]
    return model.depth <= LONGEST and model.widest <= WIDEST and data is not None and data["samples"] <= MOST


def _title(chain: Chain) -> str:
    when = f"after {counted(chain.step, 'step')}" if chain.step else "at initialization"
    return f"The chain rule on one sample, {when}"
