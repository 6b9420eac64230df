"""Blocks: which parts a hidden layer is made of, in which order. A block's fields are its YAML keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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


BLOCKS: dict[str, type[Plain]] = {Plain.name: Plain}
