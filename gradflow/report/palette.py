"""The colours of verdicts and maps, the same everywhere and told apart by colour-blind eyes (RdBu, PRGn)."""

from __future__ import annotations

TONES = {
    "vanishing": "#4393c3",
    "stable": "",  # the text's own colour
    "exploding": "#d6604d",
    "dead": "#9970ab",
    "overflow": "#b2182b",
    "undetermined": "#878787",
    "warning": "#e08214",
    "note": "#878787",
}
SERIES = ("#4393c3", "#e08214", "#878787")  # first step, last step, theory
BLUE, WHITE, RED = (33, 102, 172), (247, 247, 247), (178, 24, 43)


def diverging(value: float) -> str:
    """The colour of a value in [-1, 1]: blue below 0, white at 0, red above."""
    share, end = min(abs(value), 1.0), RED if value > 0 else BLUE
    return "#" + "".join(f"{round(w + share * (e - w)):02x}" for w, e in zip(WHITE, end, strict=True))
