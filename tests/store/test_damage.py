"""Run directories damaged in every way: one line that names the file and the remedy, and no waiting."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.analysis.summary_parts import Samples
from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.recording import Recording
from gradflow.store import Run, open_run, scan
from gradflow.store.arrays import describe, write_arrays
from gradflow.store.names import LARGEST
from gradflow.store.writing import write_file
from gradflow.version import __version__
from tests.archives import archive, npy
from tests.store.seals import document_of, seal
from tests.store.small import small

DEEP = b"[" * 100_000
NOT_JSON = "is not a JSON document"
NOT_NPZ = "is not a readable npz file"
HUGE = "1" + "0" * 5000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(small(), tmp_path_factory.mktemp("runs")).path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def read_everything(folder: Path) -> Run:
    run = open_run(folder)
    assert run.config.digest == run.info["digest"]
    assert len(run.recording) == 19
    assert run.summary.path == str(folder)
    return run


def refusal(folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        read_everything(folder)
    assert caught.value.exit_code == 1
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(str(folder), "RUN")


def edit(path: Path, *keys: Any, value: Any = None) -> None:
    """Set the value of a path of keys in a JSON file; without one, remove it."""
    document = json.loads(path.read_text())
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path.write_text(json.dumps(document))
    if (path.parent / "summary.json").stat().st_size:
        seal(path.parent, document_of(path.parent))


def missing(path: Path) -> None:
    path.unlink()


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def huge(path: Path) -> None:
    os.truncate(path, 2 * 10**9)


KINDS: dict[Callable[[Path], None], str] = {
    missing: "is missing",
    dangling: "is missing",
    loop: "cannot be read: Too many levels of symbolic links",
    fifo: "is not a regular file",
    zeros: "is not a regular file",
    directory: "",
    huge: "",
}


def test_a_whole_run_is_read(folder: Path) -> None:
    assert read_everything(folder).status == "completed"


@pytest.mark.parametrize("name", ["run.json", "recording.npz"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_file_that_is_something_else_is_named(
    folder: Path, name: str, kind: Callable[[Path], None]
) -> None:
    kind(folder / name)
    line = refusal(folder)
    assert line.startswith(f"RUN/{name}: {KINDS[kind]}")
    assert line.endswith(": run its config again with --force")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_config_that_is_something_else_is_named(folder: Path, kind: Callable[[Path], None]) -> None:
    kind(folder / "config.yaml")
    line = refusal(folder)
    assert line.startswith("RUN/config.yaml: is damaged (")
    assert line.endswith("): run its config again with --force")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_summary_that_is_something_else_is_made_again(folder: Path, kind: Callable[[Path], None]) -> None:
    expected = read_everything(folder).summary
    kind(folder / "summary.json")
    assert read_everything(folder).summary == expected


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b"{}", "is damaged"),
        (b"[]", "is damaged"),
        (b"null", "is damaged"),
        (b"\xff\xfe", NOT_JSON),
        (b"\x00" * 100, NOT_JSON),
        (DEEP, NOT_JSON),
        (b'{"format": NaN}', NOT_JSON),
        (b'{"format": ' + HUGE.encode() + b"}", NOT_JSON),
        (b'{"format": 2}', "is of format '2': this version of gradflow reads format 1"),
        (b'{"format": "\\u001b[31m' + b"x" * 100 + b'"}', "is of format '\\x1b[31mxxxxxxxxxxxxxxx'"),
    ],
)
def test_a_run_json_that_is_none_is_named(folder: Path, content: bytes, what: str) -> None:
    (folder / "run.json").write_bytes(content)
    assert refusal(folder).startswith(f"RUN/run.json: {what}")


def written_by(folder: Path, version: str, **changes: Any) -> None:
    document = json.loads((folder / "run.json").read_text())
    document["versions"]["gradflow"] = version
    (folder / "run.json").write_text(json.dumps({**document, **changes}))
    (folder / "summary.json").unlink(missing_ok=True)  # which may be rebuilt, and was sealed with the other


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0rc1", "1", "12.0.3.dev4"])
def test_what_a_newer_version_wrote_names_it(folder: Path, version: str) -> None:
    written_by(folder, version)
    open_run(folder)  # it may be understood
    with (folder / "config.yaml").open("a") as file:
        file.write("extras: 3\n")
    told = (
        f"and was written by gradflow {version}: this is {__version__}: upgrade it, or run the config again"
    )
    line = refusal(folder)
    assert line.startswith("RUN/config.yaml: is not understood (extras: unknown key")
    assert told in line
    written_by(folder, version, status="resting")
    assert refusal(folder).startswith(f"RUN/run.json: is not understood, {told}")
    written_by(folder, version, format=2)
    told = f"is of format '2', by gradflow {version}: this version of gradflow reads format 1"
    assert refusal(folder) == f"RUN/run.json: {told}"


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "1.0\x1b[31m", "next", "9" * 40, "1.0 or so", 3, None])
def test_what_no_newer_version_wrote_is_damaged(folder: Path, version: Any) -> None:
    written_by(folder, version, status="resting")
    assert refusal(folder).startswith("RUN/run.json: is damaged:")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["id"], None),
        (["id"], 1),
        (["id"], "../../etc"),
        (["id"], f"../net-{small().digest[:8]}"),
        (["id"], f"a\n-{small().digest[:8]}"),
        (["digest"], "0" * 64),
        (["digest"], "x"),
        (["status"], "finished"),
        (["status"], ["completed"]),
        (["reason"], 3),
        (["times"], "now"),
        (["times", "finished"], "yesterday"),
        (["times", "finished"], "2026-01-01T00:00:00"),
        (["times", "started"], None),
        (["times", "seconds"], "1"),
        (["versions", "threads"], 1.5),
        (["versions", "threads"], True),
        (["versions", "numpy"], {}),
        (["arrays"], {}),
        (["arrays"], []),
        (["arrays", "q"], None),
        (["arrays", "q"], 7),
        (["arrays", "q", "shape"], [7, 3]),
        (["arrays", "q", "shape"], [7, 3, 2.0]),
        (["arrays", "q", "shape"], [7, -3, -2]),
        (["arrays", "q", "shape"], [10**9, 10**9, 10**9]),
        (["arrays", "q", "sha256"], "0" * 64),
        (["arrays", "q", "sha256"], None),
        (["arrays", "x"], {"shape": [1], "sha256": ""}),
        (["arrays", "log_delta_norm", "shape"], [7, 3, 0]),
        (["outcome", "diverged_step"], "3"),
        (["data"], 1),
        (["data", "q_0"], None),
        (["data", "q_0"], "1"),
    ],
)
def test_a_forged_run_json_is_one_line(folder: Path, keys: list[str], value: Any) -> None:
    edit(folder / "run.json", *keys, value=value)
    assert refusal(folder).startswith("RUN")


def test_infinite_numbers_are_refused(folder: Path) -> None:
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"q_0": ', '"q_0": 1e999, "was": '))
    assert refusal(folder).startswith("RUN/run.json: is not a JSON document")


def test_a_run_of_before_the_data_was_described_says_the_same(folder: Path) -> None:
    before = read_everything(folder).summary
    for key in ("samples_test", "task", "standardize"):
        edit(folder / "run.json", "data", key)
    edit(folder / "summary.json", "data")
    after = read_everything(folder).summary
    assert after == replace(before, data=Samples(32, 4, 3, None, "classification"))


def test_keys_of_a_later_version_are_passed_over(folder: Path) -> None:
    edit(folder / "run.json", "later", value={"x": 1})
    assert read_everything(folder).status == "completed"


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["format"], 2),
        (["format"], None),
        (["id"], "net-00000000"),
        (["status"], "diverged"),
        (["flow"], []),
        (["flow", "initial"], None),
        (["flow", "initial", "c"], "0.9"),
        (["flow", "initial", "c"], 10**400),
        (["flow", "initial", "step"], "0"),
        (["flow", "initial", "layers"], "12"),
        (["flow", "initial", "verdict"], "<b>stable</b>"),
        (["flow", "final", "borderline"], 1),
        (["flow", "final", "profile", "log10_delta"], [1, "2"]),
        (["flow", "final", "profile", "log10_delta"], [10**400, 1.5]),
        (["flow", "final", "profile", "log10_delta"], {}),
        (["flow", "final", "c_power_depth"], [1]),
        (["flow", "final", "c_power_depth"], {"10": "1"}),
        (["theory", "phase"], 1),
        (["training", "steps"], 1.5),
        (["training", "more"], 1),
        (["symptoms"], [{}]),
        (["advice"], [{"lever": "depth"}]),
        (["config"], "x"),
        (["data"], {}),
        (["data", "samples"], "9"),
        (["data", "task"], 1),
    ],
)
def test_a_forged_summary_is_made_again(folder: Path, keys: list[str], value: Any) -> None:
    expected = read_everything(folder).summary
    edit(folder / "summary.json", *keys, value=value)
    assert read_everything(folder).summary == expected


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", DEEP, b"\xff", b'{"format": 1}'])
def test_a_summary_that_is_none_is_made_again_and_not_written(folder: Path, content: bytes) -> None:
    expected = read_everything(folder).summary
    (folder / "summary.json").write_bytes(content)
    assert read_everything(folder).summary == expected
    assert (folder / "summary.json").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", ""),
        (b"model: {", "a bracket is not closed"),
        (b"- 1", ""),
        (b"\x00", ""),
        (b"a: &a [*a]", ""),
    ],
)
def test_a_config_that_is_none_is_named(folder: Path, content: bytes, what: str) -> None:
    (folder / "config.yaml").write_bytes(content)
    assert refusal(folder).startswith(f"RUN/config.yaml: is damaged ({what}")


def test_a_config_changed_by_hand_is_told(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("seed: 0", "seed: 1", 1))
    assert "is not the config of this run: its digest differs" in refusal(folder)
    (folder / "config.yaml").write_text(text.replace("stable_decades: 1.0", "stable_decades: 2.0"))
    assert "is not the config that the run was saved with" in refusal(folder)
    (folder / "config.yaml").write_text(f"# the one of figure 3\n{text}\n")
    assert read_everything(folder).config.analysis.stable_decades == 1


def replaced(folder: Path, method: int = zipfile.ZIP_STORED, **arrays: Any) -> None:
    """Write the recording anew with other members."""
    recording = {name: npy(array) for name, array in open_run(folder).recording.items()}
    members = {**recording, **{name: npy(array) for name, array in arrays.items() if array is not None}}
    kept = {name: content for name, content in members.items() if arrays.get(name, 0) is not None}
    (folder / "recording.npz").write_bytes(archive(method, **kept))


def test_a_recording_with_other_arrays_is_refused(folder: Path) -> None:
    q = open_run(folder)["q"]
    for arrays in (
        {"q": None}, {"q": q + 1}, {"q": q.astype(np.float32)}, {"q": np.asfortranarray(q)}, {"q": q[:-1]},
        {"q": q.reshape(3, 7, 2)}, {"q": q.astype(">f8")}, {"r": q[0, 0]}, {"q": np.array([[Path("x")]])},
    ):  # fmt: skip
        before = (folder / "recording.npz").read_bytes()
        replaced(folder, **arrays)
        assert refusal(folder).startswith("RUN/recording.npz: "), arrays
        (folder / "recording.npz").write_bytes(before)


def forged(folder: Path, recording: Recording) -> None:
    """Write another recording, and a run.json that agrees with it."""
    (folder / "recording.npz").unlink()
    write_file(folder / "recording.npz", lambda file: write_arrays(file, recording))
    edit(folder / "run.json", "arrays", value=describe(recording))


def test_a_forged_recording_still_has_the_arrays_of_its_config(folder: Path) -> None:
    whole = open_run(folder).recording
    forged(folder, {name: array for name, array in whole.items() if name != "q"})
    assert refusal(folder).startswith("RUN: run.json does not declare the arrays of a run: ")
    forged(folder, {**whole, "q": whole["q"][:-1]})
    assert refusal(folder).startswith("RUN: run.json does not declare the arrays of a run: ")
    forged(folder, {name: array[:, :2] if array.ndim == 3 else array for name, array in whole.items()})
    assert refusal(folder).startswith("RUN/recording.npz: has not the layers and networks of config.yaml: ")
    forged(folder, {**whole, "later": whole["step"]})
    assert open_run(folder)["later"].shape == (7,)


def test_a_recording_of_another_size_is_refused_unread(folder: Path) -> None:
    content = (folder / "recording.npz").read_bytes()
    (folder / "recording.npz").write_bytes(bytes(10**6) + content)
    assert refusal(folder).startswith("RUN/recording.npz: has not the size of the arrays in run.json: ")


def test_a_recording_that_inflates_is_refused(folder: Path) -> None:
    replaced(folder, zipfile.ZIP_DEFLATED)
    assert refusal(folder).startswith("RUN/recording.npz: ")


def test_a_cut_recording_is_refused_wherever_it_is_cut(folder: Path) -> None:
    content = (folder / "recording.npz").read_bytes()
    for size in range(0, len(content), 211):
        (folder / "recording.npz").write_bytes(content[:size])
        assert refusal(folder).startswith("RUN/recording.npz: ")


def test_every_damaged_byte_is_harmless_or_refused(folder: Path) -> None:
    content = (folder / "recording.npz").read_bytes()
    run = open_run(folder)
    expected, refused = run.recording, 0
    for position in range(0, len(content), 23):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        (folder / "recording.npz").write_bytes(damaged)
        try:
            found = Run(folder, run.info, config=run.config).recording
        except RunError:
            refused += 1
            continue
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)
    assert refused > len(content) // 46


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "no", tmp_path / "file"):
        with pytest.raises(RunError, match="is not a run directory: name one that `gradflow ls` shows"):
            open_run(path)


def test_a_document_may_not_be_larger_than_it_could_be(folder: Path) -> None:
    with (folder / "run.json").open("a") as file:
        file.write(" " * LARGEST)
    assert refusal(folder).startswith("RUN/run.json: is larger than 16 MB")


def test_damaged_runs_do_not_hide_the_others(folder: Path, whole: Path) -> None:
    shutil.copytree(whole, folder.parent / "kept")
    fifo(folder / "run.json")
    kept, damaged = scan(folder.parent)
    assert kept.run
    assert kept.path.name == "kept"
    assert damaged.path == folder
    assert damaged.problem == f"{folder}/run.json: is not a regular file: run its config again with --force"
