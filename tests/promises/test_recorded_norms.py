"""Files of recorded norms whose truth is known: no wrong order, c or verdict, whatever names and form."""

import gzip
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.increments import window
from gradflow.analysis.outside import summarize_outside
from gradflow.analysis.summary import Flow
from gradflow.errors import InputError
from gradflow.outside import read_norms
from tests.outside.events import scalar, write_events

Random = np.random.Generator
Array = Any
DTYPES = ("float64", "float64", "float32", "float16")


@dataclass(frozen=True)
class Style:
    """How layers are called, from the input on; `sure` if their names alone tell their order."""

    names: Callable[[Random, int], list[str]]
    sure: bool = True


def stems(rng: Random) -> str:
    return str(
        rng.choice(["fc", "layer_", "layers.", "h.", "block-", "Dense_", "conv2d_", "hidden ", "L", "étage"])
    )


def numbers(rng: Random, depth: int) -> list[int]:
    """From 0 or 1 or more on, evenly or not."""
    steps = rng.integers(1, 4, depth) if rng.random() < 0.3 else np.full(depth, rng.choice([1, 1, 2, 3]))
    return [int(n) for n in rng.choice([0, 1, 1, 7, 95]) + np.cumsum(steps) - steps[0]]


def prefixed(rng: Random, depth: int) -> list[str]:
    stem, end, width = (
        stems(rng),
        str(rng.choice(["", "", ".weight", "/kernel", "_z"])),
        rng.choice([0, 0, 4]),
    )
    return [f"{stem}{n:0{width}d}{end}" for n in numbers(rng, depth)]


def in_blocks(rng: Random, depth: int) -> list[str]:
    stem, inner, each = stems(rng), str(rng.choice([".mlp.fc", "_conv", ".linear"])), int(rng.integers(2, 5))
    first = int(rng.integers(0, 2))
    return [f"{stem}{i // each + first}{inner}{i % each + first}" for i in range(depth)]


def keras(rng: Random, depth: int) -> list[str]:
    stem = str(rng.choice(["dense", "conv2d", "time_distributed", "layer"]))
    return [stem if i == 0 else f"{stem}_{i}" for i in range(depth)]


def attention(rng: Random, depth: int) -> list[str]:
    return [f"h.{i // 2}.{('attn', 'mlp')[i % 2]}" for i in range(depth)]


