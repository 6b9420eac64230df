"""The processes that train a model together: which of them write and look, and what they agree on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from gradflow.torch.groups import is_sharded
from gradflow.torch.norms import summed
from gradflow.torch.surroundings import is_together, rank


class Together:
    """This process among those that record one model; with `reduce` "mean" all of them look at deltas."""

    def __init__(self, model: nn.Module, reduce: str) -> None:
        self.model, self.reduce = model, reduce

    @cached_property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return rank() == 0

    @cached_property
    def sharded(self) -> bool:
        """Whether parameters lie in parts on several processes."""
        return is_sharded(self.model)

    @property
    def looks(self) -> bool:
        """Whether this process looks at deltas."""
        return self.writes or self.reduce == "mean"

    @property
    def takes_part(self) -> bool:
        """Whether it has to do with a step that is recorded: it looks, or adds the norms of its parts."""
        return self.looks or self.sharded

    @property
    def _adds_up(self) -> bool:
        """Whether the processes add up norms, so that all must record the same steps."""
        return is_together() and (self.sharded or self.reduce == "mean")

    def of_the_first(self, number: int) -> int:
        """A whole number that the first process alone knows, where all of them need it."""
        return int(self._sum(number if self.writes else 0)) if self._adds_up else number

    def agree(self, usable: bool) -> bool:
        """Whether a step is usable in all processes that add up norms: one that left it out would not add."""
        return not self._sum(not usable) if self._adds_up else usable

    def reduce_logs(self, row: dict[str, Any]) -> None:
        """With "mean", the means of a row's logs over all processes."""
        if self.reduce != "mean" or not is_together():
            return
        for key in ("delta", "branch", "q"):
            row[key] = (self._sum(row[key]) / torch.distributed.get_world_size()).tolist()

    def _sum(self, values: float | Sequence[float]) -> torch.Tensor:
        device = next((one.device for one in self.model.parameters()), torch.device("cpu"))
        return summed(torch.tensor(values, dtype=torch.float64), device)
