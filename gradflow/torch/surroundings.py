"""What a step runs in: the processes that train together, a GradScaler, compiled code."""

from __future__ import annotations

import sys
from typing import Any

import torch


def rank() -> int:
    """This process's number among those that train together."""
    return torch.distributed.get_rank() if is_together() else 0


def is_together() -> bool:
    """Whether several processes train together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def unscaled(scaler: Any) -> set[int]:
    """The ids of the optimizers whose gradients a GradScaler has unscaled for a step that is to come."""
    states = getattr(scaler, "_per_optimizer_states", {})
    return {optimizer for optimizer, state in states.items() if state["stage"].name == "UNSCALED"}


def eager() -> Any:
    """Have compiled models run as they were written, where hooks see them; gives what ends that."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled
        return None
    torch.compiler.set_stance("force_eager")
    return lambda: torch.compiler.set_stance("default")
