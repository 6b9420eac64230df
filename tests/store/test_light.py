"""Listing and comparing runs must be quick, so the libraries that compute are not imported for it."""

import subprocess
import sys
from pathlib import Path

from gradflow.execution.execute import execute
from tests.store.small import small


def test_runs_are_listed_without_the_libraries_that_compute(tmp_path: Path) -> None:
    execute(small(), tmp_path)
    code = f"""
import sys
from pathlib import Path
from gradflow import load
from gradflow.store import scan, resolve, write_output
(entry,) = scan(Path({str(tmp_path)!r}))
assert entry.run.summary.flow.initial.c
assert load("@1", {str(tmp_path)!r}).summary == entry.run.summary
write_output(Path({str(tmp_path / "out.txt")!r}), "done")
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "yaml", "rich", "typer"} & set(done.stdout.split())
    assert (tmp_path / "out.txt").read_text() == "done"
