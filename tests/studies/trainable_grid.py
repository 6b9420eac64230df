"""A grid of networks trained on the digits: which of them learn, at the best of several learning rates.

`python -m tests.studies.trainable_grid` adds the rows that are still missing to trainable_grid.csv, in an
order of no meaning, so that a part of the grid is a sample of all of it. The rows there were first trained at
the first rates of RATES only; at the others later, where no earlier rate had taught LEARNED, as is done now.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from itertools import chain
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from gradflow.analysis.predictions import Inputs, predicted
from gradflow.config import Config, parse_config
from gradflow.data import Data
from gradflow.meanfield import Prediction
from gradflow.meanfield.expectations import Moments
from gradflow.meanfield.integrands import slope_square
from gradflow.training import Training
from gradflow.units import LN10
from gradflow.yaml_file import parse
from tests.studies.lab import load

TABLE = Path(__file__).with_suffix(".csv")
SCATTERED, CRITICAL = 700, 60  # cells anywhere, and cells where theory has the gradient arrive
STEPS, EVERY, BATCH = 300, 50, 64
LEARNED = 0.6  # accuracy on held-out digits at which no other rate is tried
RATES = {  # in the order in which they are tried
    "sgd": (0.1, 0.01, 1.0, 0.001, 0.03, 0.003, 0.0003, 0.0001, 0.00003, 0.00001),
    "adam": (0.001, 0.0001, 0.0003, 0.003, 0.00003),
}
SCALES = (0.35, 0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0, 3.0)  # of weights, over that where chi is 1 at q = 1
ACTIVE = (  # of bounded slope
    "linear",
    "tanh",
    "sigmoid",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "erf",
    "sin",
    "relu",
    "leaky_relu",
    "relu6",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "elu",
    "selu",
    "celu",
)
DEPTHS = (4, 8, 16, 32, 64)
Shape = tuple[str, str, int]  # block, norm, and how often beside the others
BLOCKS: dict[str, Shape] = {
    "plain": ("plain", "none", 12),
    "layer-before": ("plain", "layer", 2),
    "rms-before": ("plain", "rms", 2),
    "batch-before": ("plain", "batch", 2),
    "layer-after": ("plain", "{name: layer, place: after}", 2),
    "residual": ("residual", "none", 3),
    "residual-bounded": ("{name: residual, scale: 1/sqrt(depth)}", "none", 2),
    "pre-norm": ("residual", "layer", 2),
    "pre-norm-batch": ("residual", "batch", 1),
    "post-norm": ("residual", "{name: layer, place: after}", 2),
}
UNSEEN: dict[str, Shape] = {  # of which the grid has none
    "rms-after": ("plain", "{name: rms, place: after}", 2),
    "batch-after": ("plain", "{name: batch, place: after}", 2),
    "residual-half": ("{name: residual, scale: 0.5}", "none", 2),
    "rezero": ("{name: residual, scale: 0, train_scale: true}", "none", 1),
    "pre-norm-rms": ("residual", "rms", 1),
    "pre-norm-bounded": ("{name: residual, scale: 1/sqrt(depth)}", "layer", 1),
    "post-norm-rms": ("residual", "{name: rms, place: after}", 1),
    "post-norm-batch": ("residual", "{name: batch, place: after}", 1),
    "post-norm-bounded": ("{name: residual, scale: 1/sqrt(depth)}", "{name: layer, place: after}", 1),
}


@dataclass(frozen=True)
class Cell:
    """A network of the grid; `cell` is its seed, too."""

    cell: int
    activation: str  # as YAML
    block: str  # of BLOCKS or UNSEEN
    init: str  # gaussian | orthogonal
    sigma_w: float
    sigma_b: float
    depth: int
    width: int

    def config(self, optimizer: str = "sgd", rate: float = 0.1) -> Config:
        """The config of the network, to be trained so."""
        block, norm, _ = (BLOCKS | UNSEEN)[self.block]
        gaussian = f"{{name: gaussian, sigma_w: {self.sigma_w}, sigma_b: {self.sigma_b}}}"
        init = gaussian if self.init == "gaussian" else f"{{name: orthogonal, gain: {self.sigma_w}}}"
        text = f"""
        seed: {self.cell}
        seeds: 1
        model: {{depth: {self.depth}, width: {self.width}, activation: {self.activation}, init: {init},
                 block: {block}, norm: {norm}}}
        training: {{steps: {STEPS}, batch_size: {BATCH}, evaluate: {EVERY},
                    optimizer: {{name: {optimizer}, lr: {rate}}}}}
        recording: {{every: {STEPS}}}
        """
        return parse_config(parse(text, "grid.yaml"), Path())


@dataclass(frozen=True)
class Trained(Cell):
    """What came of it: the best accuracies on held-out digits, with their rates, and row 0 as measured."""

    accuracy_sgd: float
    rate_sgd: float
    accuracy_adam: float
    rate_adam: float
    log10_ratio: float  # of ||delta_1|| / ||delta_L||
    cosine: float  # mean of z_L over pairs of samples
    xi_c: float | None  # of theory
    spread: float | None  # of theory's Jacobian, over the width


def scattered() -> Iterator[Cell]:
    """Cells anywhere, drawn by a fixed seed."""
    draw = np.random.default_rng(2017)
    for cell in range(SCATTERED):
        yield drawn(cell, draw, ACTIVE, BLOCKS)


def drawn(cell: int, draw: np.random.Generator, activations: Sequence[str], blocks: dict[str, Shape]) -> Cell:
    """A cell of one of the activations and blocks, of any scale, depth and bias."""
    names = [name for name, (_, _, weight) in blocks.items() for _ in range(weight)]
    activation, block = str(draw.choice(activations)), str(draw.choice(names))
    init = str(draw.choice(["gaussian"] * 4 + ["orthogonal"]))
    scale = float(draw.choice(SCALES)) * critical_at_1(activation)
    sigma_b = float(draw.choice([0.0, 0.0, 0.1, 0.3, 1.0]))
    depth, width = int(draw.choice(DEPTHS)), int(draw.choice([64] * 9 + [128]))
    biased = sigma_b if init == "gaussian" else 0.0
    return Cell(cell, activation, block, init, round(scale, 3), biased, depth, width)


def critical() -> Iterator[Cell]:
    """Cells near theory's critical sigma_w: how alike samples get decides there, and not the gradient."""
    draw = np.random.default_rng(1998)
    for cell in range(SCATTERED, SCATTERED + CRITICAL):
        activation = str(draw.choice(ACTIVE))
        block = str(draw.choice(["plain"] * 3 + ["layer-before", "post-norm"]))
        sigma_b, off = float(draw.choice([0.0, 0.1, 0.3])), float(draw.choice([0.97, 1.0, 1.03]))
        depth = int(draw.choice([16, 32, 64]))
        found = Cell(cell, activation, block, "gaussian", critical_at_1(activation), sigma_b, depth, 64)
        sigma_w = theory_of(found).critical_sigma_w or found.sigma_w
        yield replace(found, sigma_w=round(off * sigma_w, 3))


