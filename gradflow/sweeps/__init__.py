"""Sweeps: the points of a config, computed by any executor, each an ordinary run directory."""
