"""What is kept of the rows of a run: arrays of recording.npz."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradflow.arrays import Array
from gradflow.recording import Recording


class Record:
    """Every `every`-th row of a run, the first and the last: arrays of recording.npz that are allocated once.

    `names` are those of its arrays by layer. `allocate` makes an array of a shape, as np.empty does; memory
    of the pages that stay empty is not used.
    """

    def __init__(
        self,
        names: Sequence[str],
        steps: int,
        layers: int,
        seeds: int,
        every: int,
        allocate: Callable[[tuple[int, ...]], Array],
    ) -> None:
        rows = steps // every + 2
        shapes: dict[str, tuple[int, ...]] = {"step": (rows,), "loss": (rows, seeds)}
        shapes |= dict.fromkeys(names, (rows, layers, seeds)) | {"clip_share": (rows, seeds)}
        self._arrays = {name: allocate(shape) for name, shape in shapes.items()}
        self._every, self._thinned, self._rows = every, 0, 0

    def add(self, block: Recording) -> None:
        """Keep of the rows that follow what is to be kept; their last one for as long as none follows it."""
        step = block["step"]
        rows = np.flatnonzero((step % self._every == 0) | (np.arange(len(step)) == len(step) - 1))
        start = self._thinned
        self._rows = start + len(rows)
        self._thinned = self._rows - bool(step[-1] % self._every)
        for name, array in self._arrays.items():
            array[start : self._rows] = block[name][rows]

    @property
    def arrays(self) -> Recording:
        """What is kept so far, as views."""
        return {name: array[: self._rows] for name, array in self._arrays.items()}
