"""Norms that were recorded elsewhere: read from a file, and saved as a run."""

from gradflow.store.outside.norms_file import read_norms
from gradflow.store.outside.save import run_of, save_norms

__all__ = ["read_norms", "run_of", "save_norms"]
