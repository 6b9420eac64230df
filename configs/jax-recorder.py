# Records the gradient norms of a JAX network, for `gradflow fit`: a layer's norm is that of dLoss/dz of each
# sample, its natural log averaged over the batch. Use:
#
#     from recorder import Recorder
#
#     def loss(params, x, y, probe):                     # of one sample; a layer's z goes through the probe
#         for i, (w, b) in enumerate(params[:-1]):
#             x = jnp.tanh(probe(f"fc{i}", x @ w + b))
#         w, b = params[-1]                              # the read-out has none
#         return -jax.nn.log_softmax(x @ w + b)[y]
#
#     with Recorder("norms.npz") as recorder:
#         for xs, ys in batches:
#             recorder.step(loss, params, xs, ys)        # the first axis of xs and ys is the sample
#             params = update(params, xs, ys)
#
# and then `gradflow fit norms.npz`. `probe(name, z)` gives z, to which it adds a zero: the gradient of the
# loss by that zero is dLoss/dz. Where nothing is recorded, as in `update`, give `quiet` as the probe.
#
# A module of flax takes the probe as an argument of its __call__, as do those of equinox and haiku. A linen
# module that has `z = self.perturb("fc1", z)` needs no probe: let loss_of(outputs, y) be its loss,
# `loss = perturbed(module, loss_of)`, and give its variables as the params.
#
# Layers are ordered by the numbers in their names. Several networks give c a better interval: step with
# seed=0, seed=1, ... In float32 a gradient below 1e-45 is 0: record a network that vanishes so far in
# float64, by jax.config.update("jax_enable_x64", True). Layers in a lax.scan are out of sight: write them as
# a Python loop.

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Probe = Callable[[str, Any], Any]
Loss = Callable[[Any, Any, Any, Probe], Any]  # of params, x, y and probe


def quiet(name: str, z: Any) -> Any:
    """The probe that records nothing."""
    return z


class Recorder:
    """Collects means over samples of ln ||dLoss/dz|| of each layer and step, and writes them at the end."""

    def __init__(self, path: str, *, every: int = 1) -> None:
        self.path, self.every = Path(path), every
        self.steps: dict[int, int] = {}  # how many each network has taken
        self.rows: list[tuple[int, str, int, float]] = []

    def step(self, loss: Loss, params: Any, xs: Any, ys: Any, *, seed: int = 0) -> None:
        """Record a batch, with the parameters before their update."""
        step = self.steps.setdefault(seed, 0)
        self.steps[seed] += 1
        if step % self.every:
            return
        found = sample_log_norms(loss, params, xs, ys)
        logs = {name: np.asarray(of_layer) for name, of_layer in found.items()}
        alive = np.all([of_layer != -math.inf for of_layer in logs.values()], axis=0)
        for name, of_layer in logs.items():  # a sample whose delta is 0 somewhere has no logs
            mean = of_layer[alive].mean(dtype=float) if alive.any() else of_layer.max()
            self.rows.append((step, name, seed, float(mean)))

    def save(self) -> None:
        """Write what there is; a process that is killed keeps what was saved."""
        step, layer, seed, log_norm = (np.array(column) for column in zip(*self.rows, strict=True))
        part = self.path.with_name(f"{self.path.name}.part")
        with part.open("wb") as file:
            np.savez(file, step=step, layer=layer, seed=seed, log_norm=log_norm, kind="delta")
        part.replace(self.path)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        if self.rows:
            self.save()


@partial(jax.jit, static_argnums=0)
def sample_log_norms(loss: Loss, params: Any, xs: Any, ys: Any) -> dict[str, Any]:
    """ln ||dLoss/dz|| of each layer, (samples,); the loss is that of each sample alone."""

    def of_one(x: Any, y: Any) -> dict[str, Any]:
        zeros = zeros_of(loss, params, x, y)
        deltas = jax.grad(lambda zeros: loss(params, x, y, lambda name, z: z + zeros[name]))(zeros)
        return {name: log_norm(delta) for name, delta in deltas.items()}

    return jax.vmap(of_one)(xs, ys)


def zeros_of(loss: Loss, params: Any, x: Any, y: Any) -> dict[str, Any]:
    """A zero for every call of the probe, of the shape of its z."""
    shapes: dict[str, Any] = {}

    def note(name: str, z: Any) -> Any:
        if name in shapes:
            raise ValueError(f"two layers are called {name}: give each call of the probe a name of its own")
        shapes[name] = z.shape, z.dtype
        return z

    jax.eval_shape(lambda x, y: loss(params, x, y, note), x, y)
    if not shapes:
        raise ValueError("no layer goes through the probe: let the loss call z = probe(name, z)")
    return {name: jnp.zeros(*shape) for name, shape in shapes.items()}


def log_norm(delta: Any) -> Any:
    """ln of a norm, exact where the squares would underflow; -inf of zeros."""
    delta = delta.astype(jnp.promote_types(delta.dtype, jnp.float32))
    largest = jnp.abs(delta).max()
    usable = (largest > 0) & jnp.isfinite(largest)
    scaled = delta / jnp.where(usable, largest, 1)
    return jnp.log(largest) + jnp.log(jnp.sqrt((scaled**2).sum()))


def perturbed(module: Any, loss_of: Callable[[Any, Any], Any]) -> Loss:
    """The loss of a flax module that calls self.perturb: each perturbation is the zero of a layer."""

    def loss(variables: Any, x: Any, y: Any, probe: Probe) -> Any:
        shapes = jax.eval_shape(module.init, jax.random.key(0), x)["perturbations"]
        zeros = jax.tree_util.tree_map_with_path(
            lambda path, leaf: probe(
                "/".join(str(part.key) for part in path), jnp.zeros(leaf.shape, leaf.dtype)
            ),
            shapes,
        )
        return loss_of(module.apply({**variables, "perturbations": zeros}, x), y)

    return loss
