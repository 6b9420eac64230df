"""Norms that were recorded elsewhere: every form of a file, what is refused, and the run that they become."""

import os
import shutil
import zipfile
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.compare import row_of
from gradflow.analysis.outside import Norms
from gradflow.analysis.summary import Flip, Flow
from gradflow.errors import InputError, RunError
from gradflow.outside import read_networks, read_norms, run_of, save_norms
from gradflow.report import terminal
from gradflow.report.csv_text import csv_text
from gradflow.report.pages import run_page
from gradflow.report.terminal import Look
from gradflow.store import open_run, scan
from gradflow.store.export import json_text, layers_table, lists
from gradflow.store.rows import read_row
from tests.archives import archive, npy
from tests.store.seals import document_of

C, DEPTH, SEEDS = 0.8, 12, 3
NAMES = np.array([f"fc{layer}" for layer in range(DEPTH)])
WORDS = "stem pool west east left right north south top bottom near far".split()  # noqa: SIM905
STEPS = (0, 5)
LOGS = np.array(
    [[[(DEPTH - layer) * log(C) + 0.01 * seed * layer + step for seed in range(SEEDS)]
      for layer in range(1, DEPTH + 1)] for step in STEPS]
)  # fmt: skip
EVERY = [(i, j, k) for i in range(len(STEPS)) for j in range(DEPTH) for k in range(SEEDS)]


def csv_of(header: str, line: Callable[[int, int, int], str], order: list[Any] = EVERY) -> str:
    return "\n".join([header, *(line(*place) for place in order)])


def long(i: int, j: int, k: int) -> str:
    return f"{STEPS[i]},{j + 1},{k},{LOGS[i, j, k]!s}"


def wide(prefix: str, values: Any) -> str:
    rows = [
        f"{STEPS[i]},{k}," + ",".join(str(v) for v in values[i, :, k]) for i in range(2) for k in range(SEEDS)
    ]
    return "\n".join(["step,seed," + ",".join(f"{prefix}{j + 1}" for j in range(DEPTH)), *rows])


TEXTS = {
    "long logs": csv_of("step,layer,seed,log_norm", long),
    "long norms": csv_of(
        "step,layer,seed,norm", lambda i, j, k: f"{STEPS[i]},{j},{k},{exp(LOGS[i, j, k])!s}"
    ),
    "in any order": csv_of("step,layer,seed,log_norm", long, EVERY[::-1]),
    "with a kind": csv_of("kind,step,layer,seed,log_norm", lambda *at: f"delta,{long(*at)}"),
    "quoted, with a BOM": "\ufeff" + csv_of('"step","layer",seed,log_norm', long),
    "every second number": csv_of(
        "layer,step,seed,log_norm", lambda i, j, k: f"{2 * j},{STEPS[i]}.0,{k},{LOGS[i, j, k]!s}"
    ),
    "named": csv_of(
        "step,layer,seed,log_norm", lambda i, j, k: f"{STEPS[i]},{WORDS[j]},{k},{LOGS[i, j, k]!s}"
    ),
    "wide logs": wide("log_norm_", LOGS),
    "wide norms": wide("norm_fc", np.exp(LOGS)),
}
ARRAYS: dict[str, dict[str, Any]] = {
    "logs": {"log_norm": LOGS, "step": np.array(STEPS)},
    "norms": {"norm": np.exp(LOGS), "step": np.array(STEPS), "layer": NAMES},
    "with a kind": {"log_norm": LOGS, "step": np.array(STEPS), "kind": np.array("delta")},
    "our own": {"log_delta_norm": LOGS, "step": np.array(STEPS, float), "loss": np.zeros((2, SEEDS))},
    "long": {
        "log_norm": LOGS.reshape(-1), "step": np.array([STEPS[i] for i, _, _ in EVERY]),
        "layer": np.array([j for _, j, _ in EVERY]), "seed": np.array([k for _, _, k in EVERY]),
    },
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | dict[str, Any]], Path]:
    def written(content: str | dict[str, Any]) -> Path:
        path = tmp_path / ("norms.csv" if isinstance(content, str) else "norms.npz")
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            np.savez(path, **content)
        return path

    return written


Write = Callable[[str | dict[str, Any]], Path]


@pytest.mark.parametrize(
    "content", [*TEXTS.values(), *ARRAYS.values()], ids=[*TEXTS, *(f"npz {n}" for n in ARRAYS)]
)
def test_every_form_of_a_file_gives_the_same_norms(write: Write, content: str | dict[str, Any]) -> None:
    norms = read_norms(write(content), "delta")
    assert norms.steps == STEPS
    assert (len(norms.layers), norms.networks) == (DEPTH, SEEDS)
    np.testing.assert_allclose(norms.logs["delta"], LOGS, atol=1e-12)


