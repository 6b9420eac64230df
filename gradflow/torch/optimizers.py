"""Optimizers from outside: the moment at which each takes its gradient, and the parameters that it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

Taken = Callable[[Optimizer, bool], None]


def on_steps(taken: Taken) -> Any:
    """Be told of every step of every optimizer, whoever calls it; gives the hook, which ends that.

    Told when the optimizer takes its gradient, which it may overwrite in the step: before the step, or each
    time that the step's closure has made it; with True before that closure, which makes it anew.
    """

    def begins(optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        taken(optimizer, callable(closure))
        if not callable(closure):
            return None

        def made() -> Any:
            loss = closure()
            taken(optimizer, False)
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": made}
        return (args[0], made, *args[2:]), kwargs

    return register_optimizer_step_pre_hook(begins)


def held_by(optimizer: Any) -> set[int]:
    """The identities of its parameters."""
    return {id(one) for group in optimizer.param_groups for one in group["params"]}
