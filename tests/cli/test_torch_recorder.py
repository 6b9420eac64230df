"""The PyTorch hook that `gradflow new torch-recorder` writes, on networks whose norms autograd tells too."""

import csv
import importlib.util
import inspect
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from gradflow.outside import read_norms, run_of
from tests.cli.test_app import environment

torch = pytest.importorskip("torch", reason="needs torch: pip install torch")
nn = torch.nn

from gradflow.torch import norms, surroundings, watch  # noqa: E402 - needs torch

DEPTH, WIDTH, NETWORKS = 40, 256, 6
C = 0.5**0.5 * exp(-1.25 / WIDTH)  # relu, sigma_w = 1: theory.md's c and its shift at finite width
TEMPLATE = Path(__file__).parents[2] / "configs" / "torch-recorder.py"


def gradflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradflow", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


def loaded(path: Path) -> Any:
    """The class Recorder of a file."""
    spec = importlib.util.spec_from_file_location("recorder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recorder"] = module
    spec.loader.exec_module(module)
    return module.Recorder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """norms.csv of relu networks with sigma_w = 1 at initialization and after one update of each."""
    folder = tmp_path_factory.mktemp("torch")
    assert gradflow(folder, "new", "torch-recorder", "-o", "recorder.py").returncode == 0
    recorder = loaded(folder / "recorder.py")
    for seed in range(NETWORKS):
        record(recorder, folder / "norms.csv", seed)
    return folder


def network(seed: int) -> Any:
    torch.manual_seed(seed)
    layers: list[Any] = []
    for _ in range(DEPTH):
        layers += [nn.Linear(WIDTH, WIDTH, bias=False), nn.ReLU(inplace=seed % 2 == 0)]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=WIDTH**-0.5)
    return model


def record(recorder: Any, path: Path, seed: int) -> None:
    model = network(seed)
    inputs, targets = torch.randn(32, WIDTH), torch.randint(10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with recorder(model, str(path), seed=seed, append=seed > 0) as recording:
        for _ in range(2):
            nn.functional.cross_entropy(model(inputs), targets).backward()
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
        nn.functional.cross_entropy(model[1:](z), y[None]).backward()
        found.append(log(z.grad.norm().item()))
    header, *lines = (folder / "norms.csv").read_text().splitlines()
    assert header == "step,layer,seed,kind,module,log_norm"
    (row,) = (line for line in lines if line.startswith("0,1,1,delta,"))
    assert float(row.rpartition(",")[2]) == pytest.approx(sum(found) / 32, abs=1e-3)


# What each kind of network must give: the norms of every call, from `mine`, a forward pass written out by
# hand whose z's are kept, one sample at a time.

BATCH, FEATURES, CLASSES = 12, 5, 3
Zs = list[Any]
Deltas = Sequence[tuple[str, float]]  # (module, mean over samples of ln ||dLoss/dz||), from the input on


@pytest.fixture(scope="module")
def recorder() -> Any:
    return loaded(TEMPLATE)


@pytest.fixture(scope="module")
def batch() -> tuple[Any, Any]:
    torch.manual_seed(7)
    return torch.randn(BATCH, FEATURES).double(), torch.randint(CLASSES, (BATCH,))


def linear(inputs: int = 8, outputs: int = 8) -> Any:
    return nn.Linear(inputs, outputs).double()


class HeadFirst(nn.Module):
    """Modules that are registered in another order than they are called in."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = linear(8, CLASSES), nn.ModuleList([linear() for _ in range(4)])
        self.enter = linear(FEATURES)

    def forward(self, x: Any) -> Any:
        for layer in (self.enter, *self.body[::-1]):
            x = torch.tanh(layer(x))
        return self.head(x)

    chain = ("enter", "body.3", "body.2", "body.1", "body.0")


class Shared(nn.Module):
    """One module that is called five times."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again, self.head = linear(FEATURES), linear(), linear(8, CLASSES)

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.enter(x))
        for _ in range(5):
            x = torch.tanh(self.again(x))
        return self.head(x)

    chain = ("enter", *["again"] * 5)


