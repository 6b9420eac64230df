"""What `gradflow.torch.watch` adds to a step of a transformer, beside what others record.

python -m tests.bench.torch_watch: the least of alternating rounds, as shares of the bare step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from gradflow.torch import watch

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
    for parameter in network.parameters():
        parameter.register_hook(
            lambda gradient: torch.histc(gradient.float().flatten(), bins=64).tolist() and None
        )
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
    "watch, all": watched(1, ("delta", "branch", "dw", "update")),
    "watch, idle": watched(10**6, ("delta",)),
    "histograms": histograms,
    "hooks on every module": every_module,
}


def measure(rounds: int) -> dict[str, float]:
    """Seconds of a step of each, by the clock of the processor: the least of rounds taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        steps = {name: build(stack) for name, build in CONTENDERS.items()}
        for step in steps.values():
            step()  # finds the axis
        for _ in range(rounds):
            for name, step in steps.items():
                start = time.process_time()
                step()
                times[name].append(time.process_time() - start)
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.torch_watch", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    torch.set_num_threads(1)
    found = measure(parser.parse_args().rounds)
    for name, seconds in found.items():
        print(f"{name:24} {1000 * seconds:8.1f} ms {100 * (seconds / found['bare'] - 1):+7.1f}%", flush=True)


if __name__ == "__main__":
    main()
