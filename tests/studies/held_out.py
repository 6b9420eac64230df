"""Networks that nothing was fitted to, each drawn many times: are c's intervals and theory's distance right?

`python -m tests.studies.held_out DIR [fitting|held_out|feedback]` draws the networks of a set, those that are
missing, and keeps ln of their delta norms before any update in DIR, a file each (layers, networks).
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.predictions import Inputs
from gradflow.config import Config, parse_config
from gradflow.nn.activations import ACTIVATIONS
from gradflow.training import Training
from gradflow.yaml_file import parse
from tests.studies.lab import load

Array = NDArray[np.float64]

SETS = {"fitting": (1905, 60), "held_out": (2026, 120)}  # seed and number of networks
NETWORKS = 80  # of each: ten draws of 8, twenty of 4, eighty of 1
FEEDBACK, FED = "feedback", 480  # relu + He + mse on 10 outputs, as many of each: sixty draws of 8
WIDTHS = (64, 64, 64, 96, 96, 128, 128, 192, 256, 384, 512)
BOUNDED = [name for name in ACTIVATIONS if name != "squared_relu"]  # whose slope is
SCHEMES = (
    "xavier_normal", "he_normal", "lecun_uniform", "orthogonal", "torch_default", "truncated_normal",
    "{name: orthogonal, gain: 1.3}",
)  # fmt: skip
DATA = (
    "{name: gaussian, samples: 64, features: 32, classes: 10}",
    "{name: gaussian, samples: 64, features: 64, classes: 3}",
    "{name: teacher, samples: 64, features: 48, outputs: 4}",
)
AT_ONCE = 60_000_000  # weights


@dataclass(frozen=True)
class Network:
    """One network of a set."""

    set: str
    number: int
    activation: str
    init: str
    width: int
    depth: int
    loss: str
    data: str

    def config(self, seeds: int = 1, first: int = 0) -> Config:
        """The config of so many such networks from a first seed on, before any update."""
        text = f"""
        seed: {10_000 * self.number + first}
        seeds: {seeds}
        model: {{depth: {self.depth}, width: {self.width}, activation: {self.activation}, init: {self.init}}}
        data: {self.data}
        training: {{steps: 0, batch_size: 8, loss: {self.loss}, evaluate: 1}}
        recording: {{critical_lr: none}}
        """
        return parse_config(parse(text, f"{self.set}-{self.number}"), Path(), ())

    @property
    def file(self) -> str:
        return f"{self.set}-{self.number:03d}.npz"


def networks(which: str) -> list[Network]:
    """The networks of a set, at random but the same ever again."""
    if which == FEEDBACK:
        return [
            Network(which, k, "relu", "he_normal", n, 50, "mse", DATA[0])
            for k, n in enumerate((64, 128, 256))
        ]
    seed, count = SETS[which]
    rng = np.random.default_rng(seed)
    return [_network(which, number, rng) for number in range(count)]


def _network(which: str, number: int, rng: np.random.Generator) -> Network:
    activation, width = BOUNDED[number % len(BOUNDED)], int(rng.choice(WIDTHS))
    depth, data = int(rng.integers(20, 151)), str(rng.choice(DATA))
    sigma_w, sigma_b = rng.uniform(0.8, 3.2), rng.choice([0.0, 0.05, 0.3, 0.8])
    gaussian = f"{{name: gaussian, sigma_w: {sigma_w:.3f}, sigma_b: {sigma_b}}}"
    init = gaussian if rng.random() < 0.55 else str(rng.choice(SCHEMES))
    loss = "mse" if "teacher" in data or rng.random() < 0.4 else "cross_entropy"
    return Network(which, number, activation, init, width, depth, loss, data)


def log_norms(network: Network, count: int = NETWORKS) -> Array:
    """ln ||delta_l|| before any update (layers, networks), as the engine records it."""
    weights = network.width**2 * network.depth
    step = max(1, min(count, AT_ONCE // weights))
    parts = [_drawn(network, min(step, count - first), first) for first in range(0, count, step)]
    return np.concatenate(parts, axis=1)


def _drawn(network: Network, seeds: int, first: int) -> Array:
    config = network.config(seeds, first)
    data = load(config.data)
    training = Training(config.plan(data), data)
    for _ in training:
        pass
    return np.array(training.recording["log_delta_norm"][0])


def inputs(network: Network) -> Inputs:
    """What theory needs of a network's data."""
    return Inputs.of(load(network.config().data))


def kept(which: str, folder: Path) -> Iterator[tuple[Network, Array]]:
    """The networks of a set that have been drawn, with their norms."""
    for network in networks(which):
        if (folder / network.file).exists():
            with np.load(folder / network.file) as file:
                yield network, file["log_delta_norm"]


def main(folder: Path, which: str) -> None:
    for network in networks(which):
        if not (folder / network.file).exists():
            count = FED if which == FEEDBACK else NETWORKS
            np.savez(folder / network.file, log_delta_norm=log_norms(network, count))
            print(network, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(sys.argv[2:] or ["held_out"]))
