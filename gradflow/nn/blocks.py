"""Blocks: which parts a hidden layer is made of, in which order. A block's fields are its YAML keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from gradflow.nn.activations import Activation
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import Dense


@dataclass(frozen=True)
class Plain:
    """z = W^T a + b, a = phi(z): delta is read at z, behind the first part."""

    name: ClassVar[str] = "plain"

    def parts(self, activation: Activation, units: int) -> tuple[Part, ...]:
        """The parts of a layer from its input to its output; the first holds its tensor."""
        return Dense(units), Activate(activation)


@dataclass(frozen=True)
class Residual:
    """z' = z + s (W^T phi(z) + b) on a stream of equal widths (He et al. 2016); s may be trained."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str] = "residual"
    scale: float | Literal["1/sqrt(depth)"] = 1.0
    train_scale: bool = False

    def factor(self, depth: int) -> float:
        """s at initialization."""
        return depth**-0.5 if isinstance(self.scale, str) else self.scale


BLOCKS: dict[str, type[Plain]] = {Plain.name: Plain}
