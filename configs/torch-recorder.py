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
# A layer is a call of a Linear or convolution module, whose output is a pre-activation z. Layers are numbered
# in the order of their calls, each call of a shared module counts, and the last, the read-out, is left out.
# They must be a chain: of branches name one, with layers=[...]. The first axis of z is the sample.
#
# All forward and backward passes between two steps (accumulation) are one batch: let the loss be the mean
# over all of it. With a GradScaler give scaler=scaler, and call step() before scaler.unscale_(). In
# distributed training rank 0 writes, of its own samples.
#
# Where gradflow is installed beside PyTorch, gradflow.torch.watch does the same and more: it finds the layers
# of transformers, ResNets and recurrent cells by itself, and saves a run.

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
UNUSED = "the loss does not depend on its output, which is unused or detached"
FROZEN = "neither its parameters nor its input have requires_grad, so it is frozen"
OFF = "it is called where gradients are off (torch.no_grad)"
LEAVE = "; name the others with layers=[...]"


@dataclass
class Call:
    """A call of a layer: what made its z, why no gradient may come, and ln ||dLoss/dz|| of each sample."""

    module: nn.Module
    node: Any
    cause: str
    logs: Tensor | None = None
    dtype: torch.dtype | None = None


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
        scaler: Any = None,
    ) -> None:
        found = [module for module in model.modules() if isinstance(module, LAYERS)]
        self.layers, self.given = list(found if layers is None else layers), layers is not None
        self.names = {module: name or "the model" for name, module in model.named_modules()}
        self.seed, self.every, self.scaler, self.steps = seed, every, scaler, 0
        self.passes: list[list[Call]] = []  # a list of calls for each forward pass since the last step
        self.chain: list[nn.Module] = []  # the layers of the first step that was written
        self.weights = False  # whether each layer has a weight gradient of its own
        self.hooks: list[Any] = []
        self.file = open(path, "a" if append else "w", newline="") if rank() == 0 else None  # noqa: SIM115
        if self.file is None:
            return
        self.writer = csv.writer(self.file)
        if self.file.tell() == 0:
            self.writer.writerow(["step", "layer", "seed", "kind", "module", "log_norm"])
        self.hooks = [layer.register_forward_hook(self._called) for layer in self.layers]
        self.hooks.append(model.register_forward_pre_hook(lambda *_: self.passes.append([])))

    def _called(self, layer: nn.Module, inputs: Any, z: Any) -> None:
        if self.steps % self.every:
            return
        if not isinstance(z, Tensor):
            raise RuntimeError(f"{self._name(layer)} gives a {type(z).__name__}, no tensor{LEAVE}")
        if not self.passes or any(call.logs is not None for call in self.passes[-1]):
            self.passes.append([])  # of a model that is not called as a whole
        cause = OFF if not torch.is_grad_enabled() else UNUSED if z.requires_grad else FROZEN
        call = Call(layer, None if self.chain else z.grad_fn, cause)  # which would keep the graph alive
        self.passes[-1].append(call)
        if z.requires_grad:
            z.register_hook(lambda delta: self._came(call, delta))  # even if the activation overwrites z

    def _came(self, call: Call, delta: Tensor) -> None:
        if call.logs is not None:
            name = self._name(call.module)
            raise RuntimeError(f"two backward passes went through one call of {name}: add their losses")
        call.logs, call.dtype = scaled_log_norms(delta.detach().flatten(1)).cpu(), delta.dtype

    def step(self) -> None:
        """Write the rows of the backward passes since the last step."""
        if self.file is not None and self.steps % self.every == 0:
            self._write([calls for calls in self.passes if any(call.logs is not None for call in calls)])
            self.file.flush()  # a process that is killed keeps its rows
        self.passes.clear()
        self.steps += 1

    def _write(self, passes: list[list[Call]]) -> None:
        if not passes:
            raise RuntimeError(
                "no gradient has come to a layer since the last step(): call it after backward()"
            )
        for calls in passes:
            self._check(calls)
        kept = [calls if self.given else calls[:-1] for calls in passes]  # without the read-out
        logs = torch.stack([torch.cat([call.logs for call in same]) for same in zip(*kept, strict=True)])
        samples = logs.shape[1]  # of (layers, samples)
        alive = (logs != -math.inf).all(dim=0)  # a sample whose delta is 0 somewhere has no logs
        means = logs[:, alive].mean(dim=1) if alive.any() else logs.amax(dim=1)
        scale = math.log(self._scale())
        for number, (call, mean) in enumerate(zip(kept[0], means.tolist(), strict=True), start=1):
            # the loss is a mean over the batch, so each sample's own gradient is `samples` times as large
            self._row(number, "delta", call.module, mean + math.log(samples) - scale)
            if self.weights:
                self._row(number, "weight", call.module, self._weight(call.module) - scale)

    def _check(self, calls: list[Call]) -> None:
        """Raise a RuntimeError that names the layer for which there is no number, and the cause."""
        modules = [call.module for call in calls]
        if self.chain and modules != self.chain:
            told = [", ".join(map(self._name, some)) for some in (modules, self.chain)]
            raise RuntimeError(f"step {self.steps} calls other layers ({told[0]}) than before ({told[1]})")
        for call in calls:
            if call.logs is None:
                raise RuntimeError(f"no gradient reaches {self._name(call.module)}: {call.cause}{LEAVE}")
            if call.logs.shape != calls[0].logs.shape:
                shapes = f"{len(call.logs)} samples, {self._name(modules[0])} {len(calls[0].logs)}"
                raise RuntimeError(f"{self._name(call.module)} has {shapes}: the first axis is no sample's")
            if call.dtype == torch.float16 and bool((call.logs == -math.inf).all()):
                words = "its delta is 0, or too small for float16: scale the loss, or record in float32"
                raise RuntimeError(f"no gradient passes {self._name(call.module)}: {words}")
        if not self.chain:
            self._begin(calls)

    def _begin(self, calls: list[Call]) -> None:
        """Of the first step: see that each layer feeds the next, and that none is left out unsaid."""
        if len(calls) + self.given < 2:
            raise RuntimeError(f"only {self._name(calls[0].module)} is called: there is no layer below it")
        self.chain = [call.module for call in calls]
        for call, after in pairwise(calls):
            if not feeds(call.node, after.node):
                both = f"{self._name(call.module)} does not feed {self._name(after.module)}, called after it"
                raise RuntimeError(f"{both}: the layers are no chain{LEAVE}")
        idle = [self._name(layer) for layer in self.layers if layer not in self.chain]
        if idle and self.given:
            raise RuntimeError(f"{', '.join(idle)} is not called in the forward pass{LEAVE}")
        if idle:
            warnings.warn(f"not called in the forward pass, and left out: {', '.join(idle)}", stacklevel=4)
        own = len(set(self.chain)) == len(self.chain)  # what a shared weight gets is of no one call
        self.weights = own and all(isinstance(gradient_of(module), Tensor) for module in self.chain)

    def _weight(self, module: nn.Module) -> float:
        gradient = gradient_of(module)
        if gradient is None:
            raise RuntimeError(f"{self._name(module)}.weight.grad is None: call step() before zero_grad()")
        return scaled_log_norms(gradient.detach().reshape(1, -1)).item()

    def _scale(self) -> float:
        """What the loss was multiplied by."""
        if unscaled(self.scaler):
            raise RuntimeError(
                "the gradients are no longer those of the scaled loss: call step() before unscale_()"
            )
        return self.scaler.get_scale() if self.scaler is not None else 1.0

    def _name(self, module: nn.Module) -> str:
        return f"{self.names.get(module, 'a layer')} ({type(module).__name__})"

    def _row(self, layer: int, kind: str, module: nn.Module, log_norm: float) -> None:
        name = self.names.get(module, "")
        self.writer.writerow([self.steps, layer, self.seed, kind, name, repr(log_norm)])

    def close(self) -> None:
        """Take the hooks away and finish the file."""
        for hook in self.hooks:
            hook.remove()
        if self.file is not None:
            self.file.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def gradient_of(module: nn.Module) -> Tensor | None:
    return getattr(getattr(module, "weight", None), "grad", None)


