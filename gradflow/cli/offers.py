"""What a shell may complete a word with: keys of configs and their values, runs, columns. Needs no library.

Each takes the context of a line that is half typed, and the start of its last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import typer

from gradflow.errors import GradflowError
from gradflow.runs_folder import RUNS

SEVERAL = ("sweep", "theory")  # commands in which a key may have several values


def overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """KEY= for the keys of configs, and after it the values that have names; the last of several."""
    key, equals, typed = incomplete.partition("=")
    if not equals:
        return keys(key)
    before, comma, _ = typed.rpartition(",") if ctx.info_name in SEVERAL else ("", "", typed)
    taken = before.split(",")
    return [f"{key}={before}{comma}{value}" for value in values_of(key) if value not in taken]


def keys(typed: str) -> list[str]:
    """Short names of keys with "=", and sections with "."; after a "." what stands below it."""
    from gradflow.cli.config_words import ENTRIES, KEYS

    names = list(_names((*KEYS, *ENTRIES) if typed else KEYS, typed))
    if "." in typed:
        found = [_to_next_dot(name, len(typed)) for name in names]
    else:
        sections = [f"{name.partition('.')[0]}." for name in _names(KEYS, typed)] if typed else []
        found = [*(f"{name}=" for name in names if "." not in name), *sections]
    return [name for name in _once(found) if name[-1] == "=" or f"{name[:-1]}=" not in found]


def _names(full: Iterable[str], typed: str) -> Iterator[str]:
    """Whatever keys may be called that begins so and means one of them."""
    for key in full:
        parts = key.split(".")
        names = (".".join(parts[i:]) for i in range(len(parts)))
        yield from (name for name in names if name.startswith(typed) and full_key(name) == key)


def _to_next_dot(name: str, length: int) -> str:
    end = name.find(".", length)
    return f"{name}=" if end < 0 else name[: end + 1]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def full_key(name: str) -> str | None:
    """The key that a name stands for, as `config.override_key` has it; None where that refuses it."""
    from gradflow.cli.config_words import ENTRIES, KEYS

    for known in (KEYS, ENTRIES):
        found = [key for key in known if f".{key}".endswith(f".{name}")]
        shortest = min((key.count(".") for key in found), default=0)
        nearest = [key for key in found if key.count(".") == shortest]
        if found:
            return nearest[0] if len(nearest) == 1 else None
    return None


def values_of(name: str) -> list[str]:
    """The values of a key that have names; of the name of a choice those of the choice."""
    from gradflow.cli.config_words import ENTRIES, KEYS

    return {**KEYS, **ENTRIES}.get(full_key(name) or "", "").split()


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids in the folder of runs, what was interrupted too; else, those inside its sweeps."""
    from gradflow.store.catalog import inside, standing
    from gradflow.store.partial import unfinished

    folder = ctx.params.get("runs_dir") or RUNS
    with suppress(GradflowError, OSError):
        top = standing(folder)
        found = sorted({*(path.name for path in top), *unfinished(folder)})
        if any(name.startswith(incomplete) for name in found):
            return found
        return sorted({path.name for path in inside(top)})
    return []


def studies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs, and the configs of this folder."""
    return [*runs(ctx, incomplete), *sorted(path.name for path in Path().glob("*.yaml"))]


def starters(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The starter configs, with what each studies."""
    from gradflow.starters import starter_names, starter_purpose

    return [(name, starter_purpose(name)) for name in starter_names()]


def columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """Results and keys, by which runs are ordered, mapped or drawn."""
    from gradflow.analysis.compare import NOTED, RESULTS
    from gradflow.cli.config_words import KEYS

    short = (name for name in _names(KEYS, "") if "." not in name)
    return _once((*RESULTS, *NOTED, *short))


def several_columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """The last of A,B."""
    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in columns(ctx, incomplete)]


def words(*known: str) -> Callable[[], list[str]]:
    """Of an option that takes one of these."""
    return lambda: list(known)