def test_names_keep_their_order_and_numbers_are_sorted(write: Write) -> None:
    assert read_norms(write("step,layer,norm\n0,b,1\n0,a,1"), "delta").layers == ("b", "a")
    assert read_norms(write("step,layer,norm\n0,10,1\n0,9,1"), "delta").layers == ("9", "10")


def flow(path: Path, kind: str | None = "delta") -> Flow:
    return run_of(read_norms(path, kind), "norms", path).summary.flow.initial


def test_a_planted_c_is_found_with_its_interval(write: Write) -> None:
    drawn = np.random.default_rng(0).normal(log(C), 0.1, (DEPTH, 8)).cumsum(axis=0)[::-1]
    found = flow(write({"log_norm": drawn[None]}))
    assert found.c is not None
    assert found.c_low is not None
    assert found.c_high is not None
    assert found.c_low < C < found.c_high
    assert found.c_high - found.c_low < 0.2
    assert (found.interval, found.verdict, found.transitions) == ("t over seeds", "vanishing", DEPTH - 1)


def test_a_norm_of_zero_is_a_dead_layer(write: Write) -> None:
    found = flow(write("step,layer,norm\n0,1,0\n0,2,0\n0,3,1"))
    assert (found.verdict, found.c) == ("dead", None)
    assert "layer 2" in (found.reason or "")


def test_zeros_below_the_edge_of_float32_are_no_dead_layer(write: Write) -> None:
    """As of 80 sigmoid layers in PyTorch: 0.1^l until there are no smaller numbers."""
    rows = [f"0,{layer},{10.0 ** (layer - 51) if layer > 12 else 0}" for layer in range(1, 51)]
    found = flow(write("\n".join(["step,layer,norm", *rows])))
    assert (found.verdict, found.c) == ("vanishing", None)
    for words in ("up to layer 12", "1e-38 at layer 13", "model.double()", "layers 13 to 50 pass 0.1 each"):
        assert words in (found.reason or "")


def test_zeros_below_the_edge_of_float16_are_no_dead_layer(write: Write) -> None:
    found = flow(write(layers_of(dict(enumerate([0, 0, "1e-7", "5e-6", "1e-4", "2e-3", 0.04, 0.8], 1)))))
    assert (found.verdict, found.c) == ("vanishing", None)
    assert "float16" in (found.reason or "")


def test_a_norm_that_is_not_finite_is_an_overflow(write: Write) -> None:
    assert flow(write("step,layer,norm\n0,1,inf\n0,2,1\n0,3,nan")).verdict == "overflow"


def test_a_bad_first_step_is_named_and_a_good_last_one_is_fitted(write: Write) -> None:
    path = write("step,layer,norm\n0,1,inf\n0,2,1\n0,3,1\n7,1,1\n7,2,2\n7,3,4")
    flows = run_of(read_norms(path, "delta"), "norms", path).summary.flow
    assert flows.initial.reason == "the delta norms are not finite at step 0: infinite at layer 1"
    assert "1 of the 2 steps are not finite, first of step 0" in (flows.final.reason or "")
    assert (flows.final.step, flows.final.c) == (7, pytest.approx(0.5))


def test_weight_gradients_give_no_c_and_it_says_why_and_what_to_do(write: Write) -> None:
    found = flow(write(TEXTS["long logs"]), "weight")
    assert (found.c, found.verdict) == (None, "undetermined")
    for words in ("Glorot & Bengio 2010, eq. 14", "gradflow sweep", "depth=", "torch-recorder"):
        assert words in (found.reason or "")
    assert found.profile.log10_weight_grad[-1] == pytest.approx(LOGS[0, -1].mean() / log(10))


