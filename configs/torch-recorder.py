# Records the gradient norms of a PyTorch network, for `gradflow fit`: a layer's norm is that of dLoss/dz of
# each sample, its natural log averaged over the batch. Use:
#
#     from recorder import Recorder
#
#     with Recorder(model, "norms.csv") as recorder:
#         for inputs, targets in batches:
#             loss = loss_function(model(inputs), targets)  # a mean over the samples of the batch
#             loss.backward()
#             recorder.step()  # after backward, before the gradients are cleared
#             optimizer.step()
#             optimizer.zero_grad()
#
# and then `gradflow fit norms.csv`. Several networks give c a better interval: a Recorder each, with seed=0,
# seed=1, ... and append=True from the second on. In float32 a gradient below 1e-45 is 0: record a network
# that vanishes so far in float64, by model.double() and inputs.double().
#
# A layer is a Linear or convolution module, so that its output is a pre-activation z; the last one is the
# read-out and is left out. Name others with layers=[...], from the input on. The first axis is the sample.

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from types import TracebackType

import torch
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Recorder:
    """Writes a row for each step, layer and kind: delta, mean over samples of ln ||dLoss/dz||, and weight."""

    def __init__(
        self,
        model: nn.Module,
        path: str,
        *,
        layers: Sequence[nn.Module] | None = None,
        seed: int = 0,
        every: int = 1,
        append: bool = False,
    ) -> None:
        found = [module for module in model.modules() if isinstance(module, LAYERS)][:-1]
        self.layers = list(layers) if layers is not None else found
        self.seed, self.every, self.steps = seed, every, 0
        self.deltas: dict[int, Tensor] = {}
        self.file = open(path, "a" if append else "w", newline="")  # noqa: SIM115 - closed by close()
        self.writer = csv.writer(self.file)
        if not append:
            self.writer.writerow(["step", "layer", "seed", "kind", "log_norm"])
        self.hooks = [
            module.register_forward_hook(self._hook(number))
            for number, module in enumerate(self.layers, start=1)
        ]

    def _hook(self, number: int):
        def keep(delta: Tensor) -> None:
            self.deltas[number] = log_norms(delta)

        def watch(module: nn.Module, inputs: tuple[Tensor, ...], z: Tensor) -> None:
            if z.requires_grad and self.steps % self.every == 0:
                z.register_hook(keep)  # a hook on z is told dLoss/dz, even if the activation overwrites z

        return watch

    def step(self) -> None:
        """Write the row of the backward pass that has just been made."""
        if self.steps % self.every == 0:
            self._write()
        self.deltas.clear()
        self.steps += 1

    def _write(self) -> None:
        missing = [number for number in range(1, len(self.layers) + 1) if number not in self.deltas]
        if missing:
            raise RuntimeError(f"no gradient came to layer {missing[0]}: call step() after loss.backward()")
        logs = torch.stack([self.deltas[number] for number in sorted(self.deltas)])  # (layers, samples)
        samples = logs.shape[1]
        alive = (logs != -math.inf).all(dim=0)  # a sample whose delta is 0 somewhere has no logs
        means = logs[:, alive].mean(dim=1) if alive.any() else logs.amax(dim=1)
        for number, (module, mean) in enumerate(zip(self.layers, means.tolist(), strict=True), start=1):
            # the loss is a mean over the batch, so each sample's own gradient is `samples` times as large
            self._row(number, "delta", mean + math.log(samples))
            if isinstance(module.weight.grad, Tensor):
                self._row(number, "weight", log_norms(module.weight.grad[None]).item())

    def _row(self, layer: int, kind: str, log_norm: float) -> None:
        self.writer.writerow([self.steps, layer, self.seed, kind, repr(log_norm)])

    def close(self) -> None:
        """Take the hooks away and finish the file."""
        for hook in self.hooks:
            hook.remove()
        self.file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def log_norms(gradients: Tensor) -> Tensor:
    """ln of the norm of each sample (first axis), exact where the squares would underflow; -inf of zeros."""
    flat = gradients.detach().flatten(start_dim=1)
    flat = flat if flat.dtype == torch.float64 else flat.float()
    largest = flat.abs().amax(dim=1, keepdim=True)
    scaled = flat / torch.where(largest > 0, largest, torch.ones_like(largest))
    return (largest.squeeze(1).log() + scaled.norm(dim=1).log()).cpu()
