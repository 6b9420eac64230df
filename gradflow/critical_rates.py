"""When the critical learning rates of a training are measured, and what was found.

On copies of the networks, in the training's dtype, on the batch of the row: no bit of the training changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import numpy as np

from gradflow.arrays import Array
from gradflow.nn.critical_rate import Descent, cost_of, critical_rates, direction
from gradflow.nn.memory import layout, layout_bytes
from gradflow.nn.model import Model
from gradflow.nn.network import Network
from gradflow.nn.optimizers import Optimizer

AUTO = "auto"
WHEN = (AUTO, "initial", "both", "none")
MOST_OF = 0.05  # of the products of a training's steps that measuring may take where it is `auto`
LITTLE = 3e8  # products that it may take in any case, about 10 ms
ROOM = 1 << 30  # bytes that copies of a network and its gradients may take where it is `auto`
STATE = "critical_lr."
TOO_SHORT = "it would take more than a twentieth of the run, or a gigabyte: set recording.critical_lr=initial"
UNDEFINED = {
    0.0: "the loss falls at no learning rate that the dtype resolves",
    inf: "the loss comes back at no learning rate that was tried",
}
NO_WAY_DOWN = "no gradient leads downhill, or the loss is not finite"


class CriticalRates:
    """Those of all networks of a training, `found` by row: nan, 0 or inf where there is none.

    `model` has as many seeds as are trained side by side, of `seeds` in all.
    """

    def __init__(
        self, when: str, model: Model, seeds: int, optimizer: Optimizer, clip_norm: float | None, steps: int
    ) -> None:
        self.when, self.seeds, self.steps = when, seeds, steps
        self.optimizer, self.clip_norm = optimizer, clip_norm
        self.direction = direction(optimizer, clip_norm)
        first = when in WHEN[1:3] or (when == AUTO and self._is_cheap(model))
        self.rows = {*([0] if first else []), *([steps] if when == "both" else [])}
        self.found: dict[int, Array] = {}

    def _is_cheap(self, model: Model) -> bool:
        steps = cost_of(model, self.optimizer)
        products = 3 * steps * model.parameters * model.shape.batch * self.seeds
        return (steps <= MOST_OF * self.steps or products <= LITTLE) and (
            layout_bytes(layout(model, np.float64, keep_gradients=True)) <= ROOM
        )

    def measure(self, t: int, rates: Callable[[int], Array]) -> None:
        """If it is due after t updates: those of all networks, (seeds,)."""
        if t in self.rows and t not in self.found:
            self.found[t] = rates(t)

    def end_at(self, step: int) -> None:
        """The training ends after so many updates, fewer than planned."""
        self.rows = {step if row == self.steps else row for row in self.rows}
        self.steps = step

    def state(self) -> dict[str, Array]:
        """What was found, by name, for a checkpoint."""
        return {f"{STATE}{row}": rates for row, rates in self.found.items()}

    def restore(self, state: dict[str, Array]) -> None:
        """What another training of the same plan, or of one of fewer steps, had found."""
        names = [name for name in state if name.startswith(STATE)]
        found = {int(name.removeprefix(STATE)): state[name] for name in names}
        self.found = {row: rates for row, rates in found.items() if row in self.rows}

    def document(self) -> dict[str, Any]:
        """As run.json holds it."""
        first, last = (self.found.get(row) for row in (0, self.steps))
        last = last if self.when == "both" else None
        return {
            "initial": None if first is None else _defined(first),
            "final": None if last is None else _defined(last),
            "direction": self.direction,
            "reason": self._reason(first),
        }

    def _reason(self, first: Array | None) -> str | None:
        if first is None:
            return TOO_SHORT if self.when == AUTO else f"recording.critical_lr is {self.when}"
        undefined = [rate for rate in first.tolist() if not 0 < rate < inf]
        if not undefined:
            return None
        few = f"in {len(undefined)} of {len(first)} networks " if len(first) > 1 else ""
        return few + UNDEFINED.get(undefined[0], NO_WAY_DOWN)


def rates_of(networks: Iterable[Network], optimizer: Optimizer, clip_norm: float | None) -> Array:
    """Those of networks in turn, each with its batch in memory, one after the other."""
    lines: dict[int, Descent] = {}
    found = []
    for network in networks:
        size, memory = network.shape.seeds, network.memory
        if size not in lines:
            lines[size] = Descent(network.model, optimizer, clip_norm, memory.dtype)
        lines[size].begin(network.parameters.flat, memory.x[:, :, :-1], memory.y)
        found.append(critical_rates(lines[size]))
    return np.concatenate(found)


def _defined(rates: Array) -> list[float | None]:
    return [rate if 0 < rate < inf else None for rate in rates.tolist()]
