"""A record of elsewhere is judged as a run is whose config gives no thresholds."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.outside import Norms, summarize_outside
from gradflow.analysis.summary import Summary
from gradflow.analysis.watched import watched_symptoms
from gradflow.config.sections import Analysis
from gradflow.units import LN10

DEFAULT = Analysis()
LAYERS = 8
NOISE = 1e-9  # of ln of norms, so that no interval is of width 0


def test_without_thresholds_a_symptom_is_a_decade_five_rows_a_thousandth_or_nine_in_ten() -> None:
    """What is said of runs that are there would be another with others."""
    told = DEFAULT.stable_decades, DEFAULT.patience, 1 / DEFAULT.frozen_ratio, 10 * DEFAULT.clipped_share
    assert told == (1, 5, 1000, 9)


def fitted(decades: list[float]) -> Summary:
    """Of norms whose log10 of ||delta_1|| / ||delta_L|| is given for each row, every layer alike."""
    slope = np.linspace(LN10, 0, LAYERS)[None, :, None]
    noise = NOISE * np.random.default_rng(0).standard_normal((len(decades), LAYERS, 2))
    logs = np.array(decades)[:, None, None] * slope + noise
    names = tuple(str(layer) for layer in range(LAYERS))
    norms = Norms(tuple(range(len(decades))), names, {"delta": logs})
    return summarize_outside("x", norms.config("x", "x.csv"), norms.recording())


@pytest.mark.parametrize(("share", "verdict"), [(0.99, "stable"), (1.01, "vanishing"), (-1.01, "exploding")])
def test_norms_are_stable_within_the_decades_of_a_config(share: float, verdict: str) -> None:
    flow = fitted([-share * DEFAULT.stable_decades] * 2).flow
    assert (flow.initial.verdict, flow.final.verdict) == (verdict, verdict)


@pytest.mark.parametrize("short", [0, 1])
def test_a_verdict_flips_once_the_new_one_has_the_patience_of_a_config(short: int) -> None:
    """It must hold for `patience` rows; what holds for one less is passed over."""
    away, back = [-3 * DEFAULT.stable_decades] * 9, [0.0] * (DEFAULT.patience - short)
    flips = [(flip.before, flip.after) for flip in fitted([*away, *back, *away]).history.flips]
    assert flips == ([] if short else [("vanishing", "stable"), ("stable", "vanishing")])


def watched(rows: int, **arrays: Any) -> list[tuple[str, float | None]]:
    """Name and threshold of the symptoms of a healthy record with some arrays of its own."""
    by_layer, by_step = (rows, LAYERS, 1), (rows, 1)
    record = {
        "step": np.arange(float(rows)),
        "log_delta_norm": np.zeros(by_layer),
        "branch_ratio": np.full(by_layer, 0.3),
        "lost_samples": np.zeros(by_step),
        "samples": np.full(by_step, 16.0),
        "loss": np.full(by_step, np.nan),
        "update_ratio": np.full(by_layer, 1e-3),
        "update_mlp": np.full(by_step, 1e-3),
        **arrays,
    }
    return [(found.name, found.threshold) for found in watched_symptoms(record)]


@pytest.mark.parametrize("short", [0, 1])
def test_updates_are_clipped_from_the_share_of_a_config_on(short: int) -> None:
    updates = 1000
    cut = ceil(DEFAULT.clipped_share * updates) - short
    left = np.where(np.arange(updates) < cut, 0.2, 1.0)[:, None]
    assert watched(updates, clip_share=left) == (
        [] if short else [("gradient-clipped", DEFAULT.clipped_share)]
    )


@pytest.mark.parametrize("over", [0.99, 1.01])
def test_early_layers_are_frozen_below_the_ratio_of_a_config(over: float) -> None:
    moved = np.full((9, LAYERS, 1), 1e-2)
    moved[:, : LAYERS // 4] *= over * DEFAULT.frozen_ratio
    assert watched(9, update_ratio=moved) == ([("frozen-layers", DEFAULT.frozen_ratio)] if over < 1 else [])


@pytest.mark.parametrize("short", [0, 1])
def test_a_symptom_of_a_record_must_show_as_long_as_that_of_a_run(short: int) -> None:
    moved = np.full((20, LAYERS, 1), 1e-2)
    moved[7 : 7 + DEFAULT.patience - short, : LAYERS // 4] *= DEFAULT.frozen_ratio / 10
    assert watched(20, update_ratio=moved) == ([] if short else [("frozen-layers", DEFAULT.frozen_ratio)])
