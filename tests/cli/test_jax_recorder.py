"""The probes that `gradflow new jax-recorder` writes, on networks whose deltas NumPy tells too.

JAX runs in a process of its own: one that has imported it warns at every fork.
"""

import importlib.util
import json
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.outside import read_norms
from tests.cli.test_app import environment

for package in ("jax", "flax"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}: pip install {package}", allow_module_level=True)

DEPTH, WIDTH, CLASSES, SAMPLES, SEEDS, SCALES = 20, 64, 5, 16, 3, (1.0, 0.9)
SIGMA = 1.3

SCRIPT = """
import json, pickle
import jax, jax.numpy as jnp, numpy as np
from flax import linen
from probes import Recorder, log_norm, perturbed, quiet, sample_log_norms

networks, xs, ys = pickle.load(open("networks.pickle", "rb"))  # by step and seed
params = networks[0][0]
depth = len(params) - 1


def loss(params, x, y, probe):
    for i, (w, b) in enumerate(params[:-1]):
        x = jnp.tanh(probe(f"fc{i}", x @ w + b))
    w, b = params[-1]
    return -jax.nn.log_softmax(x @ w + b)[y]


class Network(linen.Module):
    @linen.compact
    def __call__(self, x):
        for i, (_, b) in enumerate(params[:-1]):
            x = jnp.tanh(self.perturb(f"fc{i}", linen.Dense(len(b), name=f"dense{i}")(x)))
        return linen.Dense(len(params[-1][1]), name=f"dense{depth}")(x)


def told(loss):
    try:
        sample_log_norms(loss, params, xs, ys)
    except ValueError as error:
        return str(error)


with Recorder("norms.npz") as recorder:
    for of_step in networks:
        for seed, network in enumerate(of_step):
            recorder.step(loss, network, xs, ys, seed=seed)
with Recorder("every.npz", every=2) as recorder:
    for _ in range(5):
        recorder.step(loss, params, xs, ys)
variables = {"params": {f"dense{i}": {"kernel": w, "bias": b} for i, (w, b) in enumerate(params)}}
of_flax = perturbed(Network(), lambda logits, y: -jax.nn.log_softmax(logits)[y])
found = {"plain": sample_log_norms(loss, params, xs, ys)}
found["flax"] = sample_log_norms(of_flax, variables, xs, ys)
np.savez("samples.npz", **{n: np.array([one[f"fc{i}"] for i in range(depth)]) for n, one in found.items()})
tiny = jnp.array([3e-30, 4e-30], "float32")
print(json.dumps({
    "quiet": float(loss(params, xs[0], ys[0], quiet)),
    "norms": [float(log_norm(tiny)), float(log_norm(tiny * 0)), float(log_norm(tiny * jnp.nan))],
    "none": told(lambda params, x, y, probe: x.sum()),
    "twice": told(lambda params, x, y, probe: probe("fc", probe("fc", x)).sum()),
}))
"""


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


Params = list[tuple[Any, Any]]


def network(seed: int, scale: float = 1.0) -> Params:
    """Weights of a tanh network with a read-out, float32."""
    rng = np.random.default_rng(seed)
    sizes = [WIDTH] * (DEPTH + 1) + [CLASSES]
    return [
        (rng.normal(0, scale * SIGMA * a**-0.5, (a, b)).astype("f4"), rng.normal(0, 0.05, b).astype("f4"))
        for a, b in pairwise(sizes)
    ]


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(SAMPLES, WIDTH)).astype("f4"), rng.integers(0, CLASSES, SAMPLES)


def oracle(params: Params) -> Any:
    """ln ||dLoss/dz_l||, (layers, samples), of the cross entropy of each sample, by hand in float64."""
    xs, ys = batch()
    weights = [(w.astype(float), b.astype(float)) for w, b in params]
    hs = [xs.astype(float)]
    for w, b in weights[:-1]:
        hs.append(np.tanh(hs[-1] @ w + b))
    logits = hs[-1] @ weights[-1][0] + weights[-1][1]
    delta = np.exp(logits - logits.max(1, keepdims=True))
    delta = delta / delta.sum(1, keepdims=True) - np.eye(CLASSES)[ys]
    logs = []
    for (w, _), h in zip(reversed(weights[1:]), reversed(hs[1:]), strict=True):
        delta = (delta @ w.T) * (1 - h**2)
        logs.append(np.log(np.linalg.norm(delta, axis=1)))
    return np.array(logs[::-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the probes found in networks of three seeds, at two steps."""
    folder = tmp_path_factory.mktemp("jax")
    run(folder, "-m", "gradflow", "new", "jax-recorder", "-o", "probes.py")
    assert "#     from probes import Recorder" in (folder / "probes.py").read_text()
    networks = [[network(seed, scale) for seed in range(SEEDS)] for scale in SCALES]
    (folder / "networks.pickle").write_bytes(pickle.dumps((networks, *batch())))
    (folder / "told.json").write_text(run(folder, "-c", SCRIPT))
    return folder


@pytest.mark.parametrize("kind", ["plain", "flax"])
def test_each_samples_norm_is_that_of_numpy(folder: Path, kind: str) -> None:
    with np.load(folder / "samples.npz") as found:
        assert np.abs(np.expm1(found[kind] - oracle(network(0)))).max() < 1e-5


def test_the_file_holds_the_means_over_samples(folder: Path) -> None:
    norms = read_norms(folder / "norms.npz")
    assert norms.layers == tuple(f"fc{i}" for i in range(DEPTH))
    assert (norms.steps, norms.networks, list(norms.logs)) == ((0, 1), SEEDS, ["delta"])
    for step, scale in enumerate(SCALES):
        for seed in range(SEEDS):
            expected = oracle(network(seed, scale)).mean(axis=1)
            np.testing.assert_allclose(norms.logs["delta"][step, :, seed], expected, atol=1e-5)


def test_steps_between_are_left_out(folder: Path) -> None:
    assert read_norms(folder / "every.npz").steps == (0, 2, 4)


def test_fit_gives_the_c_of_numpy(folder: Path) -> None:
    flow = json.loads(run(folder, "-m", "gradflow", "fit", "norms.npz", "--json"))
    first, last = flow["layers"]
    logs = np.array([oracle(network(seed)).mean(axis=1) for seed in range(SEEDS)])
    c = np.exp((logs[:, first - 1] - logs[:, last - 1]).mean() / (last - first))
    assert flow["c"] == pytest.approx(c, rel=1e-5)
    assert flow["interval"] == "t over seeds"


def test_norms_below_the_smallest_square_and_mistakes_are_told(folder: Path) -> None:
    told = json.loads((folder / "told.json").read_text())
    tiny, zero, lost = told["norms"]
    assert tiny == pytest.approx(np.log(5e-30), abs=1e-5)
    assert zero == -np.inf
    assert np.isnan(lost)
    assert told["none"].startswith("no layer goes through the probe")
    assert told["twice"].startswith("two layers are called fc")
    assert told["quiet"] > 0
