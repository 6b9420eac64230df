"""Runs side by side: a row a run, what is the same in all, what differs, and how the final losses stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import hypot, isfinite
from typing import TYPE_CHECKING, Any

from gradflow.analysis.differences import Flat, flat, full_name, split, told_by_others
from gradflow.analysis.expression import parse_condition
from gradflow.errors import InputError
from gradflow.formats import PATHS
from gradflow.natural import natural

if TYPE_CHECKING:
    from gradflow.analysis.summary import Number, Numbers, Summary

RESULTS = {  # a row's name for it -> where it stands in a Summary
    "id": "id",
    "path": "path",
    "status": "status",
    "name": "name",
    "c": "flow.initial.c",
    "c_low": "flow.initial.c_low",
    "c_high": "flow.initial.c_high",
    "log10_ratio": "flow.initial.log10_ratio",
    "verdict": "flow.initial.verdict",
    "borderline": "flow.initial.borderline",
    "trainable": "trainable.verdict",
    "trainable_score": "trainable.score",
    "correlation_depth": "trainable.correlation_depth",
    "transitions": "flow.initial.transitions",
    "networks": "flow.initial.networks",
    "dead_networks": "flow.initial.dead_networks",
    "saturated": "flow.initial.saturated",
    "log10_growth": "flow.initial.log10_growth",
    "symptoms": "symptoms",
    "loss_initial": "training.loss_initial",
    "loss_final": "training.loss_final",
    "loss_final_low": "training.loss_final_low",
    "loss_final_high": "training.loss_final_high",
    "accuracy_final": "training.accuracy_final",
    "loss_test_final": "training.loss_test_final",
    "accuracy_train_final": "training.accuracy_train_final",
    "r2_train_final": "training.r2_train_final",
    "r2_test_final": "training.r2_test_final",
    "minibatch_loss_final": "training.minibatch_loss_final",
    "evaluations": "training.evaluations",
    "majority": "training.majority",
    "clipped_share": "training.clipped_share",
    "diverged_step": "training.diverged_step",
    "critical_lr": "critical_lr.initial",
    "c_final": "flow.final.c",
    "c_final_low": "flow.final.c_low",
    "c_final_high": "flow.final.c_high",
    "log10_ratio_final": "flow.final.log10_ratio",
    "verdict_final": "flow.final.verdict",
    "dead_networks_final": "flow.final.dead_networks",
    "saturated_final": "flow.final.saturated",
    "sigmas": "theory.sigmas",
    "c_theory": "theory.c_finite_width",
    "log10_ratio_theory": "theory.log10_ratio",
    "log10_ratio_sd": "flow.initial.log10_ratio_sd",
    "log10_ratio_sd_theory": "theory.log10_ratio_sd",
}
NOTED = ("note", "tags")  # what a user says of a run stands beside its Summary
_PLACES = [(name, *place.rpartition(".")[::2]) for name, place in RESULTS.items()]
MEASURE = ("training.loss", "data")
FILES = [f"data.{key}" for key in PATHS]  # which count by their sha256
RANKED = ("loss_final", "loss_test_final", "minibatch_loss_final", "ratio")  # the unfinished come last


@dataclass(frozen=True)
class Row:
    """A run in a comparison: its results by name, its config by dotted keys, log10 ||delta_l|| by layer."""

    values: dict[str, Any]
    config: Flat
    gradient: Numbers = ()

    def __getitem__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            return self.config.get(name)

    @classmethod
    def of(cls, values: dict[str, Any], config: Flat, gradient: Numbers) -> Row:
        """A row of which nothing was noted."""
        return cls({**values, "note": None, "tags": ()}, config, gradient)

    def noted(self, note: str | None, tags: tuple[str, ...]) -> Row:
        """With what the user says of the run."""
        return replace(self, values={**self.values, "note": note, "tags": tags})

    @property
    def written(self) -> dict[str, Any]:
        """The values as a table of texts and numbers holds them: the tags in one text."""
        return {**self.values, "tags": ", ".join(self["tags"])}

    @property
    def failed(self) -> bool:
        """Whether nothing was computed, so that its verdicts are of nothing."""
        return bool(self["status"] == "failed")

    @property
    def finished(self) -> bool:
        """Whether its loss counts: a diverged or failed run is never called better."""
        return self["status"] == "completed" and self["loss_final"] is not None


@dataclass(frozen=True)
class Standing:
    """A run's final loss over another's: worse or better only where the 95% intervals over seeds part.

    `relation` is best, baseline, better, same, worse or, where the losses cannot be compared or one network
    gives no spread, None.
    """

    ratio: Number = None
    error: Number = None
    relation: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Rows in the order to be shown, and one line for each damaged run.

    `constant` are the keys that are the same in all rows, with their values (of one row, all of its keys);
    `differing` are the others, in the order of the config.
    """

    rows: tuple[Row, ...]
    constant: Flat
    differing: list[str]
    damaged: tuple[str, ...] = ()
    baseline: Row | None = None

    @property
    def telling(self) -> list[str]:
        """The keys that differ and are not told by another, as the gain is by the init's name."""
        told = told_by_others(self.differing, (row.config for row in self.rows))
        keys = [key for key in self.differing if key not in told]
        return keys if keys == ["name"] else [key for key in keys if key != "name"]

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """How each row stands to the baseline, or to the best of the rows that it can be compared with."""
        keys = _measuring(self.differing if self.baseline is None else self.baseline.config)
        measures = [_measure(row, keys) for row in self.rows]
        if self.baseline is None:
            name, bases = "best", _best(self.rows, measures)
        else:
            name, bases = "baseline", {_measure(self.baseline, keys): self.baseline}
        return tuple(
            _stand(row, bases.get(measure), name) for row, measure in zip(self.rows, measures, strict=True)
        )

    def names(self) -> list[str]:
        """Every name that a column, a sort or an expression can use."""
        return names_of(self.rows)

    def document(self, top: int | None = None) -> dict[str, Any]:
        """The document of `compare --json`, with the first `top` rows."""
        rows = []
        for row, standing in list(zip(self.rows, self.standings, strict=True))[:top]:
            values = row.written
            named = {key: values.pop(key) for key in ("id", "path", "status")}
            keys = {key: row.config.get(key) for key in self.differing}
            rows.append({**named, **keys, **values, "ratio": standing.ratio, "relation": standing.relation})
        return {"constant": self.constant, "rows": rows, "damaged": list(self.damaged)}


