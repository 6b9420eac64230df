"""From what the user typed to run directories: a path, an id, a unique prefix, @1 (the latest), or a glob.

The latest is what was made or found last.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path

from gradflow.analysis.commands import operand
from gradflow.errors import InputError, RunError, did_you_mean
from gradflow.natural import natural
from gradflow.runs_folder import ANOTHER
from gradflow.store.catalog import inside, latest, standing
from gradflow.store.interrupted import opened
from gradflow.store.names import RUN, is_sweep, maker_of
from gradflow.store.partial import Claim, unfinished
from gradflow.store.reading import read_json
from gradflow.store.run import Run

SHOWN = 8  # candidates that an error names
LATEST = ", or @1 for the latest of all"
LONGEST = 4096  # characters of a reference, as of a path


def resolve(reference: str, runs: Path) -> list[Path]:
    """The folders of the runs and sweeps that a reference names; only a glob names more than one.

    A name stands for what lies directly in `runs` before what lies in a sweep. InputError if it names
    nothing, or several where one is meant.
    """
    if not reference:  # every name begins so
        raise InputError("a run's name is empty, perhaps from a variable that is not set: see `gradflow ls`")
    number = re.fullmatch(r"@(\d{1,9})", reference)
    if number:
        return [_latest(int(number[1]), runs)]
    if "\0" in reference:
        raise InputError("a run's name holds no NUL character: see `gradflow ls`")
    if len(reference) > LONGEST:  # a glob of 100 kB would be matched for a minute
        raise InputError(f"a run's name has at most {LONGEST:,} characters: see `gradflow ls`")
    path = Path(reference)
    if _holds_run(path):
        return [path if path.name not in ("", "..") else path.resolve()]  # locks go by the folder's name
    if re.search(r"[*?\[]", reference):
        return _matching(reference, runs)
    if os.sep in reference:
        left = _unfinished(path.name, [path.parent])
        if left:
            return [left]
        raise InputError(f"{reference} is no run directory: name one that `gradflow ls` shows")
    return [_named(reference, runs)]


def load_one(reference: str | os.PathLike[str], runs: str | os.PathLike[str]) -> Run:
    """The one run that a reference names."""
    found = resolve(os.fspath(reference), Path(runs))
    if len(found) > 1:
        raise InputError(f"{reference} could be {_listed([str(path) for path in found])}: name one")
    if is_sweep(found[0]):
        command = shlex.join(["gradflow", "compare", operand(found[0])])
        raise InputError(f"{found[0]} is a sweep: {command} shows it; or name one of the runs in it")
    return opened(found[0])


def _holds_run(path: Path) -> bool:
    return os.path.lexists(path / RUN) or is_sweep(path)


def _latest(number: int, runs: Path) -> Path:
    entries = latest(runs)
    if not entries:
        raise _nothing(runs)
    if not 1 <= number <= len(entries):
        raise InputError(f"@{number}: count from @1, the latest, to @{len(entries)} in {runs}")
    return entries[number - 1].path


def _matching(pattern: str, runs: Path) -> list[Path]:
    """What a glob matches: names in `runs`, else names in sweeps (ID or SWEEP/ID), else paths from here."""
    top = standing(runs)
    found = [path for path in top if fnmatchcase(path.name, pattern)]
    if not found:
        inner = inside(top)
        names = {path: (path.name, f"{path.parent.name}/{path.name}") for path in inner}
        found = [path for path in inner if any(fnmatchcase(name, pattern) for name in names[path])]
    if not found:
        found = [path for path in map(Path, glob(pattern)) if _holds_run(path)]
    if not found:
        raise InputError(f"{pattern} matches no run in {runs}: see `gradflow ls`")
    return sorted(found, key=lambda path: natural(str(path)))


def _named(name: str, runs: Path) -> Path:
    """The one folder of this id, else of this name, else that begins so; of an id in two sweeps, either.

    A folder that was renamed has its own name and the id that its run has in lists.
    """
    top = standing(runs)
    inner = inside(top)
    for group, remedy in ((top, LATEST), (inner, "")):
        by_id = {path.name: path for path in reversed(group)}
        found = _meant(name, by_id, remedy)
        if found:
            return by_id[found]
    renamed = _renamed([*top, *inner])
    found = _meant(name, renamed)
    if found:
        return renamed[found]
    left = _unfinished(name, [runs, *filter(is_sweep, top)])
    if left:
        return left
    if not top:
        raise _nothing(runs)
    names = [path.name for path in (*top, *inner)]
    close = did_you_mean(name, names) or did_you_mean(name, {n.rpartition("-")[0] for n in names})
    raise InputError(f"{name} is no run in {runs}{close or ': see `gradflow ls`'}")


def _renamed(folders: Iterable[Path]) -> dict[str, Path]:
    """The folders that are not called as the run in them, by its id."""
    found: dict[str, Path] = {}
    for path in folders:
        with suppress(RunError):
            info = read_json(path / RUN)
            id = info.get("id") if isinstance(info, dict) else None
            if isinstance(id, str) and id != path.name:
                found.setdefault(id, path)
    return found


def _meant(name: str, ids: Iterable[str], remedy: str = "") -> str | None:
    """The one id that is `name`, else is of this name, else begins so; None if none does.

    InputError for several, which ends in another remedy than to give more of the name.
    """
    begun = sorted(id for id in ids if name and id.startswith(name))  # "." and "/" have none
    named = [id for id in begun if id.rpartition("-")[0] == name]
    found = [name] if name in begun else named if len(named) == 1 else begun
    if len(found) > 1:
        raise InputError(f"{name} could be {_listed(found)}: give more of it{remedy}")
    return found[0] if found else None


def interrupted(name: str, folders: Iterable[Path]) -> Path | None:
    """The place of the run of this name that was cut short. InputError if a process works on it."""
    for folder in folders:
        running = unfinished(folder)
        found = _meant(name, running)
        if found and running[found]:
            raise InputError(f"{found} is still being computed: wait for it")
        if found:
            return folder / found
    return None


def _unfinished(name: str, folders: Iterable[Path]) -> Path | None:
    """`interrupted`, of which something is there to be seen. InputError if nothing was kept of it."""
    found = interrupted(name, folders)
    if found and not os.path.lexists(Claim(found.parent, found.name).checkpoint):
        raise InputError(f"{found.name} was interrupted: {maker_of(found)} to go on")
    return found


def _listed(names: list[str]) -> str:
    more = f" or {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _nothing(runs: Path) -> InputError:
    remedy = f"make one with `gradflow run CONFIG`, or {ANOTHER}"
    return InputError(f"there are no runs in {runs}: {remedy}")
