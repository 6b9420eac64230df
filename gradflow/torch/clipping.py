"""What clipping leaves of a gradient, seen when an optimizer takes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isnan, log2, nan, remainder, sqrt

from torch import Tensor
from torch.optim.optimizer import Optimizer

from gradflow.torch.groups import ParameterParts, gradient_squares
from gradflow.torch.optimizers import held_by

EXACT = 1e-4  # two norms of one gradient are as near
SCALE, POWER = 2.0**-6, 1e-6  # a share that small, whose binary logarithm is a whole number to that


class Clipping:
    """The gradient's norm when optimizers take it over `norm`, that of before: 1 where nothing was cut.

    nan of a gradient that is another one by then or has grown, and where no optimizer takes it.
    """

    def __init__(self, parts: ParameterParts, norm: float, sharded: bool) -> None:
        self.parts, self.norm, self.sharded = parts, norm, sharded
        self.share = nan
        self.squared = 0.0  # of what is taken
        self.gradients = self._gradients()  # until they are taken

    def _gradients(self) -> dict[int, Tensor | None]:
        """By the identity of their parameters."""
        return {id(one): one.grad for parameters in self.parts.values() for one in parameters}

    def taken(self, optimizer: Optimizer, anew: bool) -> None:
        """Look at what an optimizer takes, unless it has it made `anew`, and at what is left for others."""
        own = held_by(optimizer) & self.gradients.keys()
        if not own:
            return
        now = self._gradients()
        same = not anew and all(now[one] is before for one, before in self.gradients.items())
        scaled = getattr(optimizer, "grad_scale", None) is not None  # which a fused optimizer divides by
        self.squared += self._square_of(own) if same and not scaled else nan
        self.gradients = {one: before for one, before in self.gradients.items() if one not in own}
        left = sqrt(self.squared + self._square_of(self.gradients.keys())) / self.norm
        self.share = _share(left)

    def _square_of(self, ids: Collection[int]) -> float:
        """Of the gradient of the parameters of these identities."""
        parts = {part: [one for one in held if id(one) in ids] for part, held in self.parts.items()}
        return norm_of(gradient_squares(parts, self.sharded)) ** 2


def _share(left: float) -> float:
    if not 0 < left < 1 + EXACT:
        return nan
    return 1.0 if left > 1 - EXACT else left


def norm_of(squared: Mapping[str, float]) -> float:
    """Of all groups together that have one."""
    return sqrt(sum(value for value in squared.values() if not isnan(value)))


def is_scale(share: float) -> bool:
    """Whether a share is what a GradScaler divides by and no clipping leaves, but by a chance of 2e-6."""
    return share < SCALE and abs(remainder(log2(share), 1)) < POWER
