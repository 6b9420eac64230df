"""A run as Python has it: what is saved, as tables, arrays and figures."""

from __future__ import annotations

from typing import Any

from gradflow.api.arrays import dataset_of
from gradflow.api.extras import extra
from gradflow.api.shown import html_of
from gradflow.cli.plot import chart_of
from gradflow.report.headlines import verdict_sentence
from gradflow.report.pages import report_text, run_page
from gradflow.store import Run
from gradflow.store.export import layers_table

HEAD = 8  # blocks of the report that a notebook shows


class OneRun(Run):
    """A saved run: `summary`, `config`, `recording`, `run["log_delta_norm"]` (steps, layers, networks)."""

    @classmethod
    def of(cls, run: Run) -> OneRun:
        """The same run."""
        found = cls(run.path, run.info)
        vars(found).update(vars(run))
        return found

    def __repr__(self) -> str:
        return f"<{self.id}: {verdict_sentence(self.summary.flow.initial)}>"

    def _repr_html_(self) -> str:
        return html_of(
            run_page(self.summary).blocks[:HEAD], lambda: chart_of([self], "flow", None, None, None)
        )

    @property
    def text(self) -> str:
        """The report, as markdown."""
        return report_text(self.summary)

    def plot(self, figure: str = "flow") -> Any:
        """The altair.Chart that `gradflow plot --figure` draws. InputError if there is nothing to draw."""
        return chart_of([self], figure, None, None, None)

    def to_pandas(self, rows: str = "all") -> Any:
        """A pandas.DataFrame, a line a layer and network of each row: `rows` as of `gradflow export`."""
        return extra("pandas", "to_pandas").DataFrame(layers_table([self], rows))

    def to_xarray(self) -> Any:
        """An xarray.Dataset of the recording: dims step, layer, seed, with long names and units."""
        return dataset_of(self)
