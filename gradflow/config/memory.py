"""How much memory a run will take, known before anything is allocated."""

from __future__ import annotations

import os

import numpy as np

from gradflow.nn.memory import layout, layout_bytes
from gradflow.plan import Plan, record_bytes, stack_size

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def memory_bytes(plan: Plan) -> int:
    """Bytes of a run's networks and of its record, a lower bound.

    Networks: seeds (1 + slots) parameters, and the arrays of a pass over those that are trained side by side.
    Record: float64.
    """
    model, dtype = plan.model.sized(seeds=min(plan.seeds, stack_size(plan.model))), np.dtype(plan.dtype)
    passes = layout_bytes(layout(model, dtype, plan.clip_norm is not None))
    return plan.state_bytes + passes + record_bytes(plan)


def physical_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def size(count: int) -> str:
    """A number of bytes with its unit, to two digits or more: 4.2 TB."""
    amount, unit = float(min(count, 10**30)), 0
    while amount >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {UNITS[unit]}" if amount < 10 else f"{amount:,.0f} {UNITS[unit]}"
