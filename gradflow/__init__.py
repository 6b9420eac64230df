"""gradflow: runs gradient-flow studies of deep networks and reports the per-layer factor c and c^L."""

__version__ = "0.1.0"
