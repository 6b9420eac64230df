"""From what Python has, a path, a mapping or a Config, to the document and the overrides of the commands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

from gradflow.config import Config
from gradflow.config.load import read_config
from gradflow.errors import InputError, Problem
from gradflow.yaml_file import Document

AnyConfig = str | PathLike[str] | Mapping[str, Any] | Config
SOURCE = "config"  # of a mapping, in errors


def document_of(config: AnyConfig) -> tuple[Document, Path]:
    """The document of a config, and the folder where its relative paths start."""
    if isinstance(config, str | PathLike):
        path = Path(config)
        return read_config(path), path.parent
    plain = config.plain() if isinstance(config, Config) else config
    return Document(_plain(plain, SOURCE), {}, SOURCE), Path()


def overrides_of(values: Mapping[str, Any]) -> list[str]:
    """KEY=VALUE of each."""
    return [f"{key}={_quoted(_plain(value, key))}" for key, value in values.items()]


def axes_of(values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """KEY=VALUE of each, of a list the axis KEY=V1,V2; and the keys of lists, be they of one value.

    InputError for a list of none.
    """
    plain = {key: _plain(value, key) for key, value in values.items()}
    lists = [key for key, value in plain.items() if isinstance(value, list)]
    empty = [Problem("is an empty list: give at least one value", key) for key in lists if not plain[key]]
    if empty:
        raise InputError(*empty)
    words = {key: ",".join(map(_quoted, one if key in lists else [one])) for key, one in plain.items()}
    return [f"{key}={word}" for key, word in words.items()], lists


def _quoted(plain: Any) -> str:
    """A plain value as YAML in ASCII; of a character beyond 16 bits JSON makes two, which YAML has not."""
    return json.dumps(plain, ensure_ascii=False).encode("ascii", "backslashreplace").decode()


def _plain(value: Any, key: str) -> Any:
    """A value without the types of NumPy and pandas, tuples and ranges. InputError for what YAML has not."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # NumPy's and those of enumerations, which YAML cannot write either
    if isinstance(value, Real):  # those of NumPy, of which the widest is no list's number either
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, f"{key}.{name}") for name, inner in value.items()}
    if hasattr(value, "to_numpy") and not hasattr(value, "tolist"):
        value = value.to_numpy()  # a frame, whose items are the names of its columns
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), key)
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, Iterable):
        return [_plain(inner, key) for inner in value]
    message = f"is a {type(value).__name__}: give a number, a text, a list or a mapping"
    raise InputError(Problem(message, key))
