"""gradflow theory --html: the page on which theory is explored by sliders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from gradflow.analysis.explore import Grid, explore
from gradflow.errors import InputError, Problem
from gradflow.report.explorer import explorer
from gradflow.store import require_output, write_output
from gradflow.sweeps.theory_points import NO_FILE, crossed
from gradflow.telling.lines import note
from gradflow.yaml_file import COMMAND_LINE, Document

TOLD = 2.0  # seconds between two lines that say how far it is
SUFFIX = ".html"


def write_explorer(output: Path, words: Sequence[str], force: bool, quiet: bool) -> None:
    """The page of all networks. InputError for keys, another suffix, and where no file may be written."""
    if words:
        raise InputError(Problem("is of no use with --html: the page has its own sliders", source=words[0]))
    if output.suffix != SUFFIX:
        raise InputError(Problem(f"the page ends in {SUFFIX}", source=str(output)))
    require_output(output, mark=True, force=force)  # before it takes its time
    write_output(output, page_of_grid(Grid(), quiet), mark=True, force=force)
    note(f"wrote {output}", quiet)


def page_of_grid(grid: Grid, quiet: bool) -> str:
    """The page, and on stderr how far it is if that takes longer than a moment."""
    document = Document(NO_FILE, {}, COMMAND_LINE)
    _, (config,), (inputs,) = crossed(document, Path(), [f"activation={grid.activation[0]}"], 1.0)
    slabs, shown = [], monotonic()
    for slab in explore(grid, config, inputs):
        slabs.append(slab)
        if monotonic() - shown > TOLD and len(slabs) < len(grid.activation):
            note(f"theory of {len(slabs)} of {len(grid.activation)} activations", quiet)
            shown = monotonic()
    return explorer(grid, slabs, config.analysis.stable_decades)
