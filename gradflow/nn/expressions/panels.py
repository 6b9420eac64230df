"""Between which z a formula is as good as a polynomial, so that integrals may step from one to the next."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander

from gradflow.arrays import Array
from gradflow.nn.expressions.evaluate import Program

NODES = 20  # of a panel, as many as integrals have
TOP, RESOLVED, NOTHING = 3, 1e-8, 1e-14  # the last coefficients, of a panel's largest, and of the whole's
HALVINGS, MOST = 20, 400
INNER, OUTER = 64.0, 4096.0  # an oscillation that fills what lies between has no end
WIDEST = 4.0

_X, _WEIGHTS = leggauss(NODES)
_TO_COEFFICIENTS = (legvander(_X, NODES - 1) * _WEIGHTS[:, None]).T * (np.arange(NODES)[:, None] + 0.5)


def splits(programs: tuple[Program, ...], kinks: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
    """Where panels must end besides those of theory, and how wide one may be of what oscillates for ever."""
    theirs = np.concatenate([np.arange(0, 8, 2), 8 * 2.0 ** np.arange(10)])
    ends = np.unique(np.concatenate([-theirs, theirs, [k for k in kinks if abs(k) < OUTER]]))
    panels = np.stack([ends[:-1], ends[1:]], axis=1)
    found: list[float] = []
    for _ in range(HALVINGS):
        panels = panels[_unresolved(programs, panels)]
        middles = panels.mean(axis=1)
        found += middles.tolist()
        if not panels.size or len(found) > MOST:
            break
        panels = np.concatenate([np.stack([panels[:, 0], middles], 1), np.stack([middles, panels[:, 1]], 1)])
    inner = [z for z in found if abs(z) <= INNER]
    if len(found) - len(inner) > MOST // 2:
        return tuple(sorted(inner)), min([WIDEST, *np.diff(sorted(z for z in inner if abs(z) > INNER / 2))])
    return tuple(sorted(found)), WIDEST


def _unresolved(programs: tuple[Program, ...], panels: Array) -> Array:
    """The panels of which a function's last coefficients are not small."""
    half = (panels[:, 1] - panels[:, 0])[:, None] / 2
    z = panels.mean(axis=1)[:, None] + half * _X
    rough = np.zeros(len(panels), np.bool_)
    for program in programs:
        values = np.broadcast_to(program.wide(z).float64, z.shape)
        held = np.isfinite(values).all(axis=1)
        sizes = np.abs(np.where(held[:, None], values, 0) @ _TO_COEFFICIENTS.T)
        near = sizes[np.abs(panels).max(axis=1) <= 8].max(initial=1.0)
        limit = np.maximum(RESOLVED * sizes.max(axis=1), NOTHING * near)
        rough |= sizes[:, -TOP:].max(axis=1) > limit
    return rough