@cache
def critical_at_1(activation: str) -> float:
    """The sigma_w at which a plain network's chi is 1 where q is."""
    cell = Cell(0, activation, "plain", "gaussian", 1.0, 0.0, 1, 1)
    phi = cell.config().model.activation
    mu1 = Moments(phi, 0.0).expectation(slope_square, np.zeros(1))
    return 1 / sqrt(float(mu1[0]))


def trained(cell: Cell) -> Trained:
    """Train a cell at one rate after the other until one learns."""
    found: dict[str, Any] = {}
    for optimizer in RATES:
        best, training = best_of(cell, optimizer)
        found |= {f"accuracy_{optimizer}": round(best[0], 4), f"rate_{optimizer}": best[1]}
    row = training.recorded
    log_delta = row["log_delta_norm"][0, :, 0]
    found["log10_ratio"] = round(float(log_delta[0] - log_delta[-1]) / LN10, 4)
    found["cosine"] = round(float(row["correlation"][0, -1, 0]), 6)
    return Trained(**asdict(cell), **found, **expected(cell))


def expected(cell: Cell) -> dict[str, float | None]:
    """Theory's xi_c and spread, to six digits."""
    theory = theory_of(cell)
    known = {"xi_c": theory.xi_c, "spread": theory.jacobian_spread}
    return {name: None if value is None else float(f"{value:.6g}") for name, value in known.items()}


def theory_of(cell: Cell) -> Prediction:
    """What theory expects of it."""
    config = cell.config()
    data = load(config.data)
    return predicted(config, Inputs(data.features, data.outputs, data.samples, data.q_0))


def best_of(cell: Cell, optimizer: str) -> tuple[tuple[float, float], Training]:
    """The best accuracy and its rate, and the last training."""
    best = 0.0, RATES[optimizer][0]
    for rate in RATES[optimizer]:
        training = learn(cell.config(optimizer, rate))
        best = max(best, (accuracy(training), rate))
        if best[0] >= LEARNED:
            break
    return best, training


def learn(config: Config) -> Training:
    """Train until the network has learned, blows up, or is at its last step."""
    data: Data = load(config.data)
    training = Training(config.plan(data), data)
    for _ in training:
        if accuracy(training) >= LEARNED:
            break
    return training


def accuracy(training: Training) -> float:
    """The last accuracy on held-out samples; 0 of a network that blew up."""
    if training.outcome.diverged_step is not None:
        return 0.0
    found = training.recorded["accuracy_test"]
    return float(found[-1, 0]) if len(found) else 0.0


def add(table: Path, cells: Iterable[Cell]) -> None:
    """Train the cells that a table has not, and write each as it is done."""
    names = [each.name for each in fields(Trained)]
    there = {row["cell"] for row in read(table)} if table.exists() else None
    with table.open("a", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, names, lineterminator="\n")
        if there is None:
            rows.writeheader()
        for cell in cells:
            if str(cell.cell) not in (there or ()):
                rows.writerow(asdict(trained(cell)))
                file.flush()
                print(cell, file=sys.stderr)


def read(table: Path = TABLE) -> list[dict[str, str]]:
    """The rows of a table."""
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    add(TABLE, chain(critical(), scattered()))
