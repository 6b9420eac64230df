"""The command line: each command loads, makes one call, and prints one page or one document."""

from gradflow.cli.entry import main

__all__ = ["main"]
