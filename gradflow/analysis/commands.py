"""The commands that compute something again or beside it, quoted for a shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from re import compile
from shlex import join
from typing import Any

from gradflow.runs_folder import RUNS, runs_folder

NAME = compile(r"[A-Za-z][A-Za-z0-9_.-]*")
WORDS = {"null", "true", "false"}  # names that YAML takes for something else, in small letters


def operand(path: str | Path) -> str:
    """A path as a command takes it: one that begins with a dash would be an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def command_for(path: str, settings: dict[str, Any], *, is_point: bool = False) -> str:
    """The shell-quoted command that runs the config of the run at `path`, with other settings, beside it.

    If that is a point of a sweep, beside the sweep: a sweep holds its own points alone.
    """
    into = _into(path, 2 if is_point else 1)
    return join(["gradflow", "run", operand(f"{path}/config.yaml"), *overrides_of(settings), *into])


def sweep_command(point: str, axes: Mapping[str, Sequence[Any]]) -> str:
    """The shell-quoted command that sweeps the same axes again, into the same folder, from the config of the
    point at the path `point`; "" if there is only one point."""
    return _swept(f"{point}/config.yaml", axes, _into(point, 2))


def sweep_of_file(file: str, axes: Mapping[str, Sequence[Any]]) -> str:
    """`sweep_command` from a file that holds the config of a point."""
    return _swept(file, axes, [])


def _swept(file: str, axes: Mapping[str, Sequence[Any]], options: Sequence[str]) -> str:
    if all(len(values) == 1 for values in axes.values()):
        return ""
    keys = [f"{key}={','.join(map(written, values))}" for key, values in axes.items()]
    return join(["gradflow", "sweep", operand(file), *keys, *options])


def written(value: Any) -> str:
    """A plain value as an override writes it, in YAML's flow style, names without quotes."""
    match value:
        case dict():
            return f"{{{', '.join(f'{key}: {written(inner)}' for key, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case str() if NAME.fullmatch(value) and value.lower() not in WORDS:
            return value
        case str():  # JSON escapes what is beyond U+FFFF as two halves, which YAML refuses
            return f'"{"".join(one if one > chr(0xFFFF) else dumps(one)[1:-1] for one in value)}"'
    return dumps(value)


def _into(path: str, levels: int) -> list[str]:
    """The option for the runs folder, `levels` above a run's path; none for runs, unless another is set."""
    folder = Path(path)
    for _ in range(levels):
        folder = folder / ".." if folder.name in ("", "..") else folder.parent
    return [] if folder == RUNS == runs_folder() else ["--runs-dir", operand(folder)]


def overrides_of(settings: dict[str, Any]) -> list[str]:
    """KEY=VALUE for each setting; a mapping as its name and a dotted key for each field, without braces."""
    overrides: list[str] = []
    for key, value in settings.items():
        fields = dict(value) if isinstance(value, dict) else {"name": value}
        name = fields.pop("name")
        overrides.append(f"{key}={written(name) if isinstance(name, bool) else name}")
        overrides += [f"{key}.{field}={inner}" for field, inner in fields.items()]
    return overrides