class Residual(nn.Module):
    """A skip connection, and a frozen layer that the gradient passes."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.one, self.two, self.head = linear(FEATURES), linear(), linear(), linear(8, CLASSES)
        self.one.requires_grad_(False)

    def forward(self, x: Any) -> Any:
        x = self.enter(x)
        x = x + self.one(torch.tanh(x))
        x = x + self.two(torch.tanh(x))
        return self.head(x)

    chain = ("enter", "one", "two")


class Checkpointed(HeadFirst):
    """Layers that are computed again on the way back."""

    def forward(self, x: Any) -> Any:
        for layer in (self.enter, *self.body[::-1]):
            x = torch.utils.checkpoint.checkpoint(lambda z, f=layer: torch.tanh(f(z)), x, use_reentrant=False)
        return self.head(x)


class Convolutions(nn.Module):
    """Convolutions with relu in place."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Sequential(
            *(nn.Conv1d(1 if i == 0 else 4, 4, 3, padding=1) for i in range(3))
        ).double()
        self.head = linear(4 * FEATURES, CLASSES)

    def forward(self, x: Any) -> Any:
        x = x[:, None]
        for layer in self.deep:
            x = nn.functional.leaky_relu_(layer(x), 0.3)
        return self.head(x.flatten(1))

    chain = ("deep.0", "deep.1", "deep.2")


def built(kind: Callable[[], Any]) -> Any:
    torch.manual_seed(1)
    return kind()


def truth(model: Any, inputs: Any, targets: Any) -> list[float]:
    """The norms by autograd, of one sample at a time, at every call of a layer but the last."""
    logs = []
    for x, y in zip(inputs, targets, strict=True):
        zs: Zs = []

        def keep(module: Any, args: Any, z: Any, zs: Zs = zs) -> Any:
            if torch._C._current_graph_task_id() == -1:  # not when it is computed again
                zs.append(z)
            return z.clone()  # so that no activation overwrites z

        hooks = [
            m.register_forward_hook(keep) for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d)
        ]
        deltas = torch.autograd.grad(nn.functional.cross_entropy(model(x[None]), y[None]), zs[:-1])
        logs.append([log(delta.norm().item()) for delta in deltas])
        for hook in hooks:
            hook.remove()
    return [sum(of_layer) / len(logs) for of_layer in zip(*logs, strict=True)]


