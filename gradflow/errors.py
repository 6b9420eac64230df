"""What can go wrong, as one tree of exceptions; each class knows the exit code of its command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One thing wrong with what the user gave: where it stands, which key, and what to do about it."""

    message: str
    key: str = ""
    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """FILE:LINE: KEY: MESSAGE, without the parts that are not known."""
        place = f"{self.source}:{self.line}" if self.source and self.line else self.source
        return ": ".join(part for part in (place, self.key, self.message) if part)


class GradflowError(Exception):
    """The root: every error that a user can meet; `str` is its line, or lines, without the `error: `."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """From another process it comes back as it is; a class is made of other things than its line."""
        return _again, (type(self), self.args), vars(self)


def _again(kind: type[GradflowError], args: tuple[Any, ...]) -> GradflowError:
    return kind.__new__(kind, *args)


class InputError(GradflowError):
    """A command line, config or data file that is refused: nothing was computed, nothing written."""

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refused(message: str, key: str = "", source: str = "", line: int | None = None) -> InputError:
    """The error of one problem, ready to raise."""
    return InputError(Problem(message, key, source, line))


class MissingExtra(InputError):
    """An optional dependency is not installed; the message is the command that installs it."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'gradflow-lab[{extra}]'")


class NothingToDraw(InputError):
    """What is given has nothing that a figure could show; the message is what the figure needs."""

    def __init__(self, needs: str) -> None:
        super().__init__(f"there is nothing to draw: {needs}")


def library(module: str, extra: str, purpose: str) -> Any:
    """A module that an extra brings. MissingExtra if it is not there."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtra(extra, purpose) from None


class RunError(GradflowError):
    """A run that failed, is locked by another process, or is damaged on disk; it says of which `source`."""

    def __init__(self, message: str, source: object = "") -> None:
        super().__init__(str(Problem(message, source=str(source))))


def closest(word: str, known: Iterable[str]) -> str | None:
    """The closest known word; None when none is close."""
    from difflib import get_close_matches  # of a size that only who errs should pay for

    return next(iter(get_close_matches(word, list(known), n=1)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the closest known word, or '' when none is close."""
    close = closest(word, known)
    return f"; did you mean {close}?" if close else ""


def refuse_unused(needs: str, word: str | None = None, **options: object) -> None:
    """InputError for a word and options that were given (not None, not False) to what has no use for them."""
    names = [name for name, value in options.items() if value is not None and value is not False]
    given = [*filter(None, [word]), *(f"--{name.replace('_', '-')}" for name in names)]
    if given:
        listed = " and ".join(given)
        raise InputError(f"{listed} {'is' if len(given) == 1 else 'are'} of no use here: {needs}")


def named(error: BaseException) -> str:
    """The class of an error, and what it says if it says anything: `KeyError: 'depth'`, `CancelledError`."""
    return ": ".join(part for part in (type(error).__name__, str(error)) if part)
