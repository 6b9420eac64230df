"""`gradflow fit`: logs of several depths, symptoms and advice, and a run's own norms beside the run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradflow as package
from gradflow.analysis.summary import strict
from gradflow.config import parse_config
from gradflow.execution.execute import execute
from gradflow.starters import starter_text
from gradflow.store import Run, open_run
from gradflow.yaml_file import parse
from tests.promises.calls import gradflow

C, DEPTHS = 0.8, (10, 20, 40)


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    """dW of layers that are alike within a network, as eq. 14 has it, and fall with the depth."""
    names = []
    for depth in DEPTHS:
        norms = dict.fromkeys((f"grad_norm/layers.{i}.weight" for i in range(depth)), C**depth)
        rows = [{"step": 0, "seed": seed, **norms} for seed in range(3)]
        (tmp_path / f"deep{depth}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        names.append(f"deep{depth}.jsonl")
    return names


def test_several_depths_give_the_depth_law_of_dw(tmp_path: Path, logs: list[str]) -> None:
    done = gradflow(tmp_path, "fit", *logs[::-1])
    assert (done.code, done.err) == (0, "")
    assert "Across depths 10 to 40 ||dL/dW|| of the first layer goes as c^L, c = 0.8" in done.out
    found = json.loads(gradflow(tmp_path, "fit", *logs, "--json").out)
    assert found["depth_law"]["weight_grad"]["c"] == pytest.approx(C)
    assert [network["depth"] for network in found["networks"]] == list(DEPTHS)


def test_one_log_of_dw_is_told_to_be_one(tmp_path: Path, logs: list[str]) -> None:
    done = gradflow(tmp_path, "fit", logs[0])
    for words in ("give no c", "Glorot & Bengio 2010, eq. 14", "gradflow fit A.csv B.csv"):
        assert words in done.out


def test_each_depth_is_saved_with_its_own_file(tmp_path: Path, logs: list[str]) -> None:
    done = gradflow(tmp_path, "fit", *logs, "-o", "deep")
    assert (done.code, done.err.count("saved as deep-")) == (0, 3)
    runs = [open_run(path) for path in (tmp_path / "runs").glob("deep-*")]
    assert {Path(run.summary.config["data"]["path"]).name for run in runs} == set(logs)


def test_a_log_of_the_whole_network_is_told_to_have_no_depth(tmp_path: Path) -> None:
    state = {"log_history": [{"step": 10, "grad_norm": 1.5, "loss": 2.0}, {"step": 10, "train_runtime": 3.0}]}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    done = gradflow(tmp_path, "fit", "trainer_state.json")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: trainer_state.json: grad_norm is one norm of the whole network")
    assert "gradflow new torch-recorder" in line


# symptoms and advice


def fitted(folder: Path, *args: str) -> dict[str, Any]:
    done = gradflow(folder, "fit", *args, "--json")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def written(folder: Path, norms: np.ndarray[Any, Any]) -> str:
    """A wide file of norms (rows, layers)."""
    titles = ["step", *(f"norm_fc{i}" for i in range(norms.shape[1]))]
    lines = [",".join(map(str, [step, *map(float, row)])) for step, row in enumerate(norms)]
    (folder / "norms.csv").write_text("\n".join([",".join(titles), *lines]))
    return "norms.csv"


def test_a_file_gets_symptoms_and_advice_as_a_run_does(tmp_path: Path) -> None:
    norms = np.tile(C ** np.arange(11, -1, -1), (20, 1)) * np.linspace(1, 0.9, 20)[:, None]
    norms[12:, 3] = 0
    file = written(tmp_path, norms)
    found = fitted(tmp_path, file, "--kind", "delta")
    assert [(one["name"], one["step"], one["layer"]) for one in found["symptoms"]] == [("dead-layer", 12, 4)]
    assert [(one["lever"], one["command"]) for one in found["advice"]] == [("initialization", None)]
    assert found["advice"][0]["torch"] == "with torch.no_grad(): layer.weight.mul_(1.25)"
    page = gradflow(tmp_path, "fit", file, "--kind", "delta").out
    assert "dead-layer, step 12, layer 4: no gradient passes layer fc3" in page
    assert "1.25 times the weights of each layer, 1 / c, bring c^12 from 0.069 near 1" in page
    summary = package.fit(tmp_path / file, kind="delta").summary
    assert strict([vars(one) for one in summary.symptoms]) == found["symptoms"]


def test_a_saved_file_keeps_them_and_names_no_config(tmp_path: Path) -> None:
    file = written(tmp_path, C ** np.arange(11.0, -1, -1)[None])
    gradflow(tmp_path, "fit", file, "--kind", "delta", "-o", "mine")
    (path,) = (tmp_path / "runs").glob("mine-*")
    (advice,) = open_run(path).summary.advice
    assert (advice.command, "1.25 times" in advice.message) == (None, True)
    assert "config.yaml" not in gradflow(tmp_path, "show", "mine").out


def test_networks_of_several_depths_have_their_own(tmp_path: Path) -> None:
    for depth in (12, 24):
        rows = [f"0,{layer},{C ** (depth - layer)}" for layer in range(1, depth + 1)]
        (tmp_path / f"{depth}.csv").write_text("\n".join(["step,layer,norm", *rows]))
    found = fitted(tmp_path, "12.csv", "24.csv", "--kind", "delta")
    assert [len(one["advice"]) for one in found["networks"]] == [1, 1]
    assert [one["symptoms"] for one in found["networks"]] == [[], []]
    page = gradflow(tmp_path, "fit", "12.csv", "24.csv", "--kind", "delta").out
    assert page.index("Depth 12") < page.index("c^12 from") < page.index("Depth 24") < page.index("c^24 from")


# the norms that a run has exported, beside the run


def starter(folder: Path, name: str, *overrides: str) -> Run:
    return execute(parse_config(parse(starter_text(name), name), folder, overrides), folder / "runs")


def of_exports(folder: Path, run: Run) -> list[dict[str, Any]]:
    """Of its own arrays and, where all norms are finite, of its table of layers in CSV."""
    done = gradflow(folder, "export", run.id, "-o", "layers.csv", "--rows", "all")
    assert done.code == 0, done.err
    finite = np.isfinite(run["log_delta_norm"]).all() and np.isfinite(run["log_weight_grad_norm"]).all()
    files = [str(run.path / "recording.npz"), *(["layers.csv"] if finite else [])]
    return [fitted(folder, file, "--kind", "delta") for file in files]


HEALTHY = {
    "he-relu": ("width=64",),
    "orthogonal": ("width=64",),
    "rezero": ("depth=100",),
    "selu-lecun": ("width=64",),
    "two-layers": (),
    "one-neuron": (),
}
SHARED = ("single-layer", "gradient-jump", "non-finite")  # which need no more than norms


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_starter_has_no_symptom_in_its_norms(tmp_path: Path, name: str, thorough: bool) -> None:
    run = starter(tmp_path, name, *(() if thorough else ("steps=12", *HEALTHY[name])))
    assert not {*SHARED} & {one.name for one in run.summary.symptoms}
    for found in of_exports(tmp_path, run):
        assert found["symptoms"] == []
        assert (found["advice"] == []) == (run.summary.flow.initial.verdict in ("stable", "undetermined"))


SHALLOW = ("depth=12", "width=32", "steps=30")
WILD = {
    "steps too long": ("he-relu", "lr=1e4", *SHALLOW),
    "a larger scale": ("gaussian-exploding", *SHALLOW, "data=teacher", "lr=0.1"),
    "one layer": (
        "one-neuron", "depth=20", "activation=linear", "steps=0", "init=constant",
        f"init.value={[1.0] * 9 + [1e-4] + [1.0] * 10}",
    ),
    "an early blow-up": ("selu-lecun", "lr=30", "loss=mse", *SHALLOW),
}  # fmt: skip


@pytest.mark.parametrize("name", WILD)
def test_the_norms_of_a_run_have_its_symptoms(tmp_path: Path, name: str) -> None:
    run = starter(tmp_path, *WILD[name])
    own = [(one.name, one.step, one.layer) for one in run.summary.symptoms if one.name in SHARED]
    for found in of_exports(tmp_path, run):
        told = [(one["name"], one["step"], one["layer"]) for one in found["symptoms"]]
        assert [one for one in told if one[0] in SHARED] == own != []
