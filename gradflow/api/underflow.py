"""A result does not depend on what a program asks of NumPy's floating-point errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def to_zero(call: Callable[P, T]) -> Callable[P, T]:
    """A call in which what underflows is 0, as by default, though `np.seterr(all="raise")` stands above it.

    Of other errors each calculation says itself what it does where they come.
    """

    @wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        numpy = sys.modules.get("numpy")  # without it nobody has asked for anything
        with numpy.errstate(under="ignore") if numpy else nullcontext():
            return call(*args, **kwargs)

    return called
