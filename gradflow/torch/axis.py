"""The depth axis: which tensors of a model make a chain from the input to the loss, and what they are called.

Of a class whose modules hold others (a block) the axis has the inputs, where a residual stream enters; of
one that holds a weight (Linear, a convolution, a cell) the outputs, without the read-out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from torch import nn
from torch.autograd.graph import Node

from gradflow.errors import InputError
from gradflow.torch.calls import RECURRENT, Call, bare, distinct, kind_of, likeness
from gradflow.torch.graph import graph_of
from gradflow.torch.scene import AxisPoint, Scene, Side

AXES = ("auto", "blocks", "modules", "time")
FEWEST = 2  # points that make a chain
SHARE = 3  # at least a third of the calls of a class that gradients come to stand on the chain, or it is none
SHOWN = 12  # segments that are listed


@dataclass(frozen=True)
class DepthAxis:
    """The points from the input on, the last block's own output (`top`), and what is said of them."""

    points: tuple[AxisPoint, ...]
    top: AxisPoint | None
    block: str
    axis: str
    told: str
    root: nn.Module | None = None  # a call of it makes `passes`; None for a model called in pieces
    passes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The points' names."""
        return tuple(point.name for point in self.points)

    @property
    def residual(self) -> bool:
        """Whether the points are the inputs of blocks, so that each block can be said to add something."""
        return all(point.side == "input" for point in self.points)


@dataclass(frozen=True)
class Candidate:
    """The points that the `calls` of one kind make, whether it `holds` other modules, and the share of all
    layers that lie within the points' calls.
    """

    calls: Sequence[Call]
    side: Side
    points: tuple[tuple[Call, AxisPoint], ...]
    holds: bool
    covers: float

    @property
    def block(self) -> str:
        """The class."""
        return kind_of(self.calls[0].module)

    @property
    def is_chain(self) -> bool:
        """Whether they are enough of the calls that a gradient comes to; to frozen first ones none does."""
        met = sum(bool(call.nodes) for call in self.calls)
        return len(self.points) >= max(FEWEST, met / SHARE)

    @property
    def aside(self) -> list[Call]:
        """The calls that are not on the chain."""
        held = {id(call) for call, _ in self.points}
        return [call for call in self.calls if id(call) not in held]


def choose(scene: Scene, axis: str | Sequence[str | nn.Module]) -> DepthAxis:
    """The axis of a pass. InputError if there is no chain, or for a name that is none."""
    if not isinstance(axis, str):
        return _named(scene, axis)
    if axis not in AXES:
        raise InputError(f"axis {axis!r}: there are {', '.join(AXES)}, or a list of modules or their names")
    if axis == "time":
        return _over_time(scene)
    if axis == "modules":
        return _modules(scene)
    candidates = [found for found in _candidates(scene) if axis == "auto" or found.side == "input"]
    chain = [found for found in candidates if found.is_chain]
    if not chain:
        raise InputError(_no_chain(scene))
    whole = [found for found in chain if found.covers >= 0.5] or _widest(chain)
    best = max(whole, key=lambda found: (len(found.points), found.covers, found.holds))
    return _axis(scene, best, axis)


def _widest(chain: Sequence[Candidate]) -> list[Candidate]:
    """Those that reach through most of the layers, as the encoder of an encoder and decoder."""
    most = max(found.covers for found in chain)
    return [found for found in chain if found.covers == most]


def _axis(scene: Scene, best: Candidate, axis: str) -> DepthAxis:
    points = tuple(point for _, point in best.points)
    last = best.points[-1][0]
    top = _top(scene, last) if best.side == "input" else None
    words = f"{len(points)} {best.block} {best.side}s"
    passed = best.side == "input" and scene.is_passed_by([call for call, _ in best.points])
    words += " (residual stream)" if passed else ""
    readout = _left_out(scene) if best.side == "output" else None
    words += _left_out_of(scene, [call for call in best.aside if call is not readout])
    return DepthAxis(points, top, best.block, axis, f"{words}; what comes before and after is left out")


def _left_out_of(scene: Scene, calls: Sequence[Call]) -> str:
    """Which calls are no points, and why."""
    begin = [scene.name(call) for call in calls if call.begins]
    aside = [scene.name(call) for call in calls if not call.begins]
    words = f"; {_others(aside)} not between all of the loss and the input" if aside else ""
    return words + (f"; {_others(begin)} given a leaf, which no module made" if begin else "")


