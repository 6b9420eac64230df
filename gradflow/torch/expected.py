"""What theory expects of a model at initialization: a law of its blocks, or c of a plain chain; else why not.

A chain is plain if its points are the outputs of Linear modules and one activation alone lies between: then
c_l^2 = n <W^2> E phi'(z)^2 at the mean square q that was measured, of a Linear's own weights. Blocks are told
by where their norms stand: on the stream (post-norm), before the branch (pre-norm), inside it, where they
bound what it adds just the same, or nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any, TypeGuard

import numpy as np
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from gradflow.analysis.block_laws import BARE, FUNCTIONS, INSIDE, LAWS, POST, PRE
from gradflow.analysis.increments import window
from gradflow.meanfield.expectations import tabulated
from gradflow.nn.activations import Activation
from gradflow.torch.activations import activation_of, is_reshape
from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import Call
from gradflow.torch.graph import graph_of
from gradflow.torch.scene import Scene

OTHERS = "theory knows chains of Linear modules with real, free weights, not of convolutions, cells or blocks"
MORE = "theory knows chains with one activation between their layers, and nothing else, if it has that one"
TIME = "over time theory needs to know how the inputs come, which it does not"
AGAIN = (
    "calls of one module are blocks with shared weights or, where an input enters between them, a cell over "
    "time: theory does not know which, where no norm is on the stream or takes it"
)
NORMS = re.compile(r"(\w+(Layer|Group|Batch|Rms)Norm|Rsqrt)Backward\d+")  # nodes


@dataclass(frozen=True)
class ExpectedLaw:
    """The c of a plain chain, or in words the `law` of blocks, or why there is none."""

    c: float | None = None
    words: str = ""
    law: str | None = ""  # of LAWS; None of blocks whose law is not known
    weights: tuple[float, ...] = ()  # of a plain chain, ln sqrt(n <W^2>) of each layer, if none is 0

    def head(self) -> dict[str, Any]:
        """What a record says of it."""
        return {"expected": self.words, "expected_c": self.c, "weights": [*self.weights], "law": self.law}


def expected_of(scene: Scene, axis: DepthAxis, mean_squares: Sequence[float]) -> ExpectedLaw:
    """What theory expects at the points of an axis, whose tensors have these mean squares."""
    calls = [scene.alike(point.module, point.side)[point.number] for point in axis.points]
    again = len({call.module for call in calls}) < len(calls)
    if again and not (axis.residual and _is_all_of_stream(scene, axis, calls[-1])):
        return ExpectedLaw(words=TIME)
    if axis.residual:
        if not scene.is_passed_by(calls):
            return ExpectedLaw(words=OTHERS)
        words = _law(scene, axis, calls)
        if again and words not in (PRE, POST):  # a cell may have its input and state in one tensor
            return ExpectedLaw(words=AGAIN)
        if words == BARE and _normalize(calls):
            words = FUNCTIONS
        return ExpectedLaw(words=words, law=LAWS[words])
    return _plain(scene, calls, mean_squares)


def _is_all_of_stream(scene: Scene, axis: DepthAxis, last: Call) -> bool:
    """Whether all layers of the last block look at its stream: those of a cell look at an input, too."""
    stream = {last.inputs[place].node for place in axis.points[-1].places}
    within = [leaf for leaf in scene.leaves if any(up is last for up in leaf.above())]
    return not any(
        stream.isdisjoint(graph_of(edge.node for edge in leaf.outputs.values()).below) for leaf in within
    )


def _law(scene: Scene, axis: DepthAxis, calls: Sequence[Call]) -> str:
    """By whether norms give the stream itself, take it, or are elsewhere, in most of the blocks.

    The stream is what a block's point is at: what else enters, as an encoder's output, has norms of its own.
    """
    blocks = {call.module for call in calls}  # a PreNormBlock is no norm
    others = [call for call in scene.calls if call.module not in blocks]
    norms = [call for call in others if "norm" in type(call.module).__name__.lower()]
    given = {edge.node for call in norms for edge in call.outputs.values()}
    taken = {edge.node for call in norms for edge in call.inputs.values()}
    entered = [*zip(calls, axis.points, strict=True)][1:]
    streams = [{call.inputs[place].node for place in point.places} for call, point in entered]
    post, pre = (sum(not nodes.isdisjoint(found) for nodes in streams) for found in (given, taken))
    if 2 * post > len(streams):
        return POST
    if 2 * pre > len(streams):
        return PRE
    held = {id(up) for norm in norms for up in norm.above()}
    return INSIDE if 2 * sum(id(call) in held for call in calls) > len(calls) else BARE


def _normalize(calls: Sequence[Call]) -> bool:
    """Whether there is a norm between what enters the first and the last of these calls."""
    last, first = (
        graph_of(edge.node for edge in call.inputs.values()).below.keys() for call in (calls[-1], calls[0])
    )
    return any(NORMS.fullmatch(node.name()) for node in last - first)


def _plain(scene: Scene, calls: Sequence[Call], mean_squares: Sequence[float]) -> ExpectedLaw:
    linear = [call.module for call in calls if _is_known(call.module)]
    if len(linear) < len(calls):
        return ExpectedLaw(words=OTHERS)
    passed = {_between(scene, call, above) for call, above in pairwise(calls)}
    activation = passed.pop() if len(passed) == 1 else None
    if activation is None:
        return ExpectedLaw(words=MORE)
    moments = tabulated(activation)
    weights = [_log_root(_gain(module)) for module in linear]
    logs = []
    for above, q in zip(weights[1:], mean_squares, strict=False):  # the layer above each but the last
        slope = float(moments.slope_square(np.asarray(log(q)))) if q > 0 else 0.0
        logs.append(above + _log_root(slope))
    first = window(len(calls))[0]
    c = exp(float(np.mean(logs[first - 1 :]))) if len(logs) >= first else None
    return ExpectedLaw(c, weights=tuple(weights) if np.isfinite(weights).all() else ())


def _gain(layer: nn.Linear) -> float:
    """n <W^2>, of n inputs."""
    return float(layer.weight.detach().double().square().mean()) * layer.weight.shape[1]


def _log_root(square: float) -> float:
    return log(square) / 2 if square > 0 else -np.inf


def _is_known(module: nn.Module) -> TypeGuard[nn.Linear]:
    """A weight that is parametrized is not: reading it would change it (spectral norm).

    Nor is that of a Linear with a forward of its own, which may use it otherwise (masked).
    """
    if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
        return False
    return not is_parametrized(module) and not module.weight.is_complex()


def _between(scene: Scene, call: Call, above: Call) -> Activation | None:
    """The activation that is all between a layer and the next; None if more is, or theory knows it not."""
    start, end = (next(iter(each.outputs.values())).node for each in (call, above))
    if not scene.cuts.issuperset((start, end)):
        return None
    node, passed = next(iter(above.inputs.values())).node, []
    while node is not start:
        passed += [] if is_reshape(node) else [node]
        lower = scene.graph.below[node]
        if len(passed) > 1 or len(lower) != 1:
            return None
        node = lower[0]
    return activation_of(passed[0]) if passed else None
