"""The critical learning rate of a run, and how its own stands to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradflow.analysis.critical_rate import CriticalRate
from gradflow.analysis.summary import Number, Symptom

OLDER = "an older version made it, which measured none: run its config again with --force"
ABOVE, BELOW = 1.0, 0.1  # of the critical rate: what is told beside an overshoot, and beside a stall
OVERSHOOTS = ("loss-spiking", "loss-swinging", "non-finite")
STALLS = ("loss-stalled", "loss-at-chance")


def critical_of(info: Mapping[str, Any]) -> CriticalRate:
    """What run.json tells, with the medians (of logarithms) and the lowest of the networks."""
    found = (info.get("measured") or {}).get("critical_lr")
    if found is None:
        return CriticalRate(reason=OLDER)
    first, last = (tuple(found[end] or ()) for end in ("initial", "final"))
    return CriticalRate(*_middle(first), *_middle(last), found["direction"], first, last, found["reason"])


def _middle(rates: Sequence[Number]) -> tuple[Number, Number]:
    """The median, and the lowest, of the rates that are defined."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None, None
    return float(np.exp(np.median(np.log(known)))), min(known)


def standing(lr: float, critical: float) -> str:
    """How a learning rate stands to a critical one: 10 times above, 3,000 times below, 0.34 of."""
    ratio = lr / critical
    if ratio > ABOVE:
        return f"{_times(ratio)} times above"
    return f"{ratio:.2g} of" if ratio > BELOW else f"{_times(1 / ratio)} times below"


def _times(ratio: float) -> str:
    """Two digits, in full up to a million."""
    rounded = float(f"{ratio:.1e}")
    return f"{rounded:,.0f}" if 10 <= rounded < 1e6 else f"{rounded:.2g}"


def told(symptoms: Iterable[Symptom], critical: CriticalRate, lr: float) -> tuple[Symptom, ...]:
    """Symptoms of too long or too short steps, with how far the learning rate is from the critical one."""
    return tuple(_told(symptom, critical, lr) for symptom in symptoms)


def _told(symptom: Symptom, critical: CriticalRate, lr: float) -> Symptom:
    if critical.initial is None:
        return symptom
    ratio = lr / critical.initial
    if (symptom.name in OVERSHOOTS and ratio > ABOVE) or (symptom.name in STALLS and ratio < BELOW):
        words = f"lr {lr:g} is {standing(lr, critical.initial)} the critical {critical.initial:.2g}"
        return replace(symptom, message=f"{symptom.message}; {words}")
    return symptom
