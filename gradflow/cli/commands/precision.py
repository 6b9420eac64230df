"""gradflow precision: what low-precision floats lose of deltas and activations at initialization."""

from __future__ import annotations

from gradflow.cli.options import Json, Overrides, Quiet, RunsDir, Study
from gradflow.runs_folder import RUNS


def precision(
    study: Study, overrides: Overrides = None, json: Json = False, runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Measure what float16, bfloat16 and float8 lose of delta. And of activations, layer by layer, with the
    loss scales 2^k that keep 99% of every layer's delta, if any do.

    Of a run as of a config: all networks are drawn anew and pass one minibatch. Nothing is saved.

    \b
    Examples:
      gradflow precision configs/sigmoid-vanishing.yaml
      gradflow precision @1 batch_size=256 --json
    """
    from gradflow.cli.precision import measured, show
    from gradflow.telling.lines import noting

    name, found = measured(study, overrides or (), runs_dir, noting(quiet))
    show(name, found, json)