def test_of_two_kinds_delta_is_fitted_and_the_weights_stand_beside_it(write: Write) -> None:
    rows = [(i, j, k) for i, j, k in EVERY if k < 2]
    kinds = "delta", "weight"
    both = csv_of("kind,step,layer,log_norm", lambda i, j, k: f"{kinds[k]},{i},{j},{LOGS[i, j, k]!s}", rows)
    found = flow(write(both), None)
    assert found.c == pytest.approx(C)
    assert found.profile.log10_weight_grad[0] == pytest.approx(LOGS[0, 0, 1] / log(10))
    assert flow(write(both), "weight").c is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("step,layer,norm\n0,1,1", "--kind delta"),
        ("step,layer,kind,norm\n0,1,delt,1", "did you mean delta"),
        ("step,layer,kind,norm\n0,1,,1", "--kind delta"),
        ("", "columns step, layer and norm"),
        ("step,layer,value\n0,1,1", "columns step, layer and norm"),
        ("step,kind,fc1,fc2\n0,delta,1,1", "norm_1"),
        ("step,layer,kind,norm\n", "holds no norms"),
        ("step,layer,kind,norm\n0,1,delta,x", "norms.csv:2: the norm 'x' is no number"),
        ("step,layer,kind,norm\n0,1,delta,", "norms.csv:2: a norm is empty: write nan"),
        ("step,layer,kind,norm\n0,1,delta,-2", "log_norm if it holds natural logs"),
        ("step,layer,kind,norm\n0.5,1,delta,1", "no whole number"),
        ("step,layer,kind,norm\nnan,1,delta,1", "no whole number"),
        ("step,layer,kind,norm\n0,1,delta", "norms.csv:2: has 3 cells"),
        ("step,layer,kind,norm,norm\n", "two columns are called 'norm'"),
        ("step,layer,kind,norm\n0,1,delta,1\n0,1,delta,2", "norms.csv:3: a second norm of step 0, layer 1"),
        ("step,layer,kind,norm\n0,1,delta,1\n0,2,delta,1\n1,1,delta,1", "step 1, layer 2, seed 0 is missing"),
        ("step,layer,kind,norm\n0,1,delta,1\n0,1,weight,1\n1,1,weight,1", "other kind has not"),
        ("step,layer,kind,norm\n0,1,delta,1\x00", "norm"),
        ('step,layer,kind,norm\n0,1,delta,"1', "norms.csv:2: not well-formed CSV"),
        ({"gradient": LOGS}, "no array norm or log_norm; it holds gradient"),
        ({"log_norm": LOGS[..., None]}, "(steps, layers, seeds)"),
        ({"log_norm": np.array(["a"])}, "norms are numbers"),
        ({"log_norm": LOGS, "step": np.arange(7), "kind": np.array("delta")}, "step has 7 entries for 2"),
        ({"log_norm": np.array([None, 1], object)}, "log_norm holds Python objects: save it as numbers"),
        ({"norm": np.ones(2), "layer": np.array(["a", 1], object)}, "holds Python objects: save it as text"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_where_it_stands(
    write: Write, content: str | dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_norms(write(content))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("delt", "did you mean delta"), ("weight", "holds no norms of kind weight, only of delta")],
)
def test_a_kind_that_is_not_there_is_refused(write: Write, kind: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_norms(write(TEXTS["with a kind"]), kind)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv"):
        with pytest.raises(InputError, match=path.name):
            read_norms(path, "delta")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="not a readable npz"):
        read_norms(broken, "delta")


class Owned:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_an_npz_that_is_damaged_runs_or_swells_is_refused(tmp_path: Path) -> None:
    whole = archive(norm=npy(np.linspace(2, 1, 2001)))
    norms = tmp_path / "norms.npz"
    for content, words in (
        (whole.replace(np.float64(1.5).tobytes(), np.float64(1.6).tobytes()), "not a readable npz"),
        (whole.replace(b"(2001,)", b"(1001,)"), "not a readable npz"),
        (archive(norm=npy(np.array([Owned(tmp_path / "owned")]))), "norm holds Python objects"),
        (archive(zipfile.ZIP_DEFLATED, norm=bytes(100_000_001)), "holds more than 100 MB"),
    ):
        norms.write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_norms(norms, "delta")
    assert not (tmp_path / "owned").exists()
    os.truncate(norms, 100_000_001)
    with pytest.raises(InputError, match="is larger than 100 MB"):
        read_norms(norms, "delta")


def test_norms_become_a_run_that_compare_and_show_take(write: Write, tmp_path: Path) -> None:
    path = write(TEXTS["long logs"])
    saved = save_norms(tmp_path / "runs", "outside", read_norms(path, "delta"), path, lambda run: run.id)
    (entry,) = scan(tmp_path / "runs")
    assert entry.run is not None
    assert entry.run.id == saved.id
    row = read_row(entry.run)
    assert row["c"] == saved.summary.flow.initial.c
    assert (row["model.depth"], row["data"], row["status"]) == (DEPTH, "recorded", "completed")
    found = open_run(saved.path)
    np.testing.assert_array_equal(found["log_delta_norm"], LOGS)
    assert np.isnan(found["q"]).all()
    assert sorted(one.name for one in saved.path.iterdir()) == [
        "config.yaml", "recording.npz", "report.md", "run.json", "summary.json",
    ]  # fmt: skip


