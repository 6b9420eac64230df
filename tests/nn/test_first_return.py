"""Where losses along lines first come back, against lines whose returns are known."""

from math import cos, exp, inf, isnan, nan

import numpy as np
import pytest

from gradflow.nn.first_return import LOOKS, first_return, side_by_side

ROUNDING = 1e-12


def found(loss, slope: float, rounding: float = ROUNDING) -> tuple[float, int]:
    """What a search finds on the line of a loss, and in how many looks."""
    looks = 0

    def losses(steps):
        nonlocal looks
        looks += 1
        return np.array([loss(float(step)) for step in steps])

    (one,) = side_by_side([first_return(loss(0.0), slope, rounding)], losses)
    return one, looks


@pytest.mark.parametrize("curvature", [1e-6, 0.3, 40.0, 1e7])
@pytest.mark.parametrize("slope", [1e-5, 1.0, 1e4])
def test_a_quadratic_comes_back_at_twice_slope_over_curvature(slope: float, curvature: float) -> None:
    deepest = slope**2 / (2 * curvature)
    one, looks = found(lambda x: 2 * deepest - slope * x + curvature * x * x / 2, slope, 1e-12 * deepest)
    assert one == pytest.approx(2 * slope / curvature, rel=1e-3)
    assert looks <= 10


@pytest.mark.parametrize("first", [0.029, 3.0, 1e-4])
def test_a_later_return_is_not_taken_for_the_first(first: float) -> None:
    """A loss that goes up and down with steps of its length: it is back at first, 2 first, 3 first, ..."""
    one, _ = found(lambda x: 2 + cos(np.pi / 2 + 2 * np.pi * x / (2 * first)), np.pi / first)
    assert one == pytest.approx(first, rel=0.05)


def test_a_wall_behind_a_long_slope_is_found() -> None:
    one, looks = found(lambda x: exp(-x) + (inf if x > 7.7 else 0.0), 1.0)
    assert one == pytest.approx(7.7, rel=0.3)
    assert looks <= LOOKS


@pytest.mark.parametrize(
    ("loss", "slope", "step"),
    [
        (lambda x: 1 + x, 1.0, 0.0),  # it was told to fall and does not
        (lambda x: exp(-x), 1.0, inf),
        (lambda x: 1.0, 0.0, nan),
        (lambda x: 1.0, -1.0, nan),
        (lambda x: nan, 1.0, nan),
        (lambda x: 1.0, 1e308 * 10, nan),
    ],
)
def test_a_line_without_a_first_return_says_why(loss, slope: float, step: float) -> None:
    one, looks = found(loss, slope)
    assert one == step or (isnan(step) and isnan(one))
    assert looks <= LOOKS


def test_lines_of_all_lengths_are_looked_along_together() -> None:
    curvatures = np.array([1e-3, 1.0, 1e5])
    calls = []

    def losses(steps):
        calls.append(steps.copy())
        return 1 - steps + curvatures * steps**2 / 2 + (curvatures > 1) * 0

    searches = [*(first_return(1.0, 1.0, ROUNDING) for _ in curvatures), first_return(nan, 1.0, ROUNDING)]
    steps = np.array(side_by_side(searches, lambda steps: np.append(losses(steps[:3]), nan)))
    np.testing.assert_allclose(steps[:3], 2 / curvatures, rtol=1e-2)
    assert np.isnan(steps[3])
    assert len(calls) <= LOOKS
