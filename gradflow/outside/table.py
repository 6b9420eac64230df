"""Norms in a table of any file: long (a row a norm), by tag (a row a scalar), or wide (a column a layer).

Titles may be in capitals. A step, a seed, a kind and a depth have the names that loggers give them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import nan

from gradflow.analysis.differences import LAYER_NAME
from gradflow.errors import InputError, refused
from gradflow.outside.columns import PANEL, Named, norm_columns, of_whole_network
from gradflow.outside.found import Finding, Found, LossFound, log_of, loss_of, whole
from gradflow.outside.names import SHOWN, set_of
from gradflow.outside.only import ALL, Only

TableRow = tuple[int | None, Mapping[str, str]]  # its line, and what stands under each title; "" is nothing

ROLES = {  # what a column is, by the first of its names that is there
    "step": (
        "step", "_step", "global_step", "trainer/global_step", "train/global_step", "iteration", "iter",
        "epoch",
    ),
    "seed": ("seed", "run", "run_name", "network"),
    "kind": ("kind",),
    "depth": ("depth", "model.depth"),
    "layer": ("layer",),
    "tag": ("tag", "metric"),
    "value": ("value",),
}  # fmt: skip
LONG = {  # the norms of a long table -> (kind, whether it is a log)
    "log_norm": (None, True), "norm": (None, False),
    "grad_norm": (None, False), "gradient_norm": (None, False),
    "log_delta_norm": ("delta", True), "delta_norm": ("delta", False),
    "log_weight_grad_norm": ("weight", True), "weight_grad_norm": ("weight", False),
}  # fmt: skip
LOSSES = (  # the loss of a step, by the first of its names
    "loss", "train_loss", "train/loss", "training_loss", "loss/train", "train_loss_step", "train/loss_step",
)  # fmt: skip
EXPORT = "row", "log_delta_norm", "zero_delta"  # columns of gradflow's own table of layers
SAME_NETWORKS = ("name", "seeds", "analysis")  # sections of a config in which runs of one kind may differ
NEEDS = "columns step, layer and norm or log_norm (natural), or norm_1, norm_2, ... with a column a layer"
NO_DEPTH = (
    "one norm of the whole network, so this log has no depth and gives no c: record a norm for each layer "
    "(gradflow new torch-recorder)"
)


@dataclass(frozen=True)
class NormsTable:
    """Rows under titles, of which `only` some count; `line` is that of the titles."""

    source: str
    titles: Sequence[str]
    rows: Iterable[TableRow]
    line: int | None = None
    only: Only = ALL

    def norms(self) -> Iterator[Finding]:
        """The norms. InputError for a table that holds none, with what it needs."""
        self._require_single(self.titles)
        by = {title.lower(): title for title in self.titles}
        roles = {
            role: by[name]
            for role, names in ROLES.items()
            if (name := next((n for n in names if n in by), None))
        }
        long = [name for name in LONG if name in by]
        if "layer" in roles and long:
            return self._long(roles, by, long)
        if {"tag", "value"} <= roles.keys():
            return _untagged(self, roles).norms()
        others = [title for title in self.titles if title not in roles.values()]
        columns = [] if "layer" in roles else norm_columns(others, self.source, self.line, self.only)
        if columns:
            return self._wide(roles, columns)
        if self.only:
            raise self.only.none_of(others, self.source)
        raise self._refused()

    @cached_property
    def _losses(self) -> dict[str, str]:
        """The title of the losses of each run of a panel, "" of a table that is none's; {} without any."""
        found: dict[str, dict[str, str]] = {}
        for title in self.titles:
            run, _, metric = title.rpartition(PANEL)
            if metric.lower() in LOSSES:
                found.setdefault(run, {})[metric.lower()] = title
        return {run: by[min(by, key=LOSSES.index)] for run, by in found.items()}

    def _require_single(self, titles: Sequence[str]) -> None:
        counted = Counter(title.lower() if title.lower() in _SINGLE else title for title in titles)
        twice = next((title for title, count in counted.items() if count > 1), None)
        if twice is not None:
            raise self._wrong(f"two columns are called {twice[:SHOWN]!r}", self.line)

    def _refused(self) -> InputError:
        one = of_whole_network(self.titles)
        if one:
            return self._wrong(f"{one[:SHOWN]} is {NO_DEPTH}", None)
        there = ", ".join(title[:SHOWN] for title in self.titles[:8]) or "none"
        return self._wrong(f"needs {NEEDS}; it has {there} (--only PATTERN takes any)", self.line)

    def _wrong(self, words: str, line: int | None) -> InputError:
        return refused(words, source=self.source, line=line)

    def _long(
        self, roles: Mapping[str, str], by: Mapping[str, str], long: Sequence[str]
    ) -> Iterator[Finding]:
        """A row a norm, or two of different kinds; a row without layer and norm is of something else."""
        chosen = {LONG[name][0]: name for name in reversed(long)}  # log_norm rather than norm
        extra = [name for name in long if not {name, f"log_{name}"} & set(chosen.values())]
        if extra:
            words = f"{extra[0]} and {chosen[LONG[extra[0]][0]]} are both norms of a layer: keep one of them"
            raise self._wrong(words, self.line)
        passed: dict[str, bool] = {}
        own, known = set(EXPORT) <= by.keys(), {*roles.values(), *CLOCKS}
        alike = _Alike(self, roles.get("depth", ""), self._keys(roles, by) if own else [])
        for line, cells in self.rows:
            layer = cells.get(roles["layer"], "")
            texts: list[str | None] = [cells.get(by[name], "") for name in chosen.values()]
            if not layer and not any(texts) and (len(cells) < len(self.titles) or _filled(cells) - known):
                yield from self._alone(roles, cells, line, {})
                continue
            if own and not all(texts):
                texts = [text or self._unwritten(by, cells, any(texts), line) for text in texts]
            passed[layer] = self.only.takes(layer)
            if not passed[layer]:
                continue
            alike.take(line, cells)
            for (kind, name), text in zip(chosen.items(), texts, strict=True):
                if text is None:
                    continue
                yield self._found(roles, cells, line, Named(name, layer, LONG[name][1], kind, False), text)
        if passed and not any(passed.values()):
            raise self.only.none_of(passed, self.source)

    def _keys(self, roles: Mapping[str, str], by: Mapping[str, str]) -> list[str]:
        """The keys of a config that gradflow's own table has since its runs differ in them."""
        first, end = self.titles.index(roles["layer"]) + 1, self.titles.index(by[EXPORT[1]])
        keys = [title for title in self.titles[first:end] if title not in (*roles.values(), LAYER_NAME)]
        return [key for key in keys if key.partition(".")[0] not in SAME_NETWORKS]

    def _unwritten(
        self, by: Mapping[str, str], cells: Mapping[str, str], other: bool, line: int | None
    ) -> str | None:
        """What a log norm was that gradflow's own export leaves empty: of a gradient of 0, or not finite.

        Where no sample has a delta the weights have no gradient either; beside a delta that is finite theirs
        is 0. Of what was recorded elsewhere, one kind alone: None if there is the `other`.
        """
        delta, zeros = (cells.get(by[name], "") for name in EXPORT[1:])
        if zeros:
            return "-inf" if delta or loss_of(zeros) > 0 else "nan"
        if other:
            return None
        words = "a norm is empty, and nothing tells whether it was 0: fit the recording.npz of the run"
        raise self._wrong(words, line)

    def _alone(
        self, roles: Mapping[str, str], cells: Mapping[str, str], line: int | None, depths: Mapping[str, str]
    ) -> Iterator[LossFound]:
        """The losses of a row without norms; of one that tells no step, as others do, none."""
        at = {role: cells.get(title, "") for role, title in roles.items()}
        if not at.get("step", "0"):
            return
        for run, title in self._losses.items():
            if text := cells.get(title, ""):
                step = whole(at.get("step", "0"), self.source, line)
                depth = at.get("depth") or depths.get(run, "")
                yield LossFound(step, run or at.get("seed") or "0", loss_of(text), depth)

    def _wide(self, roles: Mapping[str, str], columns: Sequence[Named]) -> Iterator[Finding]:
        titles = {column.title for column in columns}
        gaps, depths, unseen = _Gaps(self, titles | set(roles.values())), _depths(columns), set(titles)
        for line, cells in self.rows:
            found = [(column, text) for column in columns if (text := cells.get(column.title, ""))]
            if found or not titles.isdisjoint(cells):  # an object of JSON need not have them
                gaps.take(line, cells, bool(found))
            if not found:
                yield from self._alone(roles, cells, line, depths)
            for column, text in found:
                unseen.discard(column.title)
                yield self._found(roles, cells, line, column, text, depths.get(column.run, ""))
        gaps.end()
        if unseen:
            words = "is empty in all rows: write nan where it is no number, else remove it"
            raise self._wrong(f"the column {min(unseen)[:SHOWN]!r} {words}", self.line)

    def _found(
        self, roles: Mapping[str, str], cells: Mapping[str, str], line: int | None, column: Named, text: str,
        depth: str = "",
    ) -> Found:  # fmt: skip
        at = {role: cells.get(title, "") for role, title in roles.items()}
        return Found(
            at.get("kind") or column.kind,
            whole(at.get("step") or "0", self.source, line),
            column.layer,
            column.run or at.get("seed") or "0",
            log_of(text, column.is_log, self.source, line),
            line,
            at.get("depth") or depth,
            self._loss(cells, column.run),
        )

    def _loss(self, cells: Mapping[str, str], run: str) -> float:
        title = self._losses.get(run, self._losses.get(""))
        return nan if title is None else loss_of(cells.get(title, ""))  # "" is a title too, of an index


