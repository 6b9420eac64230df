"""Hooks of a recorded step: the first looks for the axis in the whole graph, later ones tap its points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.utils.hooks import unserializable_hook

from gradflow.errors import GradflowError, InputError
from gradflow.torch.axis import DepthAxis, choose
from gradflow.torch.backward import leave, listen, of_a_loss
from gradflow.torch.calls import (
    BatchPart,
    Call,
    Hook,
    Origin,
    Tracer,
    flat,
    in_backward,
    kind_of,
    names_of,
    sinks,
)
from gradflow.torch.expected import ExpectedLaw, expected_of
from gradflow.torch.graph import Graph, apart, graph_of, through
from gradflow.torch.groups import is_sharded
from gradflow.torch.norms import squares
from gradflow.torch.passes import Pass
from gradflow.torch.scene import Scene

Chosen = str | Sequence[str | nn.Module]


class Search:
    """The first recorded step: traces every call, and finds the axis when a backward pass begins."""

    def __init__(self, model: nn.Module, chosen: Chosen, samples: BatchPart, scaler: Any) -> None:
        self.names, self.chosen, self.samples, self.scaler = names_of(model), chosen, samples, scaler
        self.tracer = Tracer(model, samples)
        self.axis: DepthAxis | None = None
        self.expected = ExpectedLaw()
        self.readout: nn.Module | None = None
        self.passes: list[Pass] = []
        self.problem: GradflowError | None = None
        self.strange: str | None = None
        self.tapped: list[list[tuple[str, Node]]] = []  # of each pass, the points in order

    def start(self) -> None:
        """Put the hooks on."""
        self.tracer.start()
        listen(self._begins)

    def stop(self) -> None:
        """Take them away."""
        leave(self._begins)
        self.tracer.stop()
        self.tapped.clear()

    def silent(self) -> str | None:
        """The name of the read-out, if its weights are all 0, so that nothing enters below it yet."""
        if self.readout is None:
            return None
        weights = [parameter for parameter in self.readout.parameters() if parameter.dim() > 1]
        silent = bool(weights) and squares({"": weights})[""] == 0
        return self.names.get(self.readout) if silent else None

    def _begins(self, losses: Sequence[Node]) -> None:
        """Of a backward pass that begins with these losses: find the chain below them."""
        if self.problem is not None:
            return
        _forget_thrown_away(self.tracer.model, self.passes)
        graph = graph_of(losses)
        try:
            for tapped in self.tapped:
                _refuse_in_parts(tapped, graph)
            scenes = self._scenes(graph)
            for scene in scenes:
                self._tap(scene, scenes)
        except GradflowError as error:
            self.problem = error

    def _scenes(self, graph: Graph) -> list[Scene]:
        """One for each pass through the model that the losses go back through."""
        known = set(graph.order)
        below = graph_of([node for node in sinks(self.tracer.calls) if node in known])
        inner = {lower for lowers in below.below.values() for lower in lowers}
        # weights that autocast or a parametrization keeps are shared by passes with nothing else in common
        met = {node for call in self.tracer.calls for node in call.nodes}
        groups = apart(below, [root for root in below.roots if root not in inner], met)
        reach = [set(graph_of(group).order) for group in groups]
        found = [self._scene(graph, own, set[Node]().union(*reach) - own) for own in reach]
        if not found:
            _require_open(self.tracer.calls, known)
        used = {id(call) for scene in found for call in scene.calls}
        self.tracer.calls = [call for call in self.tracer.calls if id(call) not in used]
        return found

    def _scene(self, graph: Graph, nodes: set[Node], others: set[Node]) -> Scene:
        """Of the pass that made these nodes; the same call of the model may have made those of `others`."""
        calls = [call for call in self.tracer.calls if not nodes.isdisjoint([*call.above()][-1].nodes)]
        calls = [one for one in calls if not nodes.isdisjoint(one.nodes) or others.isdisjoint(one.nodes)]
        target = graph.deepest({node for call in calls for node in call.nodes} & nodes)
        if target is None:
            raise InputError("no gradient reaches any module: are all parameters frozen?")
        return Scene(calls, graph, target, frozenset(graph.cuts(target)), self.names)

    def _tap(self, scene: Scene, beside: Sequence[Scene]) -> None:
        first = self.axis is None
        if self.axis is None:
            root, passes = _root(scene, beside)
            self.axis = replace(choose(scene, self.chosen), root=root, passes=passes)
        one = Pass(self.axis, self.samples, self.scaler)
        self.passes.append(one)
        self.tapped.append([])
        for number, point in enumerate(one.points):
            for call in islice(scene.alike(point.module, point.side), point.number, point.number + 1):
                known = call.edges(point.side)
                edges = {place: known[place] for place in point.places if place in known}
                for edge in edges.values():
                    one.squares[number] = edge.mean_square
                    self.tapped[-1].append((point.name, edge.node))
                tap(one, number, edges, lambda _: of_a_loss())
        if first:
            if any(square is not None and square.is_meta for square in one.squares):
                raise InputError("the model is on meta, where no number is: model.to_empty(device=...) first")
            values = [math.nan if square is None else float(square) for square in one.squares]
            self.expected = expected_of(scene, self.axis, values)
            self.readout = scene.readout.module if scene.readout else None


def _require_open(calls: Sequence[Call], known: set[Node]) -> None:
    """InputError for losses that go back through a model of whose outputs no tensor can be seen."""
    met = [call for call in calls if not known.isdisjoint(call.nodes)]
    hidden = next((top for call in met if (top := [*call.above()][-1]).hides), None)
    if hidden is not None:
        kind = kind_of(hidden.module)
        words = f"what {kind} gives holds no tensor that can be seen, so its passes cannot be told apart"
        raise InputError(f"{words}: give a tensor, or a tuple, dict or dataclass of tensors")


def _root(scene: Scene, beside: Sequence[Scene]) -> tuple[nn.Module | None, int]:
    """The module whose call made a pass, and how many of those beside it; None if several calls did."""
    made, *others = ({call for call in one.calls if call.parent is None} for one in (scene, *beside))
    return (None, 0) if len(made) > 1 else (next(iter(made)).module, others.count(made))


def _refuse_in_parts(tapped: Sequence[tuple[str, Node]], graph: Graph) -> None:
    """InputError for a further loss that looks at the midst of a chain which was found for another."""
    reached = set(graph.order)
    met = [name for name, node in tapped if node in reached]
    if met and len(met) < len(tapped):
        words = f"a further backward() looks at the model's inside: it reaches {met[-1]}, not {tapped[-1][0]}"
        raise InputError(f"{words}; add the losses and call backward() once: the axis is then right for both")


def _forget_thrown_away(model: nn.Module, passes: Sequence[Pass]) -> None:
    """Forget passes that zero_grad() came after, as a critic's after the loss of its generator."""
    reached = [one for one in passes if one.reached]
    trained = [one for one in model.parameters() if one.requires_grad]
    if not reached or not trained or is_sharded(model):
        return  # shards gather elsewhere what they add up over several passes
    if not any(one.grad is not None and squares({"": [one.grad]})[""] != 0 for one in trained):
        for each in reached:
            each.forget()


