"""How biases start, as a table of frozen classes; an init that draws its own biases (sigma_b) comes first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from annotated_types import doc

from gradflow.formats import ConfigEntry


@dataclass(frozen=True)
class Bias(ConfigEntry, ABC):
    """Every bias of the network starts at the same number."""

    @abstractmethod
    def start(self) -> float:
        """The number."""


@dataclass(frozen=True)
class Zeros(Bias):
    """Biases start at 0."""

    name = "zeros"

    def start(self) -> float:
        return 0.0


@dataclass(frozen=True)
class ConstantBias(Bias):
    """Biases start at `value`."""

    name = "constant"
    value: Annotated[float, doc("Every bias at the start.")]

    def start(self) -> float:
        return self.value


BIASES: dict[str, type[Bias]] = {cls.name: cls for cls in (Zeros, ConstantBias)}
