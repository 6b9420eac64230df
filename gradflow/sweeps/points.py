"""From a config with axes to its points, each a complete config, checked before the first one runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from json import dumps
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.analysis.commands import operand
from gradflow.analysis.summary import strict
from gradflow.config import axes
from gradflow.config.axes import Axis
from gradflow.config.checks import NOT_SWEPT
from gradflow.config.draft import Draft
from gradflow.config.load import (
    begin,
    load_data,
    name_after_file,
    parse_config,
    read_config,
    resolve,
    untold,
    validate,
)
from gradflow.config.memory import memory_bytes
from gradflow.config.overrides import lay, path_of, refuse_spaces
from gradflow.config.schema import Config
from gradflow.data import Data, Dataset
from gradflow.errors import InputError, Problem, refused
from gradflow.plan import record_bytes
from gradflow.training import SMALL
from gradflow.yaml_events import KeyPath
from gradflow.yaml_file import COMMAND_LINE, SHOWN, Document, on_one_line

SWEEP_FORMAT = 1
SECTION = ("sweep",)


@dataclass(frozen=True)
class Cost:
    """What a point will take: parameters of one network, bytes of memory, steps, bytes on the disk.

    Those are of its recording and, where it is kept, of its `state`.
    """

    parameters: int
    memory: int
    steps: int
    disk: int
    state: int = 0


@dataclass(frozen=True)
class Point:
    """A run of the sweep: its number from 0 on, the value of each axis as written, its config and cost.

    `id` and `digest` are those of the config, so that the run is the same as if it were run alone.
    """

    number: int
    values: dict[str, Any]
    config: Config
    digest: str
    cost: Cost

    @property
    def keeping_state(self) -> Point:
        """The same point, whose state is kept."""
        return replace(self, cost=replace(self.cost, disk=self.cost.disk + self.cost.state))

    @property
    def id(self) -> str:
        """The name of the run's folder."""
        return f"{self.config.name}-{self.digest[:8]}"


@dataclass(frozen=True)
class Sweep:
    """The points of a config, crossed in the order of the axes, the last one fastest."""

    axes: dict[str, tuple[Any, ...]]
    points: tuple[Point, ...]
    beside: dict[str, Any] = field(default_factory=dict)  # values typed for keys below an axis

    @property
    def name(self) -> str:
        """The config's name, which every point keeps."""
        return self.points[0].config.name

    @cached_property
    def digest(self) -> str:
        """sha256 (64 hex) of the axes and of the points' digests."""
        content = {"axes": strict(self.axes), "points": [point.digest for point in self.points]}
        text = dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return sha256(text.encode()).hexdigest()

    @property
    def id(self) -> str:
        """The name of the sweep's folder: NAME-<first 8 hex of the digest>."""
        return f"{self.name}-{self.digest[:8]}"

    def document(self) -> dict[str, Any]:
        """sweep.json: plain values that depend on the config alone."""
        points = [{"id": point.id, "values": point.values} for point in self.points]
        document = {"format": SWEEP_FORMAT, "id": self.id, "digest": self.digest, "name": self.name}
        beside = {"beside": self.beside} if self.beside else {}
        plain: dict[str, Any] = strict({**document, "axes": self.axes, **beside, "points": points})
        return plain


def load_sweep(path: Path, overrides: Sequence[str] = (), tell: Callable[[str], None] = untold) -> Sweep:
    """The sweep of a YAML file with overrides KEY=VALUE and KEY=V1,V2; its data is loaded to check it.

    `tell` gets a sentence for each mapping of the file that is replaced, values and all. InputError names
    every problem of every point at once.
    """
    refuse_spaces([str(path), *overrides])
    return parse_sweep(read_config(path), path.parent, overrides, tell)


def parse_sweep(
    document: Document,
    base: Path,
    overrides: Sequence[str] = (),
    tell: Callable[[str], None] = untold,
    listed: Collection[str] = (),
) -> Sweep:
    """`load_sweep` of a parsed document; keys that are `listed` are axes even if one value is given."""
    plain, given, problems = axes.split(overrides)
    draft, found = begin(document, plain)
    problems += axes.contradictions(given) + found + _section_problems(draft)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    section, given = axes.of_section(draft), _once(given)
    swept = _swept(section, given, {*map(path_of, listed)})
    if not swept:
        message = "nothing is swept: give KEY=V1,V2 or a sweep section, or type gradflow run"
        raise InputError(Problem(message, "sweep", document.source))
    layers = _layers(section, given)
    points, left_out = _points(_unswept(document), layers, swept, base)
    for sentence in left_out:
        tell(sentence)
    return Sweep({axis.key: axis.values for axis in swept}, tuple(points), _beside(layers, swept))


def parse_one(
    document: Document, base: Path, overrides: Sequence[str], tell: Callable[[str], None]
) -> Config:
    """The config of one run. InputError for a sweep section, with the command that takes it."""
    draft, _ = begin(document, axes.split(overrides)[0])
    if draft.at(SECTION) and not _section_problems(draft):  # whatever of the rest the axes are to give
        command = shlex.join(["gradflow", "sweep", operand(document.source), *overrides])
        words = "this config is many runs: leave the section out with sweep=null, or type"
        raise refused(f"{words} {command}", "sweep", *draft.place(SECTION))
    return parse_config(document, base, overrides, tell)


def _once(given: Sequence[Axis]) -> list[Axis]:
    """The typed axes, the same one that was typed twice only once."""
    return list({axis.target: axis for axis in given}.values())


