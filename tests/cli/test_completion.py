"""Shell completion: what is offered, that it costs little and says nothing else, and real shells that ask."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradflow.cli import config_words, offers
from gradflow.cli.commands.plot import FIGURES as OFFERED_FIGURES
from gradflow.cli.export import FORMATS, TABLES
from gradflow.cli.light import COMPLETION
from gradflow.config import override_key
from gradflow.config.keys import FIELDS, OF_ENTRIES
from gradflow.errors import InputError
from gradflow.report.charts.figures import FIGURES
from gradflow.starters import starter_names
from gradflow.sweeps.executors import EXECUTORS
from gradflow.yaml_events import dotted
from tests.cli.schema_words import module, of_schema
from tests.cli.shells import STARTS, Typist, home_for
from tests.cli.test_app import HEAVY, environment
from tests.cli.test_latest import NET
from tests.promises.calls import Done, gradflow, tree
from tests.sampling import rarely

WRITE = "completion does not know the schema: python -m tests.cli.schema_words"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a run, a sweep of two points, and a run that was cut short."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "net.yaml").write_text(NET)
    for words in (["run", "net.yaml", "name=alone"], ["sweep", "net.yaml", "name=pair", "seed=2,3"]):
        done = gradflow(folder, *words, "--quiet", *(["--executor", "serial"] if words[0] == "sweep" else []))
        assert done.code == 0, done.err
    (folder / "runs" / ".partial" / "begun-01234567-checkpoint").mkdir(parents=True)
    return folder


def of_line(line: str, shell: str = "bash") -> dict[str, str]:
    return {COMPLETION: f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}


def asked(folder: Path, line: str, shell: str = "bash") -> Done:
    return gradflow(folder, env=of_line(line, shell))


def offered(folder: Path, line: str) -> list[str]:
    done = asked(folder, line)
    assert (done.code, done.err) == (0, "")
    return done.out.splitlines()


def test_the_words_of_configs_are_the_schema_s() -> None:
    assert of_schema() == {"KEYS": config_words.KEYS, "ENTRIES": config_words.ENTRIES}, WRITE
    assert Path(config_words.__file__).read_text(encoding="utf-8") == module(), WRITE


def test_whatever_a_key_may_be_called_stands_for_the_same_key_in_an_override() -> None:
    names = {dotted(path[i:]) for path in (*FIELDS, *OF_ENTRIES) for i in range(len(path))}
    known = {**config_words.KEYS, **config_words.ENTRIES}
    told = {name: offers.full_key(name) for name in names}
    assert len([name for name, key in told.items() if key]) > 150
    for name, key in told.items():
        try:
            meant = override_key(name)
        except InputError:
            meant = None
        assert key == (meant if meant in known else None), name


def test_every_key_is_reached_by_what_is_offered_for_its_beginnings() -> None:
    """Unless the beginning is that of a choice, whose own key comes first."""
    for key in (*config_words.KEYS, *config_words.ENTRIES):
        for length in range(key.find(".") + 1 or 1, len(key) + 1):
            steps = offers.keys(key[:length])
            leads = [f"{key}=".startswith(word) or key.startswith(f"{word[:-1]}.") for word in steps]
            assert any(leads), (key[:length], steps)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gradflow s", ["sweep", "show", "schema"]),
        ("gradflow --inst", ["--install-completion"]),
        ("gradflow run net.yaml dep", ["depth="]),
        ("gradflow run net.yaml see", ["seed=", "seeds="]),
        ("gradflow run net.yaml l", ["loss=", "lr="]),
        ("gradflow run net.yaml mod", ["mode=", "model."]),
        ("gradflow run net.yaml model.re", ["model.readout="]),
        ("gradflow run net.yaml training.st", ["training.steps=", "training.stop."]),
        (
            "gradflow run net.yaml training.stop.",
            [f"training.stop.{k}=" for k in ("loss", "accuracy", "plateau")],
        ),
        ("gradflow run net.yaml activation", ["activation="]),
        ("gradflow run net.yaml init.s", ["init.sigma_w=", "init.sigma_b=", "init.std="]),
        ("gradflow run net.yaml activation=rel", ["relu", "relu6"]),
        ("gradflow run net.yaml model.activation.name=hard_s", ["hard_sigmoid", "hard_swish", "hard_silu"]),
        ("gradflow run net.yaml init=kaiming", ["kaiming_normal", "kaiming_uniform"]),
        ("gradflow run net.yaml init=tanh,x", []),
        ("gradflow run net.yaml jacobian=", ["true", "false"]),
        ("gradflow run net.yaml depth=", []),
        ("gradflow run net.yaml frobnicate=", []),
        ("gradflow run ne", []),  # the shell completes files
        ("gradflow sweep net.yaml init=he_normal,xavier_n", ["he_normal,xavier_normal"]),
        ("gradflow sweep net.yaml optimizer=sgd,", ["sgd,adam", "sgd,adamw", "sgd,rmsprop"]),
        ("gradflow theory activation=ta", ["tanh"]),
        ("gradflow sweep net.yaml --executor d", ["dask"]),
        ("gradflow sweep net.yaml --executor=d", ["dask"]),
        ("gradflow compare --sort accuracy_f", ["accuracy_final"]),
        ("gradflow compare --pivot depth ini", ["init"]),
        ("gradflow compare --columns run,log10_ratio_sd_", ["run,log10_ratio_sd_theory"]),
        ("gradflow plot x -o x.svg --figure de", ["depth-law"]),
        ("gradflow export x --to pa", ["parquet"]),
        ("gradflow new quickst", ["quickstart"]),
        ("gradflow run 'un closed", []),
        ("gradflow nothing x", []),
    ],
)
def test_a_word_is_completed(folder: Path, line: str, expected: list[str]) -> None:
    assert offered(folder, line) == expected


def test_runs_are_completed_and_the_points_of_sweeps_where_no_run_begins_so(folder: Path) -> None:
    (alone,), (pair,) = (
        [path.name for path in (folder / "runs").glob(f"{name}-*")] for name in ("alone", "pair")
    )
    points = sorted(path.name for path in (folder / "runs" / pair).glob("pair-*"))
    assert offered(folder, "gradflow show ") == [alone, "begun-01234567", pair]
    for line in ("show al", "compare x al", "rm al", "report al", "plot al", "export al", "note al",
                 "compare --baseline al", "precision al"):  # fmt: skip
        assert offered(folder, f"gradflow {line}") == [alone], line
    assert len(points) == 2
    assert offered(folder, f"gradflow show {points[0][:8]}") == points[:1]
    assert offered(folder, "gradflow jacobian net") == ["net.yaml"]


def test_runs_are_those_of_the_folder_that_is_named(folder: Path, tmp_path: Path) -> None:
    runs = folder / "runs"
    assert len(offered(tmp_path, f"gradflow show --runs-dir {runs} ")) == 3
    assert len(offered(tmp_path, f"gradflow show --runs-dir={runs} ")) == 3
    assert offered(tmp_path, "gradflow show ") == []
    env = {
        COMPLETION: "complete_bash",
        "_TYPER_COMPLETE_ARGS": "gradflow rm ",
        "GRADFLOW_RUNS_DIR": str(runs),
    }
    assert len(gradflow(tmp_path, env=env).out.splitlines()) == 3


@pytest.mark.parametrize(
    "line",
    ["gradflow show ", "gradflow run net.yaml activation=", "gradflow compare --sort ", "gradflow rm pa"],
)
def test_completion_writes_nothing_into_any_folder(folder: Path, line: str) -> None:
    before = tree(folder)
    offered(folder, line)
    assert tree(folder) == before


def test_what_cannot_be_read_is_passed_over_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    assert offered(tmp_path, "gradflow show ") == []
    done = asked(tmp_path, "gradflow show ", "tcsh")
    assert (done.code, done.out, done.err) == (1, "", "")


def test_options_that_take_a_word_offer_those_that_they_know(folder: Path) -> None:
    assert offered(folder, "gradflow sweep net.yaml --executor ") == ["processes", "serial", "dask"]
    assert {*offered(folder, "gradflow sweep net.yaml --executor ")} == {*EXECUTORS}
    assert {*offered(folder, "gradflow export x --to ")} == {*FORMATS}
    assert {*offered(folder, "gradflow export x --table ")} == {*TABLES}
    assert {*OFFERED_FIGURES} == {*FIGURES}
    assert {*offered(folder, "gradflow new ")} == {*starter_names()}


@pytest.mark.parametrize(
    "line", ["run x.yaml ", "run x.yaml activation=", "sweep --", "show ", "compare --sort "]
)
def test_completion_loads_no_heavy_library(folder: Path, line: str) -> None:
    code = "import sys; from gradflow.cli import main; main(); print(*sys.modules)"
    env = environment(**of_line(f"gradflow {line}"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) > 2
    assert not (HEAVY | {"rich", "msgspec"} if "show" not in line else HEAVY) & set(done.stdout.split())
    assert done.stderr == ""


def test_help_loads_nothing_of_completion(tmp_path: Path) -> None:
    code = "import sys; sys.argv[1:] = ['--help']; from gradflow.cli import main; main(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.split())
    assert "--install-completion" in modules
    assert not {"gradflow.cli.completion", "gradflow.cli.config_words"} & modules


def test_zsh_is_given_code_that_nothing_typed_can_break(folder: Path) -> None:
    done = asked(folder, "gradflow new ", "zsh")
    words = shlex.split(done.out)
    assert words[:2] == ["local", "-a"]
    assert all(word.isascii() or word.isprintable() for word in words)
    for line in ("gradflow show $(touch", "gradflow run x.yaml data.path=`touch", "gradflow show ';touch"):
        assert asked(folder, line, "zsh").out.strip() in ("_files", "compset -P '*='; _files", "")


def test_a_shell_that_completion_does_not_know_is_told_in_one_line(tmp_path: Path) -> None:
    code = "import shellingham; shellingham.detect_shell = lambda: ('tcsh', '/bin/tcsh')\n"
    code += (
        "import sys; sys.argv[1:] = ['--install-completion']; from gradflow.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(HOME=str(tmp_path)), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: tcsh is no shell that completion knows: type it in bash or zsh\n"
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module", params=[*STARTS])
def typist(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> Iterator[Typist]:
    """At a shell that was opened after gradflow --install-completion had been typed twice into another."""
    home = home_for(request.param, tmp_path_factory.mktemp("home") / "home")
    first = Typist(request.param, home, folder)
    for _ in range(2):
        assert "and TAB completes gradflow" in first.enter("gradflow --install-completion")
    first.close()
    lines = (home / STARTS[request.param]).read_text().splitlines()
    assert len(lines) == 2  # the user's, and one for both times
    typist = Typist(request.param, home, folder)
    yield typist
    typist.close()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("gradflow swe\tn\tdep\t7 activation=hard_t\tmodel.in\the_normal,ort\t--executor=ser\t--qui\t",
         "gradflow sweep net.yaml depth=7 activation=hard_tanh model.init=he_normal,orthogonal "
         "--executor=serial --quiet"),
        rarely(("gradflow run net.yaml data.path=n\t", "gradflow run net.yaml data.path=net.yaml")),
        rarely(("gradflow run net.yaml dep\t7 --bri\t", "gradflow run net.yaml depth=7 --brief")),
        rarely(("gradflow compare --sort accuracy_f\t", "gradflow compare --sort accuracy_final")),
    ],
)  # fmt: skip
def test_a_shell_completes_a_line(typist: Typist, keys: str, expected: str) -> None:
    assert typist.words(keys) == expected.split()


def test_a_shell_completes_runs_and_lists_what_a_word_can_be(typist: Typist, folder: Path) -> None:
    (alone,) = (path.name for path in (folder / "runs").glob("alone-*"))
    assert typist.words("gradflow show al\t") == ["gradflow", "show", alone]
    shown = typist.shown("gradflow run net.yaml optimizer=ad\t\t\t")
    assert {"adam", "adamw"} <= {word.removeprefix("optimizer=").strip("\a") for word in shown}


def test_the_script_that_is_shown_is_that_which_is_installed(typist: Typist) -> None:
    installed = "~/.zfunc/_gradflow" if typist.shell == "zsh" else "~/.bash_completions/gradflow.sh"
    assert "\nthe same" in typist.enter(f"gradflow --show-completion | cmp - {installed} && echo the ''same")


def test_a_command_that_is_typed_by_its_path_is_completed(typist: Typist) -> None:
    assert typist.words("~/bin/gradflow swe\tn\t")[1:] == ["sweep", "net.yaml"]
