"""The critical learning rate of networks on a batch: where, along a first step, the loss first comes back.

Along the gradient g of a quadratic loss that is 2 |g|^2 / (g . H g): 2 / lambda where g is an eigenvector
of the Hessian H, beyond which gradient descent swings up along it (after Kalra & Barkeshli 2024).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.first_return import first_return, side_by_side
from gradflow.nn.memory import Memory
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer, Sgd
from gradflow.nn.updates import joint_log_share

A_LINE = 2.5  # steps whose products the gradient of a line and its passes forward take
NEAR = {False: 1, True: 0}  # steps from one line to the next, without norms and with them, of plain sgd
FAR = {False: 4, True: 1}  # and with momentum
STEEPER = 16  # times at most that a second line tells, where steps to it have left the loss higher: far out
SHARPENED = {False: -1.5, True: -0.5}  # exponents of 1 + momentum: what is left of the edge


class Descent:
    """The losses of S networks on a batch along the step that an optimizer makes first, in units of lr."""

    def __init__(self, model: Model, optimizer: Optimizer, clip_norm: float | None, dtype: Any) -> None:
        self.optimizer, self.clip_norm = replace(optimizer, lr=1.0), clip_norm
        self.network = Network(Memory(model, dtype, keep_gradients=True), self.optimizer)
        self.runs = self.network.all_runs

    def begin(self, p: Array, x: Array, y: Array) -> None:
        """Stand where networks stand: their flat parameters, x (S, B, features) and y (S, B, outputs)."""
        memory = self.network.memory
        memory.x[:, :, :-1], memory.y[...] = x, y
        self.network.parameters.flat[...] = p
        self.look_around()

    def look_around(self) -> None:
        """Begin a line where the networks are: `start` is the loss, `slope` by what it falls, both (S,)."""
        for state in self.network.state:
            state.flat.fill(0)
        self._look(1)

    def walk(self, lr: Array, steps: int) -> None:
        """Make the optimizer's first steps, and begin a line where they end."""
        for t in range(1, steps):
            self.go(lr)
            self._look(t + 1)
        self.go(lr)
        self.look_around()

    def _look(self, t: int) -> None:
        self.network.forward(record=False)
        self.network.backward(record=False, update=False)
        self.start = self.network.memory.tally.loss.copy()
        self.slope = self._steps(t)
        self.origin = [run.p.copy() for run in self.runs]

    def _steps(self, t: int) -> Array:
        """Make update t's steps of the gradients; the product of both, (S,)."""
        slope = np.zeros_like(self.start)
        log_share = (
            np.zeros_like(slope) if self.clip_norm is None else joint_log_share(self.runs, self.clip_norm)
        )
        for run in self.runs:
            scale = run.scale(log_share)
            gradient = (run.g * scale).astype(np.float64)
            self.optimizer.step(run.g, run.p, run.state, t, scale)
            slope += np.einsum("ksij,ksij->s", gradient, run.g)
        return np.asarray(slope * np.exp(-log_share))

    def losses(self, lr: Array) -> Array:
        """After one step of a learning rate for each network, (S,) -> (S,)."""
        self.go(lr)
        self.network.forward(record=False)
        found, _ = self.network.forward.loss()
        return np.asarray(found.mean(axis=1))

    def go(self, lr: Array) -> None:
        """Put the networks there."""
        for run, origin in zip(self.runs, self.origin, strict=True):
            np.multiply(run.g, lr.astype(run.p.dtype)[:, None, None], out=run.p)
            np.subtract(origin, run.p, out=run.p)


def direction(optimizer: Optimizer, clip_norm: float | None) -> str:
    """The direction of the line, in words."""
    if optimizer.name != "sgd":
        return f"{optimizer.name}'s first step"
    gradient = "gradient" if clip_norm is None else "clipped gradient"
    return f"velocity of the {gradient}" if optimizer.slots else gradient


def walk_of(model: Model, optimizer: Optimizer) -> int:
    """After how many steps, of half the first line's return, a second line is looked along; 0: after none.

    A step along the gradient lets the loss grow steeper as training begins, and velocity carries further, to
    where it is steeper still. Norms damp that, and so do optimizers that divide by what gradients have been.
    """
    if not isinstance(optimizer, Sgd):
        return 0
    damped = "norm" in model.factors
    return FAR[damped] if optimizer.slots else NEAR[damped]


def cost_of(model: Model, optimizer: Optimizer) -> float:
    """What measuring takes, in steps of the training."""
    walk = walk_of(model, optimizer)
    return A_LINE * (1 + (walk > 0)) + max(walk - 1, 0)


def bears(model: Model, optimizer: Optimizer) -> float:
    """How many times as long a step is borne with velocity as the return along the gradient tells.

    On a quadratic loss, `edge` times; but the loss sharpens on the way that velocity carries.
    """
    if not isinstance(optimizer, Sgd):
        return 1.0
    sharpened: float = (1 + optimizer.momentum) ** SHARPENED["norm" in model.factors]
    return optimizer.edge * sharpened


def critical_rates(line: Descent) -> Array:
    """The critical learning rate of each network, (S,): the lower return of its lines, times what it `bears`.

    0 where the loss falls at no step that the dtype resolves, inf where none that was tried brings it back,
    nan where the line does not begin downhill.
    """
    rates, model = _returns(line), line.network.model
    if walk := walk_of(model, line.optimizer):
        start = line.start
        line.walk(np.where(np.isfinite(rates), rates / 2, 0), walk)
        again = _returns(line)
        blown_up = np.fmax(np.where(np.isfinite(again), again, 0), rates / STEEPER)
        again = np.where(line.start <= start, again, blown_up)
        rates = np.where(again > 0, np.fmin(rates, again), rates)
    return rates * bears(model, line.optimizer)


def _returns(line: Descent) -> Array:
    rounding = np.finfo(line.network.memory.dtype).eps * np.abs(line.start)
    lines = zip(*(each.tolist() for each in (line.start, line.slope, rounding)), strict=True)
    return np.array(side_by_side([first_return(*each) for each in lines], line.losses))
