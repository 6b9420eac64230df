"""The version of the package, which every run keeps."""

import re

__version__ = "0.1.0"


def is_newer(version: object) -> bool:
    """Whether this is the text of a version after the package's own."""
    return isinstance(version, str) and _release(version) > _release(__version__)


def _release(version: str) -> tuple[int, ...]:
    """Its numbers; of a text that is none, nothing."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9}){0,5})(?:\.?[a-z]{1,5}[0-9]{1,9})?", version)
    return tuple(map(int, match[1].split("."))) if match else ()
