"""How often 95% intervals hold the truth, over the networks of `held_out`: of one network, of 4 and of 8.

`python -m tests.studies.coverage DIR` makes coverage.csv from the norms that `held_out` keeps in DIR. The
truth of a network is the mean over its 80 draws there; 4 and 8 of them are also the draws of that many seeds,
and DRAWS other ones are drawn here for the interval of one network, which needs more of a record than norms.
"""

import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.flow import measure
from gradflow.analysis.increments import increments, window
from gradflow.analysis.intervals import Estimate, over_networks
from gradflow.analysis.known_increments import Known
from gradflow.analysis.predictions import predicted
from gradflow.training import Training
from tests.studies.held_out import AT_ONCE, Network, inputs, kept
from tests.studies.lab import load

Array = NDArray[np.float64]

TABLE = Path(__file__).with_suffix(".csv")
DRAWS, OTHERS = 12, 5_000  # draws of one network, and the first of their seeds
SEEDS = (4, 8)


@dataclass(frozen=True)
class Covered:
    """Of a network's draws of so many seeds, how many intervals hold the truth of c and of log10_ratio."""

    number: int
    network: str
    width: int
    depth: int
    draws_1: int
    c_1: int
    ratio_1: int
    draws_4: int
    c_4: int
    ratio_4: int
    draws_8: int
    c_8: int
    ratio_8: int


COUNTS = [field.name for field in fields(Covered)][4:]


def covered(network: Network, norms: Array) -> Covered:
    """The row of a network with the norms of its draws (layers, draws); no draws if none has finite ones."""
    words = f"{network.activation}, {network.init}, {network.loss}"
    rising = increments(norms[:, np.isfinite(norms).all(axis=0)])
    counts = _counts(network, rising) if rising.shape[1] >= max(SEEDS) else dict.fromkeys(COUNTS, 0)
    return Covered(network.number, words, network.width, network.depth, **counts)


def _counts(network: Network, rising: Array) -> dict[str, int]:
    means = {"c": rising[window(network.depth)[0] - 1 :].mean(axis=0), "ratio": rising.mean(axis=0)}
    ones = one_by_one(network, DRAWS)
    counts = {f"{name}_1": _holding(ones[name], float(values.mean())) for name, values in means.items()}
    counts["draws_1"] = len(ones["c"])
    for seeds in SEEDS:
        whole = rising.shape[1] // seeds * seeds
        counts[f"draws_{seeds}"] = whole // seeds
        for name, values in means.items():
            counts[f"{name}_{seeds}"] = _of_groups(values[:whole].reshape(-1, seeds))
    return counts


def one_by_one(network: Network, draws: int, first: int = OTHERS) -> dict[str, list[Estimate]]:
    """The mean increments of single networks, over the fitted layers and over all, as a run shows them."""
    known = Known.of(predicted(network.config(), inputs(network)), network.config().training.dtype)
    found: dict[str, list[Estimate]] = {"c": [], "ratio": []}
    step = max(1, min(draws, AT_ONCE // (network.width**2 * network.depth)))
    for start in range(0, draws, step):
        for row in _rows(network, min(step, draws - start), first + start):
            measured = measure(row, known=known)
            if measured.log_c and measured.log_ratio:
                found["c"].append(measured.log_c)
                found["ratio"].append(measured.log_ratio.scaled(1 / (network.depth - 1)))
    return found


def _rows(network: Network, seeds: int, first: int) -> Iterable[dict[str, Array]]:
    """The record of each network before any update (layers, 1)."""
    config = network.config(seeds, first)
    data = load(config.data)
    training = Training(config.plan(data), data)
    for _ in training:
        pass
    rows = {name: array[0] for name, array in training.recording.items() if array.ndim == 3}
    return ({name: array[:, k : k + 1] for name, array in rows.items()} for k in range(seeds))


def _holding(estimates: Iterable[Estimate], truth: float) -> int:
    return sum(
        one.low <= truth <= one.high for one in estimates if one.low is not None and one.high is not None
    )


def _of_groups(values: Array) -> int:
    """Of groups (groups, seeds), how many hold the mean of all.

    A group is part of all and nearer to their mean than to the truth, by sqrt(1 - seeds / all).
    """
    nearer, mean = sqrt(1 - values.shape[1] / values.size), float(values.mean())
    found = (over_networks(group) for group in values)
    return _holding((Estimate(mean + (one.mean - mean) / nearer, one.error, one.dof) for one in found), mean)


def rows(path: Path = TABLE) -> list[Covered]:
    """The rows of the table."""
    kinds: dict[str, Any] = {field.name: str if field.name == "network" else int for field in fields(Covered)}
    with path.open(newline="") as file:
        return [
            Covered(**{name: kinds[name](text) for name, text in row.items()}) for row in csv.DictReader(file)
        ]


def main(folder: Path) -> None:
    """Add the networks that are missing."""
    done = {row.number for row in rows()} if TABLE.exists() else set()
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Covered)], lineterminator="\n")
        if not done:
            writer.writeheader()
        for network, norms in kept("held_out", folder):
            if network.number not in done:
                writer.writerow(asdict(covered(network, norms)))
                file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
