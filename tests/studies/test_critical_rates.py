"""The study of the critical learning rate: a few of its configurations, or all of them and their table."""

from tests.studies.critical_rates import DRAWN, drawn, judge, row

QUICK, LEAST = 6, 0.8  # configurations without --thorough, and the share of them that must hold: 32 of 40 do


def test_half_of_it_trains_and_four_times_it_does_not(thorough: bool) -> None:
    found = [(case, judge(case)) for case in drawn(DRAWN if thorough else QUICK)]
    table = "\n".join(row(case, what) for case, what in found)
    assert sum(what.holds for _, what in found) >= LEAST * len(found), table
