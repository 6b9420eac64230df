"""Networks of activations or blocks that the grid has not, trained when the rule had been fitted to it.

`python -m tests.studies.trainable_held_out` adds the rows that are still missing to trainable_held_out.csv.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.studies.trainable_grid import ACTIVE, BLOCKS, UNSEEN, Cell, add, drawn

TABLE = Path(__file__).with_suffix(".csv")
FIRST, CELLS = 2000, 200
NEW = (
    "squared_relu",
    "{name: leaky_relu, slope: 0.4}",
    "{name: elu, alpha: 2.0}",
    "{name: celu, alpha: 0.3}",
)
KINDS = ((NEW, BLOCKS), (ACTIVE, UNSEEN), (NEW, BLOCKS), (NEW, UNSEEN))  # in turn


def cells() -> Iterator[Cell]:
    """Cells drawn as those of the grid are, by another seed, of new activations, new blocks, or both."""
    draw = np.random.default_rng(1986)
    for number in range(CELLS):
        yield drawn(FIRST + number, draw, *KINDS[number % len(KINDS)])


if __name__ == "__main__":
    add(TABLE, cells())
