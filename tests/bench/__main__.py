"""python -m tests.bench: what a recorded training step costs, over its matrix products and beside others.

Tables: sizes against every installed framework and, of whole runs, on all cores; activations and adam; skips
and norms over plain layers and beside PyTorch; seeds stacked; growth with depth; whole runs as a user starts
them; the recorder of PyTorch models; rows that tell what low precision would lose. With --against, this
version's steps over another's; with --baseline, figures over those that --json told before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench import baseline, run_level
from tests.bench.cases import Case
from tests.bench.contenders import ALL_CORES, OF_BLOCKS, OF_PRECISION, OF_SIZES, installed
from tests.bench.machine import machine, told
from tests.bench.measure import Timing, measure, pinned

SIZES = [
    Case(10, 64, 64), Case(50, 64, 64), Case(50, 128, 128), Case(50, 256, 256), Case(100, 512, 256),
    Case(1000, 64, 64), Case(10, 1024, 512), Case(10, 32, 32), Case(2, 16, 16),
]  # fmt: skip
OWN = ["gemm", "engine", "engine, no record"]
RULES = [
    replace(case, activation=activation)
    for activation in ("relu", "gelu", "silu", "selu")
    for case in SIZES[1:4]
] + [replace(case, optimizer="adam") for case in SIZES[3:5]]
BLOCKS = [
    replace(Case(50, width, width), **kind)
    for width in (64, 256)
    for kind in (
        {"scale": 1.0}, {"scale": 0.3}, {"norm": "layer"}, {"norm": "rms"}, {"norm": "batch"},
        {"norm": "layer", "affine": True}, {"scale": 1.0, "norm": "layer"},
    )
]  # fmt: skip
SEEDS = [Case(30, width, 64, seeds=seeds) for width in (8, 16, 32, 64) for seeds in (1, 4, 8)]
GROWTH = [Case(depth, 64, 64) for depth in (10, 100, 1000, 10_000)]
PRECISION = [
    Case(*size, activation=name)
    for name in ("tanh", "relu")
    for size in ((50, 64, 64), (50, 256, 256), (10, 1024, 512))
]
UNROLLED = {"torch.compile"}  # its compiler takes minutes for fifty layers


def main() -> None:
    """Measure and print table after table, or all of them as one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all if none is named")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="of each process, for the sizes"
    )
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="few rounds of the three smallest sizes")
    parser.add_argument("--json", action="store_true")
    clock_help = "cpu: seconds that a process ran, for one thread on a machine that others use too"
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help=clock_help)
    parser.add_argument(
        "--against", metavar="CHECKOUT", help="time the engine in turn with that of another version"
    )
    baseline_help = "what --json told before, over which figures are told"
    parser.add_argument("--baseline", metavar="FILE", type=Path, help=baseline_help)
    options = parser.parse_args()
    here = machine()
    before = baseline.load(options.baseline) if options.baseline else None
    for note in (told(here), before and baseline.warning(before, here)):
        if note:
            print(note, file=sys.stderr, flush=True)
    document: dict[str, Any] = {"machine": here}
    for name in options.tables or (OF_ENGINE if options.against else TABLES):
        document[name] = []
        for row in TABLES[name](options):
            document[name].append(row)
            compared = baseline.before(before, name, row) if before else ""
            if not options.json:
                print(line(name, row), compared, sep="  ", flush=True)
    if options.json:
        print(json.dumps(document, indent=1))


def sizes(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every contender over the matrix products."""
    for threads in options.threads:
        for case in SIZES[:3] if options.quick else SIZES:
            names = [name for name in installed(OF_SIZES) if case.depth <= 10 or name not in UNROLLED]
            if threads > 1 or options.clock == "cpu":  # it has all cores anyway, and processes of its own
                names.remove(ALL_CORES)
            yield timed(case, names, threads, options)


def rules(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The engine with other activations and with adam."""
    for case in RULES[:1] if options.quick else RULES:
        yield timed(case, OWN, 1, options)


def blocks(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Skips and norms over the engine's plain layers of the same size, and beside PyTorch with them."""
    for case in BLOCKS[:1] if options.quick else BLOCKS:
        yield timed(case, installed(OF_BLOCKS), 1, options)


def seeds(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The engine with networks stacked: the ratio is a step's time over the matrix products of one."""
    for case in SEEDS[:2] if options.quick else SEEDS:
        yield timed(case, OWN[:2], 1, options)


def growth(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The engine's time per layer and step, and its memory, as the depth grows."""
    for case in GROWTH[:2] if options.quick else GROWTH:
        yield timed(case, OWN[:2], 1, options)


def runs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Whole runs, their networks in one process and in two."""
    yield from run_level.rows(1 if options.quick else 3)


def watch(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What `gradflow.torch.watch` adds to a step of a transformer, where PyTorch is installed."""
    if find_spec("torch"):
        from tests.bench import torch_watch

        with pinned(1):
            yield from torch_watch.rows(3 if options.quick else options.rounds)


def precision(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A step at whose row low precision is looked at, over one at which it is not."""
    for case in PRECISION[:1] if options.quick else PRECISION:
        yield timed(case, OF_PRECISION, 1, options)


TABLES = {
    "sizes": sizes, "rules": rules, "blocks": blocks, "seeds": seeds, "growth": growth, "run-level": runs,
    "watch": watch, "precision": precision,
}  # fmt: skip
OF_ENGINE = ("sizes", "rules")  # what another version is measured by if no table is named


def timed(case: Case, names: Sequence[str], threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """A row: the case, the threads and every contender's timing."""
    rounds = 3 if options.quick else options.rounds
    if case.depth * case.width**2 * case.batch > 1e9:
        rounds = min(rounds, 9)
    who = {name: (name, ".") for name in names}
    if options.against:
        who = {"before": ("engine", options.against), "now": ("engine", ".")}
    timings = measure(case, who, threads, rounds, options.clock)
    return {"case": asdict(case), "threads": threads, "timings": [asdict(t) for t in timings]}


def line(table: str, row: dict[str, Any]) -> str:
    """A row as text: each contender's median ratio with its quartiles, and that of the least times."""
    if table == "run-level":
        return run_level.line(row)
    if table == "watch":
        from tests.bench import torch_watch

        return torch_watch.line(row)
    case, timings = Case(**row["case"]), [Timing(**t) for t in row["timings"]]
    first = (
        f"{case.label:<26} threads {row['threads']}  {timings[0].name} {1e6 * timings[0].seconds[1]:.0f} us"
    )
    rest = [
        f"{t.name} {t.ratio[1]:.2f} ({t.ratio[0]:.2f}-{t.ratio[2]:.2f}), least {t.least:.3f}"
        for t in timings[1:]
    ]
    if timings[0].name == "before":
        rest.append(f"{timings[1].megabytes:.1f} MB, before {timings[0].megabytes:.1f}")
    if table == "growth":
        rest.append(
            f"{1e6 * timings[1].seconds[1] / case.depth:.1f} us a layer, {timings[1].megabytes:.0f} MB"
        )
    return "  ".join([first, *rest])


if __name__ == "__main__":
    main()
