"""What a data set hands to a run: float64 samples, split by seed, standardised over the training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Lt, doc
from numpy.typing import NDArray

from gradflow.arrays import Array
from gradflow.errors import refused
from gradflow.formats import ConfigEntry
from gradflow.streams import Purpose, stream

Matrix = NDArray[np.float64]
Seed = Annotated[int, Ge(0), Lt(2**63), doc("Draws the samples and those held out, for all networks.")]
TestFraction = Annotated[float, Ge(0.0), Lt(1.0), doc("The share of the samples that is held out.")]
Standardize = Annotated[
    bool, doc("Whether features, and values to regress on, get mean 0 and variance 1 over training samples.")
]

MEMORY = 450_000_000  # bytes that loading may take: with the interpreter, a process stays below 512 MB
LARGEST_VALUE = 1e150  # the square of anything below is a float64, so q_0 and a squared error are finite


@dataclass(frozen=True, eq=False)
class Data:
    """Samples as rows, read-only and shared by all networks of a run.

    x (samples, features); y (samples, outputs), one-hot if `classes`, else the values to regress on. The
    held-out x_test and y_test have the same columns, maybe no rows. `sha256` is of the user's file, if any.
    `keys` are those of the data set that only its samples can tell: sha256, and a task that was not stated.
    """

    x: Matrix
    y: Matrix
    classes: bool
    x_test: Matrix
    y_test: Matrix
    sha256: str | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """The number of training samples."""
        return len(self.x)

    @property
    def features(self) -> int:
        """n_0, the width of the input."""
        return int(self.x.shape[1])

    @property
    def outputs(self) -> int:
        """The width of the target: the number of classes, or of regressed values."""
        return int(self.y.shape[1])

    @property
    def q_0(self) -> float:
        """Mean over training samples of |x|^2 / features: where the length map starts."""
        return float(np.einsum("ij,ij->i", self.x, self.x).mean()) / self.features

    @property
    def q_y(self) -> float | None:
        """Mean square of the training samples' targets; None if they are classes."""
        return None if self.classes else float(np.einsum("ij,ij->", self.y, self.y)) / self.y.size

    @property
    def chance(self) -> float | None:
        """The entropy of the training samples' classes, in nats; None if they have none.

        No guess that is the same for every input has a lower mean cross entropy over them.
        """
        if not self.classes:
            return None
        shares = self.y.mean(axis=0)
        shares = shares[shares > 0]
        return float(-(shares @ np.log(shares)))


@dataclass(frozen=True)
class Dataset(ConfigEntry):
    """A data set of one YAML name; the fields of a subclass are its YAML keys."""

    regresses: ClassVar[bool] = False  # on values, whatever its keys say
    only_outputs: ClassVar[int | None] = None  # the width of the target, where no key and no file decides it

    def load(self, base: Path) -> Data:
        """The samples; a relative path in the fields starts at `base`. InputError if it refuses the data."""
        raise NotImplementedError(self.name)


def prepare(
    x: Array,
    y: Array,
    *,
    classes: bool,
    standardize: bool,
    test_fraction: float = 0.0,
    seed: int = 0,
    held_out: NDArray[np.bool_] | None = None,
    keys: Mapping[str, Any] | None = None,
) -> Data:
    """Split x (samples, features) and y (samples, outputs); standardise x, and y too unless it is one-hot.

    round(test_fraction * samples) samples, drawn by `seed`, are held out, or those of the mask `held_out`;
    both parts keep the order of rows. `keys` are those of Data. Refuses data that standardising would turn
    into zeros, and values beyond 1e150.
    """
    keys = keys or {}
    held_out = _held_out(len(x), test_fraction, seed) if held_out is None else held_out
    x, x_test = _rows(x, ~held_out), _rows(x, held_out)
    y, y_test = _rows(y, ~held_out), _rows(y, held_out)
    if standardize:
        standardize_in_place(x, x_test)
    if standardize and not classes:
        standardize_in_place(y, y_test, what="target")
    for array in (x, y, x_test, y_test):
        _require_squares(array)
        array.setflags(write=False)
    return Data(x, y, classes, x_test, y_test, keys.get("sha256"), keys)


def standardize_in_place(train: Matrix, *others: Matrix, what: str = "feature") -> None:
    """Give each column of `train` mean 0 and variance 1 (over n) and map `others` alike; constants give 0.

    InputError where all are constant, with `what` a column is.
    """
    constant = train.max(axis=0) == train.min(axis=0)
    if constant.all():
        raise refused(
            f"every {what} is constant over the training samples, so standardising would leave zeros: "
            "give samples that differ, or set standardize: false",
            "data",
        )
    parts = (train, *others)
    # a power of two scales exactly; without it the squares of 1e200 overflow and those of 1e-200 vanish
    scale = np.ldexp(1.0, -np.frexp(np.maximum(train.max(axis=0), -train.min(axis=0)))[1].clip(-1022, 1023))
    with np.errstate(over="ignore"):  # a test sample out of all proportion: _require_squares reports it
        for part in parts:
            part *= scale
        for _ in range(2):  # the second pass takes out the rounding error of the first mean
            shift = train.mean(axis=0)
            for part in parts:
                part -= shift
        spread = np.sqrt(np.einsum("ij,ij->j", train, train) / len(train))
        spread[constant] = 1.0
        for part in parts:
            part /= spread
            part[:, constant] = 0.0


def one_hot(labels: NDArray[np.integer[Any]], classes: int, key: str, source: str = "") -> Matrix:
    """(samples, classes) with a 1 where the label is, for labels 0..classes - 1, of at least 2 classes."""
    require_classes(classes, len(labels), key, source)
    hot = np.zeros((len(labels), classes))
    hot[np.arange(len(labels)), labels] = 1
    return hot


def require_classes(classes: int, samples: int, key: str, source: str = "") -> None:
    """Refuse a single class, and more than memory holds one-hot."""
    if classes < 2:
        raise refused("there is only one class: nothing to tell apart", key, source)
    require_memory(16 * samples * classes, f"{classes:,} classes of {samples:,} samples", key, source)


def require_memory(needed: int, what: str, key: str, source: str = "") -> None:
    """Refuse, before anything is allocated, data that would need more than MEMORY bytes."""
    if needed > MEMORY:
        gigabytes = min(needed, 10**30) / 1e9
        limit = f"data may take {MEMORY / 1e9} GB"
        raise refused(f"{what} would need {gigabytes:,.1f} GB of memory, but {limit}", key, source)


def _held_out(samples: int, test_fraction: float, seed: int) -> NDArray[np.bool_]:
    count = min(round(test_fraction * samples), samples - 1)
    mask = np.zeros(samples, dtype=np.bool_)
    mask[stream(seed, Purpose.SPLIT).permutation(samples)[:count]] = True
    return mask


def _rows(array: Array, mask: NDArray[np.bool_]) -> Matrix:
    """The rows of the mask as a float64 array of its own."""
    return np.asarray(array[mask], dtype=np.float64, order="C")


def _require_squares(array: Matrix) -> None:
    if array.size and not max(array.max(), -array.min()) <= LARGEST_VALUE:  # `not <=`, so that nan is caught
        raise refused(f"values beyond {LARGEST_VALUE:g} have no square in float64: rescale them", "data")
