"""The bench compares like with like: contenders that compute the same, step by step."""

import numpy as np
import pytest

from tests.bench.cases import Case
from tests.bench.contenders import CONTENDERS
from tests.bench.measure import check


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
