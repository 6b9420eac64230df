"""Candidates tried side by side: short trainings of one network in worker processes; nothing is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

from gradflow.analysis.candidates import RATES, badness, does_as_well, has_learnt, rates
from gradflow.analysis.critical_rate import critical_of
from gradflow.analysis.rates import fitted_rate
from gradflow.analysis.summary import Summary
from gradflow.config import Config, config_from_plain
from gradflow.config.memory import memory_bytes, physical_memory
from gradflow.data import Data
from gradflow.execution.train import train
from gradflow.sweeps.executors import Backend, Processes
from gradflow.sweeps.proposals import Proposal, Proposer, briefly
from gradflow.sweeps.worker import compute
from gradflow.threads import cores

DEAD = "its worker died: is the memory enough?"


@dataclass(frozen=True)
class Answer:
    """What a worker says: the learning rate that it used, and what became of it."""

    lr: float | None  # None of one that did not come to it
    summary: Summary | None = None  # None of one that failed for the reason
    reason: str | None = None


@dataclass(frozen=True)
class Trial:
    """What became of a proposal, whose learning rate is the one that it was tried with."""

    proposal: Proposal
    answer: Answer

    @property
    def badness(self) -> float:
        """By which trials are ranked, the best first."""
        return inf if self.answer.summary is None else badness(self.answer.summary)

    @property
    def learnt(self) -> bool:
        """Whether it ended clearly better than guessing."""
        summary = self.answer.summary
        return summary is not None and has_learnt(summary, self.proposal.chance)

    @property
    def depth(self) -> int:
        """How many hidden layers it has."""
        return self.proposal.config.model.depth

    def does_as_well(self, best: Trial) -> bool:
        """Whether it has learnt, and hardly less than the best one."""
        ours, theirs = self.answer.summary, best.answer.summary
        if ours is None or theirs is None or not self.learnt:
            return False
        return does_as_well(ours, theirs, self.proposal.chance)


def try_all(
    proposer: Proposer, steps: int, workers: int | None, progress: Callable[[int, int], object]
) -> list[Trial]:
    """The networks of a proposer, then the best of them at other learning rates, in that order.

    Each is trained for so many steps, at most `workers` side by side; `progress` is called with the number
    of trials that are done and that of all.
    """
    proposals = proposer.networks()
    with _place(proposals, steps, workers).open() as pool:
        bench = _Bench(pool.executor, proposer, steps, progress)
        trials = bench.run(proposals, 0, len(proposals) + RATES)
        further = _rates(proposer, best_of(trials))
        return [*trials, *bench.run(further, len(trials), len(trials) + len(further))]


def best_of(trials: Sequence[Trial]) -> Trial:
    """The one that lost least, unless one of the depth that was given does as well, as was asked."""
    least = least_of(trials)
    given = next((one.depth for one in trials if not one.proposal.change.set), least.depth)
    as_deep = [one for one in trials if one.depth == given]
    own = least_of(as_deep) if as_deep else least
    return own if own.does_as_well(least) else least


def least_of(trials: Sequence[Trial]) -> Trial:
    """The one that lost least, as it was given rather than changed; where all blew up, the first change."""
    return min(trials, key=lambda one: (one.badness, bool(one.proposal.change.set) == isfinite(one.badness)))


def attempt(plain: dict[str, Any], data: Data, fitted: bool) -> Answer:
    """Train a plain config, at a learning rate that is fitted to its critical one if it may be."""
    config = config_from_plain(plain)
    if fitted:
        optimizer, first = config.training.optimizer, train(briefly(config, 0), data)
        lr = fitted_rate(optimizer, critical_of({"measured": first.measured}))
        training = config.training.model_copy(update={"optimizer": replace(optimizer, lr=lr)})
        config = config.model_copy(update={"training": training})
    result = compute(config.plain(), data, None)
    return Answer(config.training.optimizer.lr, result.summary, result.reason)


def _place(proposals: Sequence[Proposal], steps: int, workers: int | None) -> Backend:
    """As many workers as there is use and memory for."""
    memory = max(memory_bytes(_short(one, steps).plan(one.data)) for one in proposals)
    width = max(1, min(workers or cores(), physical_memory() // memory, len(proposals)))
    return Processes(width, option="--try", remedy="give fewer --workers")


def _short(proposal: Proposal, steps: int) -> Config:
    return briefly(proposal.config, steps, seeds=1)


@dataclass(frozen=True)
class _Bench:
    """Where proposals are tried."""

    executor: Executor
    proposer: Proposer
    steps: int
    progress: Callable[[int, int], object]

    def run(self, proposals: Sequence[Proposal], before: int, total: int) -> list[Trial]:
        """All trials in the order of the proposals; `before` have been made of a `total`."""
        calls = [self._submit(one) for one in proposals]
        self.progress(before, total)
        for done, _ in enumerate(as_completed(calls), 1):
            self.progress(before + done, total)
        pairs = zip(proposals, calls, strict=True)
        return [_settled(self.proposer, one, self._answer(one, call)) for one, call in pairs]

    def _submit(self, proposal: Proposal) -> Future[Answer]:
        plain = _short(proposal, self.steps).plain()
        return self.executor.submit(attempt, plain, proposal.data, proposal.fitted)

    def _answer(self, proposal: Proposal, call: Future[Answer]) -> Answer:
        """That of a call; one that died, maybe of another before it in its worker, is made again alone."""
        for again in (call, None):
            with suppress(BrokenExecutor):
                return (again or self._submit(proposal)).result()
        return Answer(None, reason=DEAD)


def _settled(proposer: Proposer, proposal: Proposal, answer: Answer) -> Trial:
    """A trial; where the learning rate was fitted, of the candidate with it."""
    if answer.lr not in (None, proposal.config.training.optimizer.lr):
        proposal = proposer.proposal(proposal.change.at_rate(answer.lr))
    return Trial(proposal, answer)


def _rates(proposer: Proposer, best: Trial) -> list[Proposal]:
    """The network that did best with other learning rates."""
    if best.answer.summary is None:
        return []
    optimizer = best.proposal.config.training.optimizer
    return proposer.sound(rates(best.proposal.change, best.answer.summary, optimizer))
