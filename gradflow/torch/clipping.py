"""What clipping leaves of a gradient, seen when an optimizer has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan, nan, sqrt
from typing import Any

from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from gradflow.torch.groups import ParameterParts, gradient_squares

EXACT = 1e-4  # two norms of one gradient are as near


class Clipping:
    """The gradient's norm at the optimizer's step over `norm`, that of before: 1 where nothing was cut.

    PyTorch calls the hook after the step of every optimizer, whoever calls that; it is taken away with the
    first that holds one of these parameters. nan of a gradient that is another one by then.
    """

    def __init__(self, parts: ParameterParts, norm: float, sharded: bool) -> None:
        self.parts, self.norm, self.sharded = parts, norm, sharded
        self.share = nan
        self.gradients = self._gradients()
        self.hook = register_optimizer_step_post_hook(self._stepped)

    def _gradients(self) -> dict[int, Tensor | None]:
        """By the identity of their parameters."""
        return {id(one): one.grad for parameters in self.parts.values() for one in parameters}

    def _stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        held = {id(one) for group in optimizer.param_groups for one in group["params"]}
        if held.isdisjoint(self.gradients):
            return
        same = all(now is self.gradients[one] for one, now in self._gradients().items())
        scaled = getattr(optimizer, "grad_scale", None) is not None  # which a fused optimizer divides by
        left = nan if scaled or not same else norm_of(gradient_squares(self.parts, self.sharded)) / self.norm
        if 0 < left < inf:
            self.share = 1.0 if left > 1 - EXACT else left
        self.close()

    def close(self) -> float:
        """Take the hook away; what was left, nan if no optimizer took it."""
        self.hook.remove()
        self.gradients.clear()
        return self.share


def norm_of(squared: Mapping[str, float]) -> float:
    """Of all groups together that have one."""
    return sqrt(sum(value for value in squared.values() if not isnan(value)))
