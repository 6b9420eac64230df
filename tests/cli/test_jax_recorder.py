"""The probes that `gradflow new jax-recorder` writes, on networks whose deltas NumPy tells too."""

import importlib.util
import json
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.outside import read_norms
from tests.cli.test_app import environment

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    jax = pytest.importorskip("jax", reason="needs jax: pip install jax")

DEPTH, WIDTH, CLASSES, SAMPLES = 20, 64, 5, 16
SIGMA = 1.3


def gradflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradflow", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jax")
    assert gradflow(folder, "new", "jax-recorder", "-o", "probes.py").returncode == 0
    return folder


@pytest.fixture(scope="module")
def probes(folder: Path) -> Any:
    assert "#     from probes import Recorder" in (folder / "probes.py").read_text()
    spec = importlib.util.spec_from_file_location("probes", folder / "probes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["probes"] = module
    spec.loader.exec_module(module)
    return module


Params = list[tuple[Any, Any]]


def network(seed: int) -> Params:
    """Weights of a tanh network with a read-out, float32."""
    rng = np.random.default_rng(seed)
    sizes = [WIDTH] * (DEPTH + 1) + [CLASSES]
    return [
        (rng.normal(0, SIGMA * a**-0.5, (a, b)).astype("f4"), rng.normal(0, 0.05, b).astype("f4"))
        for a, b in pairwise(sizes)
    ]


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(SAMPLES, WIDTH)).astype("f4"), rng.integers(0, CLASSES, SAMPLES)


def oracle(params: Params, xs: Any, ys: Any) -> Any:
    """ln ||dLoss/dz_l||, (layers, samples), of the cross entropy of each sample, by hand in float64."""
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


def loss(params: Any, x: Any, y: Any, probe: Any) -> Any:
    for i, (w, b) in enumerate(params[:-1]):
        x = jax.numpy.tanh(probe(f"fc{i}", x @ w + b))
    w, b = params[-1]
    return -jax.nn.log_softmax(x @ w + b)[y]


@pytest.fixture(scope="module")
def recorded(probes: Any, folder: Path) -> Path:
    """Three networks, two steps each."""
    with probes.Recorder(str(folder / "norms.npz")) as recorder:
        for seed in range(3):
            for scale in (1.0, 0.9):
                recorder.step(loss, scaled(network(seed), scale), *batch(), seed=seed)
    return folder / "norms.npz"


def scaled(params: Params, scale: float) -> Params:
    return [((w * scale).astype("f4"), b) for w, b in params]


def test_each_samples_norm_is_that_of_numpy(probes: Any) -> None:
    found = probes.sample_log_norms(loss, network(0), *batch())
    assert set(found) == {f"fc{i}" for i in range(DEPTH)}
    logs = np.array([found[f"fc{i}"] for i in range(DEPTH)])
    assert np.abs(np.expm1(logs - oracle(network(0), *batch()))).max() < 1e-5


def test_the_file_holds_the_means_and_fit_gives_their_c(recorded: Path) -> None:
    norms = read_norms(recorded)
    assert norms.layers == tuple(f"fc{i}" for i in range(DEPTH))
    assert (norms.steps, norms.networks, list(norms.logs)) == ((0, 1), 3, ["delta"])
    for step, scale in enumerate((1.0, 0.9)):
        for seed in range(3):
            expected = oracle(scaled(network(seed), scale), *batch()).mean(axis=1)
            np.testing.assert_allclose(norms.logs["delta"][step, :, seed], expected, atol=1e-5)
    done = gradflow(recorded.parent, "fit", recorded.name, "--json")
    assert done.returncode == 0, done.stderr
    flow = json.loads(done.stdout)
    first, last = flow["layers"]
    logs = np.array([oracle(network(seed), *batch()).mean(axis=1) for seed in range(3)])
    c = np.exp((logs[:, first - 1] - logs[:, last - 1]).mean() / (last - first))
    assert flow["c"] == pytest.approx(c, rel=1e-5)
    assert flow["interval"] == "t over seeds"


def test_a_probe_that_records_nothing_leaves_the_loss_as_it_is(probes: Any) -> None:
    xs, ys = batch()
    params = network(0)
    assert loss(params, xs[0], ys[0], probes.quiet) == loss(params, xs[0], ys[0], lambda name, z: z)


def test_a_delta_below_the_smallest_square_keeps_its_norm(probes: Any) -> None:
    tiny = jax.numpy.array([3e-30, 4e-30], "float32")
    assert float(probes.log_norm(tiny)) == pytest.approx(np.log(5e-30), abs=1e-5)
    assert float(probes.log_norm(tiny * 0)) == -np.inf
    assert np.isnan(probes.log_norm(tiny * np.nan))


def test_a_network_without_probes_or_with_one_name_twice_is_told(probes: Any) -> None:
    with pytest.raises(ValueError, match="no layer goes through the probe"):
        probes.sample_log_norms(lambda params, x, y, probe: x.sum(), network(0), *batch())
    with pytest.raises(ValueError, match="two layers are called fc"):
        probes.sample_log_norms(
            lambda params, x, y, probe: probe("fc", probe("fc", x)).sum(), network(0), *batch()
        )


def test_a_flax_module_is_recorded_by_its_perturbations(probes: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linen = pytest.importorskip("flax.linen", reason="needs flax: pip install flax")

    class Network(linen.Module):  # type: ignore[name-defined, misc]
        @linen.compact
        def __call__(self, x: Any) -> Any:
            for i in range(DEPTH):
                x = jax.numpy.tanh(self.perturb(f"fc{i}", linen.Dense(WIDTH, name=f"dense{i}")(x)))
            return linen.Dense(CLASSES, name="out")(x)

    params = network(0)
    names = [*(f"dense{i}" for i in range(DEPTH)), "out"]
    variables = {"params": {n: {"kernel": w, "bias": b} for n, (w, b) in zip(names, params, strict=True)}}
    of_flax = probes.perturbed(Network(), lambda logits, y: -jax.nn.log_softmax(logits)[y])
    found = probes.sample_log_norms(of_flax, variables, *batch())
    logs = np.array([found[f"fc{i}"] for i in range(DEPTH)])
    assert np.abs(np.expm1(logs - oracle(params, *batch()))).max() < 1e-5
