"""What came out of a run, in the few numbers that its line in the table of a sweep needs."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from gradflow.analysis.compare import RESULTS
from gradflow.analysis.summary import Summary

NAMES = (
    "c", "c_low", "c_high", "log10_ratio", "log10_growth", "verdict", "borderline", "networks",
    "dead_networks", "log10_ratio_sd", "log10_ratio_sd_theory", "trainable", "trainable_score",
    "loss_initial", "loss_final", "loss_test_final", "accuracy_final", "accuracy_train_final",
    "r2_test_final", "r2_train_final", "majority", "evaluations",
)  # fmt: skip
PLACES = {name: attrgetter(RESULTS[name]) for name in NAMES} | {"steps": attrgetter("training.steps")}


def outcome(summary: Summary) -> dict[str, Any]:
    """The results of a run, at initialization unless the name says otherwise, and its steps."""
    return {name: place(summary) for name, place in PLACES.items()}
