"""How far measured ln c is from theory, in standard errors, over networks that nothing was fitted to.

`python -m tests.studies.distance DIR` makes distance.csv of the norms that `tests.studies.held_out` has drawn
into DIR: for each network theory's ln c with its own error, the mean and the spread of what was measured, and
of draws of 8 and of 4 seeds how many are beyond 2 sigmas and the sum of their squares.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import log
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from gradflow.analysis.flow import measure
from gradflow.analysis.increments import increments, window
from gradflow.analysis.known_increments import Known
from gradflow.analysis.predictions import predicted, sigmas
from tests.studies.held_out import Array, Network, inputs, kept

TABLE = Path(__file__).with_suffix(".csv")
WHICH = ("held_out", "feedback")
CLOSE = 2.0  # sigmas, beyond which a report says that chance does not explain them


@dataclass(frozen=True)
class Row:
    """What a network's draws say; c is over networks whose norms are finite."""

    set: str
    number: int
    network: str
    width: int
    depth: int
    log_c_theory: float
    log_c_error: float
    log_c_mean: float
    log_c_sd: float
    draws_8: int
    beyond_8: int
    squares_8: float
    draws_4: int
    beyond_4: int
    squares_4: float


def row_of(network: Network, norms: Array) -> Row | None:
    """The row of a network from ln of its delta norms (layers, networks); None where theory has no c."""
    config = network.config()
    prediction = predicted(config, inputs(network))
    finite = norms[:, np.isfinite(norms).all(axis=0)]
    if prediction.c_finite_width is None or finite.shape[1] < 8:
        return None
    known = Known.of(prediction, config.training.dtype)
    means = increments(finite)[window(network.depth)[0] - 1 :].mean(axis=0)
    told: dict[str, float] = {}
    for seeds in (8, 4):
        starts = range(0, finite.shape[1] - seeds + 1, seeds)
        found = [measure({"log_delta_norm": finite[:, k : k + seeds]}, known=known).log_c for k in starts]
        values = np.array([sigmas(prediction, one) for one in found if one], dtype=float)
        told[f"draws_{seeds}"] = len(values)
        told[f"beyond_{seeds}"] = int((np.abs(values) > CLOSE).sum())
        told[f"squares_{seeds}"] = float(f"{(values**2).sum():.6g}")
    return Row(
        network.set, network.number, f"{network.activation}, {network.init}, {network.loss}", network.width,
        network.depth, _short(log(prediction.c_finite_width)), _short(prediction.log_c_error or 0.0),
        _short(means.mean()), _short(means.std(ddof=1)), **told,
    )  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def rows(which: str) -> list[Row]:
    """Those of a set in the table."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [row for row in map(_row, csv.DictReader(file)) if row.set == which]


def _row(line: dict[str, str]) -> Row:
    kinds: dict[Any, Any] = get_type_hints(Row)
    return Row(**{name: kind(line[name]) for name, kind in kinds.items()})


def _drawn(folder: Path) -> Iterator[Row]:
    for which in WHICH:
        for network, norms in kept(which, folder):
            row = row_of(network, norms)
            if row is not None:
                yield row


def main(folder: Path) -> None:
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [one.name for one in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in _drawn(folder))
    for which in WHICH:
        print(which, *(summed(rows(which), seeds) for seeds in (8, 4)))


def summed(table: Sequence[Row], seeds: int) -> tuple[int, float, float]:
    """Draws of so many seeds, the share of them beyond 2 sigmas, and the root mean square of their sigmas."""
    draws, beyond, squares = (
        sum(getattr(row, f"{name}_{seeds}") for row in table) for name in ("draws", "beyond", "squares")
    )
    return draws, beyond / draws, (squares / draws) ** 0.5


if __name__ == "__main__":
    main(Path(sys.argv[1]))
