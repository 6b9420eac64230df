"""TensorBoard event files, written byte by byte so that they can be damaged at will."""

from pathlib import Path
from struct import pack
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c


def event(**fields: Any) -> Any:
    return Event(wall_time=1.0, **fields)


def scalar(step: int, tag: str, value: float) -> Any:
    return event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def record(content: bytes) -> bytes:
    length = pack("<Q", len(content))
    return length + pack("<I", masked_crc32c(length)) + content + pack("<I", masked_crc32c(content))


def event_file(events: list[Any]) -> bytes:
    """The bytes of an event file."""
    first = event(file_version="brain.Event:2")
    return b"".join(record(one.SerializeToString()) for one in (first, *events))


def write_events(folder: Path, events: list[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.out.tfevents.1700000000.host.1.0"
    path.write_bytes(event_file(events))
    return path