def test_the_recording_of_norms_of_weights_is_read_as_such(write: Write, tmp_path: Path) -> None:
    path = write(TEXTS["long logs"])
    saved = save_norms(tmp_path / "runs", "outside", read_norms(path, "weight"), path)
    norms = read_norms(saved.path / "recording.npz")
    assert list(norms.logs) == ["weight"]
    np.testing.assert_array_equal(norms.logs["weight"], LOGS)


def test_its_summary_can_be_made_again(write: Write, tmp_path: Path) -> None:
    path = write(TEXTS["long logs"])
    saved = save_norms(tmp_path / "runs", "outside", read_norms(path, "delta"), path)
    before = document_of(saved.path)
    (saved.path / "summary.json").unlink()
    assert open_run(saved.path).summary.document() == before


@pytest.mark.parametrize("seeds", [(7, 8, 9), (7, 9, 12), (0, 1, 2)])
def test_networks_keep_the_seeds_of_their_file(write: Write, tmp_path: Path, seeds: tuple[int, ...]) -> None:
    text = csv_of(
        "step,layer,seed,log_norm", lambda i, j, k: f"{STEPS[i]},{j + 1},{seeds[k]},{LOGS[i, j, k]!s}"
    )
    path = write(text)
    saved = save_norms(tmp_path / "runs", "outside", read_norms(path, "delta"), path)
    for run in (saved, open_run(saved.path)):
        columns = layers_table([run], "last")
        assert list(dict.fromkeys(columns["seed"])) == list(seeds)
        assert list(columns["log_delta_norm"][:DEPTH]) == list(LOGS[-1, :, 0])


def test_the_same_norms_are_one_run_and_other_norms_another(write: Write, tmp_path: Path) -> None:
    path = write(TEXTS["long logs"])
    norms = read_norms(path, "delta")
    first, again = (save_norms(tmp_path / "runs", "outside", norms, path) for _ in range(2))
    assert first.path == again.path
    other = save_norms(tmp_path / "runs", "outside", read_norms(path, "weight"), path)
    assert other.path != first.path


@pytest.mark.parametrize("name", ["run.json", "recording.npz"])
def test_a_damaged_run_of_norms_is_made_anew_and_another_one_is_left(
    write: Write, tmp_path: Path, name: str
) -> None:
    path = write(TEXTS["long logs"])
    norms = read_norms(path, "delta")
    saved = save_norms(tmp_path / "runs", "outside", norms, path)
    (saved.path / "mine.txt").touch()
    (saved.path / name).write_bytes(b"{")
    again = save_norms(tmp_path / "runs", "outside", norms, path)
    assert (saved.path / "mine.txt").exists()
    for run in (again, open_run(saved.path)):
        np.testing.assert_array_equal(run["log_delta_norm"], LOGS)
    shutil.rmtree(saved.path)
    other = save_norms(tmp_path / "runs", "outside", read_norms(path, "weight"), path)
    other.path.rename(saved.path)
    with pytest.raises(RunError, match=f"holds {other.id}: move that away"):
        save_norms(tmp_path / "runs", "outside", norms, path)
    assert open_run(saved.path).id == other.id


def test_it_has_no_config_that_could_be_run(write: Write, tmp_path: Path) -> None:
    path = write(TEXTS["long logs"])
    run = save_norms(tmp_path / "runs", "outside", read_norms(path, "delta"), path)
    with pytest.raises(InputError, match="has no config"):
        _ = open_run(run.path).config


@pytest.mark.parametrize("name", ["../x", "", "a b", ".x"])
def test_a_name_that_no_run_can_have_is_refused(write: Write, tmp_path: Path, name: str) -> None:
    path = write(TEXTS["long logs"])
    with pytest.raises(InputError, match="a run is named by"):
        save_norms(tmp_path / "runs", name, read_norms(path, "delta"), path)
    assert not (tmp_path / "runs").exists()


def layers_of(norms: dict[Any, Any]) -> str:
    return "step,layer,norm\n" + "".join(f"0,{name},{norm}\n" for name, norm in norms.items())


def wide_of(norms: dict[Any, Any]) -> str:
    titles = ",".join(name if isinstance(name, str) else f"norm_{name}" for name in norms)
    return f"step,{titles}\n0,{','.join(map(str, norms.values()))}\n"


TWELVE = {n: 0.8 ** (12 - n) for n in range(1, 13)}
BY_NAME = {f"norm_fc{n}": TWELVE[n] for n in sorted(TWELVE, key=str)}


