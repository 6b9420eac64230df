"""Charts over layers: gradient norm, factors, pre-activations and units, of one run or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.intervals import mean_of_known
from gradflow.nn.parts.factors import factor_arrays
from gradflow.report.charts.base import (
    BEYOND,
    DASH,
    FIRST,
    LAST,
    LOG10,
    PLAIN,
    REACH,
    RUNS,
    THEORY,
    Drawn,
    colours,
    cut,
    dashes,
    layered,
    level,
    log_cut,
    points,
    shapes,
    strokes,
    table,
    tip,
    titled,
    x,
    y,
)  # fmt: skip
from gradflow.report.charts.study import LN10, Study, spread
from gradflow.report.numbers import count

Array = NDArray[Any]
Row = dict[str, Any]

APART = 5.0  # times, from which factors are drawn on a logarithmic axis
EXPECTED = "theory at step 0"


@dataclass(frozen=True)
class Quantity:
    """An array of the record as a line over layers: averaged over networks once `scaled`, then `shown`."""

    array: str
    title: str
    part: str = ""
    scaled: Callable[[Array], Array] = np.asarray
    shown: Callable[[Array], Array] = np.asarray
    form: str = PLAIN
    factor: bool = False  # a logarithmic axis where it covers much
    share: bool = False  # an axis from 0
    last: bool = True  # the last layer is drawn too


def _decades(logs: Array) -> Array:
    return np.asarray(logs / LN10)


NORM = Quantity("log_delta_norm", "log10 ||delta||", scaled=_decades, form=LOG10)
SQUARE = Quantity("q", "log10 q", scaled=np.log10, form=LOG10)
COSINE = Quantity("correlation", "mean cosine")
UNITS = (
    Quantity("saturated", "share", "saturated", share=True),
    Quantity("dead", "share", "dead", share=True),
)


def flow(studies: Sequence[Study]) -> Drawn | None:
    """log10 ||delta|| by layer with its interval over networks, and theory's line, dashed."""
    return _titled(studies, "Gradient norm by layer", (NORM,), [study.expected_norm() for study in studies])


def factors(studies: Sequence[Study]) -> Drawn | None:
    """The factors of each layer; their product is what it passes on."""
    found = {part: name for one in studies for part, name in factor_arrays(one.recording).items()}
    quantities = [
        Quantity(name, "factor", part, shown=np.exp, factor=True, last=False) for part, name in found.items()
    ]
    return _titled(studies, "What each layer passes on", quantities, (), "without the read-out")


def correlation(studies: Sequence[Study]) -> Drawn | None:
    """The mean cosine of two samples' pre-activations by layer."""
    return _titled(studies, "How alike samples are: mean cosine of z by layer", (COSINE,))


def squares(studies: Sequence[Study]) -> Drawn | None:
    """log10 of q, the mean square of the pre-activations, by layer, and theory's line."""
    expected = [study.expected_square() for study in studies]
    return _titled(studies, "Pre-activations by layer, q = mean z²", (SQUARE,), expected)


def units(studies: Sequence[Study]) -> Drawn | None:
    """The share of saturated activations and of dead units by layer."""
    return _titled(studies, "Saturated and dead units by layer", UNITS)


def names_of(studies: Sequence[Study]) -> dict[str, str]:
    """The lines and their colours: of one run its first and last step, of several their labels."""
    if len(studies) == 1:
        return dict(zip(map(step_name, studies[0].steps), (FIRST, LAST), strict=False))
    return {study.label: RUNS[i % len(RUNS)] for i, study in enumerate(studies)}


def step_name(step: int) -> str:
    """How the line of a step is called."""
    return f"step {count(step)}"


def _note(studies: Sequence[Study], *notes: str) -> str:
    """What the band is, which step is shown, and that not every layer is."""
    found = [*notes]
    if len(studies) > 1:
        found.append(f"at step {count(studies[0].steps[0])}")
    if any(study.summary.config["seeds"] > 1 for study in studies):
        found.append("band: 95% over networks")
    deepest = max(study.summary.flow.initial.transitions + 1 for study in studies)
    shown = max(len(study.layers) for study in studies)
    if shown < deepest:
        found.append(f"{count(shown)} of {count(deepest)} layers drawn")
    return ", ".join(found)


