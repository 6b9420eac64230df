"""The rows of a recording as a table, an entry for each point of each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan, sqrt
from typing import Any

from gradflow.outside.recorded import BY_GROUP, BY_STEP


def entries(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A step's rows of the table."""
    of_step = {to: row.get(key) for key, to in BY_STEP.items()}
    for key, to in BY_GROUP.items():
        of_step |= {f"{to}_{group}": value for group, value in row.get(key, {}).items()}
    unknown = [nan] * len(names)  # of the last row, until its optimizer has stepped
    for i, name in enumerate(names):
        yield {
            "step": row["step"],
            "layer": i + 1,
            "name": name,
            "log_delta_norm": row["delta"][i],
            "branch_ratio": row["branch"][i],
            "stream_rms": sqrt(row["q"][i]),
            "update_ratio": row.get("moved", unknown)[i],
            **of_step,
        }
