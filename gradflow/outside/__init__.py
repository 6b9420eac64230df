"""Norms that were recorded elsewhere: read from a file, and saved as a run."""

from gradflow.outside.norms_file import read_networks, read_norms
from gradflow.outside.save import run_of, save_norms

__all__ = ["read_networks", "read_norms", "run_of", "save_norms"]