def of_groups(*groups: str) -> Callable[[Random, int], list[str]]:
    """Numbered groups one after the other."""

    def names(rng: Random, depth: int) -> list[str]:
        sizes = np.full(len(groups), max(4, depth // len(groups)))
        return [f"{group}{i}" for group, size in zip(groups, sizes, strict=True) for i in range(size)]

    return names


def with_ends(rng: Random, depth: int) -> list[str]:
    """So many that no shuffle counts down by chance."""
    ends = str(rng.choice(["embed", "stem", "input"])), str(rng.choice(["head", "out"]))
    return [ends[0], *prefixed(rng, max(6, depth)), ends[1]]


def interleaved(rng: Random, depth: int) -> list[str]:
    return [f"{('conv', 'bn')[i % 2]}{i // 2}" for i in range(max(depth, 8))]


def plain(rng: Random, depth: int) -> list[str]:
    words = "west north pool bottom left right south top near far under over east mid bridge attic".split()  # noqa: SIM905
    return [str(word) for word in rng.permutation(words)[: max(2, min(depth, len(words)))]]


STYLES = {
    "numbers": Style(lambda rng, depth: [str(n) for n in numbers(rng, depth)]),
    "floats": Style(lambda rng, depth: [f"{n}.0" for n in numbers(rng, depth)]),
    "exponents": Style(lambda rng, depth: [f"{n:.4e}" for n in numbers(rng, depth)]),
    "prefixed": Style(prefixed),
    "in blocks": Style(in_blocks),
    "keras": Style(keras),
    "attention": Style(attention),
    "encoder, decoder": Style(of_groups("encoder.", "decoder.")),
    "features, classifier": Style(of_groups("features.", "classifier.")),
    "conv, fc": Style(of_groups("conv", "fc")),
    "with ends": Style(with_ends),
    "letters": Style(of_groups("block_a.", "block_b."), sure=False),
    "unknown groups": Style(of_groups("trunk.", "branch."), sure=False),
    "against words": Style(of_groups("fc", "conv"), sure=False),
    "interleaved": Style(interleaved, sure=False),
    "plain": Style(plain, sure=False),
}
ORDERS: dict[str, Callable[[Random, list[str]], list[str]]] = {
    "as they are": lambda rng, names: names,
    "backward": lambda rng, names: names[::-1],
    "shuffled": lambda rng, names: [str(name) for name in rng.permutation(names)],
    "sorted": lambda rng, names: sorted(names),
}
STRANGERS = ("total", "total_norm", "all", "grad_norm", "normalized_loss", "lr", "epoch", "mean", "l2_norm")


@dataclass(frozen=True)
class Case:
    """A file and its truth: `names` and `norms` (steps, layers, seeds) from the input on."""

    style: str
    order: str
    form: str
    names: list[str]
    listed: list[str]
    norms: Array
    dead: bool
    stranger: str | None

    @property
    def sure(self) -> bool:
        """Whether it must be read, and not refused."""
        return STYLES[self.style].sure and self.stranger is None

    @property
    def shown(self) -> list[str]:
        """The names as they are to be shown."""
        return (
            [str(int(float(n))) for n in self.names]
            if self.style in ("numbers", "floats", "exponents")
            else self.names
        )


def drawn(rng: Random) -> Case:
    style = str(rng.choice(list(STYLES)))
    names = STYLES[style].names(rng, int(rng.integers(2, 30)))
    order = str(rng.choice(list(ORDERS)))
    if style == "plain" and (order != "sorted" or len(names) < 6):
        order = "as they are"  # nothing but the file tells their order
    if style == "against words" and order != "backward":
        order = "as they are"  # a generator's: the file says what no other reader could know
    norms, dead = norms_of(rng, len(names))
    listed = ORDERS[order](rng, names)
    stranger = str(rng.choice(STRANGERS)) if rng.random() < 0.1 else None
    if stranger is None and rng.random() < 0.03 and style in ("prefixed", "numbers"):
        stranger = f"{names[0]}.1"  # as a reader calls a second column of a name
    form = str(rng.choice(list(FORMS)))
    if form == "sparse" and style in ("plain", "against words"):
        form = "wide"  # which sorts the titles: nothing would tell their order
    return Case(style, order, form, names, listed, norms, dead, stranger)


def norms_of(rng: Random, depth: int) -> tuple[Array, bool]:
    """c^(L - l) by step, layer and seed, in a dtype; of some a layer is dead, or a step is nan.

    What is dead stays off the edge of float16: a zero that follows on 1e-6 may be either.
    """
    dead = depth > 4 and rng.random() < 0.1
    c = rng.uniform(1e-3 ** (1 / depth), 1.4) if dead else np.exp(rng.uniform(-3.5, 1.2))
    log_c = np.log(c) + 0.01 * np.arange(rng.integers(1, 4)) + 0.02 * np.arange(rng.integers(1, 4))[:, None]
    logs = log_c[:, None] * np.arange(depth - 1, -1, -1)[:, None] + rng.normal(
        0, 0.01, (*log_c[:, None].shape[:1], depth, log_c.shape[1])
    )
    with np.errstate(all="ignore"):
        norms = np.exp(logs).astype(str(rng.choice(DTYPES)))
    if dead:
        norms[:, : rng.integers(1, 4)] = 0
    elif rng.random() < 0.1:
        norms[rng.integers(len(norms)), rng.integers(depth)] = rng.choice([np.nan, np.inf])
    return norms, dead


# the forms of a file: each writes the norms in the order that is listed


def strange(case: Case) -> tuple[list[str], Array]:
    """The names and norms as they are listed, with what is no layer at the end."""
    norms = case.norms[:, [case.names.index(name) for name in case.listed]].astype(float)
    if case.stranger is None:
        return case.listed, norms
    return [*case.listed, case.stranger], np.concatenate([norms, norms[:, :1] * 2], axis=1)


def values(norms: Array, is_log: bool) -> Array:
    with np.errstate(all="ignore"):
        return np.log(norms) if is_log else norms


def long_csv(is_log: bool) -> Callable[[Case, Path, Random], None]:
    def write(case: Case, path: Path, rng: Random) -> None:
        names, norms = strange(case)
        at = values(norms, is_log)
        lines = [
            f"{i},{name},{k},{float(at[i, j, k])!r},2.3"
            for i, k in np.ndindex(len(at), at.shape[2])
            for j, name in enumerate(names)
        ]
        path.write_text("\n".join([f"step,layer,seed,{'log_' * is_log}norm,loss", *lines]), encoding="utf-8")

    return write


def wide_csv(is_log: bool) -> Callable[[Case, Path, Random], None]:
    def write(case: Case, path: Path, rng: Random) -> None:
        names, norms = strange(case)
        at, lead = (
            values(norms, is_log),
            ("log_norm_" if is_log else str(rng.choice(["norm_", "norm.", "norm/"]))),
        )
        titles = [*(f"{lead}{name}" for name in names), "step", "seed", "loss"]
        lines = [
            [*map(repr, map(float, at[i, :, k])), str(i), str(k), "2.3"]
            for i in range(len(at))
            for k in range(at.shape[2])
        ]
        kept = rng.permutation(3) + len(names) if rng.random() < 0.5 else np.arange(3) + len(names)
        places = [*kept[:2], *range(len(names)), kept[2]]
        path.write_text(
            "\n".join(",".join(row[p] for p in places) for row in (titles, *lines)), encoding="utf-8"
        )

    return write


def cube_npz(case: Case, path: Path, rng: Random) -> None:
    names, norms = strange(case)
    if norms.shape[2] == 1 and rng.random() < 0.5:
        norms = norms[:, :, 0]
    arrays = {"log_norm": values(norms, True)} if rng.random() < 0.5 else {"norm": norms}
    np.savez(path, **arrays, layer=labels(case, names, rng), step=np.arange(len(norms)))


def long_npz(case: Case, path: Path, rng: Random) -> None:
    names, norms = strange(case)
    i, j, k = (index.ravel() for index in np.indices(norms.shape))
    np.savez(path, norm=norms.ravel(), step=i, layer=labels(case, names, rng)[j], seed=k)


def labels(case: Case, names: list[str], rng: Random) -> Array:
    if case.stranger is None and case.style in ("numbers", "floats"):
        return np.array(names).astype(float).astype(rng.choice(["int64", "float64", "float32"]))
    return np.char.encode(names, "utf-8") if rng.random() < 0.3 else np.array(names)


def records(case: Case, is_log: bool, title: str) -> list[dict[str, Any]]:
    """A row for each step and seed, a key for each layer; {} of the title is the layer."""
    names, norms = strange(case)
    at = values(norms, is_log)
    return [
        {"step": i, "seed": k, "loss": 2.3,
         **{title.format(name): float(at[i, j, k]) for j, name in enumerate(names)}}
        for i, k in np.ndindex(len(at), at.shape[2])
    ]  # fmt: skip


def json_lines(case: Case, path: Path, rng: Random) -> None:
    """Wide, nested, long, or a value a line."""
    how, is_log = rng.integers(4), bool(rng.random() < 0.5)
    title = "log_norm/{}" if is_log else str(rng.choice(["grad_norm/{}", "norm_{}", "{}/grad_norm"]))
    rows = records(case, is_log, title)
    if how == 1:
        rows = [{k: row[k] for k in ("step", "seed", "loss")} | {"log_norm" if is_log else "norm": {
            name: row[title.format(name)] for name in strange(case)[0]}} for row in rows]  # fmt: skip
    elif how == 2:
        rows = [{"step": row["step"], "seed": row["seed"], "layer": name,
                 "log_norm" if is_log else "grad_norm": row[title.format(name)]}
                for row in rows for name in strange(case)[0]]  # fmt: skip
    elif how == 3:
        rows = [{"step": row["step"], "seed": row["seed"], key: value} for row in rows
                for key, value in row.items() if key not in ("step", "seed")]  # fmt: skip
    text = json.dumps(rows) if rng.random() < 0.2 else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def sparse_csv(case: Case, path: Path, rng: Random) -> None:
    """As Lightning's CSVLogger: sorted titles, and rows of validation without norms."""
    rows = records(case, False, "train/grad_norm/{}")
    rows += [{"step": row["step"], "epoch": 0, "val_loss": 1.5} for row in rows]
    titles = sorted(set().union(*rows))
    lines = [titles, *([str(row.get(title, "")) for title in titles] for row in rows)]
    path.write_text("\n".join(map(",".join, lines)), encoding="utf-8")


def panel_csv(case: Case, path: Path, rng: Random) -> None:
    """As wandb's panels export it: a run a network, and __MIN and __MAX beside each column."""
    names, norms = strange(case)
    at = [(j, k) for k in range(norms.shape[2]) for j in range(len(names))]
    titles = [f"run-{k} - grad_norm/{names[j]}{end}" for j, k in at for end in ("", "__MIN", "__MAX")]
    lines = ["Step," + ",".join(f'"{title}"' for title in titles)]
    lines += [
        f"{i}," + ",".join(repr(float(of_step[j, k])) for j, k in at for _ in range(3))
        for i, of_step in enumerate(norms)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def decimal_commas(case: Case, path: Path, rng: Random) -> None:
    """Capitals, parted by semicolons or tabs."""
    names, norms = strange(case)
    lines = [["Step", "Layer", "Seed", "Norm"]]
    for i, k in np.ndindex(len(norms), norms.shape[2]):
        for j, name in enumerate(names):
            shown = name.replace(".", ",") if re.fullmatch(r"[\d.e+]+", name) else name
            lines.append([str(i), shown, str(k), repr(float(norms[i, j, k])).replace(".", ",")])
    path.write_text("\n".join(map(str(rng.choice([";", "\t"])).join, lines)), encoding="utf-8")


def event_files(case: Case, path: Path, rng: Random) -> None:
    """A run a network; logs, since events hold float32."""
    names, norms = strange(case)
    shutil.rmtree(path, ignore_errors=True)
    logs = values(norms, True)
    for k in range(norms.shape[2]):
        found = [scalar(i, "loss", 2.3) for i in range(len(norms))]
        found += [scalar(i, f"log_delta_norm/{name}", float(logs[i, j, k]))
                  for i in range(len(norms)) for j, name in enumerate(names)]  # fmt: skip
        write_events(path / f"run{k}", found)


def keyed_npz(case: Case, path: Path, rng: Random) -> None:
    names, norms = strange(case)
    np.savez(path, step=np.arange(len(norms)), **{name: norms[:, j] for j, name in enumerate(names)})


FORMS: dict[str, Callable[[Case, Path, Random], None]] = {
    "long": long_csv(False),
    "long logs": long_csv(True),
    "wide": wide_csv(False),
    "wide logs": wide_csv(True),
    "npz": cube_npz,
    "long npz": long_npz,
    "keyed npz": keyed_npz,
    "json lines": json_lines,
    "sparse": sparse_csv,
    "panel": panel_csv,
    "decimal commas": decimal_commas,
    "events": event_files,
}


# the truth, from the norms in their order


def expected(norms: Array, dead: bool) -> tuple[str, float | None]:
    """Verdict and c of a step, (layers, seeds)."""
    if not np.isfinite(norms).all():
        return "overflow", None
    alive = (norms > 0).all(axis=0)
    if not alive.any():
        return ("dead" if dead else "vanishing"), None
    logs = np.log(norms[:, alive].astype(float))
    decades = float((logs[0] - logs[-1]).mean()) / np.log(10)
    first = window(len(norms))[0] - 1
    c = float(np.exp((logs[first] - logs[-1]).mean() / (len(norms) - 1 - first)))
    return ("vanishing" if decades < -1 else "exploding" if decades > 1 else "stable"), c


def is_right(flow: Flow, norms: Array, dead: bool, rel: float) -> bool:
    verdict, c = expected(norms, dead)
    return flow.verdict == verdict and (flow.c == c if c is None else flow.c == pytest.approx(c, rel=rel))


def outcome(case: Case, folder: Path, rng: Random) -> str:
    path = folder / ("norms.npz" if "npz" in case.form else case.form)
    FORMS[case.form](case, path, rng)
    if path.is_file() and rng.random() < 0.2:
        path.write_bytes(gzip.compress(path.read_bytes()))
    try:
        norms = read_norms(path, "delta")
    except InputError as refused:
        named = case.stranger is None or case.stranger in str(refused)
        return "refused" if named and not case.sure else f"refused: {refused}"
    flow = summarize_outside("x", norms.config("x", "x"), norms.recording()).flow
    rel = 1e-4 if case.form == "events" else 1e-6
    right = list(norms.layers) == case.shown and case.stranger is None
    right = (
        right
        and is_right(flow.initial, case.norms[0], case.dead, rel)
        and is_right(flow.final, case.norms[-1], case.dead, rel)
    )
    return (
        "right"
        if right
        else f"wrong: {norms.order}: {norms.layers}, {flow.initial.verdict}, {flow.initial.c}"
    )


def test_files_of_a_known_truth_are_read_right_or_refused(thorough: bool, tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for number in range(2_000 if thorough else 300):
        rng = np.random.default_rng([13, number])
        case = drawn(rng)
        result = outcome(case, tmp_path, rng)
        assert result in ("right", "refused"), f"case {number}, {case}: {result}"
        found[result] += 1
        found[f"{case.style}: {result}"] += 1
        found[f"{case.form}: {result}"] += 1
    print(dict(found))
    assert found["right"] > 3 * found["refused"]
    assert all(found[f"{style}: right"] for style in STYLES if style != "against words")
    assert all(found[f"{form}: right"] for form in FORMS)