class Taps:
    """A later recorded step: hooks on the modules of the axis alone."""

    def __init__(self, model: nn.Module, axis: DepthAxis, samples: BatchPart, scaler: Any) -> None:
        self.model, self.axis, self.samples, self.scaler = model, axis, samples, scaler
        self.points = [*axis.points, *([axis.top] if axis.top else [])]
        self.passes: list[Pass] = []
        self.problem: GradflowError | None = None
        self.strange: str | None = None
        self.next = 0
        self.before = 0  # passes, when the root was called last
        self.met: dict[tuple[nn.Module, str], int] = {}  # calls so far, of the module's in one pass
        self.hooks = ExitStack()
        self.asked: set[Pass] = set()  # by torch.autograd.grad
        self.ended: set[Pass] = set()  # that the model gave something of
        self.looked_at: set[Pass] = set()  # of what it gave, a loss looks at some

    def start(self) -> None:
        """Put the hooks on."""
        listen(self._begins)
        for module, side in dict.fromkeys((point.module, point.side) for point in self.points):
            if side == "input":
                hook = module.register_forward_pre_hook(Hook(self._enters), with_kwargs=True)
            else:
                hook = module.register_forward_hook(Hook(self._leaves))
            self.hooks.enter_context(hook)
        root = self.model if self.axis.root is None else self.axis.root
        self.hooks.enter_context(root.register_forward_pre_hook(Hook(self._starts)))
        self.hooks.enter_context(root.register_forward_hook(Hook(self._ends)))

    def stop(self) -> None:
        """Take them away."""
        leave(self._begins)
        self.hooks.close()
        if self.next and self.strange is None:
            self.strange = f"{self.next} of {len(self.axis.points)} points were met"

    def _begins(self, losses: Sequence[Node]) -> None:
        """Of a backward pass; `of_a_loss` is known while it is listened for."""
        _forget_thrown_away(self.model, self.passes)

    def _counts(self, one: Pass) -> bool:
        """Of a loss: a penalty may look at the gradient of a pass, not at what the model gave."""
        if not of_a_loss():
            self.asked.add(one)
            return False
        aside = one in self.asked and one in self.ended and one not in self.looked_at
        return one.reached or not aside

    def _starts(self, module: nn.Module, args: Any) -> None:
        if not in_backward():
            self.before = len(self.passes)

    def _ends(self, module: nn.Module, args: Any, outputs: Any) -> None:
        if in_backward() or self.strange:
            return
        if self.axis.passes and (self.next or len(self.passes) > self.before + self.axis.passes):
            self.strange = "its blocks are not called as often as at the first recorded step"
        elif self.passes and not self.next and self.passes[-1] not in self.ended:
            self._look_for_a_loss(outputs)

    def _look_for_a_loss(self, outputs: Any) -> None:
        """Have the gradient of what the model gives tell that a loss looks at it; its graph is not held."""
        one = self.passes[-1]

        def looked(gradient: Tensor) -> None:
            if of_a_loss():
                self.looked_at.add(one)

        for tensor in flat(outputs):
            if tensor is not None and tensor.grad_fn is not None:
                self.ended.add(one)
                # it runs before the hooks of the tensor's node, and is left out where the tensor is saved
                tensor.register_hook(unserializable_hook(looked))  # type: ignore[no-untyped-call]

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
        number = self.met[module, side] = self.met.get((module, side), -1) + 1
        if not any(point.is_of(module, side, number) for point in self.points):
            return
        if self.next == 0:
            self.passes.append(Pass(self.axis, self.samples, self.scaler))
        one = self.passes[-1]
        point = one.points[self.next]
        if not point.is_of(module, side, number):
            self.strange = f"another block than {point.name} came in its place"
            return
        self._tap(one, self.next, [tensors[place] for place in point.places if place < len(tensors)])
        self.next = (self.next + 1) % len(one.points)

    def _tap(self, one: Pass, number: int, tensors: Sequence[Tensor | None]) -> None:
        edges = {}
        for place, tensor in zip(one.points[number].places, tensors, strict=False):
            if tensor is None or tensor.grad_fn is None:
                self.strange = f"{one.points[number].name} got no tensor that needs a gradient"
                return
            one.squares[number] = self.samples.mean_square(tensor)
            edges[place] = Origin(tensor.grad_fn, tensor.output_nr, (), tensor)
        tap(one, number, edges, self._counts)


def tap(one: Pass, number: int, edges: Mapping[int, Origin], counts: Callable[[Pass], bool]) -> None:
    """Have the gradient of each tensor of a point told to a pass when it comes, if it counts.

    Without what comes by way of another of them, as to a cell's c by way of its h, where it is counted.
    """
    for place, edge in edges.items():
        others = {other.node for other in edges.values()} - {edge.node}
        _tap(one, (number, place), edge, through(others, edge.node, edge.output), counts)


def _tap(
    one: Pass, key: tuple[int, int], edge: Origin, ways: Sequence[tuple[Node, int]],
    counts: Callable[[Pass], bool],
) -> None:  # fmt: skip
    output, counted = edge.output, list[Tensor]()

    def came(gradients: tuple[Tensor, ...]) -> None:
        if gradients[output] is not None and counts(one):
            one.arrive(*key, gradients[output] - sum(counted) if counted else gradients[output])
        counted.clear()

    def passed(number: int, gradients: tuple[Tensor, ...], _: Any) -> None:
        if gradients[number] is not None:
            counted.append(gradients[number])

    edge.node.register_prehook(came)
    for node, number in ways:
        node.register_hook(partial(passed, number))