def names_of(rows: Iterable[Row]) -> list[str]:
    """The results that rows have, and the keys of their configs."""
    keys = dict.fromkeys(chain.from_iterable(row.config for row in rows))
    return [*RESULTS, *NOTED, *(key for key in keys if key not in RESULTS)]


def fulfilling(rows: Sequence[Row], condition: str | None) -> list[Row]:
    """The rows that fulfil a condition, all where there is none; one that lacks what it needs does not.

    InputError if it is none, or no row fulfils it.
    """
    if condition is None:
        return [*rows]
    holds = parse_condition(condition, names_of(rows), "--where", [row.config for row in rows])
    found = [row for row in rows if holds(row)]
    if rows and not found:
        raise InputError(f"--where {condition}: none of {len(rows):,} runs fulfils it")
    return found


def row_of(summary: Summary) -> Row:
    """The row of a run, its numbers as JSON holds them: those that are not finite are None."""
    from gradflow.analysis.summary import strict  # most rows are read without

    flows = {name: {**vars(flow), "profile": vars(flow.profile)} for name, flow in vars(summary.flow).items()}
    parts = {
        name: vars(getattr(summary, name)) for name in ("theory", "training", "trainable", "critical_lr")
    }
    told = {**vars(summary), **parts, "flow": flows, "symptoms": [*map(vars, summary.symptoms)]}
    return row_from(strict(told), summary.path)


def row_from(document: Mapping[str, Any], path: str) -> Row:
    """The row of the run at `path`, from the document of its summary or from what a row needs of it."""
    initial, theory = document["flow"]["initial"], document["theory"]
    parts = {
        "": document, "flow.initial": initial, "flow.final": document["flow"]["final"], "theory": theory,
        "training": document["training"], "trainable": document.get("trainable", {}),
        "critical_lr": document.get("critical_lr", {}),
    }  # fmt: skip
    values = {name: parts[part].get(key) for name, part, key in _PLACES}  # older ones have not all
    values["path"], values["symptoms"] = path, ", ".join(one["name"] for one in document["symptoms"])
    if values["c_theory"] is None:
        values["c_theory"] = theory["c"]
    return Row.of(values, flat(document["config"]), tuple(initial["profile"]["log10_delta"]))


