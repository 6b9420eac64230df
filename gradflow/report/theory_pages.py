"""The pages of theory alone: one point layer by layer, and tables and maps of many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from gradflow.analysis.predictions import Inputs, trainable_of
from gradflow.analysis.summary import Theory
from gradflow.analysis.trainable import Trainable
from gradflow.analysis.verdict import verdict_of
from gradflow.config import Config
from gradflow.report.numbers import ENTRIES, NONE, cosine, count, counted, decades, number, power
from gradflow.report.page import (
    Block,
    Cell,
    Chart,
    Column,
    Facts,
    Heading,
    Page,
    Sentence,
    Series,
    Table,
    Toned,
)
from gradflow.report.sentences import entry, narrow_sentence, widths
from gradflow.report.trainable import NOTE, TONES, score, trainable_cell, trainable_sentence
from gradflow.report.values import in_words, told_apart

WIDE = 12  # columns from which a map has a sign a point instead of a number
SIGNS = {"vanishing": "-", "stable": "o", "exploding": "+", "undetermined": "?"}
TRAINS = {"trainable": "o", "untrainable": "x", "unknown": "?"}
CRITICAL = "*"
LAWS = {  # but exponential, which goes without saying
    "power": "power: the gradient goes as l^-a, so that c depends on the depth",
    "stretched": "stretched: the gradient goes as exp(-k sqrt l), so that c depends on the depth",
    "bounded": "bounded: the whole ratio stays within a limit at any depth",
}
SHOWN = (("finite depth", "c"), ("this width", "c_finite_width"), ("infinite depth", "c_asymptotic"))
UNSAID = ("plain", "none")  # a block and a norm that go without saying


def page_of(config: Config, inputs: Inputs, found: Theory, layers: list[dict[str, Any]]) -> Page:
    """The prediction of one network, layer by layer."""
    model = config.plain()["model"]
    sizes = f"{counted(model['depth'], 'hidden layer')}, {widths(model['width'])}"
    words = [
        ("network", f"{sizes}, {entry(model['activation'])}"),
        *((key, entry(model[key])) for key in ("block", "norm") if entry(model[key]) not in UNSAID),
        ("init", entry(model["init"])),
        ("input", f"q_0 = {inputs.q_0:.4g}"),
    ]
    edge, optimizer = config.analysis.stable_decades, config.training.optimizer.name
    told = trainable_sentence(
        trainable_of(config, found, inputs), expected_verdict(found, edge), model["depth"], optimizer
    )
    return point_page(found, layers, words, edge, told)


def expected_verdict(theory: Theory, stable_decades: float) -> str:
    """The verdict that the ratio of the ends would get, as of a run: the first layers count, unlike in c.

    It is undetermined without a c, as that of a single layer, whose ends are one.
    """
    ratio = theory.log10_ratio
    if theory.c is None or ratio is None:
        return "undetermined"
    return verdict_of(ratio, None, None, stable_decades)[0]


def point_page(
    theory: Theory,
    layers: Sequence[Mapping[str, Any]],
    words: Sequence[tuple[str, str]],
    edge: float,
    trains: str = "",
) -> Page:
    """Everything that theory says about one network; `words` tell which, `trains` whether it would."""
    verdict = expected_verdict(theory, edge)
    blocks: list[Block] = [
        Facts(tuple(words)),
        Sentence(f"{verdict}: {_sentence(theory, len(layers))}", verdict),
    ]
    blocks += [Sentence(trains)] if trains else []
    notes = f"{theory.reason}." if theory.reason else "", narrow_sentence(theory)
    blocks += [Sentence(f"Note: {note}", "note") for note in notes if note]
    if theory.c is None:
        return Page("theory", tuple(blocks))
    blocks += [Facts(tuple(_facts(theory))), *_by_layer(layers)]
    return Page("theory", tuple(blocks))


def _sentence(theory: Theory, depth: int) -> str:
    c = theory.expected_c
    if c is None:
        return "theory predicts no c here"
    words = f"each layer is expected to pass {number(c)} of the gradient"
    if theory.log10_ratio is None:
        return words
    ratio = f"{power(theory.log10_ratio)} ({decades(theory.log10_ratio)} decades)"
    return f"{words}; from layer {count(depth)} to layer 1, {counted(depth - 1, 'factor')}: {ratio}"


def _facts(theory: Theory) -> Iterator[tuple[str, str]]:
    yield "c", ", ".join(f"{number(getattr(theory, name))} at {label}" for label, name in SHOWN)
    if theory.law in LAWS:
        yield "law", LAWS[theory.law]
    yield "factors", " x ".join(f"{label} {number(value)}" for label, value in theory.factors.items()) or NONE
    yield "q*", number(theory.q_star)
    yield "chi", f"{number(theory.chi)}; chi_parallel {number(theory.chi_parallel)}"
    yield "xi", _scale(theory.xi)
    yield "phase", theory.phase or NONE
    yield "critical", f"sigma_w = {number(theory.critical_sigma_w)}"
    if theory.log10_ratio_sd is not None:
        spread = number(theory.log10_ratio_sd)
        yield "spread", f"{spread} decades of the ratio between networks, one sample"
    if (star := theory.correlation_star) is not None:
        words = f"rho* = {1 if star == 1 else cosine(star)} between two samples"
        if theory.xi_c is not None:
            words += f", approached by a factor of e in xi_c = {number(theory.xi_c)} layers"
        yield "correlation", words
    if theory.jacobian_variance is not None:
        yield "Jacobian", f"Var(s^2) / mean^2 = {number(theory.jacobian_variance)} of dz_L / dz_1"


def _scale(xi: float | None) -> str:
    """xi = -1 / ln chi in words: chi multiplies the squared gradient, so that its sign tells the way."""
    if xi is None:
        return "infinite"
    if xi >= 0:
        return f"{number(xi)} layers, in which a squared gradient shrinks by a factor of e"
    grows = f"a squared gradient grows by a factor of e in {number(-xi)} layers"
    return f"{number(xi)} layers: negative, for {grows}"


def _by_layer(layers: Sequence[Mapping[str, Any]]) -> list[Block]:
    blocks = _line_of(layers, "log10_gradient", "Expected gradient norm ||delta_l|| / ||delta_L|| by layer")
    if layers and "correlation" in layers[0]:
        title = "Expected mean cosine of z between samples by layer"
        blocks += _line_of(layers, "correlation", title, "plain")
    return blocks


def _line_of(layers: Sequence[Mapping[str, Any]], key: str, title: str, labels: str = "power") -> list[Block]:
    """A column of the layers as a chart; none of fewer than two values, which make no line."""
    x, y = [tuple(row[name] for row in layers) for name in ("layer", key)]
    if len(y) - y.count(None) < 2:
        return []
    series = Series("theory", y, dashed=True)
    return [Heading(title), Chart(title, "layer", tuple(map(float, x)), (series,), labels)]


def table_page(
    axes: Mapping[str, Sequence[Any]], theories: Sequence[Theory], trains: Sequence[Trainable], edge: float
) -> Page:
    """Points as maps where two axes span them, of c and of what trains; else a line a point."""
    verdicts = [expected_verdict(theory, edge) for theory in theories]
    if len(axes) == 2:
        return Page("theory", (_map(axes, theories, verdicts), *_legend(axes), *_trains_map(axes, trains)))
    points = product(*map(_shown, axes.values()))
    rows = [
        (*values, *_cells(theory, verdict, found))
        for values, theory, verdict, found in zip(points, theories, verdicts, trains, strict=True)
    ]
    titles = ("log10 ratio", "c", "this width", "infinite depth", "q*", "chi", "critical sigma_w")
    verdict_columns = Column("verdict", False), Column("trains", False)
    columns = (*(Column(_last(key)) for key in axes), *verdict_columns, *map(Column, titles))
    return Page("theory", (Table(columns, tuple(rows)), Sentence(NOTE, "note")))


def _cells(theory: Theory, verdict: str, trains: Trainable) -> tuple[Cell, ...]:
    names = ("c", "c_finite_width", "c_asymptotic", "q_star", "chi", "critical_sigma_w")
    numbers = (number(getattr(theory, name)) for name in names)
    cell = trainable_cell(trains.verdict, trains.score)
    return Toned(verdict, verdict), cell, decades(theory.log10_ratio), *numbers


def _trains_map(axes: Mapping[str, Sequence[Any]], trains: Sequence[Trainable]) -> list[Block]:
    """What trains, on the same axes: the score of each point, or a sign where these would not fit."""
    (down, rows), (across, columns) = axes.items()
    width, wide = len(columns), len(columns) > WIDE
    lines = []
    for i, value in enumerate(_shown(rows)):
        found = trains[i * width : (i + 1) * width]
        signs = (Toned(TRAINS[one.verdict], TONES[one.verdict]) for one in found)
        scores = (Toned(score(one), TONES[one.verdict]) for one in found)
        lines.append((value, *([tuple(signs)] if wide else scores)))
    words = f"whether it trains at the best of several learning rates, by {_last(down)} and {_last(across)}"
    signs_told = ", ".join(f"{sign} {verdict}" for verdict, sign in TRAINS.items())
    note = signs_told if wide else "the share of such networks that did"
    return [Table(_head(axes), tuple(lines)), Sentence(f"{words}: {note}", "note")]


def _head(axes: Mapping[str, Sequence[Any]]) -> tuple[Column, ...]:
    """The columns of a map."""
    (down, _), (across, columns) = axes.items()
    head, shown = Column(f"{_last(down)} \\ {_last(across)}"), _shown(columns)
    if len(columns) > WIDE:
        return head, Column(f"{shown[0]} to {shown[-1]}", False)
    return head, *map(Column, shown)


def _map(axes: Mapping[str, Sequence[Any]], theories: Sequence[Theory], verdicts: Sequence[str]) -> Table:
    """The first axis down, the second across; a sign a point where numbers would not fit."""
    (_, rows), (_, columns) = axes.items()
    width, marks = len(columns), _critical(axes, theories)
    lines = []
    for i, value in enumerate(_shown(rows)):
        line = slice(i * width, (i + 1) * width)
        lines.append((value, *_line(theories[line], verdicts[line], marks[line])))
    return Table(_head(axes), tuple(lines))


def _line(theories: Sequence[Theory], verdicts: Sequence[str], marks: Sequence[bool]) -> tuple[Cell, ...]:
    if len(theories) > WIDE:
        signs = (CRITICAL if mark else SIGNS[verdict] for verdict, mark in zip(verdicts, marks, strict=True))
        return (tuple(Toned(sign, verdict) for sign, verdict in zip(signs, verdicts, strict=True)),)
    return tuple(
        Toned(number(theory.expected_c) + CRITICAL * mark, verdict)
        for theory, verdict, mark in zip(theories, verdicts, marks, strict=True)
    )


def _critical(axes: Mapping[str, Sequence[Any]], theories: Sequence[Theory]) -> list[bool]:
    """Which points are closest to the critical sigma_w, each of those that differ in sigma_w alone."""
    (down, rows), (across, columns) = axes.items()
    size, width = len(theories), len(columns)
    lines: list[range] = []
    if _last(across) == "sigma_w":
        lines = [range(start, start + width) for start in range(0, size, width)]
    elif _last(down) == "sigma_w" and _last(across) != "depth":  # it does not depend on the depth
        lines = [range(start, size, width) for start in range(width)]
    values = columns if _last(across) == "sigma_w" else rows
    nearest = {_nearest(line, values, theories) for line in lines}
    return [i in nearest for i in range(size)]


def _nearest(line: Sequence[int], sigmas: Sequence[float], theories: Sequence[Theory]) -> int | None:
    """Which of a line of points is closest to its critical sigma_w; None where that is not among theirs."""
    at, _ = min(zip(line, sigmas, strict=True), key=lambda point: _off(theories[point[0]], point[1]))
    critical = theories[at].critical_sigma_w
    return at if critical is not None and min(sigmas) <= critical <= max(sigmas) else None


def _off(theory: Theory, sigma_w: float) -> float:
    return float("inf") if theory.critical_sigma_w is None else abs(theory.critical_sigma_w - sigma_w)


def _legend(axes: Mapping[str, Sequence[Any]]) -> list[Block]:
    (down, _), (across, columns) = axes.items()
    words = f"c at this width by {_last(down)} (down) and {_last(across)} (across)"
    if len(columns) > WIDE:
        words += "; " + ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items())
    if "sigma_w" in (_last(down), _last(across)):
        words += f"; {CRITICAL} closest to the critical sigma_w"
    return [Sentence(words, "note")]


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _shown(values: Sequence[Any]) -> list[str]:
    return told_apart(values, _in_words)


def _in_words(value: Any, most: int | None) -> str:
    """As tables of runs have it, but numbers of four digits where these tell them apart."""
    short = isinstance(value, float) and most == ENTRIES
    return f"{value:.4g}" if short else in_words(value, most)
