"""Documents of a run that are forged by one who seals them again."""

import json
from pathlib import Path
from typing import Any

from gradflow.store.seal import sealed


def document_of(run: Path) -> dict[str, Any]:
    """What summary.json holds under its seal and its head."""
    document: dict[str, Any] = json.loads((run / "summary.json").read_text())
    for key in ("seal", "row"):
        document.pop(key, None)
    return document


def seal(run: Path, document: dict[str, Any], head: dict[str, Any] | None = None) -> None:
    """Write a summary.json, sealed with the run.json that stands there."""
    (run / "summary.json").write_bytes(sealed(document, (run / "run.json").read_bytes(), head))
