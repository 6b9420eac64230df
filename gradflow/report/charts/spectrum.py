"""The singular values of a Jacobian as a histogram."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import altair as alt

from gradflow.report.charts.plot import Drawn, table, titled
from gradflow.report.numbers import number

if TYPE_CHECKING:
    from gradflow.analysis.jacobian import Jacobian


def histogram(name: str, found: Jacobian) -> Drawn:
    """Shares of the singular values of dz_L / dz_1 by their size over the root mean square."""
    rows = [
        {"low": low, "high": high, "share": share}
        for (low, high), share in zip(pairwise(found.edges), found.share, strict=True)
    ]
    across = alt.X("low:Q", title="singular value / root mean square", bin=alt.BinParams(binned=True))
    up = alt.Y("share:Q", title="share")
    bars: Drawn = alt.Chart(table(rows)).mark_bar().encode(across, up, x2="high")
    spread = None if found.variance is None else found.variance.mean
    return titled(f"{name}: dz_L / dz_1", f"Var(s^2) / mean^2 = {number(spread)}", bars)
