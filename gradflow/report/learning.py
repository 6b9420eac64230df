"""What a training has learnt, in words and as strips: every loss with the samples that it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from gradflow.analysis.critical_rate import CriticalRate, standing
from gradflow.analysis.summary import Evaluation, Summary, TrainingResult
from gradflow.report import sentences
from gradflow.report.numbers import by_error, count, counted, half_width, number, percent, with_error
from gradflow.report.page import Block, Column, Heading, Numbers, Sentence, Strip, Table
from gradflow.store.names import maker_of

StripRow = tuple[str, str, Strip, str]

SAMPLES = {"train": "training samples", "test": "held-out samples"}
NOT_EVALUATED = "an older version made it, which evaluated no loss: run its config again with --force"


@dataclass(frozen=True)
class Quality:
    """A result that says how good the guesses of a trained network are."""

    name: str
    title: str
    samples: str

    def cell(self, results: Mapping[str, Any]) -> str:
        """The result as a table shows it."""
        value = results[self.name]
        return number(value) if self.title == "R2" else percent(value)

    def note(self, points: Sequence[Mapping[str, Any]]) -> str:
        """Over which samples it is, and what guessing the largest class alone would get."""
        alone = {point["majority"] for point in points if self.name == "accuracy_final"} - {None}
        level = f"; the largest class alone has {percent(alone.pop())}" if len(alone) == 1 else ""
        return f"{self.title}: on {self.samples} at the end{level}"


QUALITIES = (
    Quality("accuracy_final", "accuracy", SAMPLES["test"]),
    Quality("accuracy_train_final", "accuracy", SAMPLES["train"]),
    Quality("r2_test_final", "R2", SAMPLES["test"]),
    Quality("r2_train_final", "R2", SAMPLES["train"]),
)


def quality_of(points: Sequence[Mapping[str, Any]]) -> Quality | None:
    """What says how good these points are, on held-out samples if it can; None where none was trained."""
    trained = [point for point in points if point.get("steps")]
    return next((one for one in QUALITIES if any(p.get(one.name) is not None for p in trained)), None)


def training_sentence(training: TrainingResult, evaluation: Evaluation, recorded: bool = False) -> str:
    """How the losses went and how good the guesses are, with the samples that each is over; "" if unknown.

    What was `recorded` elsewhere knows of minibatches alone.
    """
    if training.diverged_step is not None:
        return f"Diverged at step {count(training.diverged_step)}: {training.diverged_reason}."
    if not training.evaluations:
        words = _of_minibatches(training)
        return f"{words}{'' if recorded else f' ({NOT_EVALUATED})'}." if words else ""
    guesses = _guesses(training, evaluation, "test" if evaluation.samples_test else "train")
    return f"{_losses(training, evaluation)}{guesses and f'; {guesses}'}."


def interrupted_sentence(summary: Summary) -> str:
    """That a run was cut short, and after how many steps; "" of others."""
    if summary.status != "interrupted":
        return ""
    done = summary.flow.final.step + 1  # row 0 stands before the first, and an update follows each row
    planned = summary.config["training"]["steps"]
    remedy = maker_of(Path(summary.path))
    return f"Interrupted at step {count(done)} of {count(planned)}: {remedy} to go on."


def stopped_sentence(training: TrainingResult, planned: int) -> str:
    """Where `training.stop` ended a training before its last step, and why; "" of others."""
    stopped = training.stopped
    if stopped is None:
        return ""
    return f"Training stopped at step {count(stopped.step)} of {count(planned)}: {stopped.reason}."


def critical_sentence(critical: CriticalRate, lr: float | None) -> str:
    """Where the loss first comes back along the first step, and how lr stands to that; "" if not measured."""
    if critical.initial is None or lr is None:
        return ""
    along = critical.direction or ""
    along = along if "'s" in along else f"the {along}"
    lowest = (
        f" ({number(critical.initial_lowest)} in the lowest network)" if len(critical.networks) > 1 else ""
    )
    words = f"The loss first comes back at lr {number(critical.initial)}{lowest} along {along}"
    words += f": lr {lr:g} is {standing(lr, critical.initial)} it."
    return words if critical.final is None else f"{words} At the end it does at lr {number(critical.final)}."


SIGNS = {
    "update": "an update of half a layer's weights",
    "gradient": "a gradient ten times what it was",
    "loss": "a loss three times what it was",
}


def warning_sentence(training: TrainingResult) -> str:
    """When the record first showed that a run would diverge, by all that did; "" of others."""
    found = training.warned
    if found is None or found.lead is None:
        return "" if found is None else "Nothing in the record showed it before."
    steps = {name: step for name in SIGNS if (step := getattr(found, name)) is not None}
    told = [f"{SIGNS[name]} at step {count(steps[name])}" for name in sorted(steps, key=steps.__getitem__)]
    return f"The record showed it {counted(found.lead, 'step')} before: {', '.join(told)}."


def clipping_sentence(training: TrainingResult) -> str:
    """How many updates were clipped, and to what; "" of a run that does not clip, or is older."""
    share, left = training.clipped_share, number(training.clip_share_median)
    if share is None:
        return ""
    if not share:
        return "No gradient was clipped."
    return f"{percent(share)} of the recorded gradients were clipped, to {left} of themselves at the median."


def _of_minibatches(training: TrainingResult) -> str:
    """What is known where nothing was evaluated."""
    if training.minibatch_loss_initial is None:
        return ""
    words = f"Minibatch loss {number(training.minibatch_loss_initial)}"
    if not training.steps or training.minibatch_loss_final is None:
        return words
    return f"{words} to {number(training.minibatch_loss_final)} in {counted(training.steps, 'step')}"


def _losses(training: TrainingResult, evaluation: Evaluation) -> str:
    """Loss on 1,024 training samples 2.34 to 0.74 ± 0.08 in 100 steps, 0.76 ± 0.09 on 359 held-out ones."""
    start, end = _of(training, "loss_initial"), _of(training, "loss_final")
    last = with_error(*end)
    words = f"Loss on {counted(evaluation.samples_train, 'training sample')} "
    if training.steps:
        first = _first(start[0], end[0], half_width(*start), half_width(*end), by_error)
        words += f"{first} to {last} in {counted(training.steps, 'step')}"
    else:
        words += f"{last} at initialization"
    if evaluation.samples_test:
        held_out = with_error(*_of(training, "loss_test_final"))
        words += f", {held_out} on {counted(evaluation.samples_test, 'held-out sample')}"
    return words


def _of(training: TrainingResult, name: str) -> tuple[float | None, float | None, float | None]:
    """A loss and the ends of its interval."""
    value, low, high = (getattr(training, f"{name}{end}") for end in ("", "_low", "_high"))
    return value, low, high


def _guesses(training: TrainingResult, evaluation: Evaluation, part: str) -> str:
    """accuracy 87.3% on held-out samples (the largest class alone: 13.4%), or R2."""
    accuracy, r2 = (getattr(training, f"{name}_{part}_final") for name in ("accuracy", "r2"))
    if r2 is not None:
        return f"R2 {number(r2)} on {SAMPLES[part]}"
    if accuracy is None:
        return ""
    alone = percent(getattr(evaluation, f"majority_{part}"))
    return f"accuracy {percent(accuracy)} on {SAMPLES[part]} (the largest class alone: {alone})"


def is_older(status: str, evaluations: int | None, recorded: bool) -> bool:
    """Whether a run has no evaluated loss though it could: what was `recorded` elsewhere has none ever."""
    return status == "completed" and not evaluations and not recorded


def older_note(runs: int) -> str:
    """Why completed runs have no final loss, with the remedy."""
    which, again = ("1 run is", "its config") if runs == 1 else (f"{count(runs)} runs are", "their configs")
    return f"{which} of an older version, which evaluated no loss: run {again} again with --force"


def what_was_evaluated(evaluation: Evaluation) -> str:
    """every 37 steps and at the last, on the same 1,024 of 1,438 training and all 359 held-out samples."""
    found = evaluation
    if found.every is None:
        return ""
    on = f"{_taken(found.samples_train, found.of_train)} training"
    if found.of_test:
        on += f" and {_taken(found.samples_test, found.of_test)} held-out"
    samples = "sample" if (found.of_test or found.of_train) == 1 else "samples"
    return f"every {counted(found.every, 'step')} and at the last, on {on} {samples}"


def _taken(some: int, whole: int) -> str:
    if whole == 1:
        return "the one"
    return f"all {count(whole)}" if some == whole else f"the same {count(some)} of {count(whole)}"


def course(summary: Summary) -> list[Block]:
    """The losses, accuracies and c over training, and when the verdict changed; none for one row."""
    history, curves = summary.history, _evaluated(summary)
    if len(history.steps) < 2:
        return []
    c_errors = (half_width(history.c[i], history.c_low[i], history.c_high[i]) for i in (0, -1))
    lines = [*_line("minibatch loss", history.loss), *_line("c", history.c, *c_errors)]
    if curves and summary.evaluation.steps[-1] == history.steps[-1]:
        lines, curves = curves + lines, []
    tables = [*_over(summary.evaluation.steps, curves), *_over(history.steps, lines)]
    flips = [Sentence(sentences.flip_sentence(flip), flip.after) for flip in history.flips]
    return [Heading("Over training"), *tables, *flips] if tables or flips else []


def _evaluated(summary: Summary) -> list[StripRow]:
    """What was evaluated, up to a step before the last of a run that diverged."""
    found = summary.evaluation
    train, test = (
        [half_width(*_of(summary.training, f"{name}_{end}")) for end in ("initial", "final")]
        for name in ("loss", "loss_test")
    )
    return [
        *_line("loss on training samples", found.loss_train, *train),
        *_line("loss on held-out samples", found.loss_test, *test),
        *_line("accuracy on training samples", found.accuracy_train, show=_percent),
        *_line("accuracy on held-out samples", found.accuracy_test, show=_percent),
        *_line("R2 on training samples", found.r2_train),
        *_line("R2 on held-out samples", found.r2_test),
    ]


def _line(
    name: str,
    values: Numbers,
    *errors: float | None,
    show: Callable[[float | None, float | None], str] = number,
) -> list[StripRow]:
    """A name, the first value, all of them as a strip, and the last; none where no value is known.

    `errors` are those of the first and of the last value, if they have any.
    """
    known = [value for value in values if value is not None]
    if not known:
        return []
    first, last = errors or (None, None)
    begins = _first(values[0], values[-1], first, last) if errors else show(values[0], None)
    return [(name, begins, Strip(values, min(known), max(known)), show(values[-1], last))]


def _first(
    value: float | None,
    last: float | None,
    error: float | None,
    last_error: float | None,
    show: Callable[[float | None, float | None], str] = number,
) -> str:
    """A value before the last, which `show` rounds; rounded alike where a fall would else read as a rise."""
    shown = number(value, error)
    if value is None or last is None or not isfinite(value) or not isfinite(last):
        return shown
    before, after = float(shown), float(show(last, last_error))
    as_it_is = (before <= after or value > last) and (before >= after or value < last)
    return shown if as_it_is else show(value, last_error)


def _percent(share: float | None, _: float | None) -> str:
    return percent(share)


def _over(steps: Sequence[int], lines: Sequence[StripRow]) -> list[Block]:
    if len(steps) < 2 or not lines:
        return []
    first, last = (f"step {count(step)}" for step in (steps[0], steps[-1]))
    columns = Column("", False), Column(first), Column("over training", False), Column(last)
    return [Table(columns, tuple(lines))]
