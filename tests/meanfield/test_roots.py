"""Roots of curves."""

import numpy as np

from gradflow.meanfield.roots import roots_between


def test_roots_are_found_to_the_last_digits_in_many_brackets_at_once() -> None:
    target = np.array([0.1, 1.0, 5.0, 26.9])
    roots = roots_between(lambda x: x**3 - target, np.zeros(4), np.full(4, 3.0))
    np.testing.assert_allclose(roots, np.cbrt(target), rtol=1e-14)


def test_a_root_at_an_end_and_a_steep_falling_curve_are_found() -> None:
    assert roots_between(lambda x: x, np.array([0.0]), np.array([1.0]))[0] == 0
    falling = roots_between(lambda x: 1 - np.exp(40 * (x - 0.3)), np.array([0.0]), np.array([1.0]))
    np.testing.assert_allclose(falling, 0.3, rtol=1e-13)
