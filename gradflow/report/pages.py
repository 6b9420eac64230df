"""The pages of a run: its flow at a glance, and all of its layers."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from gradflow.analysis.differences import RECORDED
from gradflow.analysis.summary import Flow, Summary, Theory, TrainingResult
from gradflow.report import headlines, learning, markdown, sentences
from gradflow.report.advice_pages import advised
from gradflow.report.factor_pages import factors, powers
from gradflow.report.failures import failure
from gradflow.report.forward import forward_sentence, rounding_sentence
from gradflow.report.jacobian_pages import stretch_sentence
from gradflow.report.layer_pages import NORMS, is_known, layer_table, plain
from gradflow.report.numbers import count, counted, number, power
from gradflow.report.page import (
    Block,
    Chart,
    Column,
    Facts,
    Heading,
    Heat,
    Page,
    Sentence,
    Series,
    Strip,
    Table,
)  # fmt: skip
from gradflow.report.precision_pages import lost_in_training
from gradflow.report.trainable import trainable_blocks

if TYPE_CHECKING:
    from gradflow.arrays import Readings
    from gradflow.store import Run
    from gradflow.store.notes import Notes

HEAT = (48, 240)  # layers and steps that a heat map keeps


def run_page(summary: Summary, recording: Readings | None = None, saved: bool = True) -> Page:
    """The report of a run; the map over layers and steps needs the recording.

    What was recorded elsewhere may not be `saved`, and leaves out what nobody recorded.
    """
    saved_in = Facts((("saved in", summary.path),))
    if failed := failure(summary):
        return Page(summary.id, (*failed, _facts(summary), saved_in))
    cut = learning.interrupted_sentence(summary)
    blocks: list[Block] = [Sentence(cut, "warning")] if cut else []
    blocks += [*_verdicts(summary), _facts(summary)]
    if summary.flow.initial.log_c is not None:
        measured = flows(summary)
        blocks += [*factors(measured, summary.theory), *powers(measured)]
    blocks += [*_norms(summary)]
    blocks += lost_in_training(summary)
    blocks += learning.course(summary)
    if recording:
        blocks += _heat(recording)
    told = summary.training.diverged_reason if summary.training else None
    blocks += [*symptom_blocks(summary, told), *advised(summary.advice)]
    blocks += [saved_in] if saved and not cut else []
    return Page(summary.id, tuple(blocks))


def brief_page(summary: Summary) -> Page:
    """The verdict before and after training, with c^L, and what to change."""
    cut = learning.interrupted_sentence(summary)
    blocks = [
        *([Sentence(cut, "warning")] if cut else []),
        *verdicts_again(summary),
        *advised(summary.advice),
    ]
    return Page(summary.id, tuple(blocks))


def with_notes(page: Page, notes: Notes) -> Page:
    """The page under what the user says of the run."""
    told = (("note", notes.text), ("tags", notes.labels))
    rows = tuple((label, text) for label, text in told if text)
    return Page(page.title, (Facts(rows), *page.blocks)) if rows else page


def verdicts_again(summary: Summary) -> list[Block]:
    """The verdict with its numbers, and that after training if it is another; of what failed, why."""
    if failed := failure(summary):
        return failed
    initial, *after = flows(summary)
    told: list[Block] = [Sentence(headlines.verdict_sentence(initial), initial.verdict)]
    return told + [
        Sentence(f"After {counted(flow.step, 'step')} {headlines.verdict_sentence(flow)}", flow.verdict)
        for flow in after
        if flow.verdict != initial.verdict
    ]


def layers_page(summary: Summary, recording: Readings | None = None) -> Page:
    """Every layer of the profile at the first and last step: norms as powers of ten, factors, cosines.

    Of a watched training, what needs its `recording` too.
    """
    blocks: list[Block] = []
    for flow in flows(summary):
        blocks += [Heading(f"Step {count(flow.step)}"), layer_table(summary, flow, recording)]
    return Page(f"{summary.id}: layers", tuple(blocks))


def step_page(summary: Summary, flow: Flow, loss: float | None, recording: Readings | None = None) -> Page:
    """The flow at one step of the record, with all of its layers."""
    edge, model = summary.config["analysis"]["stable_decades"], summary.config["model"]
    activation = sentences.activation_name(model.get("activation", {}))
    drawn, scalable = flow.step == summary.flow.initial.step, summary.theory.scalable
    theory = summary.theory if drawn else Theory(scalable=scalable)  # what it says is of the network as drawn
    words = [
        sentences.measured_sentence(flow, edge),
        headlines.weakest_sentence(flow),
        sentences.cause_sentence(flow, activation, theory),
    ]
    blocks: list[Block] = [Sentence(headlines.verdict_sentence(flow), flow.verdict)]
    blocks += [Sentence(text) for text in words if text]
    if loss is not None:
        blocks.append(Facts((("minibatch loss", number(loss)),)))
    blocks += factors((flow,), theory) if flow.log_c is not None else []
    layers = Heading("Layers"), layer_table(summary, flow, recording)
    return Page(f"{summary.id}: step {count(flow.step)}", (*blocks, *layers))


def report_of(run: Run) -> str:
    """The content of a run's report.md."""
    return report_text(run.summary)


