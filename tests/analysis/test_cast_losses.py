"""What low precision loses, as a run that is asked keeps it: the numbers of gradflow precision."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gradflow.analysis.cast_losses import CastLosses, Precision, precision_of
from gradflow.analysis.low_precision import summarize_casts
from gradflow.config.load import load_data
from gradflow.execution.execute import execute
from gradflow.report.pages import report_text
from gradflow.store import open_run
from gradflow.store.run import Run
from gradflow.store.seal import read_sealed
from gradflow.trace import casts
from tests.store.seals import document_of, seal
from tests.store.small import small

ASKED = "recording.precision=true"
SHALLOW: list[str] = []
VANISHING = ["depth=30", "init=gaussian", "init.sigma_w=0.3", "steps=0"]
EXPLODING = ["depth=40", "activation=relu", "init=gaussian", "init.sigma_w=4", "steps=0"]
BEYOND_FLOATS = ["depth=60", "activation=linear", "init=constant", "init.value=1e9", "steps=2"]
SPREAD = ["depth=400", "init=gaussian", "init.sigma_w=0.2", "steps=0"]
DEAD = ["activation=relu", "init=constant", "init.value=-0.5", "steps=0"]
ZERO_READOUT = ["readout=zeros", "steps=2"]
BATCH_NORM = ["norm=batch", "depth=6", "steps=0"]


def asked(folder: Path, *overrides: str) -> Run:
    return execute(small(ASKED, *overrides), folder)


@pytest.mark.parametrize(
    "overrides", [SHALLOW, VANISHING, EXPLODING, BEYOND_FLOATS, SPREAD, DEAD, ZERO_READOUT, BATCH_NORM]
)
def test_a_run_that_is_asked_keeps_what_the_command_measures(tmp_path: Path, overrides: list[str]) -> None:
    run = asked(tmp_path, *overrides)
    data = load_data(run.config.data)
    plan = run.config.plan(data)
    document = summarize_casts(casts(plan, data), plan.model.shape.batch).document()["precision"]
    assert run.info["measured"]["precision"] == document
    kept = run.summary.precision
    assert kept.reason is None
    assert document_of(run.path)["precision"] == {**document, "reason": None}
    assert {name: [*lost.shares.values()] for name, lost in kept.formats.items()} == {
        name: [tuple(one) for one in [*values.values()][:4]] for name, values in document.items()
    }
    (run.path / "summary.json").unlink()
    assert open_run(run.path).summary.precision == kept
    assert "Low precision" in report_text(run.summary)


@pytest.mark.parametrize("width", [6, 40])  # side by side, and one after the other
def test_it_is_the_same_in_several_processes_and_of_a_run_that_goes_on(tmp_path: Path, width: int) -> None:
    words = f"width={width}", "seeds=3", "dtype=float32"
    alone = asked(tmp_path / "alone", *words, "steps=6").info["measured"]["precision"]
    config = small(ASKED, *words, "steps=6")
    several = execute(config, tmp_path / "several", workers=2)
    asked(tmp_path / "longer", *words, "steps=3")
    resumed: list[object] = []
    longer = execute(config, tmp_path / "longer", going_on=resumed.append)
    assert resumed
    assert several.info["measured"]["precision"] == longer.info["measured"]["precision"] == alone


def test_row_0_is_passed_once_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradflow.trace.measure_casts", lambda *a: pytest.fail("a pass of its own"))
    assert asked(tmp_path).summary.precision.float16


def test_it_is_of_the_networks_before_any_update(tmp_path: Path) -> None:
    trained, drawn = asked(tmp_path, "steps=6", "lr=0.5"), asked(tmp_path, "steps=0", "lr=0.5")
    assert trained.summary.precision == drawn.summary.precision


def test_a_run_that_is_not_asked_is_what_it_was(tmp_path: Path) -> None:
    run = execute(small("steps=2", "depth=4"), tmp_path)
    assert "precision" not in run.info["measured"]
    assert run.summary.precision == Precision(reason="recording.precision is false")
    assert "Low precision" not in report_text(run.summary)
    assert small("recording.precision=false").digest == small().digest != small(ASKED).digest


def test_to_ask_changes_no_bit_of_the_record(tmp_path: Path) -> None:
    with_it, without = asked(tmp_path), execute(small(), tmp_path)
    arrays = [run.info["arrays"] for run in (with_it, without)]
    assert arrays[0] == arrays[1]


def test_a_summary_of_before_is_made_again_and_says_why_there_is_none(tmp_path: Path) -> None:
    run = execute(small("steps=2"), tmp_path)
    old = document_of(run.path)
    del old["precision"]
    seal(run.path, old)
    opened = open_run(run.path)
    assert opened.summary == run.summary
    assert precision_of({}) == opened.summary.precision


def test_the_report_says_what_was_measured_in_place_of_what_norms_tell(tmp_path: Path) -> None:
    run, told_by_norms = asked(tmp_path, *VANISHING), execute(small(*VANISHING), tmp_path)
    lost = run.summary.precision.float16
    assert lost is not None
    most = [layer for layer, share in enumerate(lost.delta_underflow, 1) if share > 0.5]
    text = report_text(run.summary)
    assert f"are 0 in float16 in layers 1 to {most[-1]}" in text
    assert most == [*range(1, most[-1] + 1)]
    assert "| not needed |" in text  # in bfloat16
    assert "**none**: no one scale" in text
    assert "would be 0 in float16" not in text
    assert "would be 0 in float16" in report_text(told_by_norms.summary)


@pytest.mark.parametrize(
    "changed",
    [
        {"delta_underflow": (0.5,)},  # of one layer
        {"a_overflow": (0.0, 0.0, 1.5)},
        {"a_underflow": (-0.1, 0.0, 0.0)},
        {"delta_overflow": ()},
    ],
)
def test_shares_that_are_none_are_measured_ones_again(tmp_path: Path, changed: dict[str, object]) -> None:
    run = asked(tmp_path)
    good = run.summary.precision
    forged = replace(good, float16=CastLosses(**(asdict(good.float16) | changed)))  # type: ignore[arg-type]
    seal(run.path, replace(run.summary, precision=forged).document())
    assert read_sealed(run.path, "") is not None
    assert open_run(run.path).summary.precision == good
