"""Random streams that do not depend on what was drawn before."""

import numpy as np

from gradflow.streams import Purpose, stream

FIRST = [530, 33, 104, 675]
SHUFFLED = [1, 5, 4, 2, 0, 3]


def test_a_stream_is_named_by_seed_purpose_and_index() -> None:
    names = [(s, p, i) for s in (0, 1, 2**63 - 1) for p in Purpose for i in (0, 1, 10_000)]
    heads = {tuple(stream(*name).integers(0, 2**62, 4)) for name in names}
    assert len(heads) == len(names)
    for name in names:
        assert stream(*name).random() == stream(*name).random()


def test_numbers_are_those_of_every_run_so_far() -> None:
    assert stream(0, Purpose.WEIGHTS).integers(0, 1000, 4).tolist() == FIRST
    assert stream(7, Purpose.BATCHES, 3).permutation(6).tolist() == SHUFFLED
    assert [p.value for p in Purpose] == [1, 2, 3, 4, 5, 6, 7]


def test_networks_of_neighbouring_seeds_are_independent() -> None:
    a, b = (stream(seed, Purpose.WEIGHTS).standard_normal(10_000) for seed in (0, 1))
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / 100
