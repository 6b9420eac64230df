"""How many cores there are, and how many threads a BLAS takes: it reads a variable when numpy is loaded."""

import os

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")
ONE = dict.fromkeys(VARIABLES, "1")  # faster at these sizes, and the same bits everywhere


def default_to_one() -> None:
    """One thread, unless the user has set another number; call it before numpy is loaded."""
    if not any(name in os.environ for name in VARIABLES):
        os.environ.update(ONE)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_one() -> bool:
    """Whether a BLAS in this process takes one thread, as workers have it."""
    return next((os.environ[name] for name in VARIABLES if name in os.environ), "") == "1"
