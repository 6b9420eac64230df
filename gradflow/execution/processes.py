"""How many processes train the networks of a run."""

from __future__ import annotations

from gradflow.config.memory import memory_bytes, physical_memory
from gradflow.plan import Plan, stacks
from gradflow.threads import cores, is_one

PAYS = 2.0  # seconds of training on one core from which it pays to start processes


def workers_for(plan: Plan, asked: int | None) -> int:
    """As many as were asked for or, for None, as there are cores, unless the work is little.

    Never more than there are stacks of networks, or than the memory holds. For None one, where the BLAS of
    this process has several threads and so other bits than that of a worker.
    """
    if asked is None and (plan.seconds < PAYS or not is_one()):
        return 1
    most = min(len(stacks(plan)), physical_memory() // memory_bytes(plan))
    return max(1, min(asked or cores(), most))
