"""The forms of the files that people have: each gives the norms that were written, or is refused by its name."""

import csv
import gzip
import json
import struct
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.errors import InputError
from gradflow.outside import read_norms
from gradflow.outside.norms_file import read_networks
from tests.outside.events import event, scalar, write_events

STEPS, DEPTH = (0, 10, 20), 12
NORMS = np.array([[0.8 ** (DEPTH - layer) * (1 + step / 100) for layer in range(DEPTH)] for step in STEPS])
NAMES = [f"layers.{i}" for i in range(DEPTH)]
SHUFFLED = sorted(NAMES, key=str)  # layers.0, layers.1, layers.10, layers.11, layers.2: as many loggers do
Rows = list[dict[str, Any]]


def wide(title: str, **others: Any) -> Rows:
    """A row a step; {} in `title` is the layer."""
    return [
        {**{title.format(n): float(NORMS[i, NAMES.index(n)]) for n in SHUFFLED}, "step": step, **others}
        for i, step in enumerate(STEPS)
    ]


def long(**names: str) -> Rows:
    return [
        {names.get("step", "step"): step, names.get("layer", "layer"): name,
         names.get("norm", "norm"): float(NORMS[i, j])}
        for i, step in enumerate(STEPS) for j, name in enumerate(NAMES)
    ]  # fmt: skip


def csv_text(rows: Rows, delimiter: str = ",", decimal: str = ".") -> str:
    titles = list(dict.fromkeys(title for row in rows for title in row))
    out = StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(titles)
    for row in rows:
        writer.writerow([str(row.get(title, "")).replace(".", decimal) if isinstance(row.get(title), float)
                         else row.get(title, "") for title in titles])  # fmt: skip
    return out.getvalue()