def rows_of(path: Path, kind: str = "delta", step: int = 0) -> Deltas:
    """(module, log norm) of the rows of a step, whose layers are numbered from 1."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["kind"], row["step"]) == (kind, str(step))]
    assert [row["layer"] for row in rows] == [str(i + 1) for i in range(len(rows))]
    return [(row["module"], float(row["log_norm"])) for row in rows]


def loss_of(model: Any, inputs: Any, targets: Any) -> Any:
    return nn.functional.cross_entropy(model(inputs), targets)


KINDS = [HeadFirst, Shared, Residual, Checkpointed, Convolutions]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_every_call_has_the_norm_that_autograd_gives(
    kind: Any, recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(kind)
    with recorder(model, str(tmp_path / "norms.csv")) as recording:
        for _ in range(2):
            loss_of(model, *batch).backward()
            recording.step()
    for step in (0, 1):
        found = rows_of(tmp_path / "norms.csv", step=step)
        assert tuple(name for name, _ in found) == model.chain
        assert [value for _, value in found] == pytest.approx(truth(model, *batch), abs=1e-9)
    weights = () if kind in (Shared, Residual) else model.chain  # of which one has none of its own
    assert tuple(name for name, _ in rows_of(tmp_path / "norms.csv", "weight")) == weights


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_watch_gives_the_same_norms(kind: Any, recorder: Any, batch: tuple[Any, Any], tmp_path: Path) -> None:
    model = built(kind)
    named = list(dict.fromkeys(model.chain))
    with (
        recorder(model, str(tmp_path / "norms.csv")) as recording,
        watch(model, axis=named, samples=None, quiet=True) as flow,
    ):
        for _ in range(2):
            loss_of(model, *batch).backward()
            recording.step()
            flow.step()
    for step, row in enumerate(flow.rows):
        found = rows_of(tmp_path / "norms.csv", step=step)
        assert [name.partition("[")[0] for name in flow.axis.names] == [name for name, _ in found]
        assert row["delta"] == pytest.approx([value for _, value in found], abs=1e-12)


SHARED = (norms.scaled_log_norms, surroundings.rank, surroundings.is_together, surroundings.unscaled)


@pytest.mark.parametrize("function", SHARED, ids=[function.__name__ for function in SHARED])
def test_what_the_script_shares_with_watch_is_the_same_code(function: Any) -> None:
    assert f"\n\n\n{inspect.getsource(function)}" in TEMPLATE.read_text()


class Deep(nn.Module):
    """Ten tanh layers, of one module or of eight, the head registered first or last."""

    def __init__(self, shared: bool) -> None:
        super().__init__()
        if not shared:
            self.head = nn.Linear(64, 10)
        self.body = nn.ModuleList([nn.Linear(30 if i == 0 else 64, 64) for i in range(2 if shared else 8)])
        if shared:
            self.head = nn.Linear(64, 10)
        self.calls = [0, *[1] * 10] if shared else range(8)

    def forward(self, x: Any) -> Any:
        for i in self.calls:
            x = torch.tanh(self.body[i](x))
        return self.head(x)


@pytest.mark.parametrize(
    ("shared", "layers", "c", "decades"), [(False, 8, 0.58, -1.8), (True, 11, 0.56, -2.6)]
)
def test_fit_finds_the_ratio_of_the_calls(
    shared: bool, layers: int, c: float, decades: float, recorder: Any, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(64, 30), torch.randint(0, 10, (64,))
    model, path = Deep(shared), tmp_path / "out.csv"
    with recorder(model, str(path)) as recording:
        step(model, (x, y), recording)
    flow = run_of(read_norms(path), "out", path).summary.flow.initial
    assert (flow.transitions, flow.verdict) == (layers - 1, "vanishing")
    assert flow.c == pytest.approx(c, abs=0.01)
    assert flow.log10_ratio == pytest.approx(decades, abs=0.1)


@pytest.mark.parametrize("parts", [(6, 6), (4, 4, 4), (1, 11)])
def test_accumulated_passes_are_one_batch(
    parts: tuple[int, ...], recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(HeadFirst)
    with recorder(model, str(tmp_path / "norms.csv")) as recording:
        for x, y in zip(batch[0].split(parts), batch[1].split(parts), strict=True):
            (loss_of(model, x, y) * len(x) / BATCH).backward()
            with torch.no_grad():
                model(x)  # a look at the accuracy
            model(x)  # and one that forgets no_grad
        recording.step()
    found = rows_of(tmp_path / "norms.csv")
    assert [value for _, value in found] == pytest.approx(truth(model, *batch), abs=1e-9)
    whole = torch.autograd.grad(
        loss_of(model, *batch), [model.get_submodule(name).weight for name, _ in found]
    )
    weights = [value for _, value in rows_of(tmp_path / "norms.csv", "weight")]
    assert weights == pytest.approx([log(gradient.norm().item()) for gradient in whole], abs=1e-9)


def test_two_forward_passes_of_one_loss_are_one_batch(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model, halves = (
        built(HeadFirst),
        [(x, y) for x, y in zip(batch[0].split(6), batch[1].split(6), strict=True)],
    )
    with recorder(model, str(tmp_path / "norms.csv")) as recording:
        (sum(loss_of(model, *half) for half in halves) / 2).backward()
        recording.step()
    found = [value for _, value in rows_of(tmp_path / "norms.csv")]
    assert found == pytest.approx(truth(model, *batch), abs=1e-9)


def test_layers_that_are_named_are_taken_without_the_rest(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(HeadFirst)
    with recorder(model, str(tmp_path / "norms.csv"), layers=[model.body[0], model.body[2]]) as recording:
        model.enter.requires_grad_(False)  # below them: the gradient need not come there
        loss_of(model, *batch).backward()
        recording.step()
    model.enter.requires_grad_(True)
    expected = dict(zip(model.chain, truth(model, *batch), strict=True))
    found = dict(rows_of(tmp_path / "norms.csv"))
    assert found == {name: pytest.approx(expected[name], abs=1e-9) for name in ("body.2", "body.0")}


def test_the_scale_of_a_scaled_loss_is_divided_out(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model, scaler = built(HeadFirst), torch.amp.GradScaler("cpu", init_scale=2.0**13)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for path, scaled in (("scaled.csv", scaler), ("plain.csv", None)):
        with recorder(model, str(tmp_path / path), scaler=scaled) as recording:
            loss = loss_of(model, *batch)
            (scaler.scale(loss) if scaled else loss).backward()
            recording.step()
            optimizer.zero_grad()
    for kind in ("delta", "weight"):
        found = [dict(rows_of(tmp_path / path, kind)) for path in ("scaled.csv", "plain.csv")]
        assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_scaler_may_have_stepped_another_models_optimizer(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model, other, scaler = built(HeadFirst), built(HeadFirst), torch.amp.GradScaler("cpu")
    optimizer = torch.optim.SGD(other.parameters(), lr=0.0)
    with recorder(model, str(tmp_path / "norms.csv"), scaler=scaler) as recording:
        for each in (other, model):
            scaler.scale(loss_of(each, *batch)).backward()
        scaler.step(optimizer)
        recording.step()
    assert rows_of(tmp_path / "norms.csv")


class Idle(HeadFirst):
    """Layers that are never called."""

    def __init__(self) -> None:
        super().__init__()
        self.aside, self.spare = linear(), linear()


def test_modules_that_are_never_called_are_left_out_and_named(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(Idle)
    with recorder(model, str(tmp_path / "norms.csv")) as recording:
        loss_of(model, *batch).backward()
        with pytest.warns(UserWarning, match=r"not called .* left out: aside \(Linear\), spare \(Linear\)"):
            recording.step()
    found = rows_of(tmp_path / "norms.csv")
    assert tuple(name for name, _ in found) == model.chain
    assert [value for _, value in found] == pytest.approx(truth(model, *batch), abs=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_norms_are_taken_beyond_the_squares_of_their_dtype(dtype: str, recorder: Any) -> None:
    small = 2.0**-24 if dtype == "float16" else 2.0**-120
    rows = [[3.0, 4.0], [0.0, 0.0], [small, 0.0], [-60000.0, 0.0], [float("inf"), 1.0], [float("nan"), 1.0]]
    found = sys.modules["recorder"].scaled_log_norms(torch.tensor(rows, dtype=getattr(torch, dtype))).tolist()
    assert found[:3] == pytest.approx([log(5), -float("inf"), log(small)], rel=1e-6)
    assert found[3] == pytest.approx(log(60000), rel=1e-3)
    assert found[4] == float("inf")
    assert found[5] != found[5]


def step(model: Any, batch: tuple[Any, Any], recording: Any) -> None:
    loss_of(model, *batch).backward()
    recording.step()


class Frozen(HeadFirst):
    """A first layer that needs no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.enter.requires_grad_(False)


