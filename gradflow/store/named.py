"""What references name: its runs, each once, or their comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.analysis.compare import Comparison, fulfilling
from gradflow.analysis.compare import compare as compared
from gradflow.errors import InputError, RunError
from gradflow.store.catalog import entry_at
from gradflow.store.resolve import resolve
from gradflow.store.rows import each_once, read_row, rows_of, tell_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gradflow.store.run import Run


def comparison(
    references: Sequence[str],
    runs: Path,
    sort: str | None,
    baseline: str | None,
    where: str | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Comparison:
    """The comparison of what is named and fulfils a condition; `tell` is as of `tell_unfinished`."""
    rows, damaged = rows_of(references, runs, tell)
    rows = fulfilling(rows, where)
    base = None
    if baseline is not None:
        bases, problems = rows_of([baseline], runs)
        if len(bases) != 1:
            raise InputError(f"--baseline {baseline}: {problems[0] if problems else 'name one run'}")
        base = bases[0]
    return compared(rows, damaged, sort, base)


def named_runs(
    references: Sequence[str],
    runs_dir: Path,
    where: str | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> list[Run]:
    """Every run that is named, those inside named sweeps too, `each_once`, and that fulfils a condition.

    `tell` is as of `tell_unfinished`. RunError if one is damaged.
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
    tell_unfinished(entries, tell)
    runs = each_once(found.values())
    return runs if where is None else _fulfilling(runs, where)


def _fulfilling(runs: list[Run], where: str) -> list[Run]:
    rows = [*map(read_row, runs)]
    kept = {id(row) for row in fulfilling(rows, where)}
    return [run for run, row in zip(runs, rows, strict=True) if id(row) in kept]
