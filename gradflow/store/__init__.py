"""Run directories: alone knows the names inside one; reading a run's summary needs neither numpy nor yaml."""

from gradflow.store.catalog import Entry, Index, entry_at, scan
from gradflow.store.output import is_written, require_output, write_output
from gradflow.store.resolve import load_one, resolve
from gradflow.store.run import Run, open_run

__all__ = [
    "Entry",
    "Index",
    "Run",
    "entry_at",
    "is_written",
    "load_one",
    "open_run",
    "require_output",
    "resolve",
    "scan",
    "write_output",
]
