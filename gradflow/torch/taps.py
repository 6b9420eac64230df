"""Hooks of a recorded step: the first looks for the axis in the whole graph, later ones tap its points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gradflow.errors import GradflowError, InputError
from gradflow.torch.axis import DepthAxis, Scene, choose
from gradflow.torch.calls import BatchPart, Call, Origin, Tracer, flat, in_backward, names_of, sinks
from gradflow.torch.expected import ExpectedLaw, expected_of
from gradflow.torch.graph import Graph, apart, graph_of
from gradflow.torch.passes import Pass

if TYPE_CHECKING:
    from torch.autograd.graph import Node

Chosen = str | Sequence[str | nn.Module]


class Search:
    """The first recorded step: traces every call and, when a backward pass begins, finds the axis."""

    def __init__(self, model: nn.Module, chosen: Chosen, samples: BatchPart, scaler: Any) -> None:
        self.names, self.chosen, self.samples, self.scaler = names_of(model), chosen, samples, scaler
        self.tracer = Tracer(model, samples, self._ended)
        self.axis: DepthAxis | None = None
        self.expected = ExpectedLaw()
        self.passes: list[Pass] = []
        self.problem: GradflowError | None = None
        self.strange: str | None = None
        self.known: set[Node] = set()

    def start(self) -> None:
        """Put the hooks on."""
        self.tracer.start()

    def stop(self) -> None:
        """Take them away."""
        self.tracer.stop()
        self.known.clear()

    def _ended(self, call: Call) -> None:
        for edge in call.outputs.values():
            edge.node.register_prehook(partial(self._begins, edge.node))

    def _begins(self, node: Node, gradients: tuple[Tensor, ...]) -> None:
        """Of the backward pass that has come to the output of a module: find the chain below it."""
        if node in self.known or self.problem is not None:
            return
        try:
            for scene in self._scenes():
                self._tap(scene, node, gradients)
        except GradflowError as error:
            self.problem = error

    def _scenes(self) -> list[Scene]:
        """One for each pass that this backward goes through."""
        roots = [node for node in sinks(self.tracer.calls) if _is_run(node)]
        self.known.update(roots)
        graph = graph_of(roots)
        inner = {lower for lowers in graph.below.values() for lower in lowers}
        groups = apart(graph, [root for root in graph.roots if root not in inner])
        found = [self._scene(graph_of(group)) for group in groups]
        used = {id(call) for scene in found for call in scene.calls}
        self.tracer.calls = [call for call in self.tracer.calls if id(call) not in used]
        return found

    def _scene(self, graph: Graph) -> Scene:
        nodes = set(graph.order)
        calls = [call for call in self.tracer.calls if not nodes.isdisjoint([*call.above()][-1].nodes)]
        target = graph.deepest({node for call in calls for node in call.nodes})
        if target is None:
            raise InputError("no gradient reaches any module: are all parameters frozen?")
        return Scene(calls, graph, target, frozenset(graph.cuts(target)), self.names)

    def _tap(self, scene: Scene, begun: Node, gradients: tuple[Tensor, ...]) -> None:
        first = self.axis is None
        self.axis = self.axis or choose(scene, self.chosen)
        one = Pass(self.axis, self.samples, self.scaler)
        self.passes.append(one)
        for number, point in enumerate(one.points):
            same = [call for call in scene.calls if call.module is point.module]
            for call in islice(same, point.number, point.number + 1):
                edges = call.inputs if point.side == "input" else call.outputs
                for place in (place for place in point.places if place in edges):
                    one.squares[number] = edges[place].mean_square
                    tap(one, number, place, edges[place])
                    if edges[place].node is begun:  # whose hooks are running already
                        one.arrive(number, place, gradients[edges[place].output])
        if first:
            squares = [math.nan if square is None else float(square) for square in one.squares]
            self.expected = expected_of(scene, self.axis, squares)


class Taps:
    """A later recorded step: hooks on the modules of the axis alone."""

    def __init__(self, axis: DepthAxis, samples: BatchPart, scaler: Any) -> None:
        self.axis, self.samples, self.scaler = axis, samples, scaler
        self.passes: list[Pass] = []
        self.problem: GradflowError | None = None
        self.strange: str | None = None
        self.next = 0
        self.hooks: list[Any] = []

    def start(self) -> None:
        """Put the hooks on."""
        points = [*self.axis.points, *([self.axis.top] if self.axis.top else [])]
        for module, side in dict.fromkeys((point.module, point.side) for point in points):
            if side == "input":
                self.hooks.append(module.register_forward_pre_hook(self._enters, with_kwargs=True))
            else:
                self.hooks.append(module.register_forward_hook(self._leaves))

    def stop(self) -> None:
        """Take them away."""
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()
        if self.next and self.strange is None:
            self.strange = f"{self.next} of {len(self.axis.points)} points were met"

    def _enters(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self._met(module, "input", (*args, *kwargs.values()))

    def _leaves(self, module: nn.Module, args: Any, outputs: Any) -> None:
        self._met(module, "output", outputs)

    def _met(self, module: nn.Module, side: str, values: Any) -> None:
        if in_backward() or self.strange:
            return
        tensors = list(flat(values))
        if not any(tensor is not None and tensor.grad_fn is not None for tensor in tensors):
            return
        if self.next == 0:
            self.passes.append(Pass(self.axis, self.samples, self.scaler))
        one = self.passes[-1]
        point = one.points[self.next]
        if (point.module, point.side) != (module, side):
            self.strange = f"another block than {point.name} came in its place"
            return
        self._tap(one, self.next, [tensors[place] for place in point.places if place < len(tensors)])
        self.next = (self.next + 1) % len(one.points)

    def _tap(self, one: Pass, number: int, tensors: Sequence[Tensor | None]) -> None:
        for place, tensor in zip(one.points[number].places, tensors, strict=False):
            if tensor is None or tensor.grad_fn is None:
                self.strange = f"{one.points[number].name} got no tensor that needs a gradient"
                return
            one.squares[number] = self.samples.mean_square(tensor)
            edge = Origin(tensor.grad_fn, tensor.output_nr, (), tensor)
            tap(one, number, place, edge)


def tap(one: Pass, number: int, place: int, edge: Origin) -> None:
    """Have the gradient of a tensor told to a pass when it comes."""

    def came(gradients: tuple[Tensor, ...]) -> None:
        if gradients[output] is not None:
            one.arrive(number, place, gradients[output])

    output = edge.output
    edge.node.register_prehook(came)


def _is_run(node: Node) -> bool:
    """Whether the backward pass that is running comes to a node."""
    return bool(torch._C._will_engine_execute_node(node))