def _section_problems(draft: Draft) -> list[Problem]:
    """What is wrong with the sweep section itself; the rest may lack what only the axes give."""
    section = draft.at(SECTION)
    if section is None:
        return []
    try:
        validate(Draft({"sweep": section}, draft.places), [])  # alone: of many problems the first are told
    except InputError as error:
        return [problem for problem in error.problems if problem.key.split(".")[0] in ("sweep", "")]
    return []


def _swept(section: Sequence[Axis], given: Sequence[Axis], listed: Collection[KeyPath]) -> list[Axis]:
    """The axes in their order: the file's, a typed one of the same key in its place, then the others."""
    own = {axis.target: axis for axis in section}
    crossed = {*own, *(axis.target for axis in given if len(axis.values) > 1 or _is_listed(axis, listed))}
    own.update({axis.target: axis for axis in given if axis.target in crossed})
    return list(own.values())


def _is_listed(axis: Axis, listed: Collection[KeyPath]) -> bool:
    return axis.target in listed and axis.path[0] not in NOT_SWEPT


def _layers(section: Sequence[Axis], given: Sequence[Axis]) -> list[Axis]:
    """All that is laid over the file: what was typed, and those of its axes that were not."""
    targets = {axis.target for axis in given}
    kept = [axis for axis in section if axis.target not in targets or axis.places[0][0] == COMMAND_LINE]
    return [*kept, *(axis for axis in given if axis.path != SECTION)]


def _beside(layers: Sequence[Axis], swept: Sequence[Axis]) -> dict[str, Any]:
    """What was typed for keys below an axis, which a value of the axis would wipe out of a config."""
    above = {axis.target for axis in swept}
    return {
        axis.key: axis.values[0]
        for axis in layers
        if axis.target not in above and any(axis.path[: len(path)] == path for path in above)
    }


def _unswept(document: Document) -> Draft:
    """The draft of a file without its sweep section."""
    draft = Draft.of(document)
    if isinstance(draft.value, dict):
        draft.value.pop(*SECTION, None)
    name_after_file(draft, document.source)
    return draft


def _points(
    draft: Draft, layers: Sequence[Axis], swept: Sequence[Axis], base: Path
) -> tuple[list[Point], dict[str, None]]:
    """Every point, if all are sound, and what they leave out of the file; else every problem of all."""
    load, problems = _Outlines(), _Problems()
    points: list[Point] = []
    left_out: dict[str, None] = {}
    combinations = list(axes.cross(swept))
    for number, combination in enumerate(combinations):
        index = {axis.target: i for axis, i in combination}
        point = draft.copy()
        conflicts = lay([axis.setting(index.get(axis.target, 0)) for axis in layers], point)
        values = {axis.key: axis.values[i] for axis, i in combination}
        try:
            config, data = resolve(point, conflicts, base, load)
            points.append(Point(number, values, config, config.digest, _cost(config, data)))
            left_out |= dict.fromkeys(point.left_out)
        except InputError as error:
            problems.add(error.problems, values)
    problems.raise_any(len(combinations))
    _require_distinct(points)
    return points, left_out


def _cost(config: Config, data: Data) -> Cost:
    plan = config.plan(data)
    shape = plan.model.shape
    kept = plan.state_bytes < SMALL and not plan.schedule.spans
    state = plan.state_bytes if kept else 0
    return Cost(shape.parameters, memory_bytes(plan), plan.steps, record_bytes(plan), state)


def _require_distinct(points: Sequence[Point]) -> None:
    """Refuse two points that would share a run directory."""
    seen: dict[str, Point] = {}
    for point in points:
        other = seen.setdefault(point.id, point)
        if other is not point:
            same = other.digest == point.digest
            remedy = "remove one" if same else "their digests begin alike by chance: set another seed"
            message = f"{label(other.values)} and {label(point.values)} are the same run {point.id}: {remedy}"
            raise InputError(Problem(message, "sweep"))


def label(values: dict[str, Any]) -> str:
    """The values of a point in one line: model.depth=10 model.init=he_normal."""
    return " ".join(f"{key}={on_one_line(value)}" for key, value in values.items())


class _Problems:
    """The problems of many points, each told once, with a point that has it unless all have."""

    def __init__(self) -> None:
        self.found: dict[Problem, list[dict[str, Any]]] = {}

    def add(self, problems: Sequence[Problem], values: dict[str, Any]) -> None:
        for problem in problems:
            self.found.setdefault(problem, []).append(values)

    def raise_any(self, points: int) -> None:
        if not self.found:
            return
        told = [
            problem if len(where) == points else _placed(problem, where[0])
            for problem, where in self.found.items()
        ]
        told.sort(key=lambda problem: inf if problem.line is None else problem.line)
        if len(told) > SHOWN:
            told[SHOWN:] = [Problem(f"and {len(told) - SHOWN:,} more problems")]
        raise InputError(*told)


def _placed(problem: Problem, values: dict[str, Any]) -> Problem:
    return replace(problem, message=f"{problem.message} (at {label(values)})")


class _Outlines:
    """Loads each data set once, and keeps of it what a check needs: the shapes."""

    def __init__(self) -> None:
        self.known: dict[Dataset, Data | InputError] = {}

    def __call__(self, dataset: Dataset) -> Data:
        if dataset not in self.known:
            try:
                self.known[dataset] = _outline(load_data(dataset))
            except InputError as error:
                self.known[dataset] = error
        found = self.known[dataset]
        if isinstance(found, InputError):
            raise found
        return found


def _outline(data: Data) -> Data:
    """Data of the same shapes that takes no memory."""
    x, y, x_test, y_test = (np.broadcast_to(0.0, a.shape) for a in (data.x, data.y, data.x_test, data.y_test))
    return replace(data, x=x, y=y, x_test=x_test, y_test=y_test)
