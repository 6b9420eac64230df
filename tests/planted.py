"""Networks with one bad layer: its weights scaled, or its units pushed to where they have no slope."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradflow.analysis.flow import fit_flow
from gradflow.analysis.summary import Flow
from gradflow.nn.activations import ACTIVATIONS
from gradflow.nn.initializers import Gaussian, Matrix
from tests.small import data, plan, trained


@dataclass(frozen=True)
class Planted(Gaussian):
    """Gaussian, but for the weights of one layer times `scale`, and its biases, which are `shift`."""

    layer: int = 0
    scale: float = 1.0
    shift: float = 0.0
    drawn: list[int] = field(default_factory=list)

    def draw(self, rng: np.random.Generator, fan_in: int, fan_out: int, layer: int) -> Matrix:
        self.drawn.append(layer + 1)
        weights = super().draw(rng, fan_in, fan_out, layer)
        return weights * self.scale if layer + 1 == self.layer else weights

    def draw_bias(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> Matrix:
        return np.full(fan_out, self.shift if self.drawn[-1] == self.layer else 0.0)


def planted(activation: str, sigma_w: float, depth: int = 30, seeds: int = 4, **bad: Any) -> Flow:
    """The flow at initialization of small networks of which a layer is bad."""
    init = Planted(sigma_w, 0.0, **bad)
    small = plan(
        activation=ACTIVATIONS[activation](),
        init=init,
        depth=depth,
        width=48,
        seeds=seeds,
        steps=0,
        batch_size=16,
    )
    recording = trained(small, data(samples=16, features=24)).recording
    return fit_flow({name: array[0] for name, array in recording.items() if array.ndim == 3}, 0)
