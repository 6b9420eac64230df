"""What is the same in several configs and what differs, by dotted keys, and short names for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from gradflow.errors import InputError, did_you_mean

Flat = dict[str, Any]

LAYER_NAME = "layer_name"  # in tables, of layers that were recorded elsewhere
RECORDED = "recorded"  # the data of norms that were recorded elsewhere: such a run knows few keys
EXPRESSION = "expression"  # the activation that is called by its formula
UNSEEN = ("name", "analysis", "sweep")  # keys that change nothing that is measured


def flat(config: Mapping[str, Any], prefix: str = "") -> Flat:
    """A config as dotted keys; a choice is its name under its own key: model.init and model.init.gain.

    The name of an expression is its formula.
    """
    found: Flat = {}
    for key, value in config.items():
        if isinstance(value, dict):
            inner = flat(value, f"{prefix}{key}.")
            name = inner.pop(f"{prefix}{key}.name", None)
            if name is not None:
                found[f"{prefix}{key}"] = value.get("value", name) if name == EXPRESSION else name
            found.update(inner)
        else:
            found[f"{prefix}{key}"] = value
    return found


def layer_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Of norms recorded elsewhere, from the input on; () of other configs' layers, which have numbers."""
    return tuple(config["data"].get("layers", ()))


def split(configs: Sequence[Flat]) -> tuple[Flat, list[str]]:
    """(what is the same in all, the keys that differ), both in the order of the configs.

    A key that only some have differs, unless only runs recorded elsewhere lack it, or it is null in the
    others, as a key is that runs of older versions did not have.
    """
    known = [config for config in configs if config.get("data") != RECORDED] or list(configs)
    keys = list(dict.fromkeys(chain.from_iterable(configs)))
    constant = {key: known[0].get(key) for key in keys} if known else {}
    for config in known:
        _keep(constant, config, lenient=False)
    if len(known) < len(configs):
        for config in configs:
            _keep(constant, config, lenient=True)
    return constant, [key for key in keys if key not in constant]


def _keep(constant: Flat, config: Flat, lenient: bool) -> None:
    """Leave in `constant` what a config has too; a key that it lacks is null or, if `lenient`, no matter.

    All keys of a config are looked at in one go: by the thousand, each has left the cache by the next key.
    """
    if not constant.items() <= config.items():
        for key, value in list(constant.items()):
            if config.get(key, value if lenient else None) != value:
                del constant[key]


def told_by_others(keys: Sequence[str], configs: Iterable[Flat]) -> set[str]:
    """Those of `keys` whose value follows from that of the choice above them, as a gain from its init."""
    choices = {key: choice for key in keys if (choice := key.rpartition(".")[0]) in keys}
    seen: dict[str, dict[str, str]] = {key: {} for key in choices}
    for config in configs:
        for key in list(seen):
            choice, value = repr(config.get(choices[key])), repr(config.get(key))
            if seen[key].setdefault(choice, value) != value:
                del seen[key]
    return {*seen}


def differing(configs: Sequence[Flat]) -> list[str]:
    """The keys whose values are not the same in all and may change what is measured, in their order.

    A setting of a choice counts if it differs between configs that made the same choice.
    """
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


def short_names(keys: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Each key's shortest end that is no other key's and not `taken`: model.depth as depth."""
    keys = list(keys)
    ends = [end for key in keys for end in _ends(key)]
    taken = set(taken)
    return {key: next((e for e in _ends(key) if ends.count(e) == 1 and e not in taken), key) for key in keys}


def full_name(name: str, keys: Iterable[str]) -> str:
    """The one of `keys` that is `name` or ends in it. InputError if there is none, or several."""
    keys = list(dict.fromkeys(keys))
    found = [key for key in keys if key == name] or [key for key in keys if name in _ends(key)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{name} could be {' or '.join(found)}: give the whole name")
    ends = dict.fromkeys(end for key in keys for end in (key, _ends(key)[0]))
    raise InputError(f"no run has {name}{did_you_mean(name, ends) or ': see the keys of --json'}")


def _ends(key: str) -> list[str]:
    """depth, model.depth."""
    parts = key.split(".")
    return [".".join(parts[i:]) for i in reversed(range(len(parts)))]
