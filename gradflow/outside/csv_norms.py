"""Norms in a CSV file: long (columns step, layer, norm or log_norm) or wide (a column norm_NAME a layer)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from gradflow.errors import InputError, Problem
from gradflow.files.csv_rows import read_rows
from gradflow.outside.found import COLUMNS, LOG_NORM, NORM, Found, log_of, whole
from gradflow.outside.names import ASIDE, SHOWN, parts_of

_WIDE = re.compile(r"(norm|log_norm)(?:[_.:/ -](.+)|(\d.*))").fullmatch


def csv_norms(content: bytes, source: str) -> Iterator[Found]:
    """The norms of a file's content. InputError names the line of what cannot be read."""
    rows = read_rows(BytesIO(content), source)
    _, header = next(rows, (1, []))
    table = _table([title.strip() for title in header], source)
    for line, cells in rows:
        yield from table.read(cells, line)


@dataclass(frozen=True)
class _Table:
    """Where the columns of a CSV file stand: `norms` are (column, layer if it tells, whether it is a log)."""

    source: str
    width: int
    places: dict[str, int]
    norms: tuple[tuple[int, str | None, bool], ...]

    def read(self, cells: Sequence[str], line: int) -> Iterator[Found]:
        """The norms of a row."""
        if len(cells) != self.width:
            words = f"has {len(cells)} cells under {self.width} columns"
            raise InputError(Problem(words, source=self.source, line=line))
        text = {name: cells[place].strip() for name, place in self.places.items()}
        for place, layer, is_log in self.norms:
            yield Found(
                text.get("kind"),
                whole(text.get("step", "0"), self.source, line),
                layer or text["layer"],
                text.get("seed", "0"),
                log_of(cells[place].strip(), is_log, self.source, line),
                line,
            )


def _table(header: list[str], source: str) -> _Table:
    """The layout that a header tells. InputError if it tells none."""
    twice = next((title for title, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        raise InputError(Problem(f"two columns are called {twice[:SHOWN]!r}", source=source, line=1))
    places = {name: header.index(name) for name in COLUMNS if name in header}
    long = [(header.index(name), None, name == LOG_NORM) for name in (NORM, LOG_NORM) if name in header]
    if long and "layer" in places:
        return _Table(source, len(header), places, (long[-1],))
    if "layer" not in places and any(map(_WIDE, header)):
        return _Table(source, len(header), places, tuple(_wide(header, source)))
    remedy = (
        "columns step, layer and norm or log_norm (natural), or norm_1, norm_2, ... with a column a layer"
    )
    raise InputError(
        Problem(
            f"needs {remedy}; it has {', '.join(title[:SHOWN] for title in header[:8]) or 'none'}",
            source=source,
            line=1,
        )
    )


def _wide(header: list[str], source: str) -> Iterator[tuple[int, str, bool]]:
    """The columns norm_NAME. Others pass, unless they could be a layer's too."""
    for place, title in enumerate(header):
        found = _WIDE(title)
        if found:
            yield place, found[2] or found[3], found[1] == LOG_NORM
        elif title not in COLUMNS and _could_be_a_norm(title):
            words = (
                f"the column {title[:SHOWN]!r}: remove it, or call it norm_NAME if it is the norm of a layer"
            )
            raise InputError(Problem(words, source=source, line=1))


def _could_be_a_norm(title: str) -> bool:
    """fc3, 7, total_norm or normalized_loss; not lr, top1_acc or the index that pandas writes."""
    parts = parts_of(title)
    numbered = any(isinstance(part, int) for part in parts) and not title.startswith("Unnamed:")
    return (numbered and ASIDE.isdisjoint(parts)) or any(str(part).startswith("norm") for part in parts)
