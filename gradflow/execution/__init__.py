"""From a Config to a finished run directory: found, or trained, with checkpoints on the way."""
