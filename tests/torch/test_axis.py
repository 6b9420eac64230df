"""Which tensors the depth axis takes where a model leaves a choice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torch.models import nn, torch
from tests.torch.test_mechanics import recorded

STEPS = 6
SERIES = torch.randn(4, STEPS, 4, generator=torch.Generator().manual_seed(1))


class ReadAtEachStep(nn.Module):
    """A cell over time, or two, of which every state is read out and counts in the loss."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.head = nn.Linear(8, 2)
        self.cells = nn.ModuleList([nn.GRUCell(4 if i == 0 else 8, 8) for i in range(cells)])

    def forward(self, x: Any) -> Any:
        states: list[Any] = [None] * len(self.cells)
        total = torch.zeros(())
        for t in range(x.shape[1]):
            above = x[:, t]
            for i, cell in enumerate(self.cells):
                above = states[i] = cell(above, states[i])
            total = total + self.head(above)
        return total


@pytest.mark.parametrize("cells", [1, 2])
def test_time_is_that_of_the_first_state_and_not_of_what_is_read_out(cells: int) -> None:
    kept = []
    for times in range(8):  # modules lie anywhere in memory
        kept.append((ReadAtEachStep(cells), [bytearray(700 * times) for _ in range(times)]))
        flow = recorded(kept[-1][0], lambda model: model(SERIES).square().mean(), steps=1, axis="time")
        assert flow.axis.names == tuple(f"cells.0[{t}]" for t in range(STEPS))
