"""What saved files have in common with what writes them: keys of later formats, of files, names of arrays."""

from typing import Any

# metadata of keys that format 1 began without: no part of a digest while at their default
ADDED: dict[str, Any] = {"added": 2}

PATHS = ("path", "test_path")  # keys of data that name a file, which counts by its sha256

RECORDED = "recording."  # begins the names of the record's arrays in a state
