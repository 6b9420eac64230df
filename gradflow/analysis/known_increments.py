"""What is known of the increments of ln g before they are measured, and their mean with what that allows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradflow.analysis.intervals import Estimate, mean_increment, over_parts
from gradflow.arrays import Array, Readings
from gradflow.meanfield.innovations import innovations
from gradflow.meanfield.plain import PlainField
from gradflow.meanfield.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Known:
    """Theory's increments, the network that it has them of, and the rounding of a number of the dtype.

    `steps` (L - 1,) are E ln(g_l / g_{l+1}) at initialization. After updates only their shape is of use, and
    no more of the `network`.
    """

    steps: Array | None = None
    network: PlainField | None = None
    rounding: float = 0.0

    @classmethod
    def of(cls, prediction: Prediction, dtype: str) -> Known:
        """What a prediction knows."""
        network = prediction.network if isinstance(prediction.network, PlainField) else None
        usable = len(prediction.chi_layers) > 0 and bool(np.isfinite(prediction.steps).all())
        rounding = float(np.finfo(dtype).eps)
        return cls(prediction.steps, network, rounding) if usable else cls(rounding=rounding)

    def at(self, step: int) -> Known:
        """What of it holds at a step."""
        return self if step == 0 else replace(self, network=None)

    def mean(self, rising: Array, first: int, mean_square: Array | None = None) -> Estimate:
        """The mean of increments (L - 1, networks) from layer `first` on.

        `mean_square` (L, networks) is that of the activations on record. The error is no less than one of
        rounding a layer.
        """
        steps = self.steps if self.steps is not None and len(self.steps) == len(rising) else None
        shown = rising[first - 1 :]
        parts = None
        if rising.shape[1] == 1 and self.network and steps is not None and mean_square is not None:
            parts = innovations(self.network, steps, rising, mean_square, first)
        if parts is None:
            found = mean_increment(shown, None if steps is None else steps[first - 1 :])
        else:
            found = over_parts(float(shown.mean()), parts[: first - 1, 0], parts[first - 1 :, 0])
        return found.at_least(self.rounding)


NOTHING = Known()


def mean_square(row: Readings) -> Array | None:
    """E phi^2 (L, networks) of a row of the record; None of norms that were recorded elsewhere."""
    if "activation_std" not in row:
        return None
    with np.errstate(over="ignore"):
        return np.asarray(row["activation_mean"] ** 2 + row["activation_std"] ** 2)
