"""Optimizers as a table of frozen classes: each turns a gradient into the step that is subtracted, in place.

The gradient arrives as `scale * g` with `g` raw (a sum over the batch, divided by a power of two where norms
are extreme), so that the scale folds into a rate where it can. State arrays have the parameters' shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt, doc

from gradflow.arrays import Array
from gradflow.formats import ADDED, ConfigEntry

Scale = float | Array  # of the gradient: 2^exponent / B, one number or one per layer and seed
Positive = Annotated[float, Gt(0)]
LearningRate = Annotated[Positive, doc("The learning rate.")]
Eps = Annotated[Positive, doc("What is added to the root of the second moment.")]
Share = Annotated[float, Ge(0), Lt(1)]
Decay = Annotated[float, Ge(0), doc("What times each parameter, biases too, pulls it to 0.")]


@dataclass(frozen=True)
class Optimizer(ConfigEntry):
    """An update rule; `slots` is how many state arrays the size of the parameters it keeps between steps."""

    lr: LearningRate

    @property
    def slots(self) -> int:
        """How many state arrays, all starting at zero."""
        return 0

    @property
    def proportional(self) -> bool:
        """Whether a step is lr times the gradient, so that its norm follows from the gradient's."""
        return False

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        """Overwrite the raw gradient `g` with the step of update t = 1, 2, ...: the caller does p -= g."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class Sgd(Optimizer):
    """lr g; with momentum v <- m v + g, lr v, or lr (g + m v) with Nesterov's (Sutskever et al. 2013).

    `weight_decay` is added to g first, times the parameter, a bias too, as torch.optim.SGD does.
    """

    name = "sgd"
    lr: LearningRate = 0.01
    momentum: Annotated[Share, doc("What is left of the velocity in each update.")] = 0.0
    nesterov: Annotated[bool, doc("Whether the velocity is applied ahead, as Nesterov has it.")] = False
    weight_decay: Decay = field(default=0.0, metadata=ADDED)

    @property
    def slots(self) -> int:
        return 1 if self.momentum else 0

    @property
    def proportional(self) -> bool:
        return not (self.momentum or self.weight_decay)

    @property
    def edge(self) -> float:
        """The longest stable lr on a quadratic loss, of that of plain gradient descent, 2 / sharpness.

        Beyond it z^2 - (1 + m - x) z + m (Nesterov's: z^2 - (1 - x) ((1 + m) z - m)) of x = lr times the
        sharpness has a root below -1.
        """
        return (1 + self.momentum) / (1 + 2 * self.momentum * self.nesterov)

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        if self.proportional:
            np.multiply(g, self.lr * scale, out=g)
            return
        np.multiply(g, scale, out=g)
        if self.weight_decay:
            np.add(g, self.weight_decay * p, out=g)
        np.multiply(self._pushed(g, *state) if self.momentum else g, self.lr, out=g)

    def _pushed(self, g: Array, velocity: Array) -> Array:
        np.multiply(velocity, self.momentum, out=velocity)
        np.add(velocity, g, out=velocity)
        return np.add(g, self.momentum * velocity, out=g) if self.nesterov else velocity


@dataclass(frozen=True)
class Adam(Optimizer):
    """lr m / (sqrt v + eps), bias-corrected moments (Kingma & Ba 2015, alg. 1); weight_decay is added to g.

    The moments are kept without their (1 - beta), and the corrections fold into the rate and eps.
    """

    name = "adam"
    lr: LearningRate = 0.001
    beta1: Annotated[Share, doc("What is left of the first moment in each update.")] = 0.9
    beta2: Annotated[Share, doc("What is left of the second moment in each update.")] = 0.999
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0

    @property
    def slots(self) -> int:
        return 2

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        np.multiply(g, scale, out=g)
        if self.weight_decay:
            np.add(g, self.weight_decay * p, out=g)
        self._moments(g, state, t)

    def _moments(self, g: Array, state: tuple[Array, ...], t: int) -> None:
        first, second = state
        np.multiply(first, self.beta1, out=first)
        np.add(first, g, out=first)
        np.multiply(g, g, out=g)
        np.multiply(second, self.beta2, out=second)
        np.add(second, g, out=second)
        root = sqrt((1 - self.beta2) / (1 - self.beta2**t))
        rate = self.lr * (1 - self.beta1) / (1 - self.beta1**t) / root
        np.sqrt(second, out=g)
        np.add(g, self.eps / root, out=g)
        np.divide(first, g, out=g)
        np.multiply(g, rate, out=g)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with the decay taken from the weights, not the gradient (Loshchilov & Hutter 2019, alg. 2)."""

    name = "adamw"

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        np.multiply(g, scale, out=g)
        self._moments(g, state, t)
        if self.weight_decay:
            np.add(g, self.lr * self.weight_decay * p, out=g)


@dataclass(frozen=True)
class RmsProp(Optimizer):
    """lr g / (sqrt v + eps), v <- alpha v + (1 - alpha) g^2 (Tieleman & Hinton 2012)."""

    name = "rmsprop"
    lr: LearningRate = 0.001
    alpha: Annotated[Share, doc("What is left of the mean square in each update.")] = 0.99
    eps: Eps = 1e-8

    @property
    def slots(self) -> int:
        return 1

    def step(self, g: Array, p: Array, state: tuple[Array, ...], t: int, scale: Scale) -> None:
        (mean_square,) = state
        np.multiply(g, scale, out=g)
        np.multiply(mean_square, self.alpha, out=mean_square)
        np.add(mean_square, (1 - self.alpha) * (g * g), out=mean_square)
        root = np.sqrt(mean_square)
        np.add(root, self.eps, out=root)
        np.divide(g, root, out=g)
        np.multiply(g, self.lr, out=g)


OPTIMIZERS: dict[str, type[Optimizer]] = {cls.name: cls for cls in (Sgd, Adam, AdamW, RmsProp)}
