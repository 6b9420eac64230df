"""What a backward pass begins with: the losses themselves, whatever of a model's inside they look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from gradflow.torch.calls import in_backward

Told = Callable[[Sequence[Node]], None]

_told: list[Told] = []
_running: list[None] = []  # backward passes, one within another
_backward = torch.autograd.backward


@wraps(_backward)
def _telling(tensors: Any, *args: Any, **kwargs: Any) -> None:
    if not in_backward():  # which a checkpoint begins in the midst of another
        roots = roots_of(tensors)
        for each in tuple(_told):
            each(roots)
    _running.append(None)
    try:
        _backward(tensors, *args, **kwargs)
    finally:
        _running.pop()


def of_a_loss() -> bool:
    """Whether gradients that come now are of backward(), not of autograd.grad; known while any listens."""
    return bool(_running)


def listen(told: Told) -> None:
    """Have the nodes of the losses told when a backward pass begins, until `leave`.

    Nodes know what lies below them, not what uses them, so the graph of a loss can only be walked from the
    loss; torch.autograd.backward, which Tensor.backward calls, is where it is handed over.
    """
    _told.append(told)
    torch.autograd.backward = _telling


def leave(told: Told) -> None:
    """Tell no more; the last one puts PyTorch's own function back."""
    if told in _told:
        _told.remove(told)
    if not _told:
        torch.autograd.backward = _backward


def roots_of(losses: Any) -> list[Node]:
    """The nodes of what backward() was called with."""
    held = [losses] if isinstance(losses, Tensor | GradientEdge) else list(losses)
    nodes = [one.node if isinstance(one, GradientEdge) else one.grad_fn for one in held]
    return [node for node in nodes if node is not None]