def report_text(summary: Summary) -> str:
    """report.md."""
    return markdown.render(run_page(summary))


def flows(summary: Summary) -> tuple[Flow, ...]:
    """The flow at initialization and, if the network was trained, at the end."""
    initial, final = summary.flow.initial, summary.flow.final
    return (initial, final) if final.step > initial.step else (initial,)


def _before_training(summary: Summary, initial: Flow, *, trained: bool) -> list[str]:
    """What is said of the network as it was drawn, beside the verdict; some of it may be empty."""
    edge, model = summary.config["analysis"]["stable_decades"], summary.config["model"]
    activation = sentences.activation_name(model.get("activation", {}))
    dtype = summary.config["training"].get("dtype", "")
    return [
        sentences.measured_sentence(initial, edge),
        rounding_sentence(initial, dtype),
        headlines.weakest_sentence(initial),
        sentences.cause_sentence(initial, activation, summary.theory),
        forward_sentence(initial, summary.theory, watched="law" in summary.config["data"]),
        sentences.theory_sentence(summary.theory, initial, trained),
        sentences.spread_sentence(summary.theory, initial),
        stretch_sentence(summary.jacobian, initial.transitions + 1),
    ]


def _verdicts(summary: Summary) -> list[Block]:
    initial, *after = flows(summary)
    dtype = summary.config["training"].get("dtype", "")
    words = _before_training(summary, initial, trained=bool(after))
    blocks: list[Block] = [Sentence(headlines.verdict_sentence(initial), initial.verdict)]
    blocks += trainable_blocks(summary)
    blocks += [Sentence(text) for text in words if text]
    for flow in after:
        learnt = headlines.all_the_same(flow, summary.training, summary.evaluation)
        verdict = headlines.verdict_sentence(flow)
        same = verdict == headlines.verdict_sentence(initial)
        said = f"still {flow.verdict}{learnt}." if same else f"{verdict}{learnt}"
        rounded = rounding_sentence(flow, dtype)
        further = sentences.reason_sentence(flow), rounded, headlines.weakest_sentence(flow)
        blocks.append(Sentence(f"After {counted(flow.step, 'step')} {said}", flow.verdict))
        blocks += [Sentence(text) for text in further if text]
    tone = "" if summary.training.diverged_step is None else "overflow"
    recorded = summary.config["data"]["name"] == RECORDED
    trained = (
        ""
        if tone and _tells_why(flows(summary)[-1], summary.training)
        else learning.training_sentence(summary.training, summary.evaluation, recorded)
    )
    blocks += [Sentence(trained, tone)] if trained else []
    lr = summary.config["training"].get("optimizer", {}).get("lr")
    beside = (
        learning.stopped_sentence(summary.training, summary.config["training"]["steps"]),
        learning.warning_sentence(summary.training),
        learning.critical_sentence(summary.critical_lr, lr),
        learning.clipping_sentence(summary.training),
    )
    return [*blocks, *(Sentence(words) for words in beside if words)]


