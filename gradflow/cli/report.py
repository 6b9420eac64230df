"""gradflow report: runs or sweeps as one file to open, send or paste."""

from __future__ import annotations

from pathlib import Path

from gradflow.errors import InputError
from gradflow.report.files import report_file, require_suffix
from gradflow.store import write_output
from gradflow.store.named import named_runs
from gradflow.telling.lines import note, noting


def write(output: Path, content: str | bytes, force: bool, quiet: bool) -> None:
    """A marked file, and that it is there."""
    write_output(output, content, mark=True, force=force)
    note(f"wrote {output}", quiet)


def reported(
    references: list[str], runs_dir: Path, where: str | None, output: Path, brief: bool, quiet: bool
) -> str:
    """The named runs in the form that the name of a file asks for."""
    return report_file(named_runs(references, runs_dir, where, noting(quiet)), output, brief)


def traced(references: list[str], runs_dir: Path, step: str | None, output: Path) -> str:
    """The chain rule on one sample of the one run that is named."""
    from gradflow.report.chains import chain_file  # a report does without

    require_suffix(output)
    run, *others = named_runs(references, runs_dir)
    if others:
        raise InputError(f"--trace follows one run, not {len(others) + 1}: name one, see `gradflow ls`")
    return chain_file(run, step, output)
