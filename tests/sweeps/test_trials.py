"""Candidates as configs, and what becomes of them side by side."""

import os
import signal
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.candidates import LR, Change
from gradflow.errors import InputError
from gradflow.sweeps import trials
from gradflow.sweeps.proposals import Proposer
from gradflow.sweeps.trials import DEAD, Answer, Trial, attempt, best_of, least_of, try_all

NET = """
seeds: 2
model: {depth: 4, width: 16, activation: tanh, init: {name: gaussian, sigma_w: 0.2}}
data: {name: gaussian, samples: 64, features: 8, classes: 3}
training: {steps: 5, batch_size: 32}
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return path


def test_a_change_takes_the_place_of_what_was_typed_and_leaves_the_rest(net: Path) -> None:
    typed = ["init=orthogonal", "init.gain=2", "lr=0.5", "seed=3", "block.scale=2", "block=residual"]
    changes = {"model.init": {"name": "gaussian", "sigma_w": 1.5}, "model.block": "residual", LR: 0.1}
    found = Proposer(net, typed).proposal(Change("x", changes))
    assert found.words == (
        "seed=3", "model.init=gaussian", "model.init.sigma_w=1.5", "model.block=residual", f"{LR}=0.1",
    )  # fmt: skip
    assert found.config.seed == 3
    assert found.config.training.optimizer.lr == 0.1


def test_the_words_have_as_many_steps_as_were_tried_at_least(net: Path) -> None:
    proposer = Proposer(net, ["steps=40"])
    assert proposer.given.lasting(40) == ("steps=40",)
    assert proposer.given.lasting(41) == ("training.steps=41",)


def test_networks_are_sound_configs_and_no_two_are_the_same(net: Path) -> None:
    found = Proposer(net, []).networks()
    assert found[0].words == ()
    assert 3 <= len(found) <= 6
    assert len({one.config.digest for one in found}) == len(found)
    assert all(one.expected[0] is not None for one in found)
    assert found[0].expected[0] == pytest.approx(0.2, abs=0.02)


def test_skips_are_left_out_where_widths_differ(net: Path) -> None:
    found = Proposer(net, ["width=[16,8,16,8]"]).networks()
    assert not [one for one in found if "model.block" in one.change.set]


def test_a_config_that_is_none_is_refused(net: Path) -> None:
    with pytest.raises(InputError, match=r"model\.depth"):
        Proposer(net, ["depth=0"])


def test_a_learning_rate_is_fitted_only_where_it_may_be(net: Path) -> None:
    given = Proposer(net, ["init=xavier_normal", "lr=1000", "steps=3", "seeds=1"]).given
    kept = attempt(given.config.plain(), given.data, False)
    fitted = attempt(given.config.plain(), given.data, True)
    assert kept.lr == 1000
    assert fitted.lr is not None
    assert fitted.lr < 100
    assert fitted.summary is not None
    assert fitted.summary.training.steps == 3


def test_trials_come_in_order_with_the_best_networks_learning_rates_last(net: Path) -> None:
    told: list[tuple[int, int]] = []
    found = try_all(Proposer(net, []), 10, 1, lambda done, total: told.append((done, total)))
    levers = [one.proposal.change.lever for one in found]
    first = levers.index("optimizer")
    assert levers[0] == "as given"
    assert set(levers[first:]) == {"optimizer"}
    assert len(levers[first:]) <= 3
    assert told[0] == (0, first + 3)
    assert told[-1] == (len(found), len(found))
    best = min(found[:first], key=lambda one: one.badness)
    for one in found[first:]:
        network = {key: value for key, value in one.proposal.change.set.items() if key != LR}
        assert network == {key: value for key, value in best.proposal.change.set.items() if key != LR}
    for one in found:
        assert one.answer.summary is not None
        assert one.answer.lr == one.proposal.config.training.optimizer.lr
        assert one.answer.summary.config["seeds"] == 1
        assert one.answer.summary.training.steps == 10
    assert not (net.parent / "runs").exists()


def dying(plain: dict[str, Any], data: Any, fitted: bool) -> Answer:
    """Ends the worker of a skip without a norm."""
    model = plain["model"]
    if model["block"] != "plain" and model["norm"] == "none":
        os.kill(os.getpid(), signal.SIGKILL)
    return Answer(0.5)


def test_a_worker_that_dies_costs_its_own_trial_alone(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "attempt", dying)
    found = try_all(Proposer(net, ["depth=1"]), 5, 1, lambda done, total: None)
    assert [one.answer.reason for one in found] == [None, DEAD, None]


def test_of_equals_the_one_that_was_given_is_the_best(net: Path) -> None:
    proposals = Proposer(net, []).networks()
    equals = [Trial(one, attempt(proposals[0].config.plain(), one.data, False)) for one in proposals[:2]]
    assert best_of(equals[::-1]) == equals[0]


@pytest.mark.parametrize(
    ("shallow", "as_deep", "expected"),
    [
        (0.1, 0.144, "deep"),  # the best one gained 0.9, and a twentieth of that is 0.045
        (0.1, 0.146, "shallow"),
        (0.1, inf, "shallow"),
        (0.95, 0.96, "shallow"),  # neither has learnt
        (0.2, 0.1, "deep"),
    ],
)
def test_a_network_as_deep_as_was_asked_wins_where_it_does_as_well(
    net: Path, shallow: float, as_deep: float, expected: str
) -> None:
    proposer = Proposer(net, [])
    changes = {"given": {}, "shallow": {"model.depth": 2}, "deep": {"model.init": "orthogonal"}}
    made = {name: proposer.proposal(Change(name, change)) for name, change in changes.items()}
    ended = attempt(made["given"].config.plain(), made["given"].data, False)
    losses = {"given": 1.2, "shallow": shallow, "deep": as_deep}
    chance = made["given"].chance or 0.0
    found = {name: Trial(made[name], lost(ended, loss * chance)) for name, loss in losses.items()}
    for among in ([*found.values()], [*found.values()][::-1]):
        assert best_of(among) is found[expected]
        assert least_of(among) is min(found.values(), key=lambda one: one.badness)


def lost(answer: Answer, loss: float) -> Answer:
    """The answer of another loss."""
    assert answer.summary is not None
    status = "completed" if isfinite(loss) else "diverged"
    training = replace(answer.summary.training, loss_test_final=loss)
    return replace(answer, summary=replace(answer.summary, status=status, training=training))


def test_where_all_blew_up_the_first_change_is_the_best(net: Path) -> None:
    found = Proposer(net, []).networks()
    failed = [Trial(one, Answer(None, reason="gone")) for one in found]
    assert best_of(failed).proposal == found[1]
