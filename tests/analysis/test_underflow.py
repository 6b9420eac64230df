"""Zeros that follow on the edge of a dtype, and zeros that do not."""

from math import log

import numpy as np
import pytest

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.underflow import edge_of, of_underflow, smallest_of

HALF, SINGLE, DOUBLE = "float16", "float32", "float64"
CASE = [0, 0, 1e-7, 5e-6, 1e-4, 2e-3, 0.04, 0.8]


def geometric(c: float, depth: int, dtype: type[np.floating], squared: bool = False) -> list[float]:
    """c^(depth - l) in a dtype, or as the root of its square, as a norm is summed."""
    exact = [c ** (depth - layer) for layer in range(1, depth + 1)]
    with np.errstate(under="ignore"):
        return [float(np.sqrt(dtype(x) ** 2) if squared else dtype(x)) for x in exact]


def edge(norms: list[float]) -> str | None:
    with np.errstate(divide="ignore"):
        logs = np.log(np.array(norms))[:, None]
    found = edge_of(logs, smallest_of(logs))
    verdict = of_underflow(fit_flow({"log_delta_norm": logs}, 0), logs, smallest_of(logs), 1.0).verdict
    assert (verdict == "vanishing") == (found is not None)
    return found and found.dtype


@pytest.mark.parametrize(
    ("norms", "dtype"),
    [
        (CASE, HALF),
        ([0, 6e-8], HALF),
        ([0, 0, 2e-6, 1e-3, 0.8], HALF),  # the next would be 3e-9
        *((geometric(c, 60, np.float16), HALF) for c in (0.01, 0.1, 0.3, 0.5, 0.7)),
        *((geometric(c, 999, np.float32), SINGLE) for c in (0.1, 0.5, 0.8, 0.9)),
        *((geometric(c, 999, np.float32, True), SINGLE) for c in (1e-3, 0.1, 0.5, 0.8)),
        *((geometric(c, 2500, np.float64), DOUBLE) for c in (0.1, 0.5, 0.7)),
        *((geometric(c, 2500, np.float64, True), DOUBLE) for c in (1e-3, 0.1, 0.5, 0.8)),
        ([0, 0, 1e-40, 1e-20, 1], SINGLE),  # bfloat16 as well
    ],
)
def test_zeros_below_the_numbers_of_a_dtype_are_no_death(norms: list[float], dtype: str) -> None:
    assert 0 in norms
    assert edge(norms) == dtype


@pytest.mark.parametrize(
    "norms",
    [
        [0, 0, 1],
        [0, 0.3, 0.5, 1],
        [0, 1e-3, 1e-2, 0.1, 1],
        [0, 7.6e-6, *(0.5**n for n in range(16, -1, -1))],
        [0, 2e-7, 2e-7, 2e-7],  # level: a dead layer of a small loss
        [0, 5e-7, 1e-10, 1],  # there are numbers below those of float16
        [0, 1e-12, 1e-6, 1],
        [0, 1e-60, 1e-30, 1],
        [0, 1e-20, 1e-60, 1e-20, 1],
        [0, 0, 0],
        [0, 0, 1e3],
    ],
)
def test_zeros_that_follow_on_numbers_that_go_on_are_a_death(norms: list[float]) -> None:
    assert edge(norms) is None


def test_the_reason_names_the_dtype_the_remedy_and_the_rest() -> None:
    with np.errstate(divide="ignore"):
        logs = np.log(np.array(CASE))[:, None]
    found = of_underflow(fit_flow({"log_delta_norm": logs}, 0), logs, log(1e-7), 1.0)
    for words in (
        "0 up to layer 2",
        "float16",
        "1e-07 at layer 3",
        "Record in float32",
        "3 to 8 pass 0.05 each",
    ):
        assert words in (found.reason or "")


def test_networks_that_sink_below_the_edge_are_told_and_left_out() -> None:
    logs = np.log(np.array([[1e-8, 0.1, 1], [1e-12, 1e-6, 1]]).T * 1e-16 ** np.array([0.8, 1]))
    logs[0, 1] = -np.inf
    found = of_underflow(fit_flow({"log_delta_norm": logs}, 0), logs, smallest_of(logs), 1.0)
    assert (found.verdict, found.c) == ("vanishing", pytest.approx(1e-4))
    assert found.reason == (
        "1 of 2 networks fall to 0 at the edge of float32 and are left out. "
        "Record in float64, as of model.double()"
    )


def test_one_dead_network_makes_no_edge() -> None:
    logs = np.log(np.array([[1e-9, 1e-7, 1], [1, 1, 1]]).T)
    logs[0] = -np.inf
    assert edge_of(logs, smallest_of(logs)) is None
