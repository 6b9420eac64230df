"""What trained beside what was predicted to: a map of accuracies with the boundary of each drawn into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import altair as alt

from gradflow.analysis.depth_law import DEPTH
from gradflow.analysis.differences import flat
from gradflow.analysis.summary import Number, Summary
from gradflow.report.charts import looks
from gradflow.report.charts.maps import edges, grid
from gradflow.report.charts.plot import Datum, Drawn, table, tip, titled
from gradflow.report.numbers import percent
from gradflow.report.several import axes_of

BEST = {"training.optimizer.lr", "seed"}  # keys of which the best counts
MIDDLE = 0.5  # of the way from guessing the largest class to being always right
Spot = tuple[float, float]


@dataclass(frozen=True)
class Tried:
    """The runs of one place: the best that came out, whether that is to have trained, and the prediction."""

    accuracy: float
    trained: bool
    predicted: bool
    score: Number

    @property
    def row(self) -> Datum:
        """As a chart holds it."""
        what = "trained" if self.trained else "not trained"
        return {"accuracy": self.accuracy, "text": percent(self.accuracy), "what": what, "score": self.score}


def trainable(summaries: Sequence[Summary]) -> Drawn | None:
    """Accuracy over two numbers, solid around what trained and dashed around what was predicted to."""
    axes = [axis for axis in axes_of(summaries) if axis not in BEST]
    if len(axes) != 2:
        return None
    across, up = reversed(axes) if axes[0] == DEPTH else axes
    found = dict(_tried(summaries, across, up))
    if not found:
        return None
    ends = edges({a for a, _ in found}), edges({b for _, b in found})
    rows: list[Datum] = [{"x": a, "y": b, **one.row} for (a, b), one in found.items()]
    names = [name.rpartition(".")[2] for name in (across, up)]
    tips = [tip("x", names[0]), tip("y", names[1]), tip("text", "accuracy"), tip("what"), tip("score")]
    colour = alt.Color("accuracy:Q", scale=alt.Scale(scheme="viridis", domain=[0, 1]), title="accuracy")
    cells = grid(rows, "accuracy", colour, names[0], names[1], tips)
    solid = _boundary({at: one.trained for at, one in found.items()}, *ends)
    dashed = _boundary({at: one.predicted for at, one in found.items()}, *ends)
    drawn = (solid, "white", [1, 0], 4), (dashed, "black", looks.DASH, 2)
    marks = [_drawn(*line) for line in drawn if line[0]]
    right = sum(one.trained == one.predicted for one in found.values())
    note = f"white: what trained; dashed: what was predicted to, right in {right} of {len(found)}"
    return titled("Accuracy on held-out samples at the end", note, cells, *marks)


def _tried(summaries: Sequence[Summary], across: str, up: str) -> Iterator[tuple[Spot, Tried]]:
    """What came of each place whose keys are numbers, where anything was trained and predicted."""
    places: dict[Spot, list[Summary]] = {}
    for summary in summaries:
        config = flat(summary.config)
        a, b = config.get(across), config.get(up)
        known = summary.trainable.score is not None and summary.training.steps
        known = known and (_quality(summary) is not None or summary.status == "diverged")
        if known and isinstance(a, int | float) and isinstance(b, int | float):
            places.setdefault((a, b), []).append(summary)
    for place, here in places.items():
        best = max(map(_accuracy, here))
        guess, first = here[0].training.majority or 0.0, here[0].trainable
        trained = best > guess + MIDDLE * (1 - guess)
        yield place, Tried(best, trained, first.verdict == "trainable", first.score)


def _quality(summary: Summary) -> Number:
    """The accuracy on held-out samples; of values R2."""
    training = summary.training
    return training.r2_test_final if training.accuracy_final is None else training.accuracy_final


def _accuracy(summary: Summary) -> float:
    """0 where a run blew up."""
    return max(0.0, _quality(summary) or 0.0)


def _boundary(inside: Mapping[Spot, bool], xs: Mapping[float, Spot], ys: Mapping[float, Spot]) -> list[Datum]:
    """The edges between neighbouring cells of which one is inside."""
    found: list[Datum] = []
    for (a, b), above in product(pairwise(sorted(xs)), sorted(ys)):
        if inside.get((a, above), False) is not inside.get((b, above), False):
            found.append({"x": xs[a][1], "x2": xs[a][1], "y": ys[above][0], "y2": ys[above][1]})
    for at, (a, b) in product(sorted(xs), pairwise(sorted(ys))):
        if inside.get((at, a), False) is not inside.get((at, b), False):
            found.append({"x": xs[at][0], "x2": xs[at][1], "y": ys[a][1], "y2": ys[a][1]})
    return found


def _drawn(lines: Sequence[Datum], colour: str, dash: Sequence[int], width: float) -> Drawn:
    base = alt.Chart(table(lines)).encode(x="x:Q", x2="x2", y="y:Q", y2="y2")
    drawn: alt.Chart = base.mark_rule(color=colour, strokeDash=list(dash), strokeWidth=width)
    return drawn
