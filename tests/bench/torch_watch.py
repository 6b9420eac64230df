"""What `gradflow.torch.watch` adds to a step of a transformer, beside what others record.

Each contender's step is timed between two bare ones, by the thread's own clock, so that what slows the
machine slows both: the median of the shares and the interval of its order statistics. Beside it, free of any
clock: the operators that a step dispatches and the bytes that these read and write, over those of a bare one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gradflow.torch import watch
from gradflow.torch.watch import WHAT

DEPTH, WIDTH, HEADS, TOKENS, BATCH, CLASSES = 12, 256, 4, 64, 16, 10
Step = Callable[[], Any]


def model() -> Any:
    """A pre-norm encoder and a read-out."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, batch_first=True, norm_first=True)
    return nn.Sequential(
        nn.TransformerEncoder(layer, DEPTH, enable_nested_tensor=False), nn.Linear(WIDTH, CLASSES)
    )


def training() -> tuple[Any, Step]:
    """A model and its step: forward, backward, Adam."""
    network = model()
    rule = torch.optim.Adam(network.parameters(), lr=1e-4)
    x, y = torch.randn(BATCH, TOKENS, WIDTH, requires_grad=True), torch.randint(0, CLASSES, (BATCH,))

    def step(seen: Step = lambda: None) -> None:
        nn.functional.cross_entropy(network(x).mean(dim=1), y).backward()
        seen()
        rule.step()
        rule.zero_grad()

    return network, step


def bare(stack: ExitStack) -> Step:
    """No record."""
    return training()[1]


def watched(every: int, what: tuple[str, ...]) -> Callable[[ExitStack], Step]:
    """`watch` at block axis."""

    def build(stack: ExitStack) -> Step:
        network, step = training()
        flow = stack.enter_context(watch(network, every=every, what=what, quiet=True))
        return lambda: step(flow.step)

    return build


def histograms(stack: ExitStack) -> Step:
    """A histogram of each parameter's gradient as it comes, as wandb.watch makes it."""
    network, step = training()

    def keep(gradient: torch.Tensor) -> None:
        flat = gradient.detach().flatten()
        if torch.isfinite(flat).all():
            low, high = flat.min().item(), flat.max().item()
            torch.histc(flat, 64, low, high).tolist()
            torch.linspace(low, high, 65).tolist()

    for parameter in network.parameters():
        parameter.register_hook(keep)
    return step


def every_module(stack: ExitStack) -> Step:
    """A full backward hook on every module, with the norm of what comes."""
    network, step = training()

    def keep(module: Any, below: Any, above: Any) -> None:
        float(above[0].norm())

    for module in network.modules():
        if not list(module.children()):
            module.register_full_backward_hook(keep)
    return step


CONTENDERS = {
    "bare": bare,
    "watch, delta": watched(1, ("delta", "branch")),
    "watch, all": watched(1, WHAT),
    "watch, idle": watched(10**6, ("delta",)),
    "histograms": histograms,
    "hooks on every module": every_module,
}


class Counted(TorchDispatchMode):
    """Counts operators, and the bytes of what those that make no view take and give."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.operators += 1
        if not func.is_view:
            tensors = [one for one in tree_leaves((args, found)) if isinstance(one, torch.Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in tensors)
        return found


def counted(step: Step) -> tuple[int, int]:
    """Operators and bytes of a step."""
    with Counted() as counts:
        step()
    return counts.operators, counts.bytes


@dataclass
class Measured:
    """A contender's own steps in seconds, as shares of the bare ones around each, and its counts."""

    counts: tuple[int, int]
    seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def interval(self) -> tuple[float, float, float]:
        """The median of the shares over bare and its 95% interval."""
        ordered = np.sort(self.shares)
        half = 0.98 * np.sqrt(len(ordered))  # 1.96 standard deviations of the median's rank
        ends = np.clip([len(ordered) / 2 - half, len(ordered) / 2 + half], 0, len(ordered) - 1)
        low, high = ordered[ends.round().astype(int)]
        return float(np.median(ordered)), float(low), float(high)


def measure(rounds: int) -> dict[str, Measured]:
    """Every contender in turn, between two bare steps; "bare", a third one, tells the noise."""
    with ExitStack() as stack:
        reference = bare(stack)
        steps = {name: build(stack) for name, build in CONTENDERS.items()}
        for step in (reference, *steps.values()):
            step()  # finds the axis
        found = {name: Measured(counted(step)) for name, step in steps.items()}
        for _ in range(rounds):
            for name, step in steps.items():
                around, own, after = (seconds_of(one) for one in (reference, step, reference))
                found[name].seconds.append(own)
                found[name].shares.append(2 * own / (around + after) - 1)
    return found


def seconds_of(step: Step) -> float:
    """Of the thread's clock."""
    start = time.thread_time()
    step()
    return time.thread_time() - start


def rows(rounds: int) -> Iterator[dict[str, Any]]:
    """Each contender: its share over bare as median and interval, and what it adds of operators and bytes."""
    torch.set_num_threads(1)
    found = measure(rounds)
    operators, size = found["bare"].counts
    for name, one in found.items():
        yield {
            "name": name,
            "seconds": min(one.seconds),
            "share": one.interval(),
            "operators": one.counts[0] - operators,
            "bytes": one.counts[1] / size - 1,
        }


def line(row: dict[str, Any]) -> str:
    """A row as text."""
    middle, low, high = (100 * share for share in row["share"])
    time = f"{1000 * row['seconds']:.1f} ms at least, {middle:+.1f}% ({low:+.1f} to {high:+.1f})"
    return f"{row['name']:<24} {time}  {row['operators']:+} operators, {100 * row['bytes']:+.1f}% bytes"
