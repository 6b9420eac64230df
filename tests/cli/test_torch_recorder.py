"""The PyTorch hook that `gradflow new torch-recorder` writes, on a network whose c is known."""

import importlib.util
import json
import subprocess
import sys
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_app import environment

torch = pytest.importorskip("torch", reason="needs torch: pip install torch")

DEPTH, WIDTH, NETWORKS = 40, 256, 6
C = 0.5**0.5 * exp(-1.25 / WIDTH)  # relu, sigma_w = 1: theory.md's c and its shift at finite width


def gradflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradflow", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """norms.csv of relu networks with sigma_w = 1 at initialization and after one update of each."""
    folder = tmp_path_factory.mktemp("torch")
    assert gradflow(folder, "new", "torch-recorder", "-o", "recorder.py").returncode == 0
    spec = importlib.util.spec_from_file_location("recorder", folder / "recorder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recorder"] = module
    spec.loader.exec_module(module)
    for seed in range(NETWORKS):
        record(module.Recorder, folder / "norms.csv", seed)
    return folder


def network(seed: int) -> Any:
    torch.manual_seed(seed)
    layers: list[Any] = []
    for _ in range(DEPTH):
        layers += [torch.nn.Linear(WIDTH, WIDTH, bias=False), torch.nn.ReLU(inplace=seed % 2 == 0)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 10))
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=WIDTH**-0.5)
    return model


def record(recorder: Any, path: Path, seed: int) -> None:
    model = network(seed)
    inputs, targets = torch.randn(32, WIDTH), torch.randint(10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with recorder(model, str(path), seed=seed, append=seed > 0) as recording:
        for _ in range(2):
            torch.nn.functional.cross_entropy(model(inputs), targets).backward()
            recording.step()
            optimizer.step()
            optimizer.zero_grad()


def test_fit_finds_the_c_that_theory_knows(folder: Path) -> None:
    done = gradflow(folder, "fit", "norms.csv", "--json")
    assert done.returncode == 0, done.stderr
    flow = json.loads(done.stdout)
    error = (log(flow["c_high"]) - log(flow["c_low"])) / 2
    assert error < 0.02
    assert abs(log(flow["c"]) - log(C)) < 2 * error  # by chance in 4 of 1,000, t(5)
    assert flow["verdict"] == "vanishing"
    assert (flow["transitions"], flow["interval"]) == (DEPTH - 1, "t over seeds")
    assert flow["final"]["step"] == 1


def test_weight_gradients_of_the_same_network_give_no_c(folder: Path) -> None:
    done = gradflow(folder, "fit", "norms.csv", "--json", "--kind", "weight")
    flow = json.loads(done.stdout)
    assert flow["c"] is None
    assert "gradflow sweep" in flow["reason"]
    flat = flow["profile"]["log10_weight_grad"]
    assert abs(flat[0] - flat[-1]) < 1  # though delta falls by six decades: the trap of eq. 14


def test_the_recorded_norms_are_those_of_autograd(folder: Path) -> None:
    """Layer 1 has the mean over samples of ln of what autograd gives for each sample's own loss."""
    model = network(1)  # whose relu keeps z
    inputs, targets = torch.randn(32, WIDTH), torch.randint(10, (32,))
    z: Any = None
    found = []
    for x, y in zip(inputs, targets, strict=True):
        z = model[0](x[None])
        z.retain_grad()
        torch.nn.functional.cross_entropy(model[1:](z), y[None]).backward()
        found.append(log(z.grad.norm().item()))
    header, *lines = (folder / "norms.csv").read_text().splitlines()
    assert header == "step,layer,seed,kind,log_norm"
    (row,) = (line for line in lines if line.startswith("0,1,1,delta,"))
    assert float(row.rpartition(",")[2]) == pytest.approx(sum(found) / 32, abs=1e-3)
