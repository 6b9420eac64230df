"""A sweep as Python has it: its runs, their table, and figures over its axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradflow.analysis.compare import Comparison
from gradflow.analysis.differences import split
from gradflow.api.compared import Compared
from gradflow.api.one_run import OneRun
from gradflow.api.shown import html_of
from gradflow.api.underflow import to_zero
from gradflow.report.page import Sentence
from gradflow.report.several import in_order
from gradflow.report.wanted import Wanted, chart_of
from gradflow.store.rows import row_held
from gradflow.store.sweeps import part_of


@dataclass(frozen=True, repr=False)
class Swept:
    """The finished runs of the sweep in the folder `path`, in the order of its axes."""

    path: Path
    runs: Sequence[OneRun]

    def __iter__(self) -> Iterator[OneRun]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __repr__(self) -> str:
        return f"<{self.path.name}: {self._part or f'{len(self)} runs'}>"

    @property
    def _part(self) -> str | None:
        return part_of(self.path, (run.id for run in self.runs))

    @property
    @to_zero
    def table(self) -> Compared:
        """What `gradflow compare` says of it, a row for each of `runs` in their order."""
        rows = tuple(map(row_held, self.runs))
        return Compared(Comparison(rows, *split([row.config for row in rows])))

    def _repr_html_(self) -> str:
        told = f"{self._part}: the same sweep goes on" if self._part else None
        return (html_of((Sentence(told, "note"),)) if told else "") + self.table._repr_html_()

    @to_zero
    def plot(
        self,
        figure: str | None = None,
        *,
        x: str | None = None,
        y: str | None = None,
        value: str | None = None,
    ) -> Any:
        """The altair.Chart of a figure, or of a value over one key or two, as `gradflow plot` draws it."""
        return chart_of(in_order(self.runs), Wanted(figure or (None if x else "map"), x, y, value))

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a line a run, in the order of `runs`."""
        return self.table.to_pandas()
