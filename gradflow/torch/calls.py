"""The module calls of a recorded step: which node made each tensor that enters or leaves a module.

Hooks are on the modules only while a step is recorded. Calls inside a backward pass, in which checkpointed
activations are computed again, and those where gradients are off are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.distributions import Distribution
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from gradflow.torch.norms import real

WRAPPING = {  # class -> what it calls the module in it
    "DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod",
    "FullyShardedDataParallel": "_fsdp_wrapped_module", "CheckpointWrapper": "_checkpoint_wrapped_module",
}  # fmt: skip
WRAPPERS = frozenset(WRAPPING.values())
RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)


@dataclass(frozen=True)
class Origin:
    """A tensor that needs a gradient: the node that made it, which of the node's outputs it is, its size."""

    node: Node
    output: int
    shape: tuple[int, ...]
    mean_square: Tensor  # of the forward value, 0-d


def distinct(edges: Mapping[int, Origin]) -> tuple[int, ...]:
    """Of each tensor the first place, as of an output that is given as a state, too."""
    found: dict[tuple[Node, int], int] = {}
    for place, edge in edges.items():
        found.setdefault((edge.node, edge.output), place)
    return tuple(found.values())


@dataclass(eq=False)
class Call:
    """A call of a module: its tensors that need a gradient, by their place among the arguments or results."""

    module: nn.Module
    parent: Call | None
    inputs: dict[int, Origin]
    outputs: dict[int, Origin] = field(default_factory=dict)
    calls: int = 0  # of modules inside it
    leaf: bool = False  # whether an input is a leaf that needs a gradient, which no node has made
    hides: bool = False  # whether what it gave holds no tensor that `flat` finds

    @property
    def weighs(self) -> bool:
        """Whether its module has parameters of its own and calls no other."""
        return self.calls == 0 and any(True for _ in self.module.parameters())

    def above(self) -> Iterator[Call]:
        """It and the calls that it is part of, from the inside out."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.parent

    @property
    def begins(self) -> bool:
        """Whether leaves are all that enters it with a gradient."""
        return self.leaf and not self.inputs

    def edges(self, side: str) -> Mapping[int, Origin]:
        """Its tensors on a side, "input" or "output"."""
        return self.inputs if side == "input" else self.outputs

    @property
    def nodes(self) -> set[Node]:
        """What made its tensors."""
        return {edge.node for edges in (self.inputs, self.outputs) for edge in edges.values()}


class Hook(partial[None]):
    """A hook that copies of its module, pickled ones too, have as one that does nothing, without gradflow.

    A copy cannot drop it: it copies the entries of a module's dictionary of hooks one by one.
    It has no frame of its own, which a compiler of PyTorch would compile again for each module.
    """

    def __reduce__(self) -> Any:
        return getattr, (nullcontext(), "__exit__")  # it takes anything and gives None


class Tracer:
    """Records every call of every module of a model."""

    def __init__(self, model: nn.Module, samples: BatchPart) -> None:
        self.model, self.samples = model, samples
        self.calls: list[Call] = []
        self.open: list[Call] = []
        self.hooks = ExitStack()

    def start(self) -> None:
        """Put the hooks on."""
        for module in _called(self.model):
            self.hooks.enter_context(module.register_forward_pre_hook(Hook(self._before), with_kwargs=True))
            after = module.register_forward_hook(Hook(self._after), with_kwargs=True, always_call=True)
            self.hooks.enter_context(after)

    def stop(self) -> None:
        """Take the hooks away, and forget the calls."""
        self.hooks.close()
        self.forget()

    def forget(self) -> None:
        """Let go of the calls, and with them of their graph."""
        self.calls, self.open = [], []

    def _before(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if in_backward():
            return
        given = (*args, *kwargs.values())
        inputs, leaf = self._edges(given), any(map(_is_leaf, flat(given)))
        parent = self.open[-1] if self.open else None
        self.open.append(Call(module, parent, inputs, leaf=leaf))
        for call in self.open[:-1]:
            call.calls += 1
        self.calls.append(self.open[-1])

    def _after(self, module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
        if in_backward() or not self.open:
            return
        call = self.open.pop()
        call.outputs = self._edges(outputs)
        call.hides = all(tensor is None for tensor in flat(outputs))

    def _edges(self, values: Any) -> dict[int, Origin]:
        """The tensors that need a gradient, by their place."""
        found = {}
        for place, tensor in enumerate(flat(values)):
            if tensor is not None and tensor.grad_fn is not None:
                square = self.samples.mean_square(tensor)
                found[place] = Origin(tensor.grad_fn, tensor.output_nr, tuple(tensor.shape), square)
        return found


@dataclass(frozen=True)
class BatchPart:
    """Which samples are looked at: the first `most` along `axis`."""

    axis: int
    most: int | None

    def fits(self, dimensions: int) -> bool:
        """Whether a tensor of so many dimensions has the axis; of one that has not, the first counts."""
        return -dimensions <= self.axis < dimensions

    def of(self, tensor: Tensor) -> Tensor:
        """(samples, values of one), detached and real."""
        held = tensor.detach()
        if held.dim() < 2:
            return real(held.reshape(-1, 1)[: self.most]).flatten(1)
        axis = self.axis if self.fits(held.dim()) else 0
        held = held.movedim(axis, 0) if axis else held
        held = held[: self.most] if self.most is not None and len(held) > self.most else held
        return real(held).flatten(1)

    def count(self, shape: tuple[int, ...]) -> int:
        """How many samples the batch has."""
        return shape[self.axis if self.fits(len(shape)) else 0] if shape else 1

    def mean_square(self, tensor: Tensor) -> Tensor:
        """Mean square of the (absolute) forward value, a 0-d float32 or float64."""
        held = self.of(tensor)
        wide = torch.float64 if held.dtype == torch.float64 else torch.float32
        norms: Tensor = torch.linalg.vector_norm(held, dim=1, dtype=wide)
        return norms.square().sum() / (held.numel() / (2 if tensor.is_complex() else 1))


def _called(model: nn.Module) -> list[nn.Module]:
    """The modules of a model, without those that make the weights of others (parametrizations)."""
    makers = [each for each in model.modules() if isinstance(each, ParametrizationList)]
    within = {part for maker in makers for part in maker.modules()}
    return [module for module in model.modules() if module not in within]


def flat(values: Any) -> Iterator[Tensor | None]:
    """The tensors of arguments or results, in a fixed order; None stands for what is none."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from flat(tuple(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from flat(value)
    elif is_dataclass(values):
        yield from flat([getattr(values, one.name, None) for one in fields(values)])
    elif isinstance(values, Distribution):
        yield from flat(vars(values))
    else:
        yield None


