"""What configs and saved files have in common with what makes them: entries, keys, names of arrays."""

from dataclasses import dataclass
from typing import Any, ClassVar

# metadata of keys that format 1 began without: no part of a digest while at their default
ADDED: dict[str, Any] = {"added": 2}

PATHS = ("path", "test_path")  # keys of data that name a file, which counts by its sha256

# thresholds of what is said about a run, which a config may set and a record of elsewhere is judged by
STABLE_DECADES = 1.0
LASTING = 5  # rows in a row, or all of a shorter record
FROZEN_RATIO = 1e-3
CLIPPED_SHARE = 0.9

RECORDED = "recording."  # begins the names of the record's arrays in a state


@dataclass(frozen=True)
class ConfigEntry:
    """What a config chooses by `name`, such as an activation; the fields of a subclass are its YAML keys."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    name: ClassVar[str]
    bare: ClassVar[bool] = False  # written by its name alone, without fields
