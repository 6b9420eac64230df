"""What differs between runs that are drawn together, as keys and as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gradflow.analysis.differences import Flat, flat, short_names, split
from gradflow.analysis.summary import Summary
from gradflow.report.numbers import scalar

UNSEEN = ("name", "analysis", "sweep")  # keys that change nothing that is measured


def differing(summaries: Sequence[Summary]) -> list[str]:
    """The dotted keys whose values are not the same in all, in the order of the config.

    A setting of a choice counts if it differs between runs that made the same choice.
    """
    configs = [flat(summary.config) for summary in summaries]
    _, keys = split(configs)
    return [key for key in keys if key.split(".")[0] not in UNSEEN and _differs(configs, key)]


def _differs(configs: Sequence[Flat], key: str) -> bool:
    choice = key.rpartition(".")[0]
    found: dict[str, Any] = {}
    return any(
        found.setdefault(repr(config.get(choice)), config[key]) != config[key]
        for config in configs
        if key in config
    )


def labels(summaries: Sequence[Summary]) -> list[str]:
    """A label each: the names where all are different; else what differs, by the last part of its key; the id
    where that does not tell them apart."""
    if named_apart(summaries):
        return names(summaries)
    keys = differing(summaries)
    found = [label(flat(summary.config), keys) or summary.id for summary in summaries]
    return [text if found.count(text) == 1 else s.id for text, s in zip(found, summaries, strict=True)]


def named_apart(summaries: Sequence[Summary]) -> bool:
    """Whether there are several, each of another name; the points of a sweep share theirs."""
    return len({summary.name for summary in summaries}) == len(summaries) > 1


def names(summaries: Sequence[Summary]) -> list[str]:
    """The name of each, its id where another has that name too."""
    uses = Counter(summary.name for summary in summaries)
    return [summary.name if uses[summary.name] == 1 else summary.id for summary in summaries]


def label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """depth 50, init he_normal."""
    names = short_names(keys)
    return ", ".join(f"{names[key]} {scalar(config[key])}" for key in keys if key in config)
