"""What is put on the shelf: a wheel and an sdist that hold what users need, and run without the checkout."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKOUT = {".github", "configs", "gradflow", "tests", "README.md", "pyproject.toml"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both, built from this checkout without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def unpacked(built: Path) -> Path:
    """The wheel as an installer lays it out."""
    place = built / "site"
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(place)
    return place


def test_the_wheel_says_what_it_is(unpacked: Path) -> None:
    info = next(unpacked.glob("*.dist-info"))
    said = Parser().parsestr((info / "METADATA").read_text())
    assert (said["Name"], said["License-Expression"]) == ("gradflow-lab", "MIT")
    licenses = [info / "licenses" / name for name in said.get_all("License-File", [])]
    assert [path.read_text().splitlines()[0] for path in licenses] == ["MIT License"]
    entries = (info / "entry_points.txt").read_text().split()
    assert entries.count("gradflow.cli:main") == 2
    assert {"gradflow", "gradflow-lab"} < set(entries)


def test_the_sdist_holds_the_tests_and_what_stands_beside_them(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.split("/")[1] for name in sdist.getnames()}
    assert names >= CHECKOUT


def test_without_the_checkout_a_starter_is_written_and_run(unpacked: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "GRADFLOW_RUNS_DIR"}
    env["PYTHONPATH"] = str(unpacked)  # before what is installed

    def said(*words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
        return done.stdout

    assert Path(said("-c", "import gradflow; print(gradflow.__file__)").strip()).is_relative_to(unpacked)
    said("-m", "gradflow", "new", "quickstart", "-o", "mine.yaml")
    report = said("-m", "gradflow", "run", "mine.yaml", "depth=4", "width=16", "steps=3", "--quiet")
    assert "each layer passes" in report
    assert "mine-" in said("-m", "gradflow", "ls")


@pytest.fixture(scope="module")
def bare(built: Path) -> Path:
    """The commands of a fresh environment with the wheel and what it depends on, and nothing else."""
    place = built / "bare"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    done = subprocess.run(
        [*pip, str(next(built.glob("*.whl")))], capture_output=True, text=True, check=False, cwd=place
    )
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip("no package registry answers")
    assert done.returncode == 0, done.stderr
    return place / "bin"


@pytest.mark.thorough
def test_a_bare_environment_has_every_command_that_needs_no_extra(bare: Path, tmp_path: Path) -> None:
    env = {"PATH": f"{bare}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def said(*words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done

    loaded = "import gradflow, sys; print(*{'numpy', 'pydantic', 'yaml', 'rich', 'typer'} & {*sys.modules})"
    assert said("python", "-c", loaded).stdout == "\n"
    home = said("python", "-c", "import gradflow; print(gradflow.__file__)").stdout.strip()
    assert Path(home).is_relative_to(bare.parent)
    said("gradflow", "new", "quickstart", "-o", "mine.yaml")
    small = ("depth=4", "width=16", "steps=3", "--quiet")
    assert "each layer passes" in said("gradflow", "run", "mine.yaml", *small).stdout
    own = ("activation=expression", "activation.value=z * tanh(z)")
    assert "z * tanh(z)" in said("gradflow-lab", "run", "mine.yaml", *small, *own).stdout
    axes = ("init=he_normal,xavier_normal", "--workers", "2")
    assert "he_normal" in said("gradflow", "sweep", "mine.yaml", "name=two", *small, *axes).stdout
    said("gradflow", "report", "two-*", "-o", "two.md")
    assert "he_normal" in (tmp_path / "two.md").read_text(encoding="utf-8")
    said("python", "-c", "import gradflow; print(gradflow.load('@1').path)")
    refused = said("gradflow", "plot", "two-*", "-o", "two.svg", code=2).stderr
    assert "pip install 'gradflow-lab[plot]'" in refused
    assert len(refused.splitlines()) == 1
