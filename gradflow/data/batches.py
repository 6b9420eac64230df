"""The minibatches of a training: which samples, whatever they hold."""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array
from gradflow.streams import Purpose, stream


class Batches:
    """Minibatch t of a network: samples t B .. (t + 1) B of the endless row of its epochs' permutations."""

    def __init__(self, seed: int, samples: int, batch: int) -> None:
        self.seed, self.samples, self.batch = seed, samples, batch
        self._epochs: dict[int, Array] = {}

    def indices(self, t: int) -> Array:
        """The samples of minibatch t, (B,)."""
        start, stop = t * self.batch, (t + 1) * self.batch
        first, last = start // self.samples, (stop - 1) // self.samples
        self._epochs = {epoch: self._permutation(epoch) for epoch in range(first, last + 1)}
        epochs = list(self._epochs.values())
        row = epochs[0] if len(epochs) == 1 else np.concatenate(epochs)
        return row[start - first * self.samples : stop - first * self.samples]

    def _permutation(self, epoch: int) -> Array:
        if epoch not in self._epochs:
            return stream(self.seed, Purpose.BATCHES, epoch).permutation(self.samples)
        return self._epochs[epoch]
