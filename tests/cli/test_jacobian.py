"""gradflow jacobian as it is typed."""

import json
from pathlib import Path

import pytest

from tests.cli.test_app import gradflow

CONFIG = (
    "{model: {depth: 3, width: 32, activation: tanh, init: xavier_normal}, training: {steps: 0}, seeds: 2}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_a_config_and_its_run_have_one_jacobian(folder: Path) -> None:
    of_config = json.loads(gradflow(folder, "jacobian", "net.yaml", "--json").stdout)
    assert of_config["networks"] == 2
    assert of_config["units"] == [32, 32]
    assert of_config["variance_low"] < of_config["variance"] < of_config["variance_high"]
    assert gradflow(folder, "run", "net.yaml", "-q").returncode == 0
    before = {path: path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file()}
    assert json.loads(gradflow(folder, "jacobian", "@1", "--json").stdout) == of_config
    assert {path: path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file()} == before
    more = json.loads(gradflow(folder, "jacobian", "@1", "seeds=3", "--json").stdout)
    assert more["networks"] == 3


def test_the_page_has_measured_and_theory_beside_each_other(folder: Path) -> None:
    text = gradflow(folder, "jacobian", "net.yaml", "width=128").stdout
    assert "dz_3 / dz_1, 128 by 128" in text
    assert "Var s^2 / mean^2" in text
    assert "standard errors from theory" in text


def test_the_histogram_goes_to_a_picture(folder: Path) -> None:
    done = gradflow(folder, "jacobian", "net.yaml", "-o", "spectrum.svg")
    assert (done.returncode, "wrote spectrum.svg" in done.stderr) == (0, True)
    assert "singular value / root mean square" in (folder / "spectrum.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.yaml", "norm=batch"], "model.norm: batch norm"),
        (["net.yaml", "depth=1"], "model.depth: dz_L / dz_1 needs two hidden layers"),
        (["net.yaml", "-o", "x.txt"], "a figure ends in .svg"),
        (["nothing"], "error: there are no runs in runs"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_what_has_none_is_refused_in_a_line(folder: Path, words: list[str], message: str) -> None:
    done = gradflow(folder, "jacobian", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "x.txt").exists()
