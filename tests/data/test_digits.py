from pathlib import Path

import numpy as np
import pytest

from gradflow.data import DATASETS

NOWHERE = Path("does-not-exist")


def test_the_digits_are_those_of_the_uci_test_set() -> None:
    data = DATASETS["digits"](standardize=False, test_fraction=0.0).load(NOWHERE)
    assert data.x.shape == (1797, 64)
    assert (data.x.min(), data.x.max(), data.x.sum()) == (0, 16, 561718)
    assert data.x[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    assert data.y.sum(axis=0).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.y.argmax(axis=1)[:10].tolist() == list(range(10))


def test_a_fifth_is_held_out_and_three_blank_pixels_stay_zero() -> None:
    data = DATASETS["digits"]().load(NOWHERE)
    assert (data.samples, len(data.x_test), data.outputs) == (1438, 359, 10)
    assert data.q_0 == pytest.approx(61 / 64)
    assert np.flatnonzero(~data.x.any(axis=0)).tolist() == [0, 32, 39]
