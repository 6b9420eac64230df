"""`gradflow advise --try` is worth what it does: failing configurations are trained by its one command."""

from pathlib import Path

import pytest

from gradflow.analysis.candidates import has_learnt
from gradflow.analysis.summary import Summary
from gradflow.config import load_config
from gradflow.config.load import load_data
from gradflow.sweeps.proposals import Proposer
from gradflow.sweeps.trials import best_of, try_all
from gradflow.sweeps.worker import compute

STEPS = 300
NET = """
seeds: 2
model: {depth: 20, width: 32, activation: tanh, init: xavier_normal}
training: {steps: 100, batch_size: 64, optimizer: {name: sgd, lr: 0.05}}
"""
SMALL, LARGE = "init=gaussian init.sigma_w=0.5", "init=gaussian init.sigma_w=3.5"
FAILING = [
    # gradients that vanish
    f"activation=tanh depth=30 {SMALL}",
    "activation=sigmoid depth=10",
    "activation=relu depth=40 init=lecun_normal init.gain=0.8",
    "activation=relu depth=30 init=torch_default",
    "activation=gelu depth=30",
    f"activation=silu depth=20 {SMALL}",
    f"activation=softsign depth=30 {SMALL}",
    "activation=elu depth=30 init=lecun_uniform init.gain=0.6",
    "activation=hard_tanh depth=40 init=orthogonal init.gain=0.8",
    "activation=sigmoid depth=16 init=he_normal optimizer=adam",
    f"activation=erf depth=40 {SMALL} optimizer=adam",
    "activation=relu depth=30 bias=constant bias.value=-0.3 init=xavier_normal",
    # gradients that explode
    f"activation=tanh depth=40 {LARGE}",
    f"activation=relu depth=20 {LARGE}",
    f"activation=leaky_relu depth=30 {LARGE} optimizer=adam",
    f"activation=sin depth=20 {LARGE}",
    f"activation=elu depth=20 {LARGE}",
    "activation=linear depth=40 init=he_normal init.gain=2.5",
    "activation=relu depth=80 norm=batch",
    f"activation=relu depth=40 block=residual {LARGE}",
    # steps too long or too short
    "depth=6 lr=300",
    "depth=6 lr=0.000003",
    "depth=6 activation=relu init=he_normal lr=20",
    "depth=8 optimizer=adam lr=2",
    "depth=8 optimizer=adam lr=0.0000003",
    "depth=6 activation=relu init=he_normal optimizer=sgd momentum=0.9 lr=10",
    "depth=10 activation=selu init=lecun_normal optimizer=rmsprop lr=1",
    # both
    f"activation=tanh depth=30 {SMALL} lr=100",
    f"activation=relu depth=20 {LARGE} lr=0.000001",
    "activation=sigmoid depth=12 optimizer=adam lr=0.0000001",
]


def trained(path: Path, words: list[str]) -> tuple[Summary, float | None]:
    config = load_config(path, words)
    data = load_data(config.data)
    summary = compute(config.plain(), data, None).summary
    assert summary is not None
    return summary, data.chance


def followed(path: Path, words: list[str]) -> tuple[bool, str]:
    """Whether the run of the command that `advise --try` gives has learnt, and what there is to say of it."""
    proposer = Proposer(path, words)
    trials = try_all(proposer, STEPS, 1, lambda done, total: None)
    advised = best_of(trials).proposal.lasting(STEPS)
    summary, chance = trained(path, [*advised])
    accuracy, loss = summary.training.accuracy_final, summary.training.loss_test_final
    return has_learnt(summary, chance), f"{' '.join(words)} -> {' '.join(advised)}: {loss}, {accuracy}"


def test_thirty_failing_configurations_end_trained_by_one_command(
    tmp_path: Path, thorough: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Digits; one of them by default. Trained: a held-out loss below 0.9 of that of guessing."""
    path, failed = tmp_path / "net.yaml", []
    path.write_text(NET, encoding="utf-8")
    for text in FAILING if thorough else [FAILING[21]]:
        before, chance = trained(path, text.split())
        assert not has_learnt(before, chance), text
        learnt, story = followed(path, text.split())
        with capsys.disabled():
            print(f"\n{'trained' if learnt else 'FAILED'}: {story}", end="")
        failed += [] if learnt else [story]
    assert len(FAILING) == 30
    assert failed == []
