"""The row of a run at the head of its summary.json, so that thousands are compared without reading the rest.

It has a sha256 of its own beside that of the whole; where it is missing or not what it should be, the whole
document is read.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from msgspec.json import Decoder

from gradflow.analysis.compare import RESULTS, Row, row_of
from gradflow.store.seal import read_head
from gradflow.store.summaries import Brief
from gradflow.store.typed import UNREADABLE, is_bounded

if TYPE_CHECKING:
    from pathlib import Path

    from gradflow.analysis.summary import Summary
    from gradflow.store.info import Info

PLACE = "path"  # is where the run stands, whatever its summary says


def head_of(summary: Summary) -> dict[str, Any]:
    """What stands at the head of summary.json: results by name, config by dotted keys, gradient by layer."""
    row = row_of(summary)
    values = {name: row.values[name] for name in RESULTS if name != PLACE}
    return {"values": values, "config": row.config, "gradient": row.gradient}


def load_row(folder: Path, info: Info, stamp: str) -> Row | None:
    """The row of the run whose run.json gave `info` and `stamp`; None if its summary.json has none for it.

    That of another version, which knows other results, is none.
    """
    content = read_head(folder, stamp)
    if content is None:
        return None
    try:
        head = _decoder().decode(content)
    except UNREADABLE:
        return None
    values = head["values"]
    of_this_run = (values["id"], values["status"]) == (info["id"], info["status"])
    if not (of_this_run and is_bounded(head["config"])):
        return None
    return Row.of({**values, PLACE: str(folder)}, head["config"], head["gradient"])


@cache
def _decoder() -> Decoder[Any]:
    """Reads a head whose results have the types that a whole summary states."""
    form: Any = TypedDict
    values = {name: _hint(place) for name, place in RESULTS.items() if name != PLACE} | {"symptoms": str}
    scalar = str | bool | int | float | None
    return Decoder(
        form(
            "Head",
            {
                "values": form("Values", values),
                "config": dict[str, scalar | list[Any]],
                "gradient": tuple[float | None, ...],
            },
        )
    )


def _hint(place: str) -> Any:
    """The type of what stands at a place of a summary."""
    hint: Any = Brief
    for key in place.split("."):
        hint = get_type_hints(hint, include_extras=True)[key]
        hint = get_args(hint)[0] if get_origin(hint) is NotRequired else hint  # a head has all of them
    return hint
