"""What theory expects of a model at initialization: a law of its blocks, or c of a plain chain; else why not.

A chain is plain if its points are layers' outputs and each passes one activation: then
c_l^2 = n <W^2> E phi'(z)^2 at the mean square q that was measured, of a Linear's own weights. Blocks are told
by where their norms stand: on the stream (post-norm), before the branch (pre-norm), or nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from torch import nn
from torch.autograd.graph import Node

from gradflow.analysis.increments import window
from gradflow.meanfield.expectations import tabulated
from gradflow.nn.activations import ACTIVATIONS
from gradflow.torch.axis import DepthAxis
from gradflow.torch.calls import Call
from gradflow.torch.scene import Scene

NODES = {  # of autograd -> the activation
    "Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Gelu": "gelu", "Silu": "silu",
    "Softplus": "softplus", "Elu": "elu", "LeakyRelu": "leaky_relu", "Sin": "sin", "Erf": "erf",
    "Hardtanh": "hard_tanh",
}  # fmt: skip
PRE = (
    "pre-norm blocks: their norms follow a power of the block, not c^L, since the stream grows by what each "
    "adds; for blocks of one matrix its exponent is 0.50 (relu) to 0.59 (tanh), and it is smaller the more "
    "tokens attention averages over"
)
POST = (
    "post-norm blocks: their norms follow c^L, with a c that depends on what the blocks hold, which theory "
    "knows for blocks of one matrix only"
)
BARE = (
    "blocks without norms: their norms follow c^L, with a c that depends on what the blocks hold and on the "
    "scale of their branches, which is not known"
)
LAWS = {PRE: "power", POST: "exponential", BARE: "exponential"}
TIME = "over time theory needs to know how the inputs come, which it does not"


@dataclass(frozen=True)
class ExpectedLaw:
    """The c of a plain chain, or in words the `law` of blocks, or why there is none."""

    c: float | None = None
    words: str = ""
    law: str = ""  # of LAWS


def expected_of(scene: Scene, axis: DepthAxis, mean_squares: Sequence[float]) -> ExpectedLaw:
    """What theory expects at the points of an axis, whose tensors have these mean squares."""
    if len({point.module for point in axis.points}) < len(axis.points):
        return ExpectedLaw(words=TIME)
    calls = [_call_of(scene, point.module) for point in axis.points]
    if axis.residual:
        words = _law(scene, calls)
        return ExpectedLaw(words=words, law=LAWS[words])
    return _plain(scene, calls, mean_squares)


def _call_of(scene: Scene, module: nn.Module) -> Call:
    return next(call for call in scene.calls if call.module is module)


def _law(scene: Scene, calls: Sequence[Call]) -> str:
    """By whether norms give the stream itself, or take it, in most of the blocks."""
    norms = [call for call in scene.calls if "norm" in type(call.module).__name__.lower()]
    given = {edge.node for call in norms for edge in call.outputs.values()}
    taken = {edge.node for call in norms for edge in call.inputs.values()}
    streams = [{edge.node for edge in call.inputs.values()} & scene.cuts for call in calls[1:]]
    post, pre = (sum(not nodes.isdisjoint(found) for nodes in streams) for found in (given, taken))
    if 2 * post > len(streams):
        return POST
    return PRE if 2 * pre > len(streams) else BARE


def _plain(scene: Scene, calls: Sequence[Call], mean_squares: Sequence[float]) -> ExpectedLaw:
    names = {_activation(scene, call) for call in calls}
    name = names.pop() if len(names) == 1 else None
    if name is None:
        return ExpectedLaw(words="the layers do not pass one activation each that theory knows")
    linear = [call.module for call in calls if isinstance(call.module, nn.Linear)]
    if len(linear) < len(calls):
        return ExpectedLaw(words="theory knows chains of Linear modules, not of convolutions or cells")
    weights = [module.weight for module in linear[1:]]  # of the layer above each but the last
    moments = tabulated(ACTIVATIONS[name]())
    logs = []
    for weight, q in zip(weights, mean_squares, strict=False):
        gain = float(weight.detach().double().square().mean()) * weight.shape[1]
        slope = float(moments.slope_square(np.asarray(log(q)))) if q > 0 else 0.0
        logs.append(log(gain * slope) / 2 if gain * slope > 0 else -np.inf)
    first = window(len(calls))[0]
    return ExpectedLaw(exp(float(np.mean(logs[first - 1 :]))) if len(logs) >= first else None)


def _activation(scene: Scene, call: Call) -> str | None:
    """What takes a layer's output, past reshapes; None if several things do, or none that theory knows."""
    node = next(iter(call.outputs.values())).node
    above = [one for one in scene.graph.order if node in scene.graph.below[one]]
    return NODES.get(_kind(above[0])) if len(above) == 1 else None


def _kind(node: Node) -> str:
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
