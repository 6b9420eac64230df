"""Charts over layers: gradient norm, factors, pre-activations and units, of one run or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.intervals import mean_of_known
from gradflow.nn.parts.factors import factor_arrays
from gradflow.report.charts import axes, looks
from gradflow.report.charts.lines import MOST, Lines
from gradflow.report.charts.plot import Datum, Drawn, Plot, known, level, tip, titled
from gradflow.report.charts.study import Study, lines_of, spread
from gradflow.report.numbers import count
from gradflow.units import LN10

Array = NDArray[Any]

OfTheory = Callable[[Study], "Array | None"]  # theory's values at the layers of a study

APART = 5.0  # times, from which factors are drawn on a logarithmic axis
SMALL = 160  # dots from which each is small
EXPECTED = "theory at step 0"


@dataclass(frozen=True)
class Quantity:
    """An array of the record as a line over layers: averaged over networks once `scaled`, then `shown`."""

    array: str
    title: str
    part: str = ""
    scaled: Callable[[Array], Array] = np.asarray
    shown: Callable[[Array], Array] = np.asarray
    form: str = looks.NUMBER
    factor: bool = False  # without the last layer's; a logarithmic axis where it covers much
    share: bool = False  # an axis from 0

    @classmethod
    def of(cls, name: str) -> Quantity:
        """An array of the record: logs of norms to base 10, of factors as factors, shares from 0."""
        for one in (NORM, SQUARE, COSINE, *UNITS):
            if one.array == name:
                return replace(one, part="", title=name if one.share else one.title)
        if name.startswith("log_"):
            if name.endswith("_factor"):
                return cls(name, name.removeprefix("log_"), shown=np.exp, factor=True)
            return cls(name, f"log10 {name.removeprefix('log_')}", scaled=_decades, form=looks.LOG10)
        return cls(name, name)

    @property
    def called(self) -> str:
        """The array in a title, as words."""
        return self.array.removeprefix("log_").replace("_", " ").capitalize()

    def axis(self, rows: list[Datum]) -> axes.AxisScale:
        """A share's axis starts at 0, factors far apart have a logarithmic one."""
        if self.share:
            return {"zero": True, "domainMin": 0}
        scale = axes.in_logs(known(rows), (), APART) if self.factor else {}
        return scale and {**scale, "nice": False}


def _decades(logs: Array) -> Array:
    return np.asarray(logs / LN10)


NORM = Quantity("log_delta_norm", "log10 ||delta||", scaled=_decades, form=looks.LOG10)
SQUARE = Quantity("q", "log10 q", scaled=np.log10, form=looks.LOG10)
UNITS = [Quantity(name, "share", name, share=True) for name in ("saturated", "dead")]
COSINE = Quantity("correlation", "mean cosine")


def flow(studies: Sequence[Study]) -> Drawn | None:
    """log10 ||delta|| by layer with its interval over networks, and theory's line, dashed."""
    return _over_layers(studies, "Gradient norm by layer", [NORM], Study.expected_norm)


def factors(studies: Sequence[Study]) -> Drawn | None:
    """The factors of each layer; their product is what it passes on."""
    found = {part: name for study in studies for part, name in factor_arrays(study.recording).items()}
    quantities = [Quantity(name, "factor", part, shown=np.exp, factor=True) for part, name in found.items()]
    return _over_layers(studies, "What each layer passes on", quantities, None, "without the read-out")


def correlation(studies: Sequence[Study]) -> Drawn | None:
    """The mean cosine of two samples' pre-activations by layer, and theory's line from that of layer 1."""
    title = "How alike samples are: mean cosine of z by layer"
    return _over_layers(studies, title, [COSINE], Study.expected_correlation)


def squares(studies: Sequence[Study]) -> Drawn | None:
    """log10 of q, the mean square of the pre-activations, by layer, and theory's line."""
    return _over_layers(studies, "Pre-activations by layer, q = mean z²", [SQUARE], Study.expected_square)


def units(studies: Sequence[Study]) -> Drawn | None:
    """The share of saturated activations and of dead units by layer."""
    return _over_layers(studies, "Saturated and dead units by layer", UNITS)


def by_layer(studies: Sequence[Study], quantity: Quantity) -> Drawn | None:
    """Any array of the record, by layer."""
    return _over_layers(studies, f"{quantity.called} by layer", [quantity])


