"""Tables of many cases, of which the default suite runs every nth and `--thorough` all."""

from collections.abc import Iterable
from typing import Any

import pytest

thorough = pytest.mark.thorough


def each(nth: int, cases: Iterable[Any]) -> list[Any]:
    """The cases, all but the first and each nth after it with `--thorough` alone."""
    return [case if i % nth == 0 else rarely(case) for i, case in enumerate(cases)]


def rarely(case: Any) -> Any:
    """A case that runs with `--thorough` alone."""
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=thorough)
