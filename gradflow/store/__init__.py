"""Run directories: alone knows the names inside one; reading a run's summary needs neither numpy nor yaml."""

from gradflow.store.catalog import Entry, Index, entry_at, scan
from gradflow.store.resolve import load_one, resolve
from gradflow.store.run import Run, open_run
from gradflow.store.writing import write_output

__all__ = ["Entry", "Index", "Run", "entry_at", "load_one", "open_run", "resolve", "scan", "write_output"]
