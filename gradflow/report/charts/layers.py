"""Charts over layers: gradient norm, factors, pre-activations and units, of one run or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradflow.analysis.intervals import mean_of_known
from gradflow.arrays import Array
from gradflow.errors import NothingToDraw
from gradflow.nn.parts.factors import factor_arrays
from gradflow.report.charts import axes, looks
from gradflow.report.charts.lines import MOST, Lines
from gradflow.report.charts.plot import DOT, Datum, Drawn, Plot, known, level, rows_of, tips, titled
from gradflow.report.charts.study import Studies, Study, lines_of, spread
from gradflow.report.heat_cells import to_log10
from gradflow.report.numbers import count

APART = 5.0  # times, from which factors are drawn on a logarithmic axis
SMALL = 160  # dots from which each is small
EXPECTED = "theory at step 0"


@dataclass(frozen=True)
class Quantity:
    """An array of the record as a line: averaged over networks once `scaled`, of factors in logs."""

    array: str
    title: str
    part: str = ""
    scaled: Callable[[Array], Array] = np.asarray
    logs: bool = False  # to base 10
    factor: bool = False  # without the last layer's; a logarithmic axis where it covers much
    share: bool = False  # an axis from 0
    expected: Callable[[Study], Array | None] | None = None  # what theory says at the layers of a study

    @classmethod
    def of(cls, name: str, mapped: bool = False) -> Quantity:
        """An array of the record: logs to base 10, of factors as factors unless `mapped`, shares from 0."""
        for one in (NORM, SQUARE, COSINE, *UNITS):
            if one.array == name:
                return replace(one, part="", title=name if one.share else one.title, expected=None)
        short = name.removeprefix("log_")
        if short == name:
            return cls(name, name)
        if name.endswith("_factor") and not mapped:
            return cls(name, short, factor=True)
        return cls(name, f"log10 {short}", scaled=to_log10, logs=True)

    @property
    def form(self) -> str:
        """The d3 format of its numbers."""
        return looks.LOG10 if self.logs else looks.NUMBER

    def shown(self, means: Array) -> Array:
        """Means as they are drawn."""
        return np.exp(means) if self.factor else means

    @property
    def called(self) -> str:
        """The array in a title, as words."""
        return self.array.removeprefix("log_").replace("_", " ").capitalize()

    def axis(self, rows: list[Datum], core: Sequence[Datum] = ()) -> axes.AxisScale:
        """A share's axis starts at 0, factors far apart have a logarithmic one, and others are cut where one
        curve or its interval would make those of the `core` flat, if one is given."""
        values, ends = known(rows), known(rows, "low", "high")
        if self.share:
            return {"zero": True, "domainMin": 0}
        if self.factor:
            scale = axes.in_logs(values, ends, APART)
            return scale and {**scale, "nice": False}
        return axes.cut(known(core) or values, values, ends) if core else {}


NORM = Quantity("log_delta_norm", "log10 ||delta||", scaled=to_log10, logs=True, expected=Study.expected_norm)
SQUARE = Quantity("q", "log10 q", scaled=np.log10, logs=True, expected=Study.expected_square)
COSINE = Quantity("correlation", "mean cosine", expected=Study.expected_correlation)
UNITS = [Quantity(name, "share", name, share=True) for name in ("saturated", "dead")]


def factors(studies: Studies) -> Drawn:
    """The factors of each layer; their product is what it passes on."""
    found = {part: name for study in studies for part, name in factor_arrays(study.run.recording).items()}
    quantities = [Quantity(name, "factor", part, factor=True) for part, name in found.items()]
    read_out = any(study.run.summary.config["model"].get("readout") != "none" for study in studies)
    notes = ["without the read-out"] if read_out else []
    return over_layers("What each layer passes on", quantities, studies, *notes)


def over_layers(title: str, quantities: Sequence[Quantity], studies: Studies, *notes: str) -> Drawn:
    """Quantities by layer under a title: lines with bands and dots, theory's dashed, and what to know."""
    alone, parts = len(studies) == 1, tuple(one.part for one in quantities)
    rows = [row for study in studies for one in quantities for row in _rows(study, one, alone)]
    if not known(rows):
        raise NothingToDraw("what goes over layers needs finite numbers")
    first = quantities[0]
    theory = _theory(studies, first) if len(studies) <= MOST else []
    lines = replace(_lines(studies, bool(theory)), parts=parts, dots=len({row["layer"] for row in rows}) == 1)
    if lines.crowded:  # no room for intervals, nor for theory
        rows = [{**row, "low": None, "high": None} for row in rows]
    core = [row for row in rows if not alone or row["line"] == rows[0]["line"]]
    scale = first.axis(rows, [*core, *theory])
    plot = Plot(rows, axes.x("layer", "layer"), first.title, lines, scale, whole=True)
    what = {"part": "what"} if len(parts) > 1 else {}
    told = tips("line", **what, layer="layer", value=(first.title, first.form))
    expected = tips("line", "layer", value=(f"theory, {first.title}", first.form))
    dots = [] if lines.crowded else [plot.dots(36 if len(rows) <= SMALL else DOT, told)]
    band = plot.band()
    note = looks.BETWEEN.join([*notes, *plot.notes, *_notes(studies, bool(band), bool(theory))])
    marks = [*band, plot.line(), *dots, *plot.dashed(theory, expected)]
    return titled(title, note, *([level(1)] if first.factor else []), *marks)


