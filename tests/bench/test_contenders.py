"""The bench compares like with like: contenders that compute the same, step by step."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tests.bench import baseline
from tests.bench.__main__ import BLOCKS, line
from tests.bench.cases import Case
from tests.bench.contenders import ALL_CORES, CONTENDERS, NETWORKS, OF_BLOCKS, OF_PRECISION, OF_SIZES
from tests.bench.machine import machine, told
from tests.bench.measure import Timing, check, measure, pinned


def test_the_engine_and_plain_numpy_tell_the_same_norms() -> None:
    case = Case(5, 24, 16)
    norms = {name: CONTENDERS[name](case)[1] for name in ("engine", "naive numpy")}
    assert len(norms["engine"]) == 2 * case.depth
    check(norms)


def test_another_norm_ends_the_bench() -> None:
    with pytest.raises(SystemExit, match="naive computes other norms than engine"):
        check({"gemm": [], "engine": [0.0, 1.0], "naive": [0.1, 1.0]})


def test_every_contender_of_ours_takes_step_after_step() -> None:
    for name in ("gemm", "engine", "engine, no record", "engine, watched", "naive numpy"):
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
    assert {*OF_SIZES, *OF_BLOCKS, *OF_PRECISION} == {*CONTENDERS}


def test_an_older_version_is_told_only_what_is_not_as_usual() -> None:
    assert Case(5, 24, 16).spoken == {"depth": 5, "width": 24, "batch": 16}
    case = Case(5, 24, 16, norm="layer", affine=True)
    assert Case(**json.loads(json.dumps(case.spoken))) == case
    assert asdict(case).keys() > case.spoken.keys()


def test_a_step_of_a_whole_run_is_a_block_of_all_its_networks() -> None:
    step, _ = CONTENDERS[ALL_CORES](Case(3, 16, 8))
    assert step.steps == step.crew.rows * NETWORKS  # type: ignore[attr-defined]
    step()
    step()
    assert step.row == 2 * step.crew.rows  # type: ignore[attr-defined]


ROWS = {
    "sizes": {
        "case": asdict(Case(2, 8, 4)), "threads": 1,
        "timings": [
            asdict(Timing("gemm", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 1.0, 0.0)),
            asdict(Timing("engine", (1.5, 1.5, 1.5), (1.4, 1.5, 1.6), 1.5, 2.0)),
        ],
    },
    "run-level": {"width": 64, "workers": 2, "seconds": {"command": 11.0, "training": 10.0},
                  "gain": {"command": 1.8, "training": 1.9}},
    "watch": {"name": "watch, all", "seconds": 0.1, "share": [0.08, 0.05, 0.09], "operators": 5,
              "bytes": 0.05},
}  # fmt: skip
TOLD = {
    "sizes": "engine 1.50 (1.40-1.60), least 1.500",
    "run-level": "training 10.0 s, 1.90 times as fast on 2  command 11.0 s, 1.80 times as fast on 2",
    "watch": "watch, all               100.0 ms at least, +8.0% (+5.0 to +9.0)  +5 operators, +5.0% bytes",
}


@pytest.mark.parametrize("table", ROWS)
def test_a_row_is_told_and_compared_with_that_of_before(table: str, tmp_path: Path) -> None:
    if table == "watch":
        pytest.importorskip("torch")
    row = json.loads(json.dumps(ROWS[table]))
    assert TOLD[table] in line(table, row)
    (tmp_path / "b.json").write_text(json.dumps({"machine": machine(), table: [row]}))
    before = baseline.load(tmp_path / "b.json")
    assert baseline.warning(before, machine()) is None
    told = baseline.before(before, table, row)
    assert told.startswith("over the baseline: ")
    assert {part.rpartition(" ")[2] for part in told.split(", ")} & {"1.000"}
    assert baseline.before({"machine": machine()}, table, row) == ""


def test_a_figure_of_before_is_that_of_the_same_row_and_contender() -> None:
    slower = json.loads(json.dumps(ROWS["sizes"]))
    slower["timings"][1]["ratio"] = [2.8, 3.0, 3.2]
    other = {**slower, "threads": 2}
    found = baseline.before({"sizes": [other, slower]}, "sizes", ROWS["sizes"])
    assert found == "over the baseline: engine 0.500"
    assert baseline.before({"sizes": [other]}, "sizes", ROWS["sizes"]) == ""


def test_a_baseline_of_another_machine_is_told_and_one_that_is_none_refused(tmp_path: Path) -> None:
    here = machine()
    assert "AVX-512" in told(here)
    assert here["processor"]
    elsewhere = {"machine": {**here, "processor": "abacus", "avx512": not here["avx512"]}}
    assert "another machine: abacus" in str(baseline.warning(elsewhere, here))
    for text in ("", "[]", '{"sizes": []}'):
        (tmp_path / "b.json").write_text(text)
        with pytest.raises(SystemExit, match="is not what --json wrote"):
            baseline.load(tmp_path / "b.json")


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