def _others(aside: list[str]) -> str:
    """2 others (A to B) are; 1 other (A) is."""
    if len(aside) == 1:
        return f"1 other ({aside[0]}) is"
    return f"{len(aside)} others ({aside[0]} to {aside[-1]}) are"


def _top(scene: Scene, call: Call) -> AxisPoint | None:
    """The output of the last block, if all of the gradient passes there too."""
    found = scene.points([call], "output")
    return found[0][1] if found else None


def _candidates(scene: Scene) -> list[Candidate]:
    """What each kind of modules would make, in the order of their first calls."""
    leaves = scene.leaves
    found = []
    for calls in _grouped(scene.calls, likeness) if leaves else ():
        if any(call.weighs for call in calls):
            found += [_of_leaves(scene, calls, leaves)]
        elif any(leaf in calls or any(up in calls for up in leaf.above()) for leaf in leaves):
            found.append(_candidate("input", scene.points(calls, "input", _shared(calls)), calls, leaves))
    return found


def _grouped(calls: Sequence[Call], of: Callable[[nn.Module], Hashable]) -> list[list[Call]]:
    """By what their modules have in common, in the order of their first calls."""
    found: dict[Hashable, list[Call]] = {}
    for call in calls:
        found.setdefault(of(call.module), []).append(call)
    return list(found.values())


def _shared(calls: Sequence[Call]) -> frozenset[Node]:
    """What several blocks side by side are given, such as an encoder's output: no stream that one enters."""
    takers: dict[Node, list[Call]] = {}
    for call in calls:
        for node in {edge.node for edge in call.inputs.values()}:
            if not any(up in takers.get(node, ()) for up in call.above()):
                takers.setdefault(node, []).append(call)
    return frozenset(node for node, found in takers.items() if len(found) > 1)


def _of_leaves(scene: Scene, calls: Sequence[Call], leaves: Sequence[Call]) -> Candidate:
    """Their outputs, without that of the read-out; their inputs, where more of those are on the chain."""
    last = _left_out(scene)
    weighed = [call for call in calls if call.weighs and call is not last]
    outputs, inputs = scene.points(weighed, "output"), scene.points(weighed, "input")
    if len(inputs) > len(outputs):
        return _candidate("input", inputs, calls, leaves)
    return _candidate("output", outputs, calls, leaves)


def _left_out(scene: Scene) -> Call | None:
    """The read-out, if it is a module of its own, which is called once."""
    last = scene.readout
    same = [call for call in scene.leaves if last is not None and call.module is last.module]
    return last if len(same) == 1 else None


def _candidate(
    side: Side, points: Sequence[tuple[Call, AxisPoint]], calls: Sequence[Call],
    leaves: Sequence[Call],
) -> Candidate:  # fmt: skip
    held = {id(call) for call, _ in points}
    inside = sum(any(id(up) in held for up in leaf.above()) for leaf in leaves)
    holds = any(call.calls for call in calls)
    return Candidate(calls, side, tuple(points), holds, inside / len(leaves))


def _modules(scene: Scene) -> DepthAxis:
    """The outputs of all modules with parameters that stand on the chain, without the read-out."""
    found = scene.points([call for call in scene.leaves if call is not scene.readout], "output")
    if len(found) < FEWEST:
        raise InputError(_no_chain(scene))
    points = tuple(point for _, point in found)
    told = f"{len(points)} outputs of modules with parameters; the read-out is left out"
    return DepthAxis(points, None, "modules", "modules", told)


def _over_time(scene: Scene) -> DepthAxis:
    """The outputs of the module that is called most often, whether or not the loss enters between them.

    Of several the first, and rather a cell's states than what is read out of them at each step.
    """
    fused = [call for call in scene.calls if isinstance(call.module, RECURRENT)]
    repeated = _grouped(scene.leaves, id)
    states = [calls for calls in repeated if _leads_on(calls)]
    calls = max(states or repeated, key=len, default=[])
    if len(calls) < FEWEST:
        raise InputError(_not_seen(fused[0], scene) if fused else "axis time: no module is called twice")
    points = tuple(scene.point(call, "output", distinct(call.outputs)) for call in calls if call.outputs)
    name, kind = scene.name(calls[0]), kind_of(calls[0].module)
    entering = any(not scene.points([call], "output") for call in calls)
    told = f"{len(points)} calls of {name} ({kind}) over time"
    told += "; the loss or the input enters between them too" if entering else ""
    return DepthAxis(points, None, kind, "time", told)


