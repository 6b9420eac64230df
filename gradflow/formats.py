"""Which keys the first format of configs did not have."""

from typing import Any

# metadata of keys that format 1 began without: no part of a digest while at their default
ADDED: dict[str, Any] = {"added": 2}
