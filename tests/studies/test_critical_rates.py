"""The study of the critical learning rate: a few configurations of an earlier draw, or all of them."""

from tests.studies.critical_rates import DRAWN, EARLIER, SEED, drawn, judge, row

QUICK, LEAST = 6, 0.9  # configurations without --thorough, and the share that must hold: 38 of 40 do


def test_half_of_it_trains_and_four_times_it_does_not(thorough: bool) -> None:
    found = [(case, judge(case)) for case in (drawn(DRAWN, SEED) if thorough else drawn(QUICK, EARLIER))]
    table = "\n".join(row(case, what) for case, what in found)
    assert sum(what.holds for _, what in found) >= LEAST * len(found), table