@pytest.mark.parametrize(
    ("content", "names", "c"),
    [
        (wide_of(BY_NAME), [f"fc{n}" for n in TWELVE], 0.8),
        (layers_of({float(n): TWELVE[n] for n in reversed(TWELVE)}), [str(n) for n in TWELVE], 0.8),
        ({"norm": np.array([*TWELVE.values()][::-1]), "layer": np.arange(12.0, 0, -1)},
         [str(n) for n in TWELVE], 0.8),
        ({"norm": np.array([*BY_NAME.values()]), "layer": np.array([*BY_NAME]).astype("S")},
         [f"norm_fc{n}" for n in TWELVE], 0.8),
        (layers_of({0: 0.1, 3: 0.2, 5: 0.4, 8: 0.8}), ["0", "3", "5", "8"], 0.5),
        (wide_of({"": 0, "loss": 2.3, "lr": 0.1, "epoch": 1, "top5_acc": 7.5, **BY_NAME}),
         [f"fc{n}" for n in TWELVE], 0.8),
    ],
    ids=["wide, sorted by letters", "float column", "float array", "bytes", "uneven", "with other columns"],
)  # fmt: skip
def test_layers_are_ordered_by_their_numbers(
    write: Write, content: str | dict[str, Any], names: list[str], c: float
) -> None:
    norms = read_norms(write(content), "delta")
    assert list(norms.layers) == names
    assert norms.order.startswith("by number")
    assert ("uneven" in norms.order) == (c == 0.5)
    assert flow(write(content)).c == pytest.approx(c)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wide_of({**TWELVE, "norm_total": 1.6}), "total is no layer: remove it"),
        (layers_of({**TWELVE, "total_norm": 1.6}), "total_norm is no layer"),
        (wide_of({**TWELVE, "grad_norm": 1.6}), "the column 'grad_norm': remove it"),
        (wide_of({**TWELVE, "normalized_loss": 1.6}), "the column 'normalized_loss': remove it"),
        (wide_of({**TWELVE, "norm": 1.6}), "the column 'norm': remove it"),
        (wide_of({**BY_NAME, "fc13": 1.6}), "the column 'fc13': remove it, or call it norm_NAME"),
        (wide_of({**BY_NAME, "norm_fc1.1": 1.6}), "fc1.1 is a second column fc1 that a reader renamed"),
        (wide_of({**BY_NAME, "norm_fc1_1": 1.6}), "fc1_1 is a second column fc1 that a reader renamed"),
        ({"norm": np.ones(3), "layer": np.array(["fc1", "fc2", "all"])}, "all is no layer"),
        ({"norm": np.ones(3), "layer": np.array([1, 2, np.nan])}, "nan is no layer"),
        (layers_of({"": 1, "fc1": 1}), "the layer '' needs a short name"),
    ],
)
def test_what_is_no_layer_is_refused_by_name(write: Write, content: str | dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_norms(write(content), "delta")
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(write(content)))


def test_an_order_that_is_stated_is_taken(write: Write) -> None:
    path = write(layers_of({"conv1": 1, "conv2": 2, "bn2": 4, "bn1": 8}))
    with pytest.raises(InputError, match=r"no order .* conv1, conv2, bn2, bn1: say --order file"):
        read_norms(path, "delta")
    for order, c in (("file", 0.5), ("backward", 2.0)):
        norms = read_norms(path, "delta", order)
        assert run_of(norms, "x", path).summary.flow.initial.c == pytest.approx(c)
        assert "as stated" in norms.order
    with pytest.raises(InputError, match="--order fil: there are file and backward; did you mean file"):
        read_norms(path, "delta", "fil")


def test_weight_norms_need_no_order_since_they_give_no_c(write: Write) -> None:
    names = ["conv1.weight", "conv1.bias", "h.0.k_proj.weight", "h.0.q_proj.weight", "bn2", "bn1"]
    path = write(layers_of(dict.fromkeys(names, 1)))
    norms = read_norms(path, "weight")
    assert (list(norms.layers), norms.order) == (names, "that of the file")
    assert "give no c" in (run_of(norms, "x", path).summary.flow.initial.reason or "")
    with pytest.raises(InputError, match=r"conv1\.bias and its weight are of one layer"):
        read_norms(path, "delta")


