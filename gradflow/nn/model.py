"""A model as a chain of parts: what a network is, whatever its parameters are and whoever trains it.

The chain rule as it is taught: u_l = W_{l+1} delta_{l+1} (the upstream gradient), delta_l = u_l * phi'(z_l).
It is read at boundaries: behind part j of layer l (of m parts, both counted from 0) is boundary m l + j, and
the last, m L, is the output. Between two neighbours stands a part, which multiplies ||delta|| by its factor.
delta_l stands behind part `stream` of layer l, where blocks follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gradflow.nn.activations import Activation
from gradflow.nn.blocks import Hidden, Plain
from gradflow.nn.initializers import Initializer
from gradflow.nn.losses import Loss
from gradflow.nn.norms import NO_NORM, AnyNorm
from gradflow.nn.parameters import Own, Parameters, Shape
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
    block: Plain = PLAIN
    norm: AnyNorm = NO_NORM
    zero_readout: bool = False  # whether the read-out starts at zero, weights and biases

    def sized(self, *, seeds: int | None = None, batch: int | None = None) -> Model:
        """As many of these networks side by side, on as many samples at once."""
        shape = self.shape
        return replace(self, shape=replace(shape, seeds=seeds or shape.seeds, batch=batch or shape.batch))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Units of the input and of each hidden layer, n_0..n_L."""
        return self.shape.features, *(self.shape.units(layer) for layer in range(self.shape.depth))

    def parts_of(self, layer: int) -> tuple[Part, ...]:
        """The parts of a hidden layer."""
        return self._parts(layer, layer == 0)

    def kinds(self, layer: int) -> tuple[Part, ...]:
        """The parts that it had if it were not the stem: of one number and kind in all layers."""
        return self._parts(layer, False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Those of the last layer."""
        return self.kinds(self.shape.depth - 1)

    @cached_property
    def layers(self) -> list[tuple[Part, ...]]:
        """The parts of every layer that has a tensor, the read-out last."""
        readout = [(Dense(self.shape.outputs),)] * self.shape.readout
        return [self.parts_of(layer) for layer in range(self.shape.depth)] + readout

    @cached_property
    def fork(self) -> int | None:
        """The number of the part at which the stream forks."""
        return next((j for j, part in enumerate(self.parts) if part.forks), None)

    @cached_property
    def join(self) -> int | None:
        """The number of the part at which it joins."""
        return next((j for j, part in enumerate(self.parts) if part.joins), None)

    @cached_property
    def stream(self) -> int:
        """The number of the part behind which delta is read."""
        return 0 if self.fork is None else self.fork - 1

    @cached_property
    def mixes(self) -> bool:
        """Whether delta is that of a batch, whose samples depend on each other."""
        return any(part.mixes for part in self.parts)

    @cached_property
    def factors(self) -> list[str]:
        """The factor's name of the part between boundaries m l + stream + j and the next, j = 0..m - 1."""
        names = [part.factor for part in self.parts]
        first = self.stream + 1
        return names[first:] + names[:first]

    def _parts(self, layer: int, first: bool) -> tuple[Part, ...]:
        shape = self.shape
        return self.block.parts(Hidden(self.activation, shape.units(layer), self.norm, shape.depth, first))

    def boundary(self, layer: int, part: int = 0) -> int:
        """That behind a part of a layer; that of layer L is the output."""
        return len(self.parts) * layer + part

    @cached_property
    def boundaries(self) -> int:
        """How many."""
        return self.boundary(self.shape.depth) + 1

    @cached_property
    def homogeneous(self) -> bool:
        """Whether the forward pass may carry an exponent."""
        return all(part.homogeneous for part in self.parts)

    @property
    def own(self) -> list[Own]:
        """The tensors that parts have beside the layers' matrices."""
        return [
            Own(
                j,
                range(layers.start + (not self.parts_of(layers.start)[j].rows), layers.stop),
                size,
                part.start,
            )
            for layers in self.shape.groups
            for j, part in enumerate(self.parts_of(layers.stop - 1))
            if part.rows and (size := (len(part.rows), part.columns))
        ]

    @property
    def parameters(self) -> int:
        """Numbers that are trained in one network."""
        return self.shape.parameters + sum(own.cells for own in self.own)

    def draw(self, p: Parameters, seeds: range) -> None:
        """Fill with the initial networks of these seeds."""
        p.draw(seeds, self.init, self.bias)
        if self.zero_readout:
            p.runs[-1].fill(0)