class Detached(HeadFirst):
    """A layer whose output is cut off."""

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.enter(x)).detach()
        return self.head(torch.tanh(self.body[0](x)))


class Off(HeadFirst):
    """A first layer that is called without gradients."""

    def forward(self, x: Any) -> Any:
        with torch.no_grad():
            x = self.enter(x)
        return self.head(torch.tanh(self.body[0](x)))


class Branches(HeadFirst):
    """Two layers side by side."""

    def forward(self, x: Any) -> Any:
        x = self.enter(x)
        return self.head(torch.tanh(self.body[0](x)) * torch.tanh(self.body[1](x)))


class TwoHeads(HeadFirst):
    """A head that is called last, and whose output nobody uses."""

    def forward(self, x: Any) -> Any:
        found = super().forward(x)
        self.body[0](x.repeat(1, 2)[:, :8])
        return found


class Folded(HeadFirst):
    """A layer whose first axis is no longer the sample."""

    def forward(self, x: Any) -> Any:
        x = torch.tanh(self.enter(x))
        x = torch.tanh(self.body[0](x.reshape(-1, 2, 8))).reshape(-1, 8)
        return self.head(x)


class Single(HeadFirst):
    """A read-out and nothing else."""

    def forward(self, x: Any) -> Any:
        return self.head(x.repeat(1, 2)[:, :8])


