"""What clipping leaves of a gradient, seen when an optimizer takes it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan, log2, nan, remainder, sqrt

from torch import Tensor
from torch.optim.optimizer import Optimizer

from gradflow.torch.groups import ParameterParts, gradient_squares
from gradflow.torch.optimizers import held_by

EXACT = 1e-4  # two norms of one gradient are as near
SCALE, POWER = 2.0**-6, 1e-6  # a share that small, whose binary logarithm is a whole number to that


class Clipping:
    """The gradient's norm when an optimizer takes it over `norm`, that of before: 1 where nothing was cut.

    nan of a gradient that is another one by then, and where no optimizer takes it.
    """

    def __init__(self, parts: ParameterParts, norm: float, sharded: bool) -> None:
        self.parts, self.norm, self.sharded = parts, norm, sharded
        self.share = nan
        self.gradients = self._gradients()  # until they are taken

    def _gradients(self) -> dict[int, Tensor | None]:
        """By the identity of their parameters."""
        return {id(one): one.grad for parameters in self.parts.values() for one in parameters}

    def taken(self, optimizer: Optimizer, anew: bool) -> None:
        """Look at what the first optimizer takes that holds one of these, unless it has it made `anew`."""
        if held_by(optimizer).isdisjoint(self.gradients):
            return
        same = not anew and all(now is self.gradients[one] for one, now in self._gradients().items())
        scaled = getattr(optimizer, "grad_scale", None) is not None  # which a fused optimizer divides by
        left = nan if scaled or not same else norm_of(gradient_squares(self.parts, self.sharded)) / self.norm
        if 0 < left < inf:
            self.share = 1.0 if left > 1 - EXACT else left
        self.gradients = {}


def norm_of(squared: Mapping[str, float]) -> float:
    """Of all groups together that have one."""
    return sqrt(sum(value for value in squared.values() if not isnan(value)))


def is_scale(share: float) -> bool:
    """Whether a share is what a GradScaler divides by and no clipping leaves, but by a chance of 2e-6."""
    return share < SCALE and abs(remainder(log2(share), 1)) < POWER
