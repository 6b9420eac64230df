"""The 1,797 handwritten 8 x 8 digits that ship with the package (digits.npz).

Source: the test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, 1998,
UCI Machine Learning Repository, doi:10.24432/C50P49; licence CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/); the values are unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gradflow.arrays import Array
from gradflow.data.base import Data, Dataset, Seed, Standardize, TestFraction, one_hot, prepare

FILE = Path(__file__).with_name("digits.npz")


@cache
def _read() -> tuple[Array, Array]:
    """Pixels and classes, which a run reads once when its config is checked and once when it is trained."""
    with np.load(FILE) as arrays:
        found = arrays["x"], arrays["y"]
    for array in found:
        array.setflags(write=False)
    return found


@dataclass(frozen=True)
class Digits(Dataset):
    """1,797 images of 64 pixels (0..16) in 10 classes, a fifth of them held out."""

    name = "digits"
    only_outputs = 10
    standardize: Standardize = True
    test_fraction: TestFraction = 0.2
    seed: Seed = 0

    def load(self, base: Path) -> Data:
        x, labels = _read()
        return prepare(
            x,
            one_hot(labels, self.only_outputs, "data"),
            classes=True,
            standardize=self.standardize,
            test_fraction=self.test_fraction,
            seed=self.seed,
        )