def feeds(node: Any, after: Any) -> bool:
    """Whether the autograd graph leads back from `after` to `node`."""
    seen, level = {after}, [after]
    while level and node not in seen:
        level = [
            n for n in dict.fromkeys(n for m in level for n, _ in m.next_functions) if n and n not in seen
        ]
        seen.update(level)
    return node in seen


# These are gradflow.torch's own.


def rank() -> int:
    """This process's number among those that train together."""
    return torch.distributed.get_rank() if is_together() else 0


def is_together() -> bool:
    """Whether several processes train together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def unscaled(scaler: Any) -> set[int]:
    """The ids of the optimizers whose gradients a GradScaler has unscaled for a step that is to come."""
    states = getattr(scaler, "_per_optimizer_states", {})
    return {optimizer for optimizer, state in states.items() if state["stage"].name == "UNSCALED"}


def scaled_log_norms(gradients: Tensor) -> Tensor:
    """ln of the norm of each sample (samples, values) by way of its largest value; -inf of zeros."""
    wide = gradients if gradients.dtype == torch.float64 else gradients.float()
    largest = wide.abs().amax(dim=1, keepdim=True)
    usable = (largest > 0) & largest.isfinite()
    scaled = wide / torch.where(usable, largest, torch.ones_like(largest))
    logs: Tensor = largest.squeeze(1).log() + scaled.norm(dim=1).log()
    return torch.where(usable.squeeze(1), logs, largest.squeeze(1).log())
