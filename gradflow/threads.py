"""How many threads a BLAS takes: it reads one of these variables when numpy is loaded."""

import os

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")
ONE = dict.fromkeys(VARIABLES, "1")  # faster at these sizes, and the same bits everywhere


def default_to_one() -> None:
    """One thread, unless the user has set another number; call it before numpy is loaded."""
    if not any(name in os.environ for name in VARIABLES):
        os.environ.update(ONE)
