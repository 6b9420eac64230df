"""Sentences and strips of what was learnt: each number with the samples that it is over."""

from dataclasses import replace

import pytest

from gradflow.analysis.summary import Evaluation, TrainingResult
from gradflow.report.learning import course, older_note, training_sentence, what_was_evaluated
from gradflow.report.page import Strip, Table
from tests.report.examples import evaluation, summary, trained


def test_a_loss_is_said_with_its_samples_and_an_accuracy_with_the_largest_class() -> None:
    assert training_sentence(trained(), evaluation()) == (
        "Loss on 1,024 training samples 2.31 to 1.92 ± 0.05 in 100 steps, 1.98 ± 0.08 on 359 held-out "
        "samples; accuracy 43.1% on held-out samples (the largest class alone: 13.4%)."
    )


def test_without_held_out_samples_the_training_ones_tell() -> None:
    found = trained(
        loss_test_initial=None, loss_test_final=None, accuracy_final=None, accuracy_test_final=None
    )
    assert training_sentence(found, evaluation(samples_test=0, of_test=0, majority_test=None)) == (
        "Loss on 1,024 training samples 2.31 to 1.92 ± 0.05 in 100 steps; "
        "accuracy 45.0% on training samples (the largest class alone: 10.8%)."
    )


def test_a_regression_has_its_r2() -> None:
    result = TrainingResult(
        10, 1.0, 0.5, loss_test_final=0.6, r2_train_final=0.5, r2_test_final=0.41, evaluations=2
    )
    told = Evaluation(every=20, samples_train=8, samples_test=1, of_train=8, of_test=1)
    assert training_sentence(result, told) == (
        "Loss on 8 training samples 1.00 to 0.500 in 10 steps, 0.600 on 1 held-out sample; "
        "R2 0.410 on held-out samples."
    )


def test_a_rate_at_which_nothing_moves_shows_the_same_number_twice() -> None:
    for low, high in ((2.02, 2.72), (2.3, 2.44), (2.3701, 2.3703), (None, None)):
        ends = {f"loss_{end}": 2.3702 for end in ("initial", "final")}
        ends |= {f"loss_{end}_low": low for end in ("initial", "final")}
        ends |= {f"loss_{end}_high": high for end in ("initial", "final")}
        words = training_sentence(trained(**ends), evaluation()).split(" in 100 steps")[0].split()
        first, last = words[5], words[7]
        assert first == last, words


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ((0.7385, 0.22), (0.7326, 0.19), ("0.74", "0.73")),
        ((0.7326, 0.19), (0.7385, 0.22), ("0.7", "0.7")),
        ((2.302585, 0.0), (2.302558, 2e-5), ("2.30259", "2.30256")),
        ((0.9, 0.22), (0.7326, 0.19), ("0.9", "0.73")),
        ((2.31e13, 1e12), (0.5, 0.05), ("2.3e13", "0.50")),
    ],
)
def test_a_fall_never_reads_as_a_rise(
    first: tuple[float, float], last: tuple[float, float], words: tuple[str, str]
) -> None:
    ends = {"initial": first, "final": last}
    keys = {f"loss_{end}": value for end, (value, _) in ends.items()}
    keys |= {f"loss_{end}_low": value - error for end, (value, error) in ends.items()}
    keys |= {f"loss_{end}_high": value + error for end, (value, error) in ends.items()}
    told = training_sentence(trained(**keys), evaluation()).split(" in 100 steps")[0].split()
    assert (told[5], told[7]) == words
    losses = evaluation(loss_train=(first[0], 1.0, last[0]))
    (table,) = (
        b for b in course(summary(training=trained(**keys), evaluation=losses)) if isinstance(b, Table)
    )
    assert table.rows[0][1::2] == words


def test_an_exact_loss_that_stays_shows_the_same_number_twice() -> None:
    ends = {f"loss_{end}{limit}": 2.302585 for end in ("initial", "final") for limit in ("", "_low", "_high")}
    assert " 2.30259 to 2.30259 in " in training_sentence(trained(**ends), evaluation())


def test_initialization_alone_has_no_course() -> None:
    found = trained(steps=0, loss_final=2.31, loss_final_low=2.21, loss_final_high=2.41, evaluations=1)
    assert training_sentence(found, evaluation()).startswith(
        "Loss on 1,024 training samples 2.31 ± 0.10 at initialization, 1.98 ± 0.08 on 359 held-out samples"
    )


def test_an_older_run_names_its_minibatches_and_the_remedy() -> None:
    found = TrainingResult(100, minibatch_loss_initial=2.3, minibatch_loss_final=1.9)
    assert training_sentence(found, Evaluation()) == (
        "Minibatch loss 2.30 to 1.90 in 100 steps (an older version made it, which evaluated no loss: "
        "run its config again with --force)."
    )
    assert training_sentence(replace(found, steps=0), Evaluation()).startswith("Minibatch loss 2.30 (")
    assert training_sentence(TrainingResult(100), Evaluation()) == ""  # recorded elsewhere, or failed
    assert older_note(2).startswith("2 runs are of an older version")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "on the same 1,024 of 1,438 training and all 359 held-out samples"),
        ({"of_test": 0}, "on the same 1,024 of 1,438 training samples"),
        ({"samples_test": 100, "of_train": 1024},
         "on all 1,024 training and the same 100 of 359 held-out samples"),
        ({"samples_train": 1, "of_train": 1, "of_test": 0}, "on the one training sample"),
    ],
)  # fmt: skip
def test_what_was_evaluated_is_said(changes: dict[str, int], words: str) -> None:
    assert what_was_evaluated(evaluation(**changes)) == f"every 60 steps and at the last, {words}"
    assert what_was_evaluated(Evaluation()) == ""


def test_the_course_has_every_curve_and_calls_the_minibatches_so() -> None:
    (table,) = (block for block in course(summary()) if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [
        "loss on training samples", "loss on held-out samples", "accuracy on training samples",
        "accuracy on held-out samples", "minibatch loss", "c",
    ]  # fmt: skip
    losses = table.rows[0]
    assert isinstance(losses[2], Strip)
    assert (losses[1], losses[2].values, losses[3]) == ("2.31", (2.31, 2.1, 1.92), "1.92")
    assert table.rows[3][1::2] == ("11.0%", "43.1%")


def test_the_course_of_a_run_that_diverged_says_up_to_where_it_was_evaluated() -> None:
    found = summary(evaluation=evaluation(steps=(0, 30, 60)), training=TrainingResult(100, diverged_step=100))
    tables = [block for block in course(found) if isinstance(block, Table)]
    assert [table.columns[3].title for table in tables] == ["step 60", "step 100"]
    assert [len(table.rows) for table in tables] == [4, 2]
