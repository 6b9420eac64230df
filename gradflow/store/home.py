"""The files of a home folder that shell completion lives in; what a user has written there stays."""

from __future__ import annotations

from pathlib import Path

from gradflow.store.writing import disk_errors, encoded, replace_file


def put(path: Path, text: str) -> None:
    """Make or replace a file that gradflow alone writes. RunError if the disk refuses."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(encoded(text)))


def add_line(path: Path, line: str) -> None:
    """Have a file, made if it is not there, hold a line, at its end if it has none such.

    It is added to, never written anew: a link stays one, and nothing is lost. RunError if the disk refuses.
    """
    with disk_errors(path), open(path, "a+b") as file:
        file.seek(0)
        held = file.read()
        if encoded(line) not in held.splitlines():
            file.write(encoded(f"\n{line}\n" if held and not held.endswith(b"\n") else f"{line}\n"))
