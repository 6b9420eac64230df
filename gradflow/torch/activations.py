"""The activation that a node of the autograd graph is of, with the numbers that it was given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch.autograd.graph import Node

from gradflow.nn.activations import (
    Activation,
    Elu,
    Erf,
    Gelu,
    HardTanh,
    LeakyRelu,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Sin,
    Softplus,
    Tanh,
)

NODES: dict[str, Activation] = {
    "Tanh": Tanh(), "Sigmoid": Sigmoid(), "Relu": Relu(), "Gelu": Gelu(), "Silu": Silu(), "Sin": Sin(),
    "Erf": Erf(),
}  # fmt: skip
RESHAPES = frozenset({"View", "UnsafeView", "Permute", "Transpose", "ToCopy"})


def activation_of(node: Any) -> Activation | None:
    """The activation of a node; None if it is of none, or theory has it not with these numbers."""
    kind = _kind(node)
    if kind not in SAVED:
        return NODES.get(kind)
    names, known = SAVED[kind]
    return known(*(getattr(node, f"_saved_{name}") for name in names))


def is_reshape(node: Node) -> bool:
    """Whether a node leaves the values as they are."""
    return _kind(node) in RESHAPES


def _kind(node: Node) -> str:
    """Of PyTorch's own nodes, whose names end in a number; a Function in Python may do anything."""
    found = re.fullmatch(r"(\w+)Backward\d+", node.name().rpartition("::")[2])
    return found[1] if found else ""


def _elu(alpha: float, scale: float) -> Activation | None:
    if (alpha, scale) == (Selu.alpha, Selu.scale):
        return Selu()
    return Elu(float(alpha)) if scale == 1 and alpha > 0 else None


def _leaky(slope: float) -> Activation | None:
    return LeakyRelu(float(slope)) if 0 <= slope <= 1 else None


def _clipped(low: float, high: float) -> Activation | None:
    known: dict[tuple[float, float], Activation] = {(-1, 1): HardTanh(), (0, 6): Relu6()}
    return known.get((low, high))


def _softplus(beta: float) -> Activation | None:
    return Softplus() if beta == 1 else None


SAVED: dict[str, tuple[tuple[str, ...], Callable[..., Activation | None]]] = {  # kinds that have numbers
    "Elu": (("alpha", "scale"), _elu), "LeakyRelu": (("negative_slope",), _leaky),
    "Hardtanh": (("min_val", "max_val"), _clipped), "Softplus": (("beta",), _softplus),
}  # fmt: skip
