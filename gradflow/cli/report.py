"""gradflow report: runs or sweeps as one file to open, send or paste."""

from __future__ import annotations

from pathlib import Path

from gradflow.analysis.compare import fulfilling
from gradflow.cli.output import note
from gradflow.errors import InputError, RunError
from gradflow.report.files import report_file, require_suffix
from gradflow.store import Run, entry_at, resolve, write_output
from gradflow.store.rows import read_row


def write(output: Path, content: str | bytes, force: bool, quiet: bool) -> None:
    """A marked file, and that it is there."""
    write_output(output, content, mark=True, force=force)
    note(f"wrote {output}", quiet)


def reported(references: list[str], runs_dir: Path, where: str | None, output: Path, brief: bool) -> str:
    """The named runs in the form that the name of a file asks for."""
    return report_file(named_runs(references, runs_dir, where), output, brief)


def traced(references: list[str], runs_dir: Path, step: str | None, output: Path) -> str:
    """The chain rule on one sample of the one run that is named."""
    from gradflow.report.chains import chain_file  # a report does without

    require_suffix(output)
    run, *others = named_runs(references, runs_dir)
    if others:
        raise InputError(f"--trace follows one run, not {len(others) + 1}: name one, see `gradflow ls`")
    return chain_file(run, step, output)


def named_runs(references: list[str], runs_dir: Path, where: str | None = None) -> list[Run]:
    """Every run that is named, those inside named sweeps too, each once, and that fulfils a condition.

    RunError if one is damaged.
    """
    paths = [path for reference in references for path in resolve(reference, runs_dir)]
    entries = [entry for entry in map(entry_at, paths) if entry]
    found: dict[Path, Run] = {}
    for entry in entries:
        for one in (entry,) if entry.points is None else entry.points:
            if one.run is None:
                raise RunError(one.problem or f"{one.path} is damaged")
            found[one.path] = one.run
    if not found:
        begun = f"{entries[0].path} is not begun: no point of it is finished" if entries else ""
        raise InputError(f"{begun or 'there is no finished run in what is named'}: see `gradflow ls`")
    return [*found.values()] if where is None else _fulfilling([*found.values()], where)


def _fulfilling(runs: list[Run], where: str) -> list[Run]:
    rows = [*map(read_row, runs)]
    kept = {id(row) for row in fulfilling(rows, where)}
    return [run for run, row in zip(runs, rows, strict=True) if id(row) in kept]
