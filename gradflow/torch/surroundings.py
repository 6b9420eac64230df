"""What a step runs in: the processes that train together, a GradScaler, compiled code."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import torch

_eager: list[None] = []  # one for each recording that needs compiled models to run as they were written
_stance = ExitStack()  # of the compiler, meanwhile


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
    """Have compiled models run as they were written, where hooks see them; gives what ends that.

    The last of several recordings that need it brings back how they ran.
    """
    if "torch._dynamo" not in sys.modules:  # nothing was compiled
        return None
    if not _eager:
        _stance.enter_context(torch.compiler.set_stance("force_eager"))
    _eager.append(None)
    return _end_eager


def _end_eager() -> None:
    _eager.pop()
    if not _eager:
        _stance.close()