class Recurrent(HeadFirst):
    """A layer that gives no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.LSTM(8, 8).double()

    def forward(self, x: Any) -> Any:
        return self.head(self.memory(self.enter(x))[0])


class Switching(HeadFirst):
    """Other layers in the second step."""

    turns = 0

    def forward(self, x: Any) -> Any:
        self.turns += 1
        return self.head(torch.tanh(self.body[self.turns > 1](torch.tanh(self.enter(x)))))


def twice(model: Any, batch: tuple[Any, Any], recording: Any) -> None:
    loss = loss_of(model, *batch)
    loss.backward(retain_graph=True)
    loss.backward()


def cleared(model: Any, batch: tuple[Any, Any], recording: Any) -> None:
    step(model, batch, recording)
    loss_of(model, *batch).backward()
    model.zero_grad()
    recording.step()


def unscaled(model: Any, batch: tuple[Any, Any], recording: Any) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording.scaler = scaler = torch.amp.GradScaler("cpu")
    scaler.scale(loss_of(model, *batch)).backward()
    scaler.unscale_(optimizer)
    recording.step()


def in_half(model: Any, batch: tuple[Any, Any], recording: Any) -> None:
    """A network that vanishes below the numbers of float16."""
    with torch.no_grad():
        for layer in model.body:
            layer.weight.mul_(0.02)
    model.half()
    (model(batch[0].half()).float().square().mean() * 1e-3).backward()
    recording.step()


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "a frozen first layer": (Frozen, step, r"reaches enter \(Linear\): neither .* it is frozen; name"),
    "a detached output": (Detached, step, r"reaches enter \(Linear\): the loss does not depend .* detached"),
    "gradients that are off": (Off, step, r"reaches enter \(Linear\): it is called where .*no_grad"),
    "branches": (Branches, step, r"body\.0 \(Linear\) does not feed body\.1 \(Linear\).*no chain"),
    "an unused head": (TwoHeads, step, r"reaches body\.0 \(Linear\): the loss does not depend"),
    "samples that are folded": (Folded, step, r"body\.0 \(Linear\) has 6 samples, enter \(Linear\) 12"),
    "other layers later": (
        Switching, lambda *a: (step(*a), step(*a)), r"step 1 calls other layers \(enter .*body\.1 .*body\.0"
    ),
    "two passes through one graph": (HeadFirst, twice, r"two backward passes .* of head \(Linear\): add"),
    "a read-out alone": (Single, step, r"only head \(Linear\) is called: there is no layer below it"),
    "no backward": (HeadFirst, lambda m, b, r: (m(b[0]), r.step()), r"no gradient has come .* after back"),
    "a gradient that is cleared": (HeadFirst, cleared, r"enter \(Linear\)\.weight\.grad is None.*zero_grad"),
    "a gradient that is unscaled": (HeadFirst, unscaled, r"before unscale_"),
    "zeros of float16": (HeadFirst, in_half, r"passes .* \(Linear\): its delta is 0, or too small"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:not called in the forward pass")
@pytest.mark.parametrize(("kind", "act", "words"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_number_is_refused_with_its_layer_and_cause(
    kind: Any, act: Any, words: str, recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(kind)
    with recorder(model, str(tmp_path / "norms.csv")) as recording, pytest.raises(RuntimeError, match=words):
        act(model, batch, recording)


@pytest.mark.parametrize(
    ("kind", "names", "words"),
    [
        (Recurrent, ("memory",), r"memory \(LSTM\) gives a tuple, no tensor"),
        (Idle, ("enter", "spare", "head"), r"spare \(Linear\) is not called in the forward pass"),
    ],
)
def test_named_layers_that_give_nothing_are_refused(
    kind: Any, names: tuple[str, ...], words: str, recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(kind)
    layers = [model.get_submodule(name) for name in names]
    with (
        recorder(model, str(tmp_path / "norms.csv"), layers=layers) as recording,
        pytest.raises(RuntimeError, match=words),
    ):
        step(model, batch, recording)


def test_nothing_is_watched_between_recorded_steps_or_after_the_end(
    recorder: Any, batch: tuple[Any, Any], tmp_path: Path
) -> None:
    model = built(HeadFirst)
    with recorder(model, str(tmp_path / "norms.csv"), every=2) as recording:
        for _ in range(4):
            step(model, batch, recording)
    assert [len(rows_of(tmp_path / "norms.csv", step=i)) for i in range(4)] == [5, 0, 5, 0]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


KILLED = """
import os, signal, torch
from recorder import Recorder
model = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(3)))
recorder = Recorder(model, "norms.csv")
for step in range(5):
    model(torch.ones(2, 4)).sum().backward()
    recorder.step()
os.kill(os.getpid(), signal.SIGKILL)
"""

TOGETHER = """
import sys, torch
from recorder import Recorder
rank = int(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(0)
model = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(3)))
together = torch.nn.parallel.DistributedDataParallel(model)
torch.manual_seed(rank)
with Recorder(together, "norms.csv") as recorder:
    for step in range(3):
        together(torch.randn(2, 4)).square().mean().backward()
        recorder.step()
torch.distributed.destroy_process_group()
"""


def started(folder: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "recorder.py").write_text(TEMPLATE.read_text())
    command = [sys.executable, "-W", "error::UserWarning:recorder", "-c", code, *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)


def test_a_process_that_is_killed_keeps_its_rows(tmp_path: Path) -> None:
    process = started(tmp_path, KILLED)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert [len(rows_of(tmp_path / "norms.csv", step=i)) for i in range(6)] == [2, 2, 2, 2, 2, 0]


def test_of_processes_that_train_together_the_first_writes(tmp_path: Path) -> None:
    both = [started(tmp_path, TOGETHER, str(rank), str(tmp_path / "meet")) for rank in (0, 1)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert len((tmp_path / "norms.csv").read_text().splitlines()) == 1 + 3 * 2 * 2
    assert [name for name, _ in rows_of(tmp_path / "norms.csv", step=2)] == ["module.0", "module.1"]