def _lines(studies: Sequence[Study], theory: bool) -> Lines:
    """Of one run its first and last step, and theory's line; of several a line each."""
    if len(studies) > 1:
        return lines_of(studies)
    steps = dict(zip(map(step_name, studies[0].steps), (looks.FIRST, looks.LAST), strict=False))
    return Lines(steps | ({EXPECTED: looks.THEORY} if theory else {}))


def step_name(step: int) -> str:
    """How the line of a step is called."""
    return f"step {count(step)}"


def _over_layers(
    studies: Sequence[Study], title: str, quantities: Sequence[Quantity],
    expected: OfTheory | None = None, *notes: str,
) -> Drawn | None:  # fmt: skip
    """Quantities by layer under a title: lines with bands and dots, theory's dashed, and what to know."""
    alone, parts = len(studies) == 1, tuple(quantity.part for quantity in quantities)
    rows = [row for study in studies for quantity in quantities for row in _rows(study, quantity, alone)]
    if not known(rows):
        return None
    theory = _theory(studies, expected) if len(studies) <= MOST else []
    lines = replace(_lines(studies, bool(theory)), parts=parts)
    if lines.crowded:  # no room for intervals, nor for theory
        rows = [{**row, "low": None, "high": None} for row in rows]
    core = [row for row in rows if not alone or row["line"] == rows[0]["line"]]
    first, scale = quantities[0], _scale(quantities[0], rows, [*core, *theory])
    plot = Plot(rows, axes.x("layer", "layer"), first.title, lines, scale, whole=True)
    what = [tip("part", "what")] if len(parts) > 1 else []
    tips = [tip("line"), *what, tip("layer"), tip("value", first.title, first.form)]
    told = [tip("line"), tip("layer"), tip("value", f"theory, {first.title}", first.form)]
    dots = [] if lines.crowded else [plot.dots(36 if len(rows) <= SMALL else 14, tips)]
    measured = [*plot.band(), plot.line(), *dots, *plot.dashed(theory, told)]
    note = ", ".join([*notes, *plot.notes, *_notes(studies, bool(plot.band()))])
    return titled(title, note, *([level(1)] if first.factor else []), *measured)


def _notes(studies: Sequence[Study], band: bool) -> Iterator[str]:
    """Which step is shown, what the band is, and that not every layer is."""
    if len(studies) > 1:
        yield f"at step {count(studies[0].steps[0])}"
    if any(study.summary.config["seeds"] > 1 for study in studies):
        yield "band: 95% over networks" if band else "means over networks"
    deepest = max(study.summary.flow.initial.transitions + 1 for study in studies)
    shown = max(len(study.layers) for study in studies)
    if shown < deepest:
        yield f"{count(shown)} of {count(deepest)} layers drawn"


def _scale(quantity: Quantity, rows: list[Datum], core: list[Datum]) -> axes.AxisScale:
    """A share's axis starts at 0, factors far apart have a logarithmic one, and logarithms are cut where one
    curve or its interval would make all others flat."""
    if quantity.share:
        return {"zero": True, "domainMin": 0}
    values, ends = known(rows), known(rows, "low", "high")
    if not quantity.factor:
        return axes.cut(known(core) or values, values, ends)
    scale = axes.in_logs(values, ends, APART)
    return scale and {**scale, "nice": False}


def _rows(study: Study, quantity: Quantity, alone: bool) -> Iterator[Datum]:
    """The values of a quantity at the first and last step of one run, or at the first of several."""
    if quantity.array not in study.recording:
        return
    shown = study.layers[:-1] if quantity.factor else study.layers
    for step in study.steps if alone else study.steps[:1]:
        line = {"line": step_name(step) if alone else study.label, "part": quantity.part}
        with np.errstate(all="ignore"):
            values = quantity.scaled(study.row(quantity.array, step))
            drawn = [quantity.shown(one) for one in (mean_of_known(values, 1), *spread(values))]
        if quantity.share:
            drawn = [np.clip(one, 0, 1) for one in drawn]
        for layer, value, low, high in zip(shown, *drawn, strict=False):
            yield {**line, "layer": layer, "value": value, "low": low, "high": high}


def _theory(studies: Sequence[Study], expected: OfTheory | None) -> list[Datum]:
    """What theory expects of each study, by layer."""
    return [
        {"line": EXPECTED if len(studies) == 1 else study.label, "layer": layer, "value": value}
        for study in studies
        if expected and (values := expected(study)) is not None
        for layer, value in zip(study.layers, values, strict=True)
        if np.isfinite(value)
    ]