def test_norms_that_end_in_nan_have_diverged(write: Write, tmp_path: Path) -> None:
    logs = LOGS[[0] * 8].copy()
    logs[2:, 3, 0] = np.nan
    path = write({"log_norm": logs, "step": np.arange(8), "layer": NAMES})
    run = save_norms(tmp_path / "runs", "x", read_norms(path, "delta"), path)
    summary = open_run(run.path).summary
    assert (run.status, summary.status, run.info["outcome"]["diverged_step"]) == ("diverged", "diverged", 2)
    assert summary.training.diverged_step == 2
    assert summary.history.flips == (Flip(2, "vanishing", "overflow"),)
    assert (summary.flow.initial.verdict, summary.flow.initial.reason) == ("vanishing", None)
    final = summary.flow.final
    assert (final.step, final.verdict, final.c) == (7, "overflow", None)
    assert final.reason == "the delta norms are not finite at step 7: nan at layer fc3"
    page = terminal.render(run_page(summary), Look(columns=80, wrap=False, colours=None, unicode=True))
    assert "After 7 steps overflow: the delta norms are not finite at step 7" in page
    assert "Diverged at step 2" in page


def test_steps_without_numbers_among_others_are_told(write: Write) -> None:
    logs = np.repeat(LOGS[:1], 40, axis=0)
    logs[[7, 8, 30], 3, 0] = np.inf
    path = write({"log_norm": logs})
    summary = run_of(read_norms(path, "delta"), "x", path).summary
    assert (summary.status, summary.training.diverged_step, summary.history.flips) == ("completed", None, ())
    for found in (summary.flow.initial, summary.flow.final):
        assert found.verdict == "vanishing"
        assert found.reason is not None
        assert found.reason.startswith("the delta norms of 3 of the 40 steps are not finite, first of step 7")
        assert found.reason.endswith("infinite at layer 4")


def test_weight_norms_that_are_not_finite_are_told(write: Write) -> None:
    found = run_of(read_norms(write("step,layer,norm\n0,a,1\n0,b,nan"), "weight"), "x", Path("x")).summary
    assert (found.flow.initial.verdict, found.status) == ("overflow", "diverged")
    assert "weight norms are not finite at step 0: nan at layer b" in (found.flow.initial.reason or "")


def test_rows_of_zeros_below_an_edge_make_no_flip_to_dead(write: Write) -> None:
    falling = np.log(10.0) * -np.arange(9.0, -1, -1)
    sunk = np.where(falling < log(1e-7), -np.inf, falling)
    rows = np.concatenate([np.tile(falling, (8, 1)), np.tile(sunk, (8, 1))])
    rows[:8, :] += 0.5 * np.arange(10)[::-1]  # the smallest of the record is that of float16
    rows[:8, :] = np.maximum(rows[:8, :], log(1e-7))
    path = write({"log_norm": rows[..., None]})
    summary = run_of(read_norms(path, "delta"), "x", path).summary
    assert summary.flow.final.verdict == "vanishing"
    assert summary.history.flips == ()


LOSS = np.array([[2.3, 2.2, 2.1], [1.5, 1.4, 1.3]])  # by step and seed
PAIRS = [(i, k) for i in range(len(STEPS)) for k in range(SEEDS)]
LOG_TITLES = [f"log_norm_{j + 1}" for j in range(DEPTH)]


def long_with(loss: Callable[[int, int], Any]) -> str:
    return csv_of("step,layer,seed,log_norm,loss", lambda i, j, k: f"{long(i, j, k)},{loss(i, k)}")


WITH_LOSS: dict[str, str | dict[str, Any]] = {
    "long": long_with(lambda i, k: LOSS[i, k]),
    "wide": "\n".join(
        ",".join(map(str, row))
        for row in [
            ["step", "seed", "Loss", *LOG_TITLES],
            *([STEPS[i], k, LOSS[i, k], *LOGS[i, :, k]] for i, k in PAIRS),
        ]
    ),
    "our own": {"log_delta_norm": LOGS, "step": np.array(STEPS, float), "loss": LOSS},
    "an array a layer": {
        "step": np.array(STEPS),
        "loss": LOSS,
        **{title: LOGS[:, j] for j, title in enumerate(LOG_TITLES)},
    },
    "an array a layer, by its name alone": {
        "step": np.array(STEPS),
        "loss": LOSS,
        **{name: np.exp(LOGS[:, j]) for j, name in enumerate(NAMES)},
    },
    "long, in rows of its own": csv_of("step,layer,seed,log_norm,loss", lambda *at: f"{long(*at)},")
    + "".join(f"\n{STEPS[i]},,{k},,{LOSS[i, k]}" for i, k in PAIRS),
    "wide, in rows of its own": "\n".join(
        line
        for i, k in PAIRS
        for line in (
            ",".join(map(str, [STEPS[i], k, LOSS[i, k], *[""] * DEPTH])),
            ",".join(map(str, [STEPS[i], k, "", *LOGS[i, :, k]])),
        )
    ).join(["step,seed,train_loss," + ",".join(LOG_TITLES) + "\n", ""]),
    "by tag": csv_of(
        "step,seed,tag,value", lambda i, j, k: f"{STEPS[i]},{k},{LOG_TITLES[j]},{LOGS[i, j, k]!s}"
    )
    + "".join(f"\n{STEPS[i]},{k},Loss/train,{LOSS[i, k]}" for i, k in PAIRS),
}


