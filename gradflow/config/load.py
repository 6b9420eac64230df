"""From a YAML text and overrides to a complete Config, or to every problem at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gradflow import yaml_file
from gradflow.config import checks
from gradflow.config.axes import split
from gradflow.config.draft import Draft
from gradflow.config.overrides import lay, parse, refuse_spaces
from gradflow.config.problems import describe, numbers_beyond_floats
from gradflow.config.schema import SLUG, Config, is_slug
from gradflow.data import Data, Dataset
from gradflow.errors import InputError, Problem
from gradflow.formats import PATHS
from gradflow.starters import is_starter_config
from gradflow.yaml_events import quoted
from gradflow.yaml_file import COMMAND_LINE, Document


def load_data(dataset: Dataset) -> Data:
    """The data of a data set whose path, if it has one, is absolute."""
    return dataset.load(Path())


def untold(_: str) -> None:
    """Does not tell what the overrides leave out of a file."""


def load_config(path: Path, overrides: Sequence[str] = (), tell: Callable[[str], None] = untold) -> Config:
    """The complete config of a YAML file with overrides KEY=VALUE; its data is loaded once, to check it.

    `tell` gets a sentence for each mapping of the file that is replaced, values and all. InputError names
    every problem of form or, if there is none, of meaning, each with its line and key.
    """
    refuse_spaces([str(path), *overrides])
    return parse_config(read_config(path), path.parent, overrides, tell)


def read_config(path: Path) -> Document:
    """The document of a config that was named; of one that is not there InputError says what brings it."""
    remedy = _remedy(path)
    if remedy and not os.path.lexists(path):
        raise InputError(Problem(f"does not exist: {remedy}", source=str(path)))
    return yaml_file.read(path)


def _remedy(path: Path) -> str:
    """What to do where a word that was taken for a config is another thing."""
    if "=" in path.name:
        return "the config comes first, before KEY=VALUE"
    name = path.name.removesuffix(".yaml")
    if path.name == str(path) and is_starter_config(name) and not path.with_name(f"{name}.yaml").exists():
        return f"gradflow new {name} -o {name}.yaml writes it"
    return ""


def parse_config(
    document: Document, base: Path, overrides: Sequence[str] = (), tell: Callable[[str], None] = untold
) -> Config:
    """`load_config` of a parsed document; its relative paths start at `base`, those of overrides here."""
    draft, problems = begin(document, overrides)
    try:
        config, _ = resolve(draft, problems, base)
    except InputError as error:
        raise InputError(*_pointing_to_sweep(error.problems, overrides)) from None
    for sentence in draft.left_out:
        tell(sentence)
    return config


def _pointing_to_sweep(problems: Sequence[Problem], overrides: Sequence[str]) -> list[Problem]:
    """The problems, those of an override that has several values with the command that takes them."""
    several = {axis.key for axis in split(overrides)[1] if len(axis.values) > 1}
    hint = "; for several values type gradflow sweep instead"
    return [
        replace(one, message=one.message + hint) if one.source == COMMAND_LINE and one.key in several else one
        for one in problems
    ]


def begin(document: Document, overrides: Sequence[str]) -> tuple[Draft, list[Problem]]:
    """The draft of a document with overrides and a name, and what is wrong with those."""
    draft = Draft.of(document)
    settings, problems = parse(overrides)
    return draft, problems + lay(settings, draft) + name_after_file(draft, document.source)


def resolve(
    draft: Draft, problems: list[Problem], base: Path, load: Callable[[Dataset], Data] = load_data
) -> tuple[Config, Data]:
    """The complete config of a draft, whose known problems are `problems`, and the data that `load` gives."""
    config = validate(draft, problems)
    dataset = _anchored(config.data, draft, base)
    config, data = _completed(config, dataset, draft, load)
    found = [_located(draft, Problem(message, key)) for key, message in checks.against_data(config, data)]
    if found:
        raise InputError(*found)
    return config, data


def config_from_plain(plain: Mapping[str, Any]) -> Config:
    """The Config of what `Config.plain` gave, even if its data file has gone. InputError if it is damaged."""
    return validate(Draft(plain, {}), [])


def name_after_file(draft: Draft, source: str) -> list[Problem]:
    """Name a config that has no name by its file."""
    if not isinstance(draft.value, dict) or "name" in draft.value:
        return []
    stem = Path(source).stem
    draft.value["name"] = stem if is_slug(stem) else "unnamed"
    if is_slug(stem):
        return []
    return [draft.problem(("name",), f"give one, for the file's {quoted(stem)} will not do: {SLUG}")]


def validate(draft: Draft, problems: list[Problem]) -> Config:
    """The config of a draft, its data unseen; `problems` are those that are known already."""
    problems = [*problems, *numbers_beyond_floats(draft), *checks.of_sweep(draft)]
    try:
        config = Config.model_validate(draft.value)
    except ValidationError as error:
        problems += describe(draft, error)
    if problems:
        first: dict[str, Problem] = {}
        for problem in problems:
            first.setdefault(problem.key, problem)
        raise InputError(*sorted(first.values(), key=_line))
    return config


def _line(problem: Problem) -> float:
    return inf if problem.line is None else problem.line


def _anchored(dataset: Dataset, draft: Draft, base: Path) -> Dataset:
    """The data set with absolute paths, if it has any: each starts where it was written."""
    given = {key: path for key in PATHS if (path := getattr(dataset, key, None)) is not None}
    typed = {key for key in given if draft.place(("data", key))[0] == COMMAND_LINE}
    starts = {key: Path() if key in typed else base for key in given}
    return _replaced(dataset, **{key: str(starts[key].absolute() / path) for key, path in given.items()})


def _completed(
    config: Config, dataset: Dataset, draft: Draft, load: Callable[[Dataset], Data]
) -> tuple[Config, Data]:
    """The config with what only its data can tell, such as its file's sha256 and the loss, and the data."""
    try:
        data = load(dataset)
    except InputError as error:
        raise InputError(*(_located(draft, problem) for problem in error.problems)) from None
    dataset = _replaced(dataset, **data.keys)
    loss = config.training.loss or ("cross_entropy" if data.classes else "mse")
    training = config.training.model_copy(update={"loss": loss})
    return config.model_copy(update={"data": dataset, "training": training}), data


def _replaced(dataset: Dataset, **changes: Any) -> Dataset:
    return replace(dataset, **changes)


def _located(draft: Draft, problem: Problem) -> Problem:
    """The problem at its key's line; one inside a data file knows its place."""
    if problem.source:
        return problem
    return draft.problem(tuple((problem.key or "data").split(".")), problem.message)
