"""Runs side by side, as Python has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradflow.analysis.compare import Comparison
from gradflow.api.shown import html_of
from gradflow.api.underflow import to_zero
from gradflow.errors import library
from gradflow.report.compare_pages import compare_page


@dataclass(frozen=True, repr=False)
class Compared:
    """The comparison of some runs; `rows` are those that `gradflow compare --json` prints."""

    comparison: Comparison

    @property
    @to_zero
    def rows(self) -> list[dict[str, Any]]:
        """A mapping for each run, by the keys that differ or by `sort`; of a sweep, by its axes."""
        found: list[dict[str, Any]] = self.comparison.document(None)["rows"]
        return found

    def __len__(self) -> int:
        return len(self.comparison.rows)

    def __repr__(self) -> str:
        return f"<{len(self)} runs compared>"

    @to_zero
    def _repr_html_(self) -> str:
        return html_of(compare_page(self.comparison, None, False, None, None).blocks)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a line a run."""
        return library("pandas", "notebook", "to_pandas").DataFrame(self.rows)
