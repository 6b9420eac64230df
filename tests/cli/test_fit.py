"""`gradflow fit` of logs of several depths: the page, the document, and the runs that they become."""

import json
from pathlib import Path

import pytest

from gradflow.store import open_run
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