def _is_leaf(tensor: Tensor | None) -> bool:
    """Whether its gradient would be its user's; a parameter may be given to a module, too."""
    wanted = tensor is not None and tensor.requires_grad and tensor.grad_fn is None
    return wanted and not isinstance(tensor, nn.Parameter)


def in_backward() -> bool:
    """Whether a backward pass is running in this thread."""
    return bool(torch._C._current_graph_task_id() != -1)


def names_of(model: nn.Module) -> dict[nn.Module, str]:
    """Each module's name, without the words that DDP, compile and checkpointing put into it."""
    return {module: bare(name) or "the model" for name, module in model.named_modules()}


def kind_of(module: nn.Module) -> str:
    """The name of the class that the user wrote."""
    return _class_of(unwrapped(module))


def _class_of(module: nn.Module) -> str:
    """Its name as it was before FSDP2 or a parametrization made another of it."""
    name = type(module).__name__.removeprefix("FSDP")
    return name.removeprefix("Parametrized") if is_parametrized(module) else name


def unwrapped(module: nn.Module) -> nn.Module:
    """The module that the user wrote, without what compiles, distributes or checkpoints it."""
    while (inner := WRAPPING.get(type(module).__name__)) is not None:
        module = getattr(module, inner)
    return module


def likeness(module: nn.Module) -> tuple[Any, ...]:
    """What modules of one kind have in common: their class, and of a Sequential what it holds.

    A layer is not like one of its name that holds it, as an adapter does.
    """
    kind = _class_of(module)  # a wrapper is not like what it wraps
    if kind == "Sequential":
        return (kind, *map(likeness, module.children()))
    return kind, any(name != "parametrizations" for name, _ in module.named_children())


def bare(name: str) -> str:
    """A qualified name without what wraps the model."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def sinks(calls: Iterable[Call]) -> list[Node]:
    """The nodes of what the outermost calls gave."""
    return [edge.node for call in calls if call.parent is None for edge in call.outputs.values()]