@pytest.mark.parametrize("name", WITH_LOSS)
def test_a_loss_beside_the_norms_is_read(write: Write, name: str) -> None:
    recording = read_norms(write(WITH_LOSS[name]), "delta").recording()
    np.testing.assert_allclose(recording["loss"], LOSS)
    np.testing.assert_allclose(recording["log_delta_norm"], LOGS)


def test_rows_of_something_else_pass_and_rows_cut_short_do_not(write: Write) -> None:
    norms = "step,layer,norm,accuracy\n0,1,1,\n0,2,1,\n"
    assert read_norms(write(f"{norms}0,,,0.5\n"), "delta").steps == (0,)
    with pytest.raises(InputError, match=r"norms\.csv:4: a norm is empty"):
        read_norms(write(f"{norms}1,,,\n"), "delta")


def test_a_loss_of_no_step_or_of_one_or_a_network_without_norms_is_left_out(write: Write) -> None:
    rows = "step,layer,seed,norm,loss\n0,1,0,1,\n0,2,0,1,\n0,,0,,3\n1,,0,,2\n0,,1,,7\n,,0,,9\n"
    np.testing.assert_array_equal(read_norms(write(rows), "delta").recording()["loss"], [[3]])


def exported(columns: dict[str, Any], form: str = "csv") -> str:
    """As `gradflow export` writes the table of layers."""
    if form == "json":
        return json_text({"runs": {"run": ["x"]}, "layers": columns})
    return csv_text(list(columns), zip(*lists(columns), strict=True))


BLOWN = np.where(np.arange(DEPTH)[:, None] < 3, np.nan, LOGS[1])


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize(
    ("delta", "zeros", "verdict", "words"),
    [
        (np.where(np.arange(DEPTH)[:, None] < 4, -np.inf, LOGS[1]), 32.0, "dead", "layer 4"),
        (BLOWN, 0.0, "overflow", "nan at layer 3"),
        (np.where(np.isnan(BLOWN), np.inf, BLOWN), 0.0, "overflow", "at layer 3"),
    ],
)
def test_our_own_export_tells_a_gradient_of_zero_from_one_that_is_not_finite(
    write: Write, tmp_path: Path, delta: Any, zeros: float, verdict: str, words: str, form: str
) -> None:
    logs = np.stack([LOGS[0], delta])
    norms = Norms(STEPS, tuple(NAMES), {"delta": logs, "weight": logs}, more={
        "zero_delta": np.where(np.isfinite(logs), 0.0, zeros)
    })  # fmt: skip
    run = run_of(norms, "norms", tmp_path)
    found = read_norms(write(exported(layers_table([run], "all"), form)))
    flows = run_of(found, "again", tmp_path).summary.flow
    assert flows.initial.c == run.summary.flow.initial.c
    assert flows.final.verdict == run.summary.flow.final.verdict == verdict
    assert words in (flows.final.reason or "")
    for kind in ("delta", "weight"):
        kept = np.where(np.isposinf(logs), np.nan, logs)
        np.testing.assert_array_equal(found.logs[kind], kept)


def test_an_export_of_what_was_recorded_elsewhere_holds_the_kind_that_was(
    write: Write, tmp_path: Path
) -> None:
    norms = Norms(STEPS, tuple(NAMES), {"delta": LOGS})
    text = exported(layers_table([run_of(norms, "norms", tmp_path)], "all"))
    found = read_norms(write(text))
    assert list(found.logs) == ["delta"]
    np.testing.assert_array_equal(found.logs["delta"], LOGS)
    with pytest.raises(InputError, match=r"fit the recording\.npz of the run"):
        read_norms(write(text.replace(str(LOGS[0, 0, 0]), "")))


KEYED = "run,row,step,seed,layer,name,seeds,model.depth,model.init.sigma_w,log_delta_norm,zero_delta"
OF_EACH = csv_of(
    KEYED,
    lambda i, j, k: f"n{k},0,{STEPS[i]},{k},{j + 1},n{k},{k + 1},{DEPTH},1.5,{LOGS[i, j, k]!s},0",
)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_export_of_runs_that_differ_in_more_than_their_seeds_is_refused(write: Write, form: str) -> None:
    text = OF_EACH.replace(f",3,{DEPTH},1.5,", f",3,{DEPTH},0.9,")
    titles, *lines = (line.split(",") for line in text.split("\n"))
    columns = {title: [line[i] for line in lines] for i, title in enumerate(titles)}
    words = "holds runs that differ in model.init.sigma_w: give those of one"
    with pytest.raises(InputError, match=words if form == "json" else rf"norms\.csv:4: {words}"):
        read_norms(write(exported(columns, form) if form == "json" else text))


