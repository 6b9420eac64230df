"""The forms of the files that people have: each gives the norms that were written, or is refused by name."""

# ruff: noqa: E501 - rows of tables

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
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.summary import histogram

from gradflow.analysis.outside import law_across
from gradflow.errors import InputError
from gradflow.outside import read_networks, read_norms, run_of
from tests.outside.events import event, event_file, scalar, write_events

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
    folder.mkdir(exist_ok=True)
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


def one(kind: str | None, *paths: Path) -> Any:
    (norms,) = read_networks(paths, kind).values()
    return norms


def test_names_of_parameters_are_those_of_dw_where_nobody_says(tmp_path: Path) -> None:
    for form, (name, content, names) in FORMS.items():
        if names is W:
            assert list(read_norms(written(tmp_path / form.replace("/", ""), name, content)).logs) == [
                "weight"
            ]


def test_a_histogram_of_a_gradient_tells_its_norm(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gradients = {f"fc{i}.weight.grad": rng.normal(0, 0.5**i, (8, 8)) for i in (1, 2, 3)}
    write_events(
        tmp_path, [event(step=3, summary=histogram(tag, g.ravel(), "auto")) for tag, g in gradients.items()]
    )
    norms = read_norms(tmp_path)
    assert list(norms.logs) == ["weight"]
    expected = [np.log(np.linalg.norm(gradient)) for gradient in gradients.values()]
    np.testing.assert_allclose(norms.logs["weight"][0, :, 0], expected, rtol=1e-6)


def test_scalars_of_newer_writers_are_tensors(tmp_path: Path) -> None:
    values = [TensorProto(dtype=1, float_val=[0.25]), TensorProto(dtype=1, tensor_content=struct.pack("<f", 0.5)),
              TensorProto(dtype=2, double_val=[1.0])]  # fmt: skip
    write_events(tmp_path, [
        event(step=0, summary=Summary(value=[Summary.Value(tag=f"delta_norm/{i}", tensor=tensor)]))
        for i, tensor in enumerate(values)
    ])  # fmt: skip
    assert np.exp(read_norms(tmp_path).logs["delta"]).ravel() == pytest.approx([0.25, 0.5, 1.0])


def test_folders_of_event_files_are_networks_and_add_scalars_names_layers(tmp_path: Path) -> None:
    for run in ("a", "b"):
        write_events(tmp_path / run, [scalar(0, f"delta_norm/{i}", 0.5**i) for i in range(3)])
    assert read_norms(tmp_path).networks == 2
    other = tmp_path / "a" / "x"
    for i in range(3):
        write_events(other / f"delta_norm_fc{i}", [scalar(0, "delta_norm", 0.5**i)])
    assert read_norms(other).layers == ("fc0", "fc1", "fc2")


@pytest.mark.parametrize("layout", ["delta_norm_{}", "delta_norm/{}"], ids=["PyTorch", "tensorboardX"])
def test_add_scalars_of_several_runs_are_several_networks(layout: str, tmp_path: Path) -> None:
    for run in ("a", "b"):
        for i in range(3):
            write_events(tmp_path / run / layout.format(f"fc{i}"), [scalar(0, "delta_norm", 0.5**i)])
    norms = read_norms(tmp_path)
    assert (norms.layers, norms.networks) == (("fc0", "fc1", "fc2"), 2)


def test_losses_of_event_files_are_those_of_their_runs(tmp_path: Path) -> None:
    for run, loss in (("run_10", 3.0), ("run_2", 2.0)):
        norms = [scalar(step, f"delta_norm/{i}", 0.5**i) for step in (0, 1) for i in range(3)]
        write_events(tmp_path / run, [*norms, *(scalar(step, "Loss/train", loss + step) for step in (0, 1))])
    assert read_norms(tmp_path).recording()["loss"].tolist() == [[2, 3], [3, 4]]
    assert read_norms(tmp_path / "run_2").recording()["loss"].tolist() == [[2], [3]]
    deeper = [*(scalar(0, f"delta_norm/{i}", 0.5**i) for i in range(4)), scalar(0, "Loss/train", 7.0)]
    write_events(tmp_path / "run_10", deeper)
    networks = read_networks([tmp_path])
    assert {depth: one.recording()["loss"].tolist() for depth, one in networks.items()} == {
        3: [[2], [3]],
        4: [[7]],
    }


@pytest.mark.parametrize("layout", ["loss_{}", "loss/{}"])
def test_a_run_that_is_called_as_a_tag_keeps_its_scalars(layout: str, tmp_path: Path) -> None:
    for number in (1, 2):
        found = [scalar(0, "loss", number), *(scalar(0, f"delta_norm/{i}", 0.5**i) for i in range(3))]
        write_events(tmp_path / layout.format(number), found)
    assert read_norms(tmp_path).recording()["loss"].tolist() == [[1, 2]]


def test_an_event_file_may_be_cut_short_and_not_damaged(tmp_path: Path) -> None:
    path = write_events(tmp_path, [scalar(s, f"delta_norm/{i}", 1.0) for s in range(3) for i in range(3)])
    content = path.read_bytes()
    last = len(content) - len(event_file([scalar(2, "delta_norm/2", 1.0)]))
    for cut in range(1, 12):
        path.write_bytes(content[:-cut])
        with pytest.raises(InputError, match="step 2, layer 2, seed 0 is missing"):
            read_norms(tmp_path)
    for place in range(last, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"is damaged: copy the event file again|is missing"):
            read_norms(tmp_path)


def test_files_of_one_layer_each_are_one_network(tmp_path: Path) -> None:
    """As trackio exports a plot: step, its metric, series_key, run."""
    paths = []
    for i in (2, 0, 1):
        rows = [
            {"step": s, f"delta_norm/fc{i}": 0.5**i, "series_key": "k", "run": r}
            for r in "ab"
            for s in (0, 1)
        ]
        paths.append(written(tmp_path, f"delta_norm_fc{i}.csv", csv_text(rows)))
    norms = one("delta", *paths)
    assert (norms.layers, norms.networks, norms.steps) == (("fc0", "fc1", "fc2"), 2, (0, 1))
    with pytest.raises(InputError, match="name each file once"):
        read_networks([paths[0], paths[0]], "delta")


def test_runs_of_several_depths_in_one_panel_are_told_apart(tmp_path: Path) -> None:
    row = {f"deep{L} - delta_norm/{i}": 0.8 ** (L - i) for L in (4, 8) for i in range(L)}
    path = written(tmp_path, "panel.csv", csv_text([{"Step": 0, **row}]))
    networks = read_networks([path])
    assert {depth: len(norms.layers) for depth, norms in networks.items()} == {4: 4, 8: 8}
    with pytest.raises(InputError, match="holds networks of several depths: 4, 8"):
        read_norms(path)


C, DEPTHS = 0.8, (10, 20, 40)


def deep(kind: str) -> list[Rows]:
    """dW is the same in all layers, as eq. 14 has it, and falls with the depth; delta falls with the layer."""
    return [
        [{"step": 0, "seed": seed, "depth": L, "layer": f"fc{i}.{part}",
          "norm": (1 + seed / 100) * C ** (L if kind == "weight" else L - i)}
         for seed in range(3) for i in range(L) for part in (("weight", "bias") if kind == "weight" else ("z",))]
        for L in DEPTHS
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["weight", "delta"])
@pytest.mark.parametrize("together", [True, False])
def test_networks_of_several_depths_give_the_depth_law(tmp_path: Path, kind: str, together: bool) -> None:
    tables = [[row for rows in deep(kind) for row in rows]] if together else deep(kind)
    paths = [written(tmp_path, f"{i}.csv", csv_text(rows)) for i, rows in enumerate(tables)]
    networks = read_networks(paths, kind)
    assert tuple(networks) == DEPTHS
    flows = {L: run_of(norms, "x", paths[0]).summary.flow.initial for L, norms in networks.items()}
    law = law_across(networks, flows)
    assert law.reason is None
    found, other = (law.weight_grad, law.delta)[:: 1 if kind == "weight" else -1]
    assert (found.c, other.c) == (pytest.approx(C), None)
    assert law.c_inside == (None if kind == "weight" else pytest.approx(C))


REFUSED: dict[str, tuple[str, Any, str]] = {
    "trainer_state": (
        "trainer_state.json", json.dumps({"log_history": [{"step": 1, "loss": 2.0, "grad_norm": 1.5}]}),
        "grad_norm is one norm of the whole network, so this log has no depth"),
    "a global norm of each run": (
        "panel.csv", csv_text([{"Step": 1, **{f"lr-0.{i} - grad_norm": 0.5**i for i in range(6)}}]),
        "lr-0.0 - grad_norm is one norm of the whole"),
    "a global norm in a group": (
        "a.csv", csv_text([{"step": 1, "train/grad_norm": 2.0}]), "train/grad_norm is one norm of the whole"),
    "a global norm of an optimizer": (
        "a.csv", csv_text([{"step": 1, "optim/grad_norm": 2.0}]), "optim/grad_norm is one norm of the whole"),
    "a global norm alone": ("a.jsonl", lines([{"step": 1, "train/total_norm": 1}]), "train/total_norm is one norm of the whole"),
    "a total in the group": ("a.jsonl", lines(wide("grad_norm/{}", **{"grad_norm/total": 1.0})), "total is no layer: remove it"),
    "a norm of another type": ("a.csv", csv_text(wide("grad_inf_norm/{}")), "is no Euclidean norm: record norms of type 2"),
    "L1": ("a.csv", csv_text(wide("grad_1.0_norm/{}")), "is no Euclidean norm: record norms of type 2"),
    "histograms": ("a.jsonl", lines([{"_step": 0, "gradients/fc1.weight": {"_type": "histogram", "values": [1]}}]),
                   "gradients/fc1.weight is a histogram, which tells no norm"),
    "means of gradients": ("a.csv", csv_text(wide("gradients/{}_mean")), "needs columns step, layer and norm"),
    "norms of weights": ("a.csv", csv_text(wide("weight_norm/{}")), "needs columns step, layer and norm"),
    "two of a kind": ("a.csv", "step,layer,norm,grad_norm\n0,1,1,1\n", "grad_norm and norm are both norms"),
    "twice in capitals": ("a.csv", "step,layer,norm,Norm\n0,1,1,1\n", "two columns are called 'norm'"),
    "a key twice": ("a.jsonl", '{"norm_1": 1, "norm_1": 2}\n', "a.jsonl:1: two values of one object are called 'norm_1'"),
    "a key twice further down": ("a.jsonl", lines(wide("norm_{}")[:1]) + '{"step": 1, "step": 2}\n', "a.jsonl:2: two values of"),
    "a key twice in a list": ("a.json", '[\n{"norm_1": 1, "norm_1": 2}]', "a.json: two values of one object"),
    "a list among lines": ("a.jsonl", lines(wide("norm_{}")[:1]) + "[1]\n", "a.jsonl:2: holds a list where an object should be"),
    "a number among lines": ("a.jsonl", lines(wide("norm_{}")[:1]) + "\n0.1\n", "a.jsonl:3: holds a number or a text where"),
    "nested norms among lines": (
        "a.jsonl", lines([*wide("norm_{}")[:1], {"step": 1, "norms": [[1.0, 2.0]]}]),
        "a.jsonl:2: norms holds more than the norm of each layer",
    ),
    "null in a list": ("a.json", "[null]", "a.json: holds nothing where an object should be"),
    "true in a list": ("a.json", "[true]", "a.json: holds true or false where an object should be"),
    "steps in columns": ("a.json", json.dumps({"step": [0, 1], "norm_1": [1, 2]}), "write an object for each step"),
    "pandas": ("a.json", json.dumps({"norm_1": {"0": 1, "1": 2}}), "write an object for each step"),
    "text in JSON": ("a.jsonl", '{"norm_1": "x", "norm_2": 1}\n', "the norm 'x' is no number"),
    "broken JSON": ("a.jsonl", '{"step": 0, "layer": 1, "norm": 1}\n{"step": \n', "a.jsonl:2: is no JSON"),
    "null": ("a.jsonl", lines(long()[:-1]) + '{"step": 20, "layer": "layers.11", "norm": null}\n', "a norm is empty"),
    "a list of numbers": ("a.json", "[1, 2, 3]", "holds a number or a text where an object should be"),
    "thousands": ("a.csv", "step;layer;norm\n0;1;1,000\n0;2;2,500\n", "a.csv:2: numbers have a comma"),
    "commas and points": ("a.csv", "step;layer;norm\n0;1;1,5\n0;2;2.5\n", "a.csv:2: numbers have a comma"),
    "norms that stop": ("a.csv", csv_text([*wide("norm_{}", x=1), {"step": 30, "x": 1}]), ":5: the norms are empty"),
    "a step without norms": ("a.csv", csv_text(wide("norm_{}")) + "," * DEPTH + "30\n", ":5: the norms are empty"),
    "a column of nothing": ("a.csv", "step,norm_1,norm_2\n0,1,\n1,1,\n", "the column 'norm_2' is empty in all rows"),
    "a key of nothing": ("a.jsonl", lines([{"step": 0, "norm_1": None, "norm_2": 1}]), "the column 'norm_1' is empty"),
    "a total in a group": (
        "a.csv", csv_text(wide("log_delta_norm/{}", **{"log_delta_norm/grad_norm": 3.0})), "grad_norm is no layer"),
    "a hole": ("a.csv", "step,norm_1,norm_2\n0,1,1\n1,,1\n", "step 1, layer 1, seed 0 is missing: write nan"),
    "a depth that is none": ("a.csv", "depth,step,layer,norm\n10,0,a,1\n10,0,b,1\n20,0,a,1\n20,0,b,1\n", "let depth be the number"),
    "gzip cut short": ("a.csv.gz", gzip.compress(csv_text(long()).encode())[:-5], "is a damaged gzip file"),
    "gzip twice": ("a.csv.gz", gzip.compress(gzip.compress(b"step")), "is gzipped twice"),
    "a gzip bomb": ("a.csv.gz", gzip.compress(b"0" * 20_000_000), "holds far more than its size tells"),
    "npy of objects": ("a.npy", npy(np.array([1, None], object)), "is not a readable npy file of numbers"),
    "npy of text": ("a.npy", npy(np.array(["a"])), "norms are numbers"),
    "npy cut short": ("a.npy", npy(NORMS)[:-1], "is not a readable npy file"),
    "npy of more than it has": ("a.npy", npy(NORMS).replace(b"(3, 12)", b"(9, 12)"), "is not a readable npy file"),
    "npz of several shapes": ("a.npz", npz(fc1=np.ones(3), fc2=np.ones(4)), "holds no array norm or log_norm; it holds fc1"),
    "npz of gradients": ("a.npz", npz(**{"fc1.weight": np.ones((3, 3)), "fc2.weight": np.ones((3, 3))}), "holds no array norm"),
    "npz with a total": ("a.npz", npz(fc1=np.ones(3), fc2=np.ones(3), total=np.ones(3)), "total is no layer"),
    "events without norms": ("", lambda folder: write_events(folder, [scalar(0, "loss", 1.0)]), "needs columns"),
    "a folder of nothing": ("", lambda folder: folder, "is a folder without event files (tfevents) or metrics.csv"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_tells_no_norms_by_layer_is_refused_with_its_reason(form: str, tmp_path: Path) -> None:
    name, content, words = REFUSED[form]
    with pytest.raises(InputError) as refused:
        read_networks([written(tmp_path, name, content)], "delta")
    assert words in str(refused.value)
    assert len(refused.value.problems) == 1


def test_lightning_norms_are_never_delta(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no norms of kind delta, only of weight"):
        read_norms(written(tmp_path, "metrics.csv", csv_text(lightning())), "delta")