def compare(
    rows: Iterable[Row], damaged: Iterable[str] = (), sort: str | None = None, baseline: Row | None = None
) -> Comparison:
    """The comparison of rows, ordered by the keys that differ or by `sort`, a name that "-" turns round.

    Rows without the value come last; by the loss, those too that diverged or failed. InputError for a name
    that no row has.
    """
    rows = tuple(rows)
    found = Comparison(rows, *split([row.config for row in rows]), tuple(damaged), baseline)
    if sort is None:
        keys = found.differing
        ordered = tuple(sorted(found.rows, key=lambda row: _order(row, keys)))
    else:
        ordered = _sorted(found, sort.removeprefix("-"), sort.startswith("-"))
    return replace(found, rows=ordered)


def _sorted(found: Comparison, name: str, down: bool) -> tuple[Row, ...]:
    pairs = list(zip(found.rows, found.standings, strict=True))
    if name == "ratio":
        values = [standing.ratio for _, standing in pairs]
    else:
        name = full_name(name, found.names())
        values = [row[name] for row in found.rows]
    last = [v is None or not is_ranked(row, name) for v, row in zip(values, found.rows, strict=True)]
    return tuple(found.rows[i] for i in ranks(values, last, down))


def is_ranked(row: Row, name: str) -> bool:
    """Whether a row has this value, and the right to be called better by it."""
    return name == "ratio" or (row[name] not in (None, ()) and (name not in RANKED or row.finished))


def ranks(values: Sequence[Any], last: Sequence[bool], down: bool) -> list[int]:
    """The places of values from the smallest on, or from the largest; at the end those that come `last`."""
    order = sorted(range(len(values)), key=lambda i: comparable(values[i]), reverse=down)
    return sorted(order, key=lambda i: last[i])


def _order(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    return (*(comparable(row.config.get(key)) for key in keys), comparable(row["id"]))


def comparable(value: Any) -> tuple[int, Any]:
    """A key that puts numbers by size before texts, those by their numbers, and what is missing last."""
    if value is None:
        return 2, ()
    return (0, value) if isinstance(value, int | float) else (1, natural(str(value)))


def _measuring(keys: Iterable[str]) -> list[str]:
    """Those that make losses comparable: the loss function and the data, wherever its files lie."""
    return [key for key in keys if key in MEASURE or (key.startswith("data.") and key not in FILES)]


def _measure(row: Row, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(repr(row.config.get(key)) for key in keys)


def _best(rows: Sequence[Row], measures: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Row]:
    """By measure, the finished row of the lowest loss."""
    best: dict[tuple[str, ...], Row] = {}
    for row, measure in zip(rows, measures, strict=True):
        if row.finished and row["loss_final"] < best.setdefault(measure, row)["loss_final"]:
            best[measure] = row
    return best


def _stand(row: Row, base: Row | None, name: str) -> Standing:
    if base is None or not (row.finished and base.finished) or not base["loss_final"]:
        return Standing()
    ours, theirs = row["loss_final"], base["loss_final"]
    if not isfinite(ours / theirs):
        return Standing()
    spread = _half(row), _half(base)
    if row["path"] == base["path"]:
        return Standing(1.0, None, name)
    if None in spread:
        return Standing(ours / theirs)
    error = abs(ours / theirs) * hypot(
        *(half / max(abs(loss), 1e-300) for half, loss in zip(spread, (ours, theirs), strict=True))
    )
    if row["loss_final_high"] < base["loss_final_low"]:
        return Standing(ours / theirs, error, "better")
    if row["loss_final_low"] > base["loss_final_high"]:
        return Standing(ours / theirs, error, "worse")
    return Standing(ours / theirs, error, "same")


def _half(row: Row) -> Number:
    """Half of the interval of the final loss."""
    low, high = row["loss_final_low"], row["loss_final_high"]
    return None if low is None or high is None else (high - low) / 2
