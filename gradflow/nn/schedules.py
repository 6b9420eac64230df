"""Learning rates over a run as a table of frozen classes: the share of lr that an update is made with.

A share is a pure function of the update's number, so that a run that is taken up again goes on with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Annotated, ClassVar

from annotated_types import Ge, Le, Lt, doc

from gradflow.formats import ConfigEntry

Steps = Annotated[int, Ge(0), Lt(2**53)]


@dataclass(frozen=True)
class Schedule(ConfigEntry):
    """A schedule of one YAML name; the fields of a subclass are its YAML keys."""

    spans: ClassVar[bool] = False  # whether a share depends on the steps of the whole run

    def share(self, t: int, steps: int) -> float:
        """Of lr, in update t = 1..steps of a run; above 0."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class ConstantRate(Schedule):
    """lr in every update."""

    name = "constant"

    def share(self, t: int, steps: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Warmup(Schedule):
    """lr t / N in the first N = `steps` updates, then lr (Goyal et al. 2017, section 2.2)."""

    name = "warmup"
    steps: Annotated[int, Ge(1), Lt(2**53), doc("Updates until the whole learning rate.")]

    def share(self, t: int, steps: int) -> float:
        return min(1.0, t / self.steps)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From lr to `final` of it on half a cosine (Loshchilov & Hutter 2017, eq. 5), after `warmup` updates.

    Update t > N has final + (1 - final) (1 + cos(pi p)) / 2 of lr, p = (t - N - 1) / (steps - N): it would be
    `final` in the update after the last, as in PyTorch and optax.
    """

    name = "cosine"
    spans = True
    warmup: Annotated[Steps, doc("Updates until the whole learning rate, before it falls.")] = 0
    final: Annotated[float, Ge(0), Le(1), doc("The share of the learning rate at the end.")] = 0.0

    def share(self, t: int, steps: int) -> float:
        if t <= self.warmup:
            return t / self.warmup
        way = (t - self.warmup - 1) / (steps - self.warmup)
        return self.final + (1 - self.final) * (1 + cos(pi * way)) / 2


SCHEDULES: dict[str, type[Schedule]] = {cls.name: cls for cls in (ConstantRate, Warmup, Cosine)}
