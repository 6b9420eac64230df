"""A model as a chain of parts: what a network is, whatever its parameters are and whoever trains it.

The chain rule as it is taught: u_l = W_{l+1} delta_{l+1} (the upstream gradient), delta_l = u_l * phi'(z_l).
It is read at boundaries: behind part j of layer l (of m parts, both counted from 0) is boundary m l + j, and
the last, m L, is the output. Between two neighbours stands a part, which multiplies ||delta|| by its factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradflow.nn.activations import Activation
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.initializers import Initializer
from gradflow.nn.losses import Loss
from gradflow.nn.norms import Norm
from gradflow.nn.parameters import Parameters, Shape
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import Dense

PLAIN = Plain()


@dataclass(frozen=True)
class Model:
    """S networks before they are drawn: sizes, parts, loss and initialization."""

    shape: Shape
    activation: Activation
    loss: Loss
    init: Initializer
    bias: float
    block: Plain | Residual = PLAIN
    norm: Norm | None = None

    def sized(self, *, seeds: int | None = None, batch: int | None = None) -> Model:
        """As many of these networks side by side, on as many samples at once."""
        shape = self.shape
        return replace(self, shape=replace(shape, seeds=seeds or shape.seeds, batch=batch or shape.batch))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the input and of each hidden layer, n_0..n_L."""
        return self.shape.features, *[self.shape.width] * self.shape.depth

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of each hidden layer."""
        assert isinstance(self.block, Plain)
        return self.block.parts(self.activation, self.shape.width)

    @property
    def layers(self) -> list[tuple[Part, ...]]:
        """The parts of every layer that has a tensor, the read-out last."""
        readout = [(Dense(self.shape.outputs),)] * self.shape.readout
        return [self.parts] * self.shape.depth + readout

    @property
    def factors(self) -> list[str]:
        """The factor's name of the part behind boundary m l + j, for j = 0..m - 1; alike in all layers l."""
        first, *others = (part.factor for part in self.parts)
        return [*others, first]

    def boundary(self, layer: int, part: int = 0) -> int:
        """That behind a part of a layer; that of layer L is the output."""
        return len(self.parts) * layer + part

    @property
    def boundaries(self) -> int:
        """How many."""
        return self.boundary(self.shape.depth) + 1

    @property
    def homogeneous(self) -> bool:
        """Whether the forward pass may carry an exponent."""
        return all(part.homogeneous for part in self.parts)

    def draw(self, p: Parameters, seeds: range) -> None:
        """Fill with the initial networks of these seeds."""
        p.draw(seeds, self.init, self.bias)
