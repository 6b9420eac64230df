"""A run as Python has it: what is saved as tables, arrays and figures, which load what they need."""

from __future__ import annotations

from typing import Any

from gradflow.api.underflow import to_zero
from gradflow.store import Run


class OneRun(Run):
    """A saved run: `summary`, `config`, `recording`, `run["log_delta_norm"]` (steps, layers, networks)."""

    @classmethod
    def of(cls, run: Run) -> OneRun:
        """The same run, of which what it says stays what it is now. RunError if it is damaged."""
        found = cls(run.path, run.info)
        vars(found).update(vars(run))
        found.keep()
        return found

    @to_zero
    def __repr__(self) -> str:
        from gradflow.report.headlines import verdict_sentence

        return f"<{self.id}: {verdict_sentence(self.summary.flow.initial)}>"

    @to_zero
    def _repr_html_(self) -> str:
        from gradflow.api.shown import html_of_run

        return html_of_run(self)

    @property
    @to_zero
    def text(self) -> str:
        """The report, as markdown."""
        from gradflow.report.pages import report_text

        return report_text(self.summary)

    @to_zero
    def plot(self, figure: str = "flow") -> Any:
        """The altair.Chart that `gradflow plot --figure` draws. InputError if there is nothing to draw."""
        from gradflow.report.wanted import Wanted, chart_of

        return chart_of([self], Wanted(figure))

    @to_zero
    def to_pandas(self, rows: str | int = "all") -> Any:
        """A pandas.DataFrame, a line a layer and network of each row: `rows` as of `gradflow export`."""
        from gradflow.errors import library
        from gradflow.store.export import layers_table

        return library("pandas", "notebook", "to_pandas").DataFrame(layers_table([self], str(rows)))

    @to_zero
    def to_xarray(self) -> Any:
        """An xarray.Dataset of the recording: dims step, layer, seed, with long names and units."""
        from gradflow.api.arrays import dataset_of

        return dataset_of(self)
