"""What users put into the folder of a run: files of every kind, and how it is told whether all are there."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from gradflow.store.names import OWN

TEXTS = {
    "NOTES.md": "notes",
    "flow.svg": "<svg/>",
    "name with spaces & 'quotes'": "odd",
    "-o": "an option",
    ".hidden": "hidden",
    "line\nbreak": "odd",
    "\u00e9\u202e.txt": "odd",
    "recording.npz.bak": "backup",
    "summary.json.1": "numbered",
    "paper/figures/deep/flow.pdf": "deep",
    "paper/report.md": "a name of ours, in a folder",
    "paper/run.json": "and another",
    "net-01234567/run.json": "a folder named like a run",
}


@dataclass(frozen=True)
class Found:
    """Everything below a folder but gradflow's own files: kind and mode, and content or target, by path."""

    things: dict[str, tuple[int, bytes]]

    @property
    def top(self) -> set[str]:
        """The names in the folder itself."""
        return {path.split("/")[0] for path in self.things}


def furnish(folder: Path) -> Found:
    """Put things of every kind into a folder, made if need be."""
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / b"latin-\xe9".decode(errors="surrogateescape")).write_text("no UTF-8")
    (folder / "empty").mkdir()
    (folder / "empty file").touch()
    (folder / "inside").symlink_to("paper/figures/deep/flow.pdf")
    (folder / "outside").symlink_to("../../elsewhere")
    (folder / "loop").symlink_to("loop")
    (folder / "folder link").symlink_to("paper")
    os.link(folder / "NOTES.md", folder / "same notes")
    os.mkfifo(folder / "fifo")
    (folder / "script.sh").write_text("#!/bin/sh")
    (folder / "script.sh").chmod(0o755)
    (folder / "read-only.txt").write_text("final")
    (folder / "read-only.txt").chmod(0o444)
    (folder / "closed").mkdir()
    (folder / "closed" / "secret").write_text("x")
    (folder / "closed" / "secret").chmod(0o400)
    (folder / "closed").chmod(0o500)
    return found(folder)


def found(folder: Path) -> Found:
    """What is there now that is not gradflow's."""
    things = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name not in OWN:
            mode = path.lstat().st_mode
            things[name] = mode, _content(path, mode)
    return Found(things)


def _content(path: Path, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.fsencode(os.readlink(path))
    return path.read_bytes() if stat.S_ISREG(mode) else b""
