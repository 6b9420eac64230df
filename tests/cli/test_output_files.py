"""-o of every command that has it: what is there already is respected in the same way by all."""

import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.promises.calls import gradflow
from tests.small import NET

MARKED = {
    "out.md": ("report", "net"),
    "out.html": ("report", "net"),
    "out.svg": ("plot", "net"),
    "out.png": ("plot", "net"),
    "out.pdf": ("plot", "net", "--figure", "loss"),
}
ASKING = {
    "out.csv": ("export", "net"),
    "out.json": ("export", "net"),
    "out.parquet": ("export", "net", "--table", "runs"),
    "out.yaml": ("new", "quickstart"),
    "out.py": ("new", "torch-recorder"),
}
ALL = {**MARKED, **ASKING}
COMMANDS = {name: ALL[name] for name in ("out.md", "out.svg", "out.csv", "out.yaml")}
OWN = {  # for each command, an own file of the run that its suffix allows, by a link where it allows none
    "report.md": MARKED["out.md"],
    "summary.json": ASKING["out.json"],
    "config.yaml": ASKING["out.yaml"],
    "run.json": ASKING["out.json"],
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "net.yaml").write_text(NET)
    assert gradflow(folder, "run", "net.yaml", "--quiet").code == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "folder"))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder: Path, *args: str) -> str:
    """The one line of a command that writes nothing."""
    before = contents(folder)
    done = gradflow(folder, *args)
    assert (done.code, done.out) == (2, ""), done
    (line,) = done.err.splitlines()
    assert contents(folder) == before
    return line


@pytest.mark.parametrize("name", MARKED)
def test_a_command_replaces_what_it_wrote_itself(folder: Path, name: str) -> None:
    for _ in range(2):
        assert gradflow(folder, *MARKED[name], "-o", name).code == 0
    first = (folder / name).read_bytes()
    (folder / name).write_bytes(first.replace(b"0", b"1", 1))
    line = refused(folder, *MARKED[name], "-o", name)
    assert line == (
        f"error: {name}: is there already, and not as gradflow wrote it: "
        "--force replaces it, or choose another name"
    )
    assert gradflow(folder, *MARKED[name], "-o", name, "--force").code == 0
    assert gradflow(folder, *MARKED[name], "-o", name).code == 0  # it is gradflow's own again


