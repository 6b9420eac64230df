"""What one pass through a model leaves: ln ||delta|| of each sample at each point, as its gradients come."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, nan
from typing import Any

import torch
from torch import Tensor

from gradflow.errors import InputError, RunError
from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import BatchPart
from gradflow.torch.norms import log_norms, stacked
from gradflow.torch.scene import AxisPoint

KEPT = 64 << 20  # bytes of gradients that are kept, for a second backward pass through the same graph


class Pass:
    """The points of one pass, the last block's output after them, filled from the loss on by `arrive`."""

    def __init__(self, axis: DepthAxis, samples: BatchPart, scaler: Any = None) -> None:
        self.axis, self.samples, self.scaler = axis, samples, scaler
        self.points: list[AxisPoint] = [*axis.points, *([axis.top] if axis.top else [])]
        self.squares: list[Tensor | None] = [None] * len(self.points)
        self.kept: dict[tuple[int, int], Tensor] = {}
        self.logs: dict[tuple[int, int], Tensor] = {}
        self.added: dict[int, Tensor] = {}
        self.batches: dict[int, int] = {}  # of each point, how many samples it has
        self.scale, self.bytes = 1.0, 0
        self.last: int | None = None
        self.dtypes: set[torch.dtype] = set()
        self.dimensions: set[int] = set()  # how many the gradients have
        self.closed = False

    @property
    def reached(self) -> bool:
        """Whether any gradient came."""
        return bool(self.logs)

    @property
    def batch(self) -> int:
        """How many samples all points of the axis have."""
        return self.batches[0]

    def arrive(self, number: int, place: int, gradient: Tensor) -> None:
        """Take the gradient of a tensor of point `number`: what a second backward brings is added to it."""
        if self.closed:
            return
        if not self.logs and self.scaler is not None:
            self.scale = float(self.scaler.get_scale())
        key, held = (number, place), self.samples.of(gradient)
        self.batches[number] = self.samples.count(tuple(gradient.shape))
        if key in self.logs:
            held = held + self._before(key)
        self._keep(key, held)
        self.logs[key] = log_norms(held)
        self.dtypes.add(held.dtype)
        self.dimensions.add(gradient.dim())
        if self.axis.residual and number + 1 < len(self.points):
            self._add(number, held)

    def close(self) -> None:
        """Let the gradients go, which the graph would hold for as long as its loss is kept; take no more."""
        self.closed = True
        self.kept.clear()

    def forget(self) -> None:
        """Be as before any gradient came."""
        for found in (self.kept, self.logs, self.added, self.batches, self.dtypes):
            found.clear()
        self.bytes, self.last = 0, None

    def _before(self, key: tuple[int, int]) -> Tensor:
        if key not in self.kept:
            words = "two backward passes went through one call of {}, too large to be kept: add their losses"
            raise RunError(words.format(self.points[key[0]].name))
        return self.kept[key]

    def _keep(self, key: tuple[int, int], held: Tensor) -> None:
        """A copy, for as long as they are few; else until the next one has come."""
        if self.bytes > KEPT and self.last is not None:
            self.kept = {one: each for one, each in self.kept.items() if one[0] == self.last}
        self.last = key[0]
        self.bytes += held.numel() * held.element_size()
        self.kept[key] = held.clone()

    def _add(self, number: int, held: Tensor) -> None:
        """||dL/dh_in - dL/dh_out|| / ||dL/dh_out||, of one tensor whose shape the block leaves."""
        if any(len(point.places) > 1 for point in self.points[number : number + 2]):
            return
        key = next((key for key in self.kept if key[0] == number + 1), None)
        if key is not None and self.kept[key].shape == held.shape:
            change = log_norms(held - self.kept[key]) - self.logs[key]
            self.added[number] = change.exp().nanmean()

    def logs_of(self, number: int) -> Tensor | None:
        """ln of the norm of each sample (samples,), all tensors of a point together; None if none came."""
        found = [logs for (one, _), logs in self.logs.items() if one == number]
        if len(found) > 1:
            return torch.logsumexp(2 * torch.stack(found), 0) / 2
        return found[0] if found else None


