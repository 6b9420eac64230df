"""What a recorded step tells of the parameters: dW at once, update and clipping after the optimizer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn
from torch.optim.optimizer import Optimizer

from gradflow.errors import RunError
from gradflow.torch.axis import DepthAxis
from gradflow.torch.clipping import Clipping, norm_of
from gradflow.torch.groups import Updates, gradient_squares, log_norms, parts_of

LATER = ("update", "clip")  # known when the optimizer has stepped
LOOKS = ("dw", *LATER)


class WeightsLook:
    """The parameters at one recorded step: `gradients` first, and `update` when the optimizer has stepped."""

    def __init__(self, model: nn.Module, axis: DepthAxis, what: Collection[str], sharded: bool) -> None:
        self.parts, self.axis, self.what, self.sharded = parts_of(model, axis), axis, what, sharded
        self.updates = Updates(self.parts, sharded) if "update" in what else None
        self.clipping: Clipping | None = None
        self.stepped = False

    def gradients(self, scale: float, unscaled: Collection[int]) -> dict[str, Any]:
        """`dw`: ln ||dL/dW|| by group, of the loss without its `scale`, which some are without already.

        RunError if there is no gradient.
        """
        if {"dw", "clip"}.isdisjoint(self.what):
            return {}
        if not any(one.grad is not None for parameters in self.parts.values() for one in parameters):
            raise RunError("no parameter has a gradient: call step() before zero_grad()")
        squared = gradient_squares(self.parts, self.sharded, scale, unscaled)
        if "clip" in self.what and (norm := norm_of(squared)):
            self.clipping = Clipping(self.parts, norm, self.sharded)
        return {"dw": log_norms(squared)} if "dw" in self.what else {}

    def taken(self, optimizer: Optimizer, anew: bool) -> None:
        """Look at the gradient that an optimizer takes, unless its step makes it `anew`."""
        self.stepped = True
        if self.clipping is not None:
            self.clipping.taken(optimizer, anew)

    def update(self, due: bool = False) -> dict[str, Any]:
        """`update` by group and `moved` by point, ||update|| / ||W||; `clip_share`, what clipping left.

        No update where a step is `due`, and nothing has stepped: no optimizer, nor anything by itself.
        """
        found: dict[str, Any] = {}
        if self.updates is not None:
            update, moved = self.updates.ratios(self.axis)
            self.stepped = self.stepped or any(ratio > 0 for ratio in (*update.values(), *moved))
            found = {"update": update, "moved": moved} if self.stepped or not due else {}
        if self.clipping is not None:
            found["clip_share"] = self.clipping.share
        return found
