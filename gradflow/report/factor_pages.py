"""The tables of a run's factors: c with what the parts of a layer pass, and what its law makes of depths."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from gradflow.analysis.summary import Flow, Theory
from gradflow.report import headlines, sentences
from gradflow.report.numbers import count, half_width, number
from gradflow.report.page import Bars, Block, Column, Heading, Table

LARGE = 10.0  # a factor of a skip beside a branch that passes little


def factors(measured: Sequence[Flow], theory: Theory) -> list[Block]:
    """c = weights x slopes x ..: measured at both ends of training, theory's three values between."""
    initial = measured[0]
    error = half_width(initial.c, initial.c_low, initial.c_high)
    names = sentences.known_factors(*measured)
    rows = [_measured(initial, names)]
    if theory.c is not None:
        passed, none = [number(theory.factors.get(name), error) for name in names], ("",) * len(names)
        rows += [
            ("theory, this width", number(theory.c_finite_width, error), *none),
            ("theory, infinite width", number(theory.c, error), *passed),
            ("theory, infinite depth", number(theory.c_asymptotic, error), *none),
        ]
    rows += [_measured(flow, names) for flow in measured[1:]]
    columns = Column("", False), Column("c"), *map(Column, names)
    interval = f", ± 95% ({initial.interval})" if initial.interval else ""
    title = f", layers {initial.layers[0]} to {initial.layers[1]}{interval}"
    product = f" = {' x '.join(names)}" if names and sentences.is_product(initial) else ""
    return [Heading(f"c{product}{title}"), Table(columns, tuple(rows)), *_bars(initial)]


def _measured(flow: Flow, names: list[str]) -> tuple[str, ...]:
    """c with its interval, and the factors of these names."""
    error = half_width(flow.c, flow.c_low, flow.c_high)
    alive = f", {headlines.alive_of(flow)}" if flow.dead_networks else ""
    return (
        f"step {count(flow.step)}{alive}",
        headlines.c_of(flow),
        *(_factor(flow.factors.get(name), error) for name in names),
    )


def _factor(value: float | None, error: float | None) -> str:
    """A factor with the digits that c has, unless it is so far from c that these say nothing."""
    return number(value, error if value is not None and value < LARGE else None)


def _bars(flow: Flow) -> list[Block]:
    """The factors around 1, where all that the network has are known."""
    factors = {name: flow.factors[name] for name in sentences.known_factors(flow)}
    if not factors or not all(factors.values()):
        return []
    return [Bars(tuple((name, log10(value), number(value)) for name, value in factors.items() if value))]


def _depths(measured: Sequence[Flow]) -> list[int]:
    """Those of c_power_depth, without the number of layers where the headlines count factors."""
    known, layers = map(int, measured[0].c_power_depth), measured[0].transitions + 1
    counts_factors = all(headlines.depth_of(flow) < layers for flow in measured)
    return [depth for depth in known if not (counts_factors and depth == layers)]


def powers(measured: Sequence[Flow]) -> list[Block]:
    """c^L, or what the law has in its place, for the L of the headlines and a few others."""
    measured = [flow for flow in measured if flow.log_c is not None]
    depths = _depths(measured) if measured else []
    columns = [Column("L =", False), *(Column(count(depth)) for depth in depths), Column("e-fold")]
    rows = []
    for flow in measured:
        found = (headlines.power_of(flow, depth) for depth in depths)
        laws = "" if flow.law_exponent is None else f", {headlines.law_of(flow, 'L')}"
        rows.append((f"step {count(flow.step)}{laws}", *found, number(flow.efold_layers)))
    title = "c^L, and the layers that make a factor of e"
    if any(flow.law_exponent is not None for flow in measured):  # such layers are no more the same at any l
        title = "What L layers make of the gradient, by the law"
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return [Heading(title), Table(tuple(columns), tuple(rows))] if rows else []
