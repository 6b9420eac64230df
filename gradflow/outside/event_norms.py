"""Norms in TensorBoard's event files: scalars whose tags name layers, and histograms of gradients.

A file is a row of records, each a length, the checksum of it, a protobuf Event and its checksum; the last may
be cut short, as where a process was killed. The classes are tensorboardX's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from struct import unpack_from
from typing import Any

from gradflow.errors import InputError, library, refused
from gradflow.outside.columns import PANEL
from gradflow.outside.found import Finding
from gradflow.outside.only import ALL, Only
from gradflow.outside.table import NormsTable, TableRow

HEAD, TAIL = 12, 4  # bytes of a record before and after its content
NEEDED = ("tensorboard", "fit of an event file")  # the extra, and what needs it
FIRST = b"brain.Event:"  # of the first record, in its first bytes
_GRADIENT = (".grad", "/grad", "_grad", ".gradient", "/gradient", "_gradient")
_SINGLES = {1: ("float_val", "<f"), 2: ("double_val", "<d")}  # types of a tensor -> where its value is


def is_events(content: bytes) -> bool:
    """Whether bytes are those of an event file."""
    return FIRST in content[HEAD : HEAD + 64]


def event_norms(files: Sequence[tuple[str, bytes]], source: str, only: Only = ALL) -> Iterator[Finding]:
    """The norms of event files, (run, content) each, as a panel has them: a column for each run and tag."""
    found = [(run, *scalar) for run, content in files for scalar in _scalars(content, source)]
    tags: dict[str, set[str]] = {}
    for run, _, tag, _ in found:
        tags.setdefault(run, set()).add(tag)
    folded = {run for run, held in tags.items() if len(held) == 1}
    rows: list[TableRow] = [(None, _cells(*scalar, folded=scalar[0] in folded)) for scalar in found]
    titles = dict.fromkeys(title for _, cells in rows for title in cells)
    return NormsTable(source, list(titles), rows, only=only).norms()


def _cells(run: str, step: int, tag: str, value: str, folded: bool) -> dict[str, str]:
    run, tag = _unfolded(run, tag) if folded else (run, tag)
    return {f"{run}{PANEL}{tag}" if run else tag: value, "step": str(step)}


def _unfolded(run: str, tag: str) -> tuple[str, str]:
    """The run, and a tag with the name of the scalar: add_scalars gives each a folder of its own,
    with no other tag in it."""
    above, _, folder = f"/{run}".rpartition("/")
    start = f"{tag.replace('/', '_')}_"
    if folder.startswith(start):  # RUN/TAG_NAME, by PyTorch
        return above[1:], f"{tag}/{folder.removeprefix(start)}"
    if above.endswith(f"/{tag}"):  # RUN/TAG/NAME, by tensorboardX
        return above.removesuffix(f"/{tag}")[1:], f"{tag}/{folder}"
    return run, tag


def _scalars(content: bytes, source: str) -> Iterator[tuple[int, str, str]]:
    """(step, tag, value) of what a file holds; the norm of a gradient is the root of its sum of squares."""
    event_of: Any = library("tensorboardX.proto.event_pb2", *NEEDED).Event
    for number, record in enumerate(_records(content, source), start=1):
        try:
            event = event_of.FromString(record)
        except Exception:  # protobuf's DecodeError, wherever this version of it has it
            raise _damaged(number, source) from None
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield event.step, value.tag, repr(value.simple_value)
            elif value.HasField("tensor") and (text := _single(value.tensor)):
                yield event.step, value.tag, text
            elif value.HasField("histo") and value.tag.lower().endswith(_GRADIENT):
                yield (
                    event.step,
                    f"weight_grad_norm/{value.tag}",
                    repr(sqrt(max(value.histo.sum_squares, 0.0))),
                )


def _single(tensor: Any) -> str:
    """The value of a scalar tensor, as newer writers have it, or ""."""
    name, code = _SINGLES.get(tensor.dtype, ("", ""))
    if not name or any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return ""
    values = list(getattr(tensor, name)) or list(unpack_from(code, tensor.tensor_content.ljust(8, b"\0")))
    return repr(values[0]) if len(values) == 1 else ""


def _records(content: bytes, source: str) -> Iterator[bytes]:
    checksum: Any = library("tensorboardX.record_writer", *NEEDED).masked_crc32c
    place, number = 0, 1
    while place + HEAD <= len(content):
        length, of_length = unpack_from("<QI", content, place)
        if checksum(content[place : place + 8]) != of_length:
            raise _damaged(number, source)
        end = place + HEAD + length
        if end + TAIL > len(content):
            return
        record = content[place + HEAD : end]
        if checksum(record) != unpack_from("<I", content, end)[0]:
            raise _damaged(number, source)
        yield record
        place, number = end + TAIL, number + 1


def _damaged(number: int, source: str) -> InputError:
    return refused(f"record {number} is damaged: copy the event file again", source=source)