def _titled(
    studies: Sequence[Study],
    title: str,
    quantities: Sequence[Quantity],
    expected: Sequence[Array | None] = (),
    *notes: str,
) -> Drawn | None:
    """Quantities by layer under a title, with what must be said about them."""
    rows = [row for study in studies for q in quantities for row in _rows(study, q, len(studies) == 1)]
    if not any(np.isfinite(row["value"]) for row in rows):
        return None
    theory = _theory(studies, expected)
    core = [row for row in rows if len(studies) > 1 or row["line"] == rows[0]["line"]]
    scale = _scale(quantities[0], rows, [*core, *theory])
    chart = _chart(studies, quantities, rows, theory, scale)
    base = layered(level(1), chart) if quantities[0].factor else chart
    return titled(base, title, _note(studies, *notes, *([BEYOND] if "domain" in scale else [])))


def _chart(
    studies: Sequence[Study],
    quantities: Sequence[Quantity],
    rows: list[Row],
    theory: list[Row],
    scale: dict[str, Any],
) -> alt.LayerChart:
    """Lines with their bands, dots that tell their values, and theory's dashed lines."""
    names = names_of(studies)
    if theory and len(studies) == 1:
        names |= {EXPECTED: THEORY}
    title, form, several = quantities[0].title, quantities[0].form, len(quantities) > 1
    clip = "domain" in scale
    base = alt.Chart(table(rows)).encode(
        x=x("layer", "layer"), y=y("value", title, **scale), color=colours(names)
    )
    lines = (
        base.encode(strokeDash=dashes([q.part for q in quantities]))
        if several
        else base.encode(**strokes(names))
    )
    tips = [tip("line"), *([tip("part", "what")] if several else []), tip("layer"), tip("value", title, form)]
    band = base.mark_area(opacity=0.2, clip=clip)
    band = band.encode(y=y("low", title, **scale), y2="high", detail="part:N")
    dots = points(base.encode(**shapes(names)), 36 if len(rows) <= 160 else 14, tips, clip)
    banded = [band] if any(np.isfinite(row["low"]) for row in rows) else []
    line = lines.mark_line(strokeWidth=2, clip=clip)
    return layered(*banded, line, dots, *_dashed(theory, base, title, form))


def _scale(quantity: Quantity, rows: list[Row], core: list[Row]) -> dict[str, Any]:
    """A share's axis starts at 0, factors far apart have a logarithmic one, and logarithms are cut where one
    curve or its interval would make all others flat."""
    if quantity.share:
        return {"zero": True, "domainMin": 0}
    if quantity.factor:
        return _factor_scale(rows)
    values = _finite(rows, "value")
    return cut(_finite(core, "value") or values, values, _finite(rows, "low", "high"), REACH)


def _factor_scale(rows: list[Row]) -> dict[str, Any]:
    known = [row["value"] for row in rows if row["value"] > 0]
    if not known or max(known) <= APART * min(known):
        return {}
    return {"type": "log", "nice": False, **log_cut(known, _finite(rows, "low", "high"), REACH)}


def _finite(rows: Iterable[Row], *names: str) -> list[float]:
    return [float(row[name]) for row in rows for name in names if np.isfinite(row[name])]


def _rows(study: Study, quantity: Quantity, alone: bool) -> Iterator[Row]:
    """The values of a quantity at the first and last step of one run, or at the first of several."""
    if quantity.array not in study.recording:
        return
    for step in study.steps if alone else study.steps[:1]:
        with np.errstate(all="ignore"):
            values = quantity.scaled(study.row(quantity.array, step))
            drawn = [quantity.shown(one) for one in (mean_of_known(values, 1), *spread(values))]
        if quantity.share:
            drawn = [np.clip(one, 0, 1) for one in drawn]
        shown = study.layers if quantity.last else study.layers[:-1]
        for layer, value, low, high in zip(shown, *drawn, strict=False):
            line = step_name(step) if alone else study.label
            yield {
                "line": line,
                "part": quantity.part,
                "layer": layer,
                "value": value,
                "low": low,
                "high": high,
            }


def _theory(studies: Sequence[Study], expected: Sequence[Array | None]) -> list[Row]:
    """What theory expects of each study, by layer."""
    return [
        {"line": EXPECTED if len(studies) == 1 else study.label, "layer": layer, "value": value}
        for study, values in zip(studies, expected, strict=False)
        if values is not None
        for layer, value in zip(study.layers, values, strict=True)
    ]


def _dashed(theory: list[Row], base: alt.Chart, title: str, form: str) -> list[alt.Chart]:
    """Theory's lines on the axes and in the colours of the measured ones."""
    if not theory:
        return []
    tips = [tip("line"), tip("layer"), tip("value", f"theory, {title}", form)]
    return [base.properties(data=table(theory)).mark_line(strokeDash=DASH).encode(tooltip=tips)]