def _leads_on(calls: Sequence[Call]) -> bool:
    """Whether what a module gave is used by its own later calls."""
    *before, last = ({edge.node for edge in call.outputs.values()} for call in calls)
    reached = graph_of(last).below.keys() - last
    return any(not given.isdisjoint(reached) for given in before)


def _not_seen(call: Call, scene: Scene) -> str:
    kind = kind_of(call.module)
    return (
        f"{scene.name(call)} ({kind}) is one call over all steps of time, so what "
        f"passes from step to step cannot be seen: use nn.{kind}Cell in a loop"
    )


def _named(scene: Scene, chosen: Sequence[str | nn.Module]) -> DepthAxis:
    known = {name: module for module, name in scene.names.items()}
    modules = []
    for one in chosen:
        module = known.get(bare(one) or "the model") if isinstance(one, str) else one
        if module is None:
            raise InputError(f"axis: the model has no module {one!r}")
        modules.append(module)
    calls = [call for call in scene.calls if any(call.module is module for module in modules)]
    for module in modules:
        if not any(call.module is module for call in calls):
            raise InputError(f"axis: {scene.names.get(module)} is not called in the forward pass")
    shared = [_shared(alike) for alike in _grouped(scene.calls, likeness) if not {*calls}.isdisjoint(alike)]
    found = [_named_point(scene, call, frozenset().union(*shared)) for call in calls]
    points = tuple(point for point, _ in found)
    if len(points) < FEWEST:
        raise InputError("axis: name two modules at least")
    kinds = dict.fromkeys(kind_of(point.module) for point in points)
    partly = sum(not whole for _, whole in found)
    told = f"{len(points)} modules as named"
    told += f"; a part of the gradient passes by {partly} of them" if partly else ""
    return DepthAxis(points, None, "/".join(kinds), "names", told)


def _side(call: Call) -> Side:
    """The output of a layer, the input of a block."""
    return "output" if call.calls == 0 else "input"


OFF = "it is frozen, or called under torch.no_grad"
ENTERED = "it is the data, or made by frozen modules: leave it out, or name a module inside it"


def _named_point(scene: Scene, call: Call, shared: frozenset[Node]) -> tuple[AxisPoint, bool]:
    """Of several tensors the one on the chain, or the first; and whether all of the gradient passes there.

    What several blocks are given, such as an encoder's output, is meant only where there is no other.
    """
    side = _side(call)
    edges = call.edges(side)
    if not edges:
        raise InputError(
            f"axis: no tensor that is the {side} of {scene.names.get(call.module)} needs a gradient: "
            f"{ENTERED if call.outputs else OFF}"
        )
    own = [place for place, edge in edges.items() if edge.node not in shared or side == "output"]
    found = scene.points([call], side, shared if side == "input" and own else frozenset())
    return (found[0][1], True) if found else (scene.point(call, side, ((own or [*edges])[0],)), False)


def _no_chain(scene: Scene) -> str:
    """Why there is no axis, with the segments between which all of the gradient passes."""
    fused = next((call for call in scene.calls if isinstance(call.module, RECURRENT)), None)
    if fused is not None:
        return _not_seen(fused, scene)
    ends = [scene.names.get(call.module, "") for call, _ in scene.points(scene.leaves, "output")]
    cut = ends if len(ends) <= SHOWN else [*ends[: SHOWN - 1], ends[-1]]
    segments = ", ".join(cut) if cut else "none"
    if ends and len(ends) == len(scene.leaves):
        words = f"there are too few layers of one kind for a c: all of the gradient passes {segments}"
        remedy = "; name two of them at least with axis=[...]" if len(ends) > 1 else ""
        return f"{words} (the read-out){remedy}"
    return (
        "the blocks are no chain: the gradient takes several ways past them. All of it passes the outputs of "
        f"{segments} alone; name the modules of one branch with axis=[...]"
    )
