"""A config with the keys that advice sets laid over it, and whether it is then still a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradflow.analysis.predictions import inputs_of
from gradflow.config import Config, config_from_plain
from gradflow.config.checks import of_network
from gradflow.config.sections import ModelKeys
from gradflow.nn.initializers import Constant


def changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """The config with changes by dotted keys."""
    plain = config.plain()
    for key, value in changes.items():
        *above, last = key.split(".")
        section = plain
        for name in above:
            section = section[name]
        section[last] = value
    return config_from_plain(plain)


def is_sound(config: Config, data: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether the network then goes with the rest: without a read-out it must end as wide as the target."""
    return not any(of_network(changed(config, changes), inputs_of(data)))


def first_layers(model: ModelKeys, depth: int) -> dict[str, Any]:
    """What sets the network to its first `depth` layers: of lists with a number a layer, too."""
    changes: dict[str, Any] = {"model.depth": depth}
    if isinstance(model.width, tuple):
        changes["model.width"] = list(model.widths_of(depth))
    if isinstance(model.init, Constant) and isinstance(model.init.value, tuple):
        readout = model.init.value[model.depth :]
        changes["model.init.value"] = [*model.init.value[:depth], *readout]
    return changes