@pytest.mark.parametrize("name", ALL)
def test_every_command_asks_before_it_replaces_what_the_user_wrote(folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    line = refused(folder, *ALL[name], "-o", name)
    assert line.startswith(f"error: {name}: is there already")
    assert line.endswith(": --force replaces it, or choose another name")
    assert gradflow(folder, *ALL[name], "-o", name, "--force", "--quiet").code == 0
    assert (folder / name).read_bytes() != b"mine"


@pytest.mark.parametrize(
    "words",
    [
        *([*words, "-o", ""] for words in COMMANDS.values()),
        ["export", "net", "--to", "mlflow", "-o", ""],
        ["export", "net", "-o", "", "--runs-dir", "runs", "--force"],
        ["schema", "-o", ""],
        ["theory", "--html", ""],
        ["run", "net.yaml", "seed=9", "--runs-dir", ""],
        ["ls", "", "--json"],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_refused_and_never_taken_for_this_folder(folder: Path, words: list[str]) -> None:
    (folder / "runs.csv").write_text("mine")
    line = refused(folder, *words)
    assert "it is empty, perhaps from a variable that is not set" in line


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_replaces_a_read_only_file(folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    (folder / name).chmod(0o444)
    line = refused(folder, *ALL[name], "-o", name, "--force")
    assert line == f"error: {name}: is read-only: make it writable, or choose another name"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_writes_to_a_device_or_a_pipe(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert refused(folder, *ALL[name], "-o", name, "--force").endswith("is not a regular file: name another")
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/null")
    assert refused(folder, *ALL[name], "-o", name, "--force").endswith("is not a regular file: name another")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_writes_over_a_runs_own_file(folder: Path, name: str) -> None:
    (run,) = (folder / "runs").iterdir()
    (folder / name).symlink_to(run / "recording.npz")
    line = refused(folder, *ALL[name], "-o", name, "--force")
    assert line == f"error: {name}: is a run's own file: choose another name"


@pytest.mark.parametrize("name", OWN)
def test_no_command_takes_a_runs_own_name(folder: Path, name: str) -> None:
    (run,) = (folder / "runs").iterdir()
    target = f"runs/{run.name}/{name}"
    assert refused(folder, *OWN[name], "-o", target, "--force").endswith("own file: choose another name")
    assert refused(folder, *ASKING["out.csv"], "-o", f"runs/{run.name}/recording.npz", "--to", "csv",
                   "--force").endswith("own file: choose another name")  # fmt: skip


def test_a_figure_in_a_runs_folder_outlives_another_threshold_and_force(folder: Path) -> None:
    (run,) = (folder / "runs").iterdir()
    figure, notes = run / "flow.svg", run / "NOTES.md"
    assert gradflow(folder, "plot", "net", "-o", str(figure)).code == 0
    notes.write_text("mine")
    for more in (["analysis.stable_decades=2"], ["--force"], []):
        before = figure.read_bytes()
        assert gradflow(folder, "run", "net.yaml", *more, "--quiet").code == 0
        assert (figure.read_bytes(), notes.read_text()) == (before, "mine")
    assert gradflow(folder, "plot", "net", "-o", str(figure)).code == 0


def test_one_table_that_is_there_keeps_all_from_being_written(folder: Path) -> None:
    (folder / "tables").mkdir()
    (folder / "tables" / "layers.csv").write_text("mine")
    line = refused(folder, "export", "net", "-o", "tables", "--to", "csv")
    assert line.startswith("error: tables/layers.csv: is there already: --force replaces it")
    assert gradflow(folder, "export", "net", "-o", "tables", "--to", "csv", "--force").code == 0
    assert sorted(path.name for path in (folder / "tables").iterdir()) == [
        "evaluations.csv",
        "layers.csv",
        "runs.csv",
        "steps.csv",
    ]


def test_event_files_are_replaced_with_force_and_nothing_else_is(folder: Path) -> None:
    (run,) = (folder / "runs").iterdir()
    export = ("export", "net", "--to", "tensorboard", "-o", "events")
    assert gradflow(folder, *export).code == 0
    (file,) = (folder / "events" / run.name).iterdir()
    line = refused(folder, *export)
    assert line.endswith("is there already: --force replaces it, or choose another folder")
    file.rename(file.with_name("events.out.tfevents.1.gradflow"))
    assert gradflow(folder, *export, "--force").code == 0
    assert list(file.parent.iterdir()) == [file]
    (file.parent / "mine").touch()
    assert refused(folder, *export, "--force").endswith("holds more than event files: choose another folder")
    line = refused(folder, "export", "net", "--to", "tensorboard", "-o", "runs", "--force")
    assert line.endswith("holds more than event files: choose another folder")


@pytest.mark.parametrize("command", ["report", "plot", "export", "new"])
def test_help_tells_of_force(folder: Path, command: str) -> None:
    text = " ".join(gradflow(folder, command, "--help").out.split())
    assert "--force" in text
    assert "Replace a file that is there already, whoever wrote it." in text


def test_marked_files_are_still_what_they_were(folder: Path) -> None:
    """By other readers: XML, and the two chunks that end a PNG."""
    for name in ("out.svg", "out.png", "out.pdf"):
        assert gradflow(folder, *MARKED[name], "-o", name).code == 0
    assert ElementTree.parse(folder / "out.svg").getroot().tag.endswith("svg")
    assert (folder / "out.png").read_bytes().endswith(b"\0\0\0\0IEND\xaeB`\x82")
    assert b"%%EOF" in (folder / "out.pdf").read_bytes()[-200:]
