"""The page on which theory is explored by sliders: its tables, packed, and the script that reads them.

The script adds up what tables hold and knows no formula of theory: every place of the sliders is a point of
the grid. Tables are whole numbers of a step, or words by their number, written as differences along some of
their axes, as bytes of one significance after the other, deflated together.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from gradflow.analysis.explore import NUMBERS, WORDS, Grid, Slab
from gradflow.analysis.increments import window
from gradflow.arrays import Array
from gradflow.report import html

TITLE = "What theory expects"
LOG_STEP = 2e-7  # of log10 of norms and of their sums, so that c, c^L and decades are right to 1e-6
SCORE_STEP = 5e-7
DIFFERENCES = {  # axes along which a table is smooth, the first the activation
    "gradient": (1, 1), "width": (1, 2), "width_before": (1, 2), "score": (3,),
}  # fmt: skip
SAID = ("verdict", "trains")


def explorer(grid: Grid, slabs: Sequence[Slab], stable_decades: float) -> str:
    """The file: the tables of a grid, an activation after the other."""
    packed = Packed()
    for name, axes in DIFFERENCES.items():
        step = SCORE_STEP if name == "score" else LOG_STEP
        packed.steps(name, np.stack([getattr(slab, name) for slab in slabs]), step, axes)
    for name in SAID:
        packed.words(name, np.stack([getattr(slab, name) for slab in slabs]))
    for name in WORDS:
        packed.words(name, np.stack([slab.words[name] for slab in slabs]))
    for name in NUMBERS:
        packed.floats(name, np.stack([slab.numbers[name] for slab in slabs]))
    data = {
        "grid": asdict(grid),
        "first": [window(depth)[0] for depth in grid.depth],
        "stable": stable_decades,
        "tables": packed.tables,
        "bytes": b64encode(zlib.compress(packed.content, 9)).decode(),
    }
    style = html.asset("page.css") + html.asset("explore.css")
    return html.document(
        TITLE, html.asset("explore.html"), {"theory": data}, (html.asset("explore.js"),), style
    )


class Packed:
    """Tables as bytes, and what the script needs to read them, in the order of both."""

    def __init__(self) -> None:
        self.tables: list[dict[str, Any]] = []
        self.content = b""

    def steps(self, name: str, values: Array, step: float, axes: Sequence[int]) -> None:
        """Numbers as whole numbers of steps."""
        self._add(name, np.rint(values / step).astype(np.int64), axes, step=step)

    def words(self, name: str, values: Array) -> None:
        """Words by their number in the list of all of them."""
        words, numbers = np.unique(values, return_inverse=True)
        self._add(name, numbers.reshape(values.shape), (), words=words.tolist())

    def floats(self, name: str, values: Array) -> None:
        """Numbers of any size to seven digits; nan stays nan."""
        self._add(name, values.astype("<f4").view("<i4").astype(np.int64), (2,), float=True)

    def _add(self, name: str, whole: Array, axes: Sequence[int], **how: Any) -> None:
        for axis in axes:
            whole = np.diff(whole, axis=axis, prepend=0)
        unsigned = np.where(whole < 0, -2 * whole - 1, 2 * whole).ravel()
        size = max(1, (int(unsigned.max()).bit_length() + 7) // 8)
        planes = [((unsigned >> 8 * k) & 255).astype(np.uint8).tobytes() for k in range(size)]
        self.content += b"".join(planes)
        self.tables.append({"name": name, "shape": whole.shape, "planes": size, "axes": list(axes), **how})
