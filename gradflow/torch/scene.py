"""One pass through a model: its calls, the graph of its loss, and which tensors lie on every path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.autograd.graph import Node

from gradflow.torch.calls import Call, Origin, distinct
from gradflow.torch.graph import Graph

Side = Literal["input", "output"]


@dataclass(frozen=True)
class AxisPoint:
    """A place on the axis: tensors of the `number`-th of the `calls` of a module in one pass."""

    name: str
    module: nn.Module
    number: int
    calls: int
    side: Side
    places: tuple[int, ...]

    def is_of(self, module: nn.Module, side: str, number: int) -> bool:
        """Whether it is what enters or leaves the `number`-th call of a module since a step began."""
        return (self.module, self.side, self.number) == (module, side, number % self.calls)


@dataclass(frozen=True)
class Scene:
    """One pass through a model: its calls in order, the graph, and the nodes that lie on every path."""

    calls: Sequence[Call]
    graph: Graph
    target: Node
    cuts: frozenset[Node]
    names: Mapping[nn.Module, str]

    def points(
        self, calls: Sequence[Call], side: Side, beside: frozenset[Node] = frozenset()
    ) -> list[tuple[Call, AxisPoint]]:
        """The calls of which a tensor on this side, not `beside`, lies on the chain, each tensor once.

        All calls of one module have the same places: the first and the last of a cell would do with c or h.
        """
        found: dict[Node, tuple[Call, Mapping[int, Origin]]] = {}
        used: dict[nn.Module, set[int]] = {}
        for call in calls:
            edges = {place: edge for place, edge in call.edges(side).items() if edge.node not in beside}
            places = self._on_chain(edges)
            if places and edges[places[0]].node not in found:
                found[edges[places[0]].node] = call, edges
                used.setdefault(call.module, set()).update(places)
        return [
            (call, self.point(call, side, tuple(sorted(used[call.module] & edges.keys()))))
            for call, edges in found.values()
        ]

    def _on_chain(self, edges: Mapping[int, Origin]) -> tuple[int, ...]:
        held: dict[Node, dict[int, int]] = {}  # -> of each of its outputs the place
        for place, edge in edges.items():
            held.setdefault(edge.node, {}).setdefault(edge.output, place)
        for node, places in held.items():
            used = self.graph.used.get(node, places.keys())
            if node in self.cuts and used <= places.keys():  # not one half of what chunk gave
                return tuple(places[output] for output in sorted(used))
        nodes = held.keys()
        if len(nodes) > 1 and self.graph.separates(nodes, self.target):  # the h and c of an LSTMCell
            return distinct(edges)
        return ()

    def point(self, call: Call, side: Side, places: tuple[int, ...]) -> AxisPoint:
        """The point of some of a call's tensors."""
        same = self.alike(call.module, side)
        number, name = same.index(call), self.name(call)
        called = f"{name}[{number}]" if len(same) > 1 else name
        return AxisPoint(called, call.module, number, len(same), side, places)

    def alike(self, module: nn.Module, side: Side) -> list[Call]:
        """The calls of a module that have a tensor on this side."""
        return [call for call in self.calls if call.module is module and call.edges(side)]

    def name(self, call: Call) -> str:
        """Of the module that is called."""
        return self.names.get(call.module, "a module")

    @property
    def leaves(self) -> list[Call]:
        """The calls of modules with parameters that call no other, without those that no loss looks at."""
        return [call for call in self.calls if call.weighs and self._counts(call)]

    def _counts(self, call: Call) -> bool:
        """Calls where gradients are off, as a checkpoint's are, leave no node to tell it by."""
        return not call.outputs or any(edge.node in self.graph.below for edge in call.outputs.values())

    def is_passed_by(self, calls: Sequence[Call]) -> bool:
        """Whether gradient passes by a layer of most of these calls, as on a skip."""
        beside = [one for one in self.leaves if any(e.node not in self.cuts for e in one.outputs.values())]
        held = {id(up) for one in beside for up in one.above()}
        return 2 * sum(id(call) in held for call in calls) > len(calls)

    @property
    def readout(self) -> Call | None:
        """The last leaf that passes a gradient on."""
        return next((call for call in reversed(self.leaves) if call.outputs), None)
