"""gradflow precision as it is typed."""

import json
from pathlib import Path

import pytest

from tests.promises.calls import gradflow

MODEL = "{depth: 12, width: 32, activation: tanh, init: {name: gaussian, sigma_w: 0.5}}"
CONFIG = f"{{model: {MODEL}, training: {{steps: 0}}, seeds: 2}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def test_a_config_and_its_run_lose_the_same(folder: Path) -> None:
    of_config = json.loads(gradflow(folder, "precision", "net.yaml", "--json").out)
    assert gradflow(folder, "run", "net.yaml", "-q").code == 0
    before = {path: path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file()}
    assert json.loads(gradflow(folder, "precision", "@1", "--json").out) == of_config
    assert {path: path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file()} == before
    more = json.loads(gradflow(folder, "precision", "@1", "seeds=3", "batch_size=64", "--json").out)
    assert (more["networks"], more["batch"]) == (3, 64)


def test_the_document_has_every_layer_of_every_format(folder: Path) -> None:
    found = json.loads(gradflow(folder, "precision", "net.yaml", "--json").out)
    assert (found["layers"], found["networks"], found["batch"]) == (12, 2, 128)
    assert list(found["precision"]) == ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
    half = found["precision"]["float16"]
    assert [*half] == ["delta_underflow", "delta_overflow", "a_underflow", "a_overflow", "loss_scale"]
    assert all(len(half[name]) == 12 for name in [*half][:4])
    assert half["delta_underflow"][0] > half["delta_underflow"][-1]
    lowest, highest = half["loss_scale"]
    assert 0 < lowest < highest
    page = gradflow(folder, "precision", "net.yaml").out
    assert f"2^{lowest} to 2^{highest}" in page
    assert len(found["a_zero"]) == 12


def test_the_page_says_what_rescues_delta_and_where_nothing_does(folder: Path) -> None:
    text = gradflow(folder, "precision", "net.yaml", "depth=30").out
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith(("float", "bfloat"))}
    assert rows["float8_e4m3fn"].endswith("none")
    assert rows["bfloat16"].endswith("not needed")
    assert "none: no one scale keeps 99% of every layer's delta" in text
    assert "a, outputs of the layers" in text
    assert "No format loses 1% of a in any layer." not in text
    first = [line.split()[0] for line in text.splitlines() if " / 0" in line]
    assert [first[0], first[15]] == ["1", "30"]  # of sixteen layers


def test_a_page_fits_eighty_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = gradflow(folder, "precision", "net.yaml", "init.sigma_w=0.3").out
    tables = [line for line in text.splitlines() if "  " in line]
    assert max(map(len, tables)) <= 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.yaml", "deepth=3"], "did you mean"),
        (["nothing"], "error: there are no runs in runs"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_what_has_none_is_refused_in_a_line(folder: Path, words: list[str], message: str) -> None:
    done = gradflow(folder, "precision", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("command", ["precision", "jacobian"])
def test_a_run_of_norms_that_were_recorded_elsewhere_has_no_networks(folder: Path, command: str) -> None:
    (folder / "norms.csv").write_text("layer,norm\n1,0.5\n2,0.7\n3,1\n")
    assert gradflow(folder, "fit", "norms.csv", "--kind", "delta", "-o", "theirs", "-q").code == 0
    done = gradflow(folder, command, "theirs")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.endswith(": was recorded elsewhere and has no config that could be run")
