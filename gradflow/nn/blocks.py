"""Blocks: which parts a hidden layer is made of, in which order. A block's fields are its YAML keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, doc

from gradflow.formats import ConfigEntry
from gradflow.nn.activations import Activation
from gradflow.nn.initializers import LARGEST
from gradflow.nn.norms import NO_NORM, AnyNorm
from gradflow.nn.parts.activate import Activate
from gradflow.nn.parts.base import Part
from gradflow.nn.parts.dense import Dense
from gradflow.nn.parts.skip import Fork, Join


@dataclass(frozen=True)
class Hidden:
    """A hidden layer as a block sees it; the first of the chain is its stem."""

    activation: Activation
    units: int
    norm: AnyNorm = NO_NORM
    depth: int = 1
    first: bool = True


@dataclass(frozen=True)
class Plain(ConfigEntry):
    """z = W^T a + b, a = phi(z); with a norm N, a = phi(N(z)) or N(phi(z)). delta is read at z."""

    name = "plain"
    bare = True

    @property
    def by_depth(self) -> bool:
        """Whether its parts are others in a deeper network."""
        return False

    def parts(self, layer: Hidden) -> tuple[Part, ...]:
        """The parts of a layer from its input to its output, of equal number in all layers."""
        norm, phi = layer.norm.parts(layer.units), Activate(layer.activation)
        return (Dense(layer.units), *norm, phi) if layer.norm.before else (Dense(layer.units), phi, *norm)


@dataclass(frozen=True)
class Residual(Plain):
    """z' = z + s (W^T a + b), a = phi(z), on a stream of equal widths (He et al. 2016); s may be trained.

    With a norm N: a = phi(N(z)), "pre-norm", or z' = N(z + s (W^T a + b)), "post-norm". The stem has no s.
    """

    name = "residual"
    bare = False
    scale: Annotated[
        Annotated[float, Ge(0), Le(LARGEST)] | Literal["1/sqrt(depth)"],
        doc("s, which the branch is multiplied by before it is added to the stream."),
    ] = 1.0
    train_scale: Annotated[bool, doc("Whether s is trained; with scale 0: ReZero.")] = False

    @property
    def by_depth(self) -> bool:
        return isinstance(self.scale, str)

    def factor(self, depth: int) -> float:
        """s at initialization."""
        return depth**-0.5 if isinstance(self.scale, str) else self.scale

    def parts(self, layer: Hidden) -> tuple[Part, ...]:
        join = Join() if layer.first else Join(self.factor(layer.depth), self.train_scale)
        norm = layer.norm.parts(layer.units)
        before, after = (norm, ()) if layer.norm.before else ((), norm)
        return Dense(layer.units), join, *after, Fork(), *before, Activate(layer.activation)


BLOCKS: dict[str, type[Plain]] = {cls.name: cls for cls in (Plain, Residual)}