def test_an_export_of_runs_that_differ_in_their_seeds_alone_gives_the_networks_of_all(write: Write) -> None:
    found = read_norms(write(OF_EACH))
    np.testing.assert_array_equal(found.logs["delta"], LOGS)


def test_an_export_of_several_depths_gives_the_depth_law(write: Write) -> None:
    header = "run,row,step,seed,layer,model.depth,log_delta_norm,zero_delta"
    rows = [f"n,0,0,0,{layer + 1},{depth},{-0.1 * layer},0" for depth in (4, 8) for layer in range(depth)]
    assert list(read_networks([write("\n".join([header, *rows]))])) == [4, 8]


@pytest.mark.parametrize("number", [int, float])
def test_a_long_npz_may_have_depths_and_losses_as_a_csv(write: Write, number: type) -> None:
    at = [(depth, step, layer) for depth in (4, 8) for step in range(2) for layer in range(depth)]
    depth, step, layer = np.array(at).T
    columns = {
        "depth": depth.astype(number),
        "step": step,
        "layer": layer,
        "norm": 0.9**layer,
        "loss": 3.0 - step,
    }
    networks = read_networks([write(columns)], "delta")
    assert list(networks) == [4, 8]
    assert [one.recording()["loss"].tolist() for one in networks.values()] == [[[3], [2]]] * 2


@pytest.mark.parametrize("loss", ["", "n/a", "nan", "None"])
def test_what_is_no_loss_is_none(write: Write, loss: str) -> None:
    content = long_with(lambda i, k: loss)
    assert np.isnan(read_norms(write(content), "delta").recording()["loss"]).all()


@pytest.mark.parametrize(
    "content",
    [
        ",step,norm_1,norm_2\n0,0,.1,.2\n1,1,.1,.2\n",
        ",step,layer,norm\n0,0,1,.1\n1,0,2,.2\n",
        ",Step,a - norm_1,a - norm_2,b - loss,b - norm_1,b - norm_2\n0,0,.1,.2,,.1,.2\n",
    ],
    ids=["wide", "long", "a panel"],
)
def test_the_index_that_pandas_writes_is_no_loss(write: Write, content: str) -> None:
    assert read_norms(write(content), "weight").more == {}


def test_a_loss_in_any_row_of_a_step_is_that_of_the_step(write: Write) -> None:
    rows = "step,layer,norm,loss\n0,1,.1,5\n0,2,.2,\n1,1,.1,\n1,2,.2,4\n"
    assert read_norms(write(rows), "weight").more["loss"].tolist() == [[5], [4]]


def test_the_losses_of_a_file_are_those_of_minibatches_in_every_form(write: Write) -> None:
    path = write({"log_norm": np.repeat(LOGS[:1], 3, axis=0), "loss": np.array([3.38, 3.2, 3.03])})
    summary = run_of(read_norms(path, "delta"), "x", path).summary
    assert summary.training.minibatch_loss_initial == pytest.approx(3.38)
    assert row_of(summary)["minibatch_loss_final"] == pytest.approx(3.03)
    page = terminal.render(run_page(summary), Look())
    assert "Minibatch loss 3.38 to 3.03 in 2 steps.\n" in page


def test_a_loss_that_is_not_recorded_at_an_end_is_not_known_there(write: Write) -> None:
    path = write({"log_norm": np.repeat(LOGS[:1], 3, axis=0), "loss": np.array([3.38, 3.2, np.nan])})
    training = run_of(read_norms(path, "delta"), "x", path).summary.training
    assert training.minibatch_loss_initial == pytest.approx(3.38)
    assert training.minibatch_loss_final is None


def test_a_loss_that_stalls_is_a_symptom_of_a_file(write: Write) -> None:
    loss = np.maximum(2.3 - 0.1 * np.arange(40), 1.5)
    path = write({"log_norm": np.repeat(LOGS[:1], 40, axis=0), "loss": loss})
    summary = run_of(read_norms(path, "delta"), "x", path).summary
    assert [(one.name, one.step) for one in summary.symptoms] == [("loss-stalled", 27)]
    assert summary.history.loss[0] == 2.3
