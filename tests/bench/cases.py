"""What is timed: the sizes of a network, and the weights and minibatch that every contender starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CLASSES = 10
STABLE = {"tanh": 1.0, "relu": 2**0.5, "gelu": 1.45, "silu": 1.45, "selu": 1.0, "sigmoid": 4.0}  # sigma_w


@dataclass(frozen=True)
class Case:
    """L hidden layers of width W on W features, a read-out to 10 classes, batch B, float32, cross-entropy.

    With a `scale` blocks are residual; a norm stands before the activation.
    """

    depth: int
    width: int
    batch: int
    activation: str = "tanh"
    optimizer: str = "sgd"
    seeds: int = 1
    scale: float | None = None
    norm: str = "none"
    affine: bool = False

    @property
    def spoken(self) -> dict[str, Any]:
        """What is not as usual, which an older version understands too."""
        usual = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    @property
    def label(self) -> str:
        """Short, for a table's first column."""
        extra = [self.activation] if self.activation != "tanh" else []
        extra += [self.optimizer] if self.optimizer != "sgd" else []
        extra += [f"{self.seeds} seeds"] if self.seeds != 1 else []
        extra += [f"residual {self.scale:g}"] if self.scale is not None else []
        extra += [f"{self.norm} norm"] if self.norm != "none" else []
        extra += ["affine"] if self.affine else []
        return " ".join([f"{self.depth}, {self.width}, {self.batch}", *extra])


LR = 1e-4


def weights(case: Case) -> Iterator[Array]:
    """The (fan_in, fan_out) matrix of every layer, the read-out last; all biases are 0."""
    rng = np.random.default_rng(1)
    outs = [case.width] * case.depth + [CLASSES]
    scale = STABLE[case.activation] / case.width**0.5
    for n in outs:
        yield rng.standard_normal((case.width, n), np.float32) * np.float32(scale)


def minibatch(case: Case) -> tuple[Array, Array]:
    """Samples (B, W) and the class of each (B,)."""
    rng = np.random.default_rng(2)
    return rng.standard_normal((case.batch, case.width), np.float32), rng.integers(0, CLASSES, case.batch)
