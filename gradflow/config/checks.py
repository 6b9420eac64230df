"""What no single key can get wrong: keys that do not fit each other, the data, or this machine."""

from __future__ import annotations

from collections.abc import Iterator

from gradflow.config.draft import Draft
from gradflow.config.keys import find
from gradflow.config.memory import memory_bytes, physical_memory, size
from gradflow.config.overrides import settled
from gradflow.config.schema import Config, Sizes
from gradflow.data import Data
from gradflow.errors import Problem
from gradflow.nn.blocks import Hidden
from gradflow.nn.initializers import Constant
from gradflow.nn.jacobian import without_jacobian
from gradflow.nn.losses import LOSSES
from gradflow.nn.schedules import Cosine
from gradflow.yaml_events import KeyPath

AXES = 20  # of a sweep: two values on each are a million points
NOT_SWEPT = ("name", "sweep", "analysis")  # they do not change what is computed


def against_data(config: Config, data: Data) -> Iterator[tuple[str, str]]:
    """(key, message) of each thing in a complete config that does not fit its data or this machine."""
    yield from _loss(config, data)
    misfits = list(of_network(config, data))
    yield from misfits
    yield from _schedule(config)
    yield from _stop(config, data)
    if all(key != "model.width" for key, _ in misfits):
        yield from _memory(config, data)


def of_network(config: Config, data: Sizes) -> Iterator[tuple[str, str]]:
    """(key, message) of each thing in a network that does not fit the rest, whatever the machine."""
    yield from _width(config, data)
    yield from _norm(config, data)
    yield from _constants(config)
    yield from _jacobian(config)


def of_sweep(draft: Draft) -> Iterator[Problem]:
    """What is wrong with the keys of a sweep section; validation has looked at its values."""
    axes = draft.at(("sweep",))
    if not isinstance(axes, dict):
        return
    if len(axes) > AXES:
        yield draft.problem(("sweep",), f"has {len(axes)} keys: at most {AXES} can be crossed")
        return
    swept: set[KeyPath] = set()
    for key in axes:
        try:
            path = settled(find(key))
            if path[0] in NOT_SWEPT or path in swept:
                message = "stands twice" if path in swept else "cannot be swept"
                yield draft.problem(("sweep", key), message)
            swept.add(path)
        except LookupError as error:
            yield draft.problem(("sweep", key), str(error))


def _loss(config: Config, data: Data) -> Iterator[tuple[str, str]]:
    loss = config.training.loss
    if LOSSES[loss].classes_only and not data.classes:
        yield "training.loss", f"{loss} needs classes, and the data holds values to regress on: set mse"


def _width(config: Config, data: Sizes) -> Iterator[tuple[str, str]]:
    model = config.model
    widths = model.width if isinstance(model.width, tuple) else (model.width,)
    if isinstance(model.width, tuple) and len(widths) != model.depth:
        message = f"should hold {model.depth} numbers, one for each hidden layer of model.depth"
        yield "model.width", f"{message}, not {len(widths)}"
    elif model.readout == "none" and widths[-1] != data.outputs:
        message = f"should be {data.outputs}, the size of the target, because readout is none"
        yield "model.width", f"{message}, not {widths[-1]}"
    parts = model.block.parts(Hidden(model.activation, widths[0], model.norm, model.depth))
    if any(part.joins for part in parts) and len(set(widths)) > 1:
        added = f"a {model.block.name} block adds its input to its output"
        message = f"should be one number, for {added}: or set block: plain, not {list(widths)}"
        yield "model.width", message


def _norm(config: Config, data: Sizes) -> Iterator[tuple[str, str]]:
    if config.model.norm.mixes and min(config.training.batch_size, data.samples) < 2:
        if data.samples > 1:
            message = "should be at least 2 for batch norm, as one sample has no variance: or set norm: layer"
            yield "training.batch_size", message
        else:
            yield "model.norm", "should be layer, rms or none, as the data has one sample, without a variance"


def _constants(config: Config) -> Iterator[tuple[str, str]]:
    model = config.model
    if not (isinstance(model.init, Constant) and isinstance(model.init.value, tuple)):
        return
    matrices, given = model.depth + (model.readout != "none"), len(model.init.value)
    if given != matrices:
        layers = "hidden layer, then the read-out" if model.readout != "none" else "hidden layer"
        yield "model.init.value", f"should hold {matrices} numbers, one for each {layers}, not {given}"


def _schedule(config: Config) -> Iterator[tuple[str, str]]:
    schedule, steps = config.training.schedule, config.training.steps
    if isinstance(schedule, Cosine) and 0 < steps <= schedule.warmup:
        message = f"should be below training.steps, which is {steps}: the cosine takes the updates after it"
        yield "training.schedule.warmup", f"{message}, not {schedule.warmup}"


def _stop(config: Config, data: Data) -> Iterator[tuple[str, str]]:
    if config.training.stop.accuracy is not None and not data.classes:
        yield ("training.stop.accuracy", "needs classes, and the data holds values to regress on: set loss")


def _jacobian(config: Config) -> Iterator[tuple[str, str]]:
    reason = without_jacobian(config.model.norm.mixes, config.model.depth)
    if config.recording.jacobian and reason:
        yield "recording.jacobian", f"should be false: {reason[0]}"


def _memory(config: Config, data: Data) -> Iterator[tuple[str, str]]:
    needed, present = memory_bytes(config.plan(data)), physical_memory()
    if needed <= present:
        return
    model = config.model
    sizes = {"seeds": config.seeds, "model.depth": model.depth, "model.width": model.widest}
    key = max(sizes, key=sizes.__getitem__)
    if 2 * config.record_bytes > needed and config.training.steps > sizes[key]:
        key = "training.steps"
    yield key, f"needs about {size(needed)}, this machine has {size(present)}: make it smaller"
