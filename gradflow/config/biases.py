"""How biases start, as a table of frozen classes; an init that draws its own biases (sigma_b) comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Bias:
    """Every bias of the network starts at `value`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    value: ClassVar[float]


@dataclass(frozen=True)
class Zeros(Bias):
    """Biases start at 0."""

    name = "zeros"
    value = 0.0


@dataclass(frozen=True)
class ConstantBias(Bias):
    """Biases start at `value`."""

    name = "constant"
    value: float  # type: ignore[misc]


BIASES: dict[str, type[Bias]] = {cls.name: cls for cls in (Zeros, ConstantBias)}