def _lines(studies: Studies, theory: bool) -> Lines:
    """Of one run its first and last step, and theory's line; of several a line each."""
    if len(studies) > 1:
        return lines_of(studies)
    steps = [f"step {count(step)}" for step in studies[0].steps]
    expected = {EXPECTED: looks.THEORY} if theory else {}
    return Lines(dict(zip(steps, (looks.FIRST, looks.LAST), strict=False)) | expected)


def _notes(studies: Studies, band: bool, theory: bool) -> Iterator[str]:
    """Which step is shown, what the band and the dashes are, and that not every layer is."""
    if len(studies) > 1:
        yield f"at step {count(studies[0].steps[0])}"
    if any(study.run.summary.config["seeds"] > 1 for study in studies):
        yield "band: 95% over networks" if band else "means over networks"
    if theory and len(studies) > 1:  # of one the legend says so
        yield f"dashed: {EXPECTED}"
    deepest = max(study.run.summary.flow.initial.transitions + 1 for study in studies)
    shown = max(len(study.profile.layers) for study in studies)
    if shown < deepest:
        yield f"{count(shown)} of {count(deepest)} layers drawn"


def _rows(study: Study, quantity: Quantity, alone: bool) -> Iterator[Datum]:
    """The values of a quantity at the first and last step of one run, or at the first of several."""
    if quantity.array not in study.run.recording:
        return
    layers = study.profile.layers[:-1] if quantity.factor else study.profile.layers
    for step in study.steps if alone else study.steps[:1]:
        with np.errstate(all="ignore"):
            values = quantity.scaled(study.row(quantity.array, step)[: len(layers)])
            drawn = [quantity.shown(one) for one in (mean_of_known(values, 1), *spread(values))]
        value, low, high = np.clip(drawn, 0, 1) if quantity.share else drawn
        line = f"step {count(step)}" if alone else study.label
        common = {"line": line, "part": quantity.part}
        yield from rows_of(common, layer=layers, value=value, low=low, high=high)


def _theory(studies: Studies, quantity: Quantity) -> list[Datum]:
    """What theory expects of a quantity in each study, by layer."""
    return [
        row
        for study in studies
        for line in [EXPECTED if len(studies) == 1 else study.label]
        if quantity.expected and (values := quantity.expected(study)) is not None
        for row in rows_of({"line": line}, layer=study.profile.layers, value=values)
        if np.isfinite(row["value"])
    ]