def _tells_why(flow: Flow, training: TrainingResult) -> bool:
    """Whether the verdict of a flow has said already when and why a run diverged."""
    reason = (flow.reason or "").replace(f" at step {flow.step}", "")
    return (flow.step, reason) == (training.diverged_step, training.diverged_reason)


def _facts(summary: Summary) -> Facts:
    *facts, networks = sentences.what_was_run(summary)
    evaluated = learning.what_was_evaluated(summary.evaluation)
    return Facts((*facts, *([("evaluated", evaluated)] if evaluated else []), networks))


def _norms(summary: Summary) -> list[Block]:
    """||delta|| by layer, with theory's line; then strips of the norms on one scale a norm."""
    measured = flows(summary)
    layers, depth = measured[0].profile.layers, measured[0].transitions + 1
    if not layers:
        return []
    strips = _strips(measured, depth)
    if len(layers) < 2:
        return [Heading("Gradient norms"), strips] if strips.rows else []
    series = [Series(f"step {count(flow.step)}", flow.profile.log10_delta) for flow in measured]
    series += _predicted(summary, layers)
    chart = Chart("Gradient norm ||delta|| by layer", "layer", tuple(map(float, layers)), tuple(series))
    blocks: list[Block] = [Heading(chart.title), chart] if any(is_known(one.y) for one in series) else []
    return [*blocks, Heading("Gradient norms, log scale"), strips] if strips.rows else blocks


def _predicted(summary: Summary, layers: tuple[int, ...]) -> list[Series]:
    """Theory's c^l, from the norm measured at the last layer."""
    initial = summary.flow.initial
    expected = summary.theory.expected_c
    start = initial.profile.log10_delta[-1]
    if not expected or start is None:
        return []
    y = tuple(start + (layers[-1] - layer) * log10(expected) for layer in layers)
    return [Series("theory at step 0", y, dashed=True)]


def _strips(measured: tuple[Flow, ...], depth: int) -> Table:
    rows = []
    for label, name in NORMS:
        found = [(flow, getattr(flow.profile, name)) for flow in measured]
        if not any(is_known(values) for _, values in found):
            continue
        low, high = _ends([value for _, values in found for value in values])
        for flow, values in found:
            ends = power(values[0]), Strip(values, low, high), power(values[-1])
            rows.append((label, f"step {count(flow.step)}", *ends))
    columns = (
        Column("norm", False), Column("", False), Column("layer 1"), Column("by layer", False),
        Column(f"layer {count(depth)}"),
    )  # fmt: skip
    return Table(columns, tuple(rows))


def _ends(values: list[float | None]) -> tuple[float, float]:
    """The range of a scale, at least one decade, so that level strips look level."""
    kept = [value for value in values if value is not None] or [0.0]
    spare = max(0.0, 1 - (max(kept) - min(kept))) / 2
    return min(kept) - spare, max(kept) + spare


def _heat(recording: Readings) -> list[Block]:
    from gradflow.report.heat_cells import heat_cells  # loads NumPy

    found = heat_cells(recording, *HEAT)
    if found is None:
        return []
    title = "||delta|| by layer and step, around its median"
    rows = tuple(map(plain, found.values.tolist()))
    layers = (1, recording["log_delta_norm"].shape[1])
    span = (found.steps[0], found.steps[-1])
    return [Heading(title), Heat(title, rows, layers, span, found.centre, found.reach)]


def symptom_blocks(summary: Summary, told: str | None = None) -> list[Block]:
    """The symptoms under their heading, without one whose reason was `told`; [] where there are none."""
    new = [one for one in summary.symptoms if not (told and one.message.endswith(told))]
    found = [Sentence(sentences.symptom_sentence(one), "warning") for one in new]
    return [Heading("Symptoms"), *found] if found else []
