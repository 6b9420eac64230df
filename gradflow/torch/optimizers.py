"""Optimizers from outside: the moment at which each takes its gradient, and the parameters that it holds."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from gradflow.torch.surroundings import unscaled

Taken = Callable[[Optimizer, bool], None]

_known: WeakValueDictionary[int, Any] = WeakValueDictionary()  # optimizers that a scaler has unscaled


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


def unscaled_of(scaler: Any, model: nn.Module) -> set[int]:
    """The identities of a model's parameters out of whose gradients a GradScaler has taken its scale."""
    own = {id(parameter) for parameter in model.parameters()}
    held = [own if optimizer is None else held_by(optimizer) for optimizer in _found(unscaled(scaler))]
    return own.intersection(set[int]().union(*held))


def _found(ids: set[int]) -> list[Any]:
    """The optimizers of these ids, which is all that a GradScaler keeps of them; None of a hidden one."""
    if not ids.issubset(_known):
        known = (one for one in gc.get_objects() if id(one) in ids and hasattr(one, "param_groups"))
        _known.update({id(one): one for one in known})
    return [_known.get(one) for one in ids]
