"""gradflow advise: the candidates of a config with what theory expects of them, or what they came to."""

from __future__ import annotations

from pathlib import Path
from shlex import join
from time import monotonic
from typing import Any

from gradflow.analysis.commands import operand
from gradflow.analysis.summary import strict
from gradflow.cli.output import emit_either
from gradflow.cli.run import study_of
from gradflow.errors import refuse_unused
from gradflow.report.advice_pages import advice_page
from gradflow.report.numbers import duration
from gradflow.sweeps.proposals import Proposal, Proposer
from gradflow.sweeps.trials import Trial, best_of, least_of, try_all
from gradflow.telling.lines import note, noting
from gradflow.telling.progress import CLEAR, Ticker

STEPS = 300


def listed(
    config: Path, overrides: list[str], steps: int | None, workers: int | None, quiet: bool
) -> dict[str, Any]:
    """The document of the candidates alone. InputError for options of trials."""
    refuse_unused("they are for --try", steps=steps, workers=workers)
    study = study_of(config, overrides, noting(quiet))
    rows = [_row(config, one) for one in Proposer(config, overrides).networks()]
    return {"name": study.name, "steps": None, "candidates": rows}


def tried(
    config: Path, overrides: list[str], steps: int | None, workers: int | None, quiet: bool
) -> dict[str, Any]:
    """The document of the candidates with what they came to, and the command of the best."""
    study, steps = study_of(config, overrides, noting(quiet)), steps or STEPS
    with _Count(quiet, redrawn=0.0) as count:
        trials = try_all(Proposer(config, overrides), steps, workers, count)
    best = trials.index(best_of(trials))
    rows = [{**_row(config, one.proposal, steps), **_outcome(one)} for one in trials]
    told = {"best": best, "least": trials.index(least_of(trials))}
    found = {"trains": trials[best].learnt, **told, "command": rows[best]["command"]}
    chance = trials[0].proposal.chance
    return {"name": study.name, "steps": steps, "chance": chance, "candidates": rows, **found}


def show(document: dict[str, Any], json: bool) -> None:
    """Print what was found."""
    emit_either(json, lambda: strict(document), lambda: advice_page(document))


def _row(config: Path, proposal: Proposal, steps: int = 0) -> dict[str, Any]:
    change, (c, trains) = proposal.change, proposal.expected
    return {
        "lever": change.lever,
        "set": change.set,
        "message": change.message,
        "depth": proposal.config.model.depth,
        "predicted_c": c,
        "trainable": trains.verdict,
        "trainable_score": trains.score,
        "command": join(["gradflow", "run", operand(config), *proposal.lasting(steps)]),
    }


def _outcome(trial: Trial) -> dict[str, Any]:
    summary = trial.answer.summary
    if summary is None:
        return {"status": "failed", "reason": trial.answer.reason, "learnt": False}
    training, initial = summary.training, summary.flow.initial
    names = (
        "loss_final",
        "loss_test_final",
        "accuracy_final",
        "r2_train_final",
        "r2_test_final",
        "diverged_step",
    )
    found = {name: getattr(training, name) for name in names}
    flow = {"c": initial.c, "verdict": initial.verdict}
    return {
        "status": summary.status,
        "reason": training.diverged_reason,
        **flow,
        **found,
        "learnt": trial.learnt,
    }


class _Count(Ticker):
    """How many trials are done: a line that is drawn again on a terminal, now and then a line elsewhere."""

    def __exit__(self, *failure: object) -> None:
        self._draw("")

    def __call__(self, done: int, total: int) -> None:
        if not self.is_due():
            return
        words = f"tried {done} of at most {total}"
        if done:
            words += f", about {duration((monotonic() - self.started) / done * (total - done))} left"
        if self.live:
            self._draw(words)
        else:
            note(words, self.quiet)

    def _draw(self, words: str) -> None:
        if self.live and not self.quiet:
            self.write(CLEAR + words)
