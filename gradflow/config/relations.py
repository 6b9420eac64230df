"""What JSON Schema can say of keys that do not fit each other, from the tables; `checks` has all."""

from __future__ import annotations

from typing import Any

from gradflow.config.keys import FIELDS
from gradflow.data import DATASETS
from gradflow.nn.jacobian import without_jacobian
from gradflow.nn.losses import LOSSES
from gradflow.nn.norms import NORMS

Json = dict[str, Any]

MOST_LISTED = 32  # layers up to which a list with a number for each is counted


def relations() -> list[Json]:
    """Rules with an if and a then, for a config without a sweep."""
    return [*_of_batches(), *_of_values(), *_of_targets(), *_of_lists()]


def _of_batches() -> list[Json]:
    """Norms over a batch, and what has no Jacobian."""
    mixing = _chosen("model.norm", [name for name, cls in NORMS.items() if cls.mixes])
    shallow = max(depth for depth in range(1, MOST_LISTED) if without_jacobian(False, depth))
    alone = {"anyOf": [mixing, _at("model.depth", {"maximum": shallow})]}
    return [
        {"if": mixing, "then": _optional("training.batch_size", {"minimum": 2})},
        {"if": alone, "then": _optional("recording.jacobian", {"const": False})},
    ]


def _of_values() -> list[Json]:
    """Data that is regressed on."""
    stated = _at("data.task", {"const": "regression"})
    regresses = _chosen("data", [name for name, cls in DATASETS.items() if cls.regresses])
    losses = [name for name, cls in LOSSES.items() if not cls.classes_only]
    wanted: dict[str, Json] = {"training.loss": {"enum": losses}, "training.stop.accuracy": {"type": "null"}}
    return [
        {"if": {"anyOf": [regresses, stated]}, "then": _optional(key, node)} for key, node in wanted.items()
    ]


def _of_targets() -> list[Json]:
    """Without a read-out the last layer is as wide as the target, which may be known."""
    bare, default = _at("model.readout", {"const": "none"}), FIELDS[("data",)].default.name
    known = {name: cls.only_outputs for name, cls in DATASETS.items() if cls.only_outputs}
    chosen = {
        name: {"anyOf": [_chosen("data", [name]), *[{"not": {"required": ["data"]}}] * (name == default)]}
        for name in known
    }
    wide = {name: {"anyOf": [{"const": outputs}, {"type": "array"}]} for name, outputs in known.items()}
    return [
        {"if": {"allOf": [bare, chosen[name]]}, "then": _optional("model.width", wide[name])}
        for name in known
    ]


def _of_lists() -> list[Json]:
    """A list has a number for each hidden layer; one of weights has the read-out's, too."""
    bare = {"required": ["readout"], "properties": {"readout": {"const": "none"}}}
    return [
        {
            "if": _at("model.depth", {"minimum": depth, "maximum": depth}),
            "then": _optional(
                "model",
                {
                    **_optional("width", _long(depth)),
                    "if": bare,
                    "then": _optional("init.value", _long(depth)),
                    "else": _optional("init.value", _long(depth + 1)),
                },
            ),
        }
        for depth in range(1, MOST_LISTED + 1)
    ]


def _long(count: int) -> Json:
    """So many entries, if it is a list."""
    return {"minItems": count, "maxItems": count}


def _chosen(key: str, names: list[str]) -> Json:
    """Whether an entry of these names is chosen, by its name alone or with its keys."""
    entry = {"type": "object", "required": ["name"], "properties": {"name": {"enum": names}}}
    return _at(key, {"anyOf": [{"enum": names}, entry]})


def _at(key: str, node: Json) -> Json:
    """That a key is there and fulfils `node`."""
    for part in reversed(key.split(".")):
        node = {"type": "object", "required": [part], "properties": {part: node}}
    return node


def _optional(key: str, node: Json) -> Json:
    """That a key fulfils `node` if it is there."""
    for part in reversed(key.split(".")):
        node = {"properties": {part: node}}
    return node
