"""Small saved runs to draw, and the documents of their charts taken apart."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradflow.config import load_config
from gradflow.execution.execute import execute
from gradflow.store import Run

Spec = dict[str, Any]

STUDY = """\
name: {name}
seed: {seed}
seeds: {seeds}
model: {{depth: {depth}, width: 16, activation: {activation}, init: {init}}}
data: {{name: gaussian, samples: 64, features: 8, classes: 3, seed: 0}}
training: {{steps: {steps}, batch_size: 32, optimizer: {{name: sgd, lr: {lr}}}}}
"""
DEFAULTS = {
    "name": "study", "seed": 0, "seeds": 3, "depth": 8, "activation": "tanh", "init": "xavier_normal",
    "steps": 6, "lr": 0.1,
}  # fmt: skip


def made(runs: Path, **changes: Any) -> Run:
    """A run of a few steps in the folder `runs`."""
    runs.mkdir(parents=True, exist_ok=True)
    file = runs.parent / "study.yaml"
    file.write_text(STUDY.format(**DEFAULTS | changes), encoding="utf-8")
    return execute(load_config(file), runs)


def renamed(run: Run, name: str | None = None, **keys: Any) -> Run:
    """The same run under another name and other keys of its config."""
    called = {"name": run.summary.name if name is None else name}
    summary = replace(run.summary, config=run.summary.config | keys | called, **called)
    return Run(run.path, run.info, config=run.config, recording=run.recording, summary=summary)


def rows_of(spec: Spec) -> list[dict[str, Any]]:
    """All rows of data of a chart's document."""
    return [row for rows in spec["datasets"].values() for row in rows]


def marks_of(spec: Spec) -> Iterator[Spec]:
    """The layers that draw something."""
    if "layer" not in spec:
        yield spec
    for layer in spec.get("layer", []):
        yield from marks_of(layer)
