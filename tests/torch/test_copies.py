"""Copies that a training makes of a watched model take none of its hooks along."""

from __future__ import annotations

import io
import pickle
from copy import deepcopy
from typing import Any

import pytest

from tests.torch.models import torch
from tests.torch.test_mechanics import delta, loss_of, recorded, stack

from gradflow.torch import watch  # isort: skip


def saved(model: Any) -> Any:
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=False)


@pytest.mark.parametrize("steps", [0, 1], ids=["before the axis is found", "later"])
@pytest.mark.parametrize("copied", [deepcopy, saved])
def test_a_copy_amid_a_step_records_nothing(copied: Any, steps: int) -> None:
    model = stack()
    with watch(model, quiet=True, samples=None) as flow:
        for _ in range(steps):
            loss_of(model).backward()
            flow.step()
            model.zero_grad()
        loss = loss_of(model)
        copy = copied(model)
        assert b"gradflow" not in pickle.dumps(copy)  # where one is loaded there may be none
        for _ in range(3):
            loss_of(copy).backward()
        loss.backward()
        flow.step()
    assert delta(flow) == pytest.approx(delta(recorded(stack(), samples=None)), abs=1e-6)
