"""The bench compares like with like: contenders that compute the same, step by step."""

import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.bench.__main__ import BLOCKS
from tests.bench.cases import Case
from tests.bench.contenders import CONTENDERS, OF_BLOCKS, OF_SIZES
from tests.bench.measure import check, measure, pinned


def test_the_engine_and_plain_numpy_tell_the_same_norms() -> None:
    case = Case(5, 24, 16)
    norms = {name: CONTENDERS[name](case)[1] for name in ("engine", "naive numpy")}
    assert len(norms["engine"]) == 2 * case.depth
    check(norms)


def test_another_norm_ends_the_bench() -> None:
    with pytest.raises(SystemExit, match="naive computes other norms than engine"):
        check({"gemm": [], "engine": [0.0, 1.0], "naive": [0.1, 1.0]})


def test_every_contender_of_ours_takes_step_after_step() -> None:
    for name in ("gemm", "engine", "engine, no record", "naive numpy"):
        step, _ = CONTENDERS[name](Case(3, 16, 8))
        with np.errstate(all="raise", under="ignore"):
            for _ in range(70):  # beyond a block of the record
                step()


@pytest.mark.parametrize("case", BLOCKS[:7], ids=lambda case: case.label)
def test_the_engine_and_pytorch_tell_the_same_norms_of_skips_and_norms(case: Case) -> None:
    pytest.importorskip("torch")
    small = replace(case, depth=5, width=24, batch=16)
    check({name: CONTENDERS[name](small)[1] for name in OF_BLOCKS[1:]})


def test_a_bug_in_a_contender_with_skips_and_norms_is_seen() -> None:
    case = Case(5, 24, 16, scale=0.3, norm="layer")
    norms = {"engine": CONTENDERS["engine"](case)[1]}
    for other in (replace(case, scale=0.31), replace(case, norm="rms"), replace(case, scale=None)):
        with pytest.raises(SystemExit, match="computes other norms"):
            check({**norms, "other": CONTENDERS["engine"](other)[1]})


def test_every_contender_stands_in_a_table() -> None:
    assert {*OF_SIZES, *OF_BLOCKS} == {*CONTENDERS}


def test_an_older_version_is_told_only_what_is_not_as_usual() -> None:
    assert Case(5, 24, 16).spoken == {"depth": 5, "width": 24, "batch": 16}
    case = Case(5, 24, 16, norm="layer", affine=True)
    assert Case(**json.loads(json.dumps(case.spoken))) == case
    assert asdict(case).keys() > case.spoken.keys()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_contenders_are_pinned_to_as_many_cores_as_they_have_threads() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_one_version_is_timed_in_turn_with_another() -> None:
    who = {"before": ("engine", os.getcwd()), "now": ("engine", ".")}
    before, now = measure(Case(2, 8, 4), who, 1, 2, "cpu")
    assert (before.name, before.least, now.name) == ("before", 1.0, "now")
    assert now.least > 0