CLOCKS = set_of("epoch time timestamp wall_time _runtime _timestamp runtime")  # beside anything
_SINGLE = {name for names in ROLES.values() for name in names} | set(LONG)


def _filled(cells: Mapping[str, str]) -> set[str]:
    return {title for title, cell in cells.items() if cell}


def _depths(columns: Sequence[Named]) -> dict[str, str]:
    """How many layers each run of a panel has, where they are not the same."""
    layers: dict[str, set[str]] = {}
    for column in columns:
        layers.setdefault(column.run, set()).add(column.layer)
    alike = len(set(map(frozenset, layers.values()))) == 1
    return {} if alike else {run: str(len(held)) for run, held in layers.items()}


def _untagged(table: NormsTable, roles: Mapping[str, str]) -> NormsTable:
    """A row a scalar as a wide table."""
    tag, value = roles["tag"], roles["value"]
    rows = [
        (
            line,
            {**{t: c for t, c in cells.items() if t not in (tag, value)}, cells[tag]: cells.get(value, "")},
        )
        for line, cells in table.rows
        if cells.get(tag)
    ]
    titles = dict.fromkeys(title for _, cells in rows for title in cells)
    return NormsTable(table.source, list(titles), rows, only=table.only)


@dataclass
class _Alike:
    """Rows of gradflow's own table: in one fit, the networks of a depth may differ in their seeds alone."""

    table: NormsTable
    depth: str
    keys: Sequence[str]
    first: dict[str, list[str]] = field(default_factory=dict)

    def take(self, line: int | None, cells: Mapping[str, str]) -> None:
        """InputError for a row whose run has another config than that of the first of its depth."""
        own = [cells.get(key, "") for key in self.keys]
        first = self.first.setdefault(cells.get(self.depth, ""), own)
        if own != first:
            key = next(key for key, a, b in zip(self.keys, first, own, strict=True) if a != b)
            words = f"holds runs that differ in {key[:SHOWN]}: give those of one, as export --where has them"
            raise refused(words, source=self.table.source, line=line)


@dataclass
class _Gaps:
    """Rows without a norm, as loggers write for other things; norms that stop are no such thing.

    A row counts as one of the norms' if it has a cell in a column that rows with norms fill.
    """

    table: NormsTable
    known: set[str]
    beside: set[str] = field(default_factory=set)
    longest: int = 0
    waiting: list[int | None] = field(default_factory=list)

    def take(self, line: int | None, cells: Mapping[str, str], has_norms: bool) -> None:
        """Count a row."""
        filled = _filled(cells) - self.known - CLOCKS
        if has_norms:
            self.beside |= filled
            self.longest, self.waiting = max(self.longest, len(self.waiting)), []
        elif not filled or not self.beside.isdisjoint(filled):
            self.waiting.append(line)
        if not has_norms and not filled:
            self._refuse(line)

    def end(self) -> None:
        """InputError if more rows are left without norms than there were before between two with."""
        if len(self.waiting) > self.longest:
            self._refuse(self.waiting[0])

    def _refuse(self, line: int | None) -> None:
        words = "the norms are empty: write nan where they are no numbers, else remove the rows from here on"
        raise refused(words, source=self.table.source, line=line)
