"""What differs between runs, as keys and as labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradflow.analysis.summary import Summary
from gradflow.report.numbers import scalar

UNSEEN = ("name", "analysis", "sweep")  # keys that change nothing that is measured


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config as dotted keys; a choice is its name under its own key: model.init and model.init.gain."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            inner = flat(value, f"{prefix}{key}.")
            name = inner.pop(f"{prefix}{key}.name", None)
            found |= inner if name is None else {f"{prefix}{key}": name, **inner}
        else:
            found[f"{prefix}{key}"] = value
    return found


def differing(summaries: Sequence[Summary]) -> list[str]:
    """The dotted keys whose values are not the same in all, in the order of the config.

    A setting of a choice counts if it differs between runs that made the same choice.
    """
    configs = [flat(summary.config) for summary in summaries]
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if key.split(".")[0] not in UNSEEN and _differs(configs, key)]


def _differs(configs: Sequence[Mapping[str, Any]], key: str) -> bool:
    choice = key.rpartition(".")[0]
    found: dict[str, Any] = {}
    for config in configs:
        if key in config and found.setdefault(repr(config.get(choice)), config[key]) != config[key]:
            return True
    return False


def labels(summaries: Sequence[Summary]) -> list[str]:
    """A label each: what differs, by the last part of its key; the id where that does not tell them apart."""
    keys = differing(summaries)
    found = [label(flat(summary.config), keys) or summary.id for summary in summaries]
    return [text if found.count(text) == 1 else s.id for text, s in zip(found, summaries, strict=True)]


def label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """depth 50, init he_normal."""
    return ", ".join(f"{key.rpartition('.')[2]} {scalar(config[key])}" for key in keys if key in config)
