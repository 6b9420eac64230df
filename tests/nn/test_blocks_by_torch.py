"""The same blocks written with PyTorch's own layers: loss, gradients, deltas, training and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.nn.activations import Tanh
from gradflow.nn.blocks import Plain, Residual
from gradflow.nn.norms import NO_NORM, AnyNorm, BatchNorm, LayerNorm, RmsNorm
from gradflow.nn.optimizers import Sgd
from gradflow.plan import Plan
from gradflow.streams import Purpose, stream
from tests.oracle import batch
from tests.small import plan, trained

torch = pytest.importorskip("torch")
Array = np.ndarray[Any, Any]
WIDTH, DEPTH, BATCH, STEPS = 6, 5, 8, 3
CASES: dict[str, tuple[Plain, AnyNorm]] = {
    "plain": (Plain(), NO_NORM),
    "layer before": (Plain(), LayerNorm()),
    "layer after": (Plain(), LayerNorm("after", 1e-5, True)),
    "rms before": (Plain(), RmsNorm("before", 1e-3, True)),
    "rms after": (Plain(), RmsNorm("after")),
    "batch before": (Plain(), BatchNorm("before", 1e-5, True)),
    "batch after": (Plain(), BatchNorm("after")),
    "residual": (Residual(0.6), NO_NORM),
    "trained residual": (Residual("1/sqrt(depth)", True), NO_NORM),
    "rezero": (Residual(0.0, True), NO_NORM),
    "pre-norm": (Residual(1.0), LayerNorm("before", 1e-5, True)),
    "post-norm": (Residual(0.5, True), RmsNorm("after", 1e-5, True)),
    "pre-norm, batch": (Residual(1.0), BatchNorm()),
    "post-norm, batch": (Residual(1.0, True), BatchNorm("after", 1e-5, True)),
}


class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
    """z_1 = W x + b, then blocks of one matrix each, then the read-out of a_L."""

    def __init__(self, plan: Plan, seed: int) -> None:
        super().__init__()
        self.model, model = plan.model, plan.model
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*fans) for fans in model.shape.fans).double()
        for number, (layer, fans) in enumerate(zip(self.layers, model.shape.fans, strict=True)):
            w = model.init.draw(stream(seed, Purpose.WEIGHTS, number), *fans, number)
            b = model.init.draw_bias(stream(seed, Purpose.BIASES, number), *fans)
            layer.weight.data[...] = torch.from_numpy(w.T.copy())
            layer.bias.data[...] = torch.from_numpy(np.full(fans[1], model.bias) if b is None else b)
        self.norms = torch.nn.ModuleList(self._norm() for _ in range(model.shape.depth))
        trained = isinstance(model.block, Residual) and model.block.train_scale
        scale = model.block.factor(DEPTH) if isinstance(model.block, Residual) else 1.0
        self.scales = torch.nn.ParameterList(
            torch.nn.Parameter(torch.tensor(scale), requires_grad=trained) for _ in range(DEPTH)
        )
        self.double()
        for each in self.scales:
            each.data[...] = scale

    def _norm(self) -> Any:
        norm = self.model.norm
        if norm is NO_NORM:
            return torch.nn.Identity()
        if isinstance(norm, BatchNorm):
            return torch.nn.BatchNorm1d(WIDTH, eps=norm.eps, affine=norm.affine)
        if isinstance(norm, LayerNorm):
            return torch.nn.LayerNorm(WIDTH, eps=norm.eps, elementwise_affine=norm.affine)
        return Rms(norm.eps, norm.affine)

    def forward(self, x: Any) -> Any:
        skips, before = isinstance(self.model.block, Residual), self.model.norm.before
        after = not before
        self.z = []
        h = x
        for number, (layer, norm) in enumerate(zip(self.layers[:-1], self.norms, strict=True)):
            z = layer(h)
            if skips and number:
                z = self.z[-1] + self.scales[number] * z
            if skips and after:
                z = norm(z)
            z.retain_grad() if z.requires_grad else None
            self.z.append(z)
            h = torch.tanh(norm(z)) if before else torch.tanh(z)
            if after and not skips:
                h = norm(h)
        return self.layers[-1](h)


class Rms(torch.nn.Module):  # type: ignore[misc,name-defined]
    """x / sqrt(mean x^2 + eps), gamma and beta where affine."""

    def __init__(self, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = torch.nn.Parameter(torch.ones(WIDTH), requires_grad=affine)
        self.beta = torch.nn.Parameter(torch.zeros(WIDTH), requires_grad=affine)

    def forward(self, x: Any) -> Any:
        return self.gamma * x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + self.eps) + self.beta


def by_torch(plan: Plan, data: Data) -> dict[str, list[Any]]:
    """Per row: loss, ln of the norms of deltas and of dW; and the loss of all samples before each update."""
    net = Net(plan, plan.seed)
    rule = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=plan.optimizer.lr)
    found: dict[str, list[Any]] = {
        "loss": [],
        "log_delta_norm": [],
        "log_weight_grad_norm": [],
        "evaluated": [],
    }
    for t in range(STEPS + 1):
        if t:
            net.eval()
            found["evaluated"].append(_loss(net, *map(torch.from_numpy, (data.x, data.y))).item())
            net.train()
        rows = batch(plan.seed, len(data.x), BATCH, t)
        loss = _loss(net, torch.from_numpy(data.x[rows]), torch.from_numpy(data.y[rows]))
        rule.zero_grad()
        loss.backward()
        norms = [BATCH * z.grad.norm(dim=1) for z in net.z]
        mixes = plan.model.norm.mixes
        logs = [(d**2).mean().log() / 2 if mixes else d.log().mean() for d in norms]
        found["loss"].append(loss.item())
        found["log_delta_norm"].append([log.item() for log in logs])
        found["log_weight_grad_norm"].append([m.weight.grad.norm().log().item() for m in net.layers[:-1]])
        if t < STEPS:
            rule.step()
    return found


def _loss(net: Any, x: Any, y: Any) -> Any:
    return ((net(x) - y) ** 2).mean()


@pytest.mark.parametrize(("block", "norm"), CASES.values(), ids=CASES)
def test_training_is_that_of_pytorch(block: Plain, norm: AnyNorm) -> None:
    rng = np.random.default_rng(0)
    data = Data(*(rng.standard_normal((24, n)) for n in (3, 2)), False, np.empty((0, 3)), np.empty((0, 2)))
    small = plan(
        activation=Tanh(), width=WIDTH, depth=DEPTH, block=block, norm=norm, steps=STEPS, batch_size=BATCH,
        evaluate=1, optimizer=Sgd(lr=0.1), dtype="float64",
    )  # fmt: skip
    expected, training = by_torch(small, data), trained(small, data)
    recording = training.recording
    np.testing.assert_allclose(recording["loss"][:, 0], expected["loss"], rtol=1e-9)
    for name in ("log_delta_norm", "log_weight_grad_norm"):
        np.testing.assert_allclose(recording[name][:, :, 0], expected[name], rtol=0, atol=1e-8)
    np.testing.assert_allclose(recording["loss_train"][1:, 0], expected["evaluated"], rtol=1e-9)