def lines(rows: Rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def lightning() -> Rows:
    """metrics.csv: rows of validation, and of losses between, have no norms; the header is sorted."""
    rows = wide("grad_2.0_norm/{}.weight", epoch=0, **{"grad_2.0_norm_total": 9.0})
    between: Rows = [{"step": 5, "epoch": 0, "train_loss": 1.0}, {"step": 9, "epoch": 0, "val_loss": 2.5}]
    rows = [rows[0], *between, *rows[1:], {"step": 29, "epoch": 1, "val_loss": 2.0}]
    return [{title: row.get(title, "") for title in sorted(set().union(*rows))} for row in rows]


def panel(run: str = "vague-sun-3") -> Rows:
    rows = []
    for row in wide(f"{run} - gradients/{{}}.weight"):
        row = {"Step": row.pop("step"), f"{run} - _step": 1, **row}
        rows.append(
            {**row, **{f"{t}__{end}": v for t, v in row.items() if "-" in t for end in ("MIN", "MAX")}}
        )
    return rows


def npz(**arrays: Any) -> bytes:
    out = BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def npy(array: Any) -> bytes:
    out = BytesIO()
    np.save(out, array)
    return out.getvalue()


def events(tag: str, run: str = "") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        found = [scalar(step, "loss", 2.0) for step in STEPS]
        for row in wide(tag):
            found += [scalar(row["step"], name, value) for name, value in row.items() if name != "step"]
        return write_events(folder / run, found)

    return write


def history(**extra: Any) -> Rows:
    rows = [
        {"_step": row.pop("step"), "_runtime": 1.5, "_timestamp": 1.7e9, **row}
        for row in wide("grad_norm/{}")
    ]
    return [{**row, **extra, "lr": 0.1} for row in rows]


W = [f"{name}.weight" for name in NAMES]
FORMS: dict[str, tuple[str, Any, list[str]]] = {  # -> (file, content, names of the layers)
    "JSON lines, long": ("a.jsonl", lines(long()), NAMES),
    "JSON lines, grad_norm": ("a.jsonl", lines(long(norm="grad_norm")), NAMES),
    "JSON lines, wide": ("a.jsonl", lines(wide("grad_norm/{}", loss=1.0, done=False, text=None)), NAMES),
    "JSON lines, nested": (
        "a.jsonl", lines([{"step": s, "grad_norm": dict(zip(NAMES, map(float, NORMS[i]), strict=True))}
                          for i, s in enumerate(STEPS)]), NAMES),
    "JSON lines, a list": (
        "a.jsonl", lines([{"step": s, "norms": NORMS[i].tolist()} for i, s in enumerate(STEPS)]),
        [str(i) for i in range(DEPTH)]),
    "JSON lines, a value a line": (
        "a.log", lines([{"step": row["step"], t: v} for row in wide("norm_{}", loss=2.0) for t, v in row.items()]),
        NAMES),
    "JSON lines with a BOM and blank lines": ("a.jsonl", "\ufeff\n" + lines(long()) + "\n\n", NAMES),
    "a list of objects": ("a.json", json.dumps(long(), indent=1), NAMES),
    "wandb history": ("wandb-history.jsonl", lines(history()), NAMES),
    "wandb history with histograms": (
        "h.jsonl", lines(history(**{"gradients/x": {"_type": "histogram", "values": [1], "bins": [0, 1]}})), NAMES),
    "wandb panel": ("panel.csv", csv_text(panel()), W),
    "wandb panel, quoted": ("panel.csv", csv_text(panel('a, "b" - c1')), W),
    "trainer_state with norms by layer": (
        "trainer_state.json", json.dumps({"best_metric": None, "log_history": [
            *wide("grad_norm/{}", loss=1.0, epoch=0.1), {"step": 20, "epoch": 1.0, "train_runtime": 9.0}]}), NAMES),
    "Lightning's metrics.csv": ("metrics.csv", csv_text(lightning()), W),
    "Lightning by step and epoch": (
        "metrics.csv", csv_text([*wide("grad_2.0_norm/{}.weight_step"), {"step": 20, "epoch": 0, **{
            f"grad_2.0_norm/{n}.weight_epoch": 1.0 for n in NAMES}}]), W),
    "capitals": ("a.csv", csv_text(long(step="Step", layer="Layer", norm="Norm")), NAMES),
    "capitals, wide": ("a.CSV", csv_text([{t.title(): v for t, v in row.items()} for row in wide("norm_{}")]),
                       [n.title() for n in NAMES]),
    "tabs": ("a.tsv", csv_text(long(), "\t"), NAMES),
    "semicolons": ("a.csv", csv_text(long(), ";"), NAMES),
    "decimal commas": ("a.csv", csv_text(long(), ";", ","), NAMES),
    "decimal commas and tabs": ("a.txt", csv_text(wide("norm_{}"), "\t", ","), NAMES),
    "by tag": ("a.csv", csv_text([{"step": r["step"], "tag": t, "value": v} for r in wide("grad_norm/{}", loss=2.0)
                                  for t, v in r.items() if t != "step"]), NAMES),
    "norm last": ("a.csv", csv_text(wide("train/{}/grad_norm")), NAMES),
    "delta_norm": ("a.csv", csv_text(wide("delta_norm.{}")), NAMES),
    "gzip": ("a.csv.gz", gzip.compress(csv_text(long()).encode()), NAMES),
    "gzip in two members": (
        "a.jsonl.gz", b"".join(gzip.compress(part.encode()) for part in lines(long()).partition("\n")), NAMES),
    "npy": ("a.npy", npy(NORMS), [str(i + 1) for i in range(DEPTH)]),
    "npy, float32": ("a.npy", npy(NORMS.astype("float32")), [str(i + 1) for i in range(DEPTH)]),
    "gzipped npy": ("a.npy.gz", gzip.compress(npy(NORMS)), [str(i + 1) for i in range(DEPTH)]),
    "npz by layer": ("a.npz", npz(step=STEPS, **{n: NORMS[:, NAMES.index(n)] for n in SHUFFLED}), NAMES),
    "npz by layer, titled": (
        "a.npz", npz(step=STEPS, loss=np.ones(3), **{f"log_norm_{n}": np.log(NORMS[:, NAMES.index(n)]) for n in SHUFFLED}),
        NAMES),
    "TensorBoard": ("", events("grad_norm/{}"), NAMES),
    "TensorBoard, in a folder": ("", events("train/grad_norm/{}", "version_0"), NAMES),
    "our own event files": ("", events("delta_norm/{}"), NAMES),
}  # fmt: skip


def written(folder: Path, name: str, content: Any) -> Path:
    if callable(content):
        found = content(folder)
        return found if isinstance(found, Path) else folder
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_norms_that_were_written(form: str, tmp_path: Path) -> None:
    name, content, names = FORMS[form]
    kind = "weight" if names is W else "delta"
    norms = read_norms(written(tmp_path, name, content), kind)
    assert list(norms.layers) == names
    assert norms.steps == (STEPS if "npy" not in form else (0, 1, 2))
    np.testing.assert_allclose(norms.logs[kind][..., 0], np.log(NORMS), rtol=2e-7, atol=2e-7)
    assert norms.order
