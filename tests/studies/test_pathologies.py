"""The study of symptoms on planted and healthy runs: a few of its runs, or the half that is held out."""

from random import Random

import pytest

from tests.studies.pathologies import HEALTHY, HELD_OUT, KINDS, odd, ran, runs, scores, seen, silent, table

LEAST = 0.95  # of a kind, of which there are forty: two may be missed
QUICK = ("steps too short", "units die", "clipped")


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_pathology_is_told(name: str) -> None:
    found = seen(name, next(KINDS[name].draw(Random(0))))
    assert {*KINDS[name].tells} & found.symptoms


def test_a_healthy_run_gives_no_sign_of_a_divergence() -> None:
    found = seen("healthy", next(HEALTHY.draw(Random(0))))
    assert (found.symptoms, found.signs) == (set(), {})


def test_units_are_silent_that_give_nothing_on_any_sample() -> None:
    net = "activation=relu", "init=he_normal", "depth=1", "bias=constant", "training.steps=0"
    assert silent(ran(*net, "bias.value=-100").training).tolist() == [1.0]
    assert silent(ran(*net, "bias.value=100").training).tolist() == [0.0]


@pytest.mark.thorough
def test_symptoms_are_precise_and_miss_little() -> None:
    """On the half that no threshold was set on."""
    found = list(runs(HELD_OUT))
    told = "\n".join([table(found), *odd(found)])
    by_kind = scores(found).values()
    assert all(min(score.recall, score.precision) >= LEAST for score in by_kind), told
    assert not any(each.signs for each in found if each.kind == "healthy"), told
