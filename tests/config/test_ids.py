"""The ids of starter configs: runs on disk are found by them, so that no new key may change one."""

from pathlib import Path

import pytest

from gradflow.config.load import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
IDS = [
    ("batch-norm-exploding", [], "a93ca486"),
    ("bottleneck", [], "43fa1a6d"),
    ("gaussian-exploding", [], "72c21d89"),
    ("he-relu", [], "209a8a3f"),
    ("one-neuron", [], "b90b2a0d"),
    ("orthogonal", [], "8772e2fc"),
    ("quickstart", [], "8be9170a"),
    ("rezero", [], "984b65f3"),
    ("selu-lecun", [], "e0980dd1"),
    ("sigmoid-vanishing", [], "6d9fe4ff"),
    ("sweep-activation-zoo", ["model.activation=linear"], "8ae8ec49"),
    ("sweep-blocks", ["model.block=residual", "model.norm=layer"], "d0d4c0c4"),
    ("sweep-depth-init-relu", ["model.depth=10", "model.init=he_normal"], "0ec77aec"),
    ("sweep-depth-init-tanh", ["model.depth=10", "model.init=xavier_normal"], "8e7ed6cb"),
    ("sweep-depth-layer-norm-silu", ["model.block=plain", "model.depth=4"], "40aeb67c"),
    ("sweep-lr-depth", ["model.depth=5", "training.optimizer.lr=0.01"], "8aa8dd50"),
    ("sweep-phase-tanh", ["model.init.sigma_b=0.0", "model.init.sigma_w=0.8"], "703afca9"),
    ("sweep-trainable", ["depth=5", "sigma_w=1.0", "lr=0.03"], "1d80aae1"),
    ("sweep-width", ["model.activation=relu", "model.width=32"], "cbccd2d7"),
    ("tanh-too-large", [], "ea655f1b"),
    ("textbook-0.9", [], "edce88e7"),
    ("textbook-1.1", [], "8f0e5db1"),
    ("two-layers", [], "34b81c15"),
    ("xavier-relu-vanishing", [], "7256f05d"),
]  # fmt: skip


@pytest.mark.parametrize(("starter", "overrides", "digest"), IDS, ids=[row[0] for row in IDS])
def test_a_starter_config_keeps_the_id_of_its_first_day(
    starter: str, overrides: list[str], digest: str
) -> None:
    assert load_config(CONFIGS / f"{starter}.yaml", overrides).id == f"{starter}-{digest}"
