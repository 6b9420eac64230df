"""A run as the version before evaluations left it: without their arrays, and with what its documents had."""

import json
from pathlib import Path

import numpy as np

from gradflow.evaluation import EVALUATED, STEP
from gradflow.store.arrays import describe, write_arrays

TRAINING = (
    "steps", "loss_initial", "loss_final", "loss_final_low", "loss_final_high", "accuracy_final",
    "diverged_step", "diverged_reason",
)  # fmt: skip


def make_older(run: Path) -> None:
    """Turn a run directory into one of the older version, whose loss was the minibatches'."""
    with np.load(run / "recording.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name not in (STEP, *EVALUATED)}
    with (run / "recording.npz").open("wb") as file:
        write_arrays(file, arrays)
    info = json.loads((run / "run.json").read_text())
    info["arrays"] = describe(arrays)
    info.pop("evaluation", None)
    (run / "run.json").write_text(json.dumps(info))
    lines = (run / "config.yaml").read_text().splitlines(keepends=True)
    (run / "config.yaml").write_text("".join(line for line in lines if line.strip() != "evaluate: auto"))
    summary = json.loads((run / "summary.json").read_text())
    del summary["evaluation"], summary["config"]["training"]["evaluate"]
    loss = {"loss_initial": arrays["loss"][0].mean(), "loss_final": arrays["loss"][-1].mean()}
    summary["training"] = {name: summary["training"][name] for name in TRAINING} | loss
    (run / "summary.json").write_text(json.dumps(summary))