def unlike(passes: Sequence[Pass], first: bool) -> str | None:
    """Why a step is left out: its batch is empty, or its loss looks elsewhere than that of the first one."""
    counts = [count for each in passes for count in each.batches.values()]
    if counts and not any(counts):
        return "its batch is empty"
    name = None if first else _unreached(passes)
    return None if name is None else f"no gradient reaches {name}"


def _unreached(passes: Sequence[Pass]) -> str | None:
    """The first point that a pass has no gradient at, though it has at others."""
    names = (
        each.points[number].name
        for each in passes
        for number in range(len(each.axis.points))
        if each.reached and each.logs_of(number) is None
    )
    return next(names, None)


def complete(passes: Sequence[Pass], step: int) -> list[Pass]:
    """The passes that a gradient came to. RunError if none, or if it stopped at a point, with the cause.

    InputError for points whose batches differ in size, which have no samples in common, or of which none has
    the axis of the batch.
    """
    reached = [each for each in passes if each.reached]
    if not reached:
        raise RunError(f"no gradient came to the model at step {step}: call step() after backward()")
    if (name := _unreached(reached)) is not None:
        raise RunError(f"no gradient reaches {name}: {UNUSED}")
    for each in reached:
        for number in range(len(each.axis.points)):
            if each.batches[number] != each.batch:
                sizes = (f"{each.batches[one]} at {each.points[one].name}" for one in (0, number))
                raise InputError(DIFFERING.format(*sizes))
        if each.samples.axis and not any(map(each.samples.fits, each.dimensions)):
            raise InputError(NO_AXIS.format(each.samples.axis, max(each.dimensions)))
    return reached


DIFFERING = (
    "the samples of the batch are {} and {}: name the modules of one part with axis=[...], or set batch_dim "
    "if the samples are not along the first dimension, or give one sample as a batch of one, x[None]"
)
NO_AXIS = "batch_dim={}: the gradients along the axis have {} dimensions: give one of theirs, from 0 on"
UNUSED = "the loss does not depend on it, which is unused or detached"


def measured(passes: Sequence[Pass]) -> dict[str, Any]:
    """Of (points,) each: `delta`, mean over samples of ln ||delta|| of the per-sample loss, `branch`, `q`.

    The loss is a mean over all samples of all passes, so each sample's own gradient is that many times as
    large. A sample whose delta is 0 somewhere is left out, and counted in `lost`.
    """
    points = len(passes[0].axis.points)
    batch = sum(each.batch for each in passes)
    scaled = [stacked([_given(each, one) for one in range(points)]) - log(each.scale) for each in passes]
    logs = torch.cat(scaled, dim=1) + log(batch)  # (points, samples)
    alive = (logs != -torch.inf).all(dim=0)
    means = logs[:, alive].mean(dim=1) if alive.any() else logs.amax(dim=1)
    return {
        "delta": means.tolist(),
        "branch": _means([[each.added.get(one) for one in range(points)] for each in passes]),
        "q": _means([each.squares[:points] for each in passes]),
        "zero": (logs == -torch.inf).sum(dim=1).tolist(),
        "lost": int((~alive).sum()),
        "batch": batch,
        "samples": logs.shape[1],
        "backwards": len(passes),
        "loss_scale": passes[-1].scale,
        "half": any(dtype == torch.float16 for each in passes for dtype in each.dtypes),
    }


def _given(each: Pass, number: int) -> Tensor:
    logs = each.logs_of(number)
    assert logs is not None
    return logs


def _means(passes: Sequence[Sequence[Tensor | None]]) -> list[float]:
    """Of each point the mean over the passes that have it; nan where none has."""
    found = [value for values in passes for value in values if value is not None]
    known = iter(stacked(found).tolist() if found else ())
    table = [[nan if value is None else next(known) for value in values] for values in passes]
    means: list[float] = torch.tensor(table, dtype=torch.float64).nanmean(dim=0).tolist()
    return means
