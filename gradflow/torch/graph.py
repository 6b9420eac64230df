"""Cut vertices of the autograd graph: the nodes that lie on every path from the loss to the deepest node.

delta at such a node is all of the gradient that reaches what lies below it, so the nodes make a chain
whatever the modules are and however they were registered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from torch.autograd.graph import Node


@dataclass(frozen=True)
class Graph:
    """The nodes that `roots` lead to, each before those below it; parameters, its leaves, are left out."""

    roots: tuple[Node, ...]
    order: tuple[Node, ...]
    below: dict[Node, tuple[Node, ...]]
    used: dict[Node, set[int]]  # which of a node's outputs the roots lead to

    def deepest(self, among: Collection[Node]) -> Node | None:
        """The one of some nodes to which the longest path leads; None if the roots lead to none of them."""
        depth = dict.fromkeys(self.order, 0)
        for node in self.order:
            for lower in self.below[node]:
                depth[lower] = max(depth[lower], depth[node] + 1)
        return max((node for node in self.order if node in among), key=depth.__getitem__, default=None)

    def cuts(self, target: Node) -> list[Node]:
        """The nodes on every path from the roots to `target`, from the loss on; `target` is the last.

        In the order of the paths' own nodes, a node is on every path if no edge from one before it leads to
        one after it.
        """
        path = self._leading_to(target)
        place = {node: i for i, node in enumerate(path)}
        farthest = max(place[root] for root in self.roots if root in place)
        found = []
        for i, node in enumerate(path):
            if farthest <= i:
                found.append(node)
            farthest = max([farthest, *(place[lower] for lower in self.below[node] if lower in place)])
        return found

    def separates(self, nodes: Collection[Node], target: Node) -> bool:
        """Whether every path from the roots to `target` meets one of some nodes, such as a cell's h and c."""
        level, seen = [root for root in self.roots if root not in nodes], set(self.roots)
        while level:
            if target in level:
                return False
            lower = {low for node in level for low in self.below[node]} - seen
            seen |= lower
            level = [node for node in lower if node not in nodes]
        return True

    def _leading_to(self, target: Node) -> list[Node]:
        leading = {target}
        for node in reversed(self.order):
            if not leading.isdisjoint(self.below[node]):
                leading.add(node)
        return [node for node in self.order if node in leading]


def graph_of(roots: Iterable[Node]) -> Graph:
    """The graph below some nodes."""
    roots = tuple(dict.fromkeys(roots))
    below: dict[Node, tuple[Node, ...]] = {}
    finished: list[Node] = []
    waiting: list[tuple[Node, bool]] = [(root, False) for root in roots]
    while waiting:  # depth first; a node is finished after all that it leads to
        node, done = waiting.pop()
        if done:
            finished.append(node)
        elif node not in below:
            below[node] = _lower(node)
            waiting.append((node, True))
            waiting += [(lower, False) for lower in below[node]]
    used: dict[Node, set[int]] = {}
    for node in finished:
        for lower, output in node.next_functions:
            if lower is not None:
                used.setdefault(lower, set()).add(output)
    return Graph(roots, tuple(reversed(finished)), below, used)


def _lower(node: Node) -> tuple[Node, ...]:
    """What a node leads to; a parameter's gradient is gathered where no path goes on."""
    found = dict.fromkeys(lower for lower, _ in node.next_functions if lower is not None)
    return tuple(lower for lower in found if not hasattr(lower, "variable"))


def through(others: Collection[Node], node: Node, output: int) -> list[tuple[Node, int]]:
    """The edges by which `others` lead to an output of a node: whose they are, and their number there.

    Nodes are numbered as they are made, so none that is older than the node leads there.
    """
    found, seen, waiting = [], {*others}, [*others]
    while waiting:
        upper = waiting.pop()
        for number, (lower, place) in enumerate(upper.next_functions):
            if lower is node and place == output:
                found.append((upper, number))
            elif lower is not None and lower not in seen and _age(lower) > _age(node):
                seen.add(lower)
                waiting.append(lower)
    return found


def _age(node: Node) -> int:
    return int(node._sequence_nr())


def apart(graph: Graph, roots: Sequence[Node], among: Collection[Node]) -> list[list[Node]]:
    """The roots in groups whose graphs have one of some nodes in common: each group is a chain of its own."""
    groups: list[tuple[set[Node], list[Node]]] = []
    for root in roots:
        reach, members = _reach(graph, root).intersection(among), [root]
        for other in [group for group in groups if not group[0].isdisjoint(reach)]:
            groups.remove(other)
            reach, members = reach | other[0], other[1] + members
        groups.append((reach, members))
    return [members for _, members in groups]


def _reach(graph: Graph, root: Node) -> set[Node]:
    seen, waiting = {root}, [root]
    while waiting:
        fresh = set(graph.below[waiting.pop()]) - seen
        seen |= fresh
        waiting += fresh
    return seen
