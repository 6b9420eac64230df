"""Which columns, tags or layers of a log were chosen, by a glob on their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gradflow.errors import InputError, refused
from gradflow.outside.names import SHOWN

FEW = 8  # names that an error lists


@dataclass(frozen=True)
class Only:
    """The names that match a pattern, as `fc*`; all of them without one."""

    pattern: str | None = None

    def __bool__(self) -> bool:
        return self.pattern is not None

    def takes(self, *names: str) -> bool:
        """Whether one of the names that a thing has is chosen."""
        return self.pattern is None or any(fnmatchcase(name, self.pattern) for name in names)

    def none_of(self, names: Iterable[str], source: str) -> InputError:
        """That none of the names is chosen."""
        held = list(dict.fromkeys(names))
        there = ", ".join(name[:SHOWN] for name in held[:FEW]) or "none"
        more = f", ... ({len(held)} in all)" if len(held) > FEW else ""
        words = f"no layer, column or tag is called so; there are {there}{more}"
        return refused(f"--only {(self.pattern or '')[:SHOWN]}: {words}", source=source)


ALL = Only()
