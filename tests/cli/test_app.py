"""The command line as a user's shell sees it: streams, exit codes, and what it costs to start."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradflow.cli.app import COMMANDS, loaded
from gradflow.starters import starter_names
from tests.promises import calls

STUDY = """\
model: {depth: 4, width: 8, activation: tanh, init: xavier_normal}
data: {name: gaussian, samples: 32, features: 8, classes: 2}
seeds: 2
training: {steps: 3, batch_size: 8}
"""
HEAVY = {"numpy", "pydantic", "yaml"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my study.yaml").write_text(STUDY.replace("model:", "name: study\nmodel:", 1))
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run; nothing may be written to it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "study.yaml").write_text(STUDY)
    assert gradflow(folder, "run", "study.yaml").returncode == 0
    return folder


def gradflow(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What a command does and says; in this process, as most starts would cost more than the commands."""
    done = calls.gradflow(folder, *args, env=env)
    return subprocess.CompletedProcess(args, done.code, done.out, done.err)


def by_itself(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a shell starts it."""
    command = [sys.executable, "-m", "gradflow", *args]
    env = environment(**env)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def environment(**env: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8", **env}


@pytest.mark.parametrize(
    "args", [["--help"], ["new"], *([name, "--help"] for name in COMMANDS)], ids=" ".join
)
def test_a_light_command_loads_no_heavy_library(tmp_path: Path, args: list[str]) -> None:
    code = f"import sys; sys.argv[1:] = {args}; from gradflow.cli import main; main(); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_a_run_takes_its_first_step_before_it_loads_what_a_report_needs(folder: Path) -> None:
    code = """
import os, sys
from gradflow.cli import main
from gradflow.crew import Crew
def run(*_, **__):
    print(*sys.modules, os.environ["PYDANTIC_DISABLE_PLUGINS"], flush=True)
    os._exit(0)
Crew.run = run
sys.argv[1:] = ["run", "my study.yaml"]
main()
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    *modules, plugins = done.stdout.split()
    reporting = {"rich", "gradflow.meanfield", "gradflow.report.pages", "gradflow.analysis.summarize"}
    rare = {"multiprocessing", "concurrent.futures", "gradflow.trace", "gradflow.nn.expressions.formula"}
    assert "gradflow.training" in modules
    assert not (reporting | rare) & set(modules)
    assert plugins == "__all__"


def test_a_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    code = "import sys; sys.argv[1:] = ['--help']; from gradflow.cli import main; main(); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    overview, _, modules = done.stdout.rpartition("\nsys ")
    assert all(f"\n  {name} " in overview for name in COMMANDS)
    assert not {f"gradflow.cli.commands.{name}" for name in COMMANDS} & set(modules.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_by_the_first_sentence_of_its_help(name: str) -> None:
    assert loaded(name).help.startswith(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_examples_of_a_help_name_are_starters(name: str) -> None:
    examples = loaded(name).help.partition("Examples:")[2]
    named = re.findall(r"(?<![-\w.*])[a-z]+(?:-[a-z]+)+(?![\w*])", examples)  # no options, no globs
    assert {*named} <= {*starter_names()}


def test_every_command_s_help_has_an_example(folder: Path) -> None:
    overview = gradflow(folder, "--help", COLUMNS="80").stdout
    assert "gradflow run quickstart.yaml" in overview
    assert "..." not in overview.partition("Commands:")[2]  # no summary is cut
    for command in ("new", "run", "sweep", "compare", "show", "check"):
        assert f"\n    gradflow {command}" in gradflow(folder, command, "--help").stdout, command


def test_the_chain_and_the_check_are_commands(finished: Path, tmp_path: Path) -> None:
    chain = gradflow(finished, "show", "@1", "--trace")
    assert chain.returncode == 0, chain.stderr
    assert "Local factors, from the last layer down" in chain.stdout
    links = json.loads(gradflow(finished, "show", "@1", "--trace", "--json").stdout)["links"]
    assert [link["layer"] for link in links] == [4, 3, 2, 1]
    last = gradflow(finished, "show", "@1", "--trace", "--step", "last")
    assert last.returncode == 0, last.stderr
    assert "dLoss/da of the last layer" in last.stdout
    assert " steps, training sample" in last.stdout
    missing = gradflow(finished, "show", "@1", "--trace", "--step", "999999")
    assert missing.returncode == 2
    assert "was not recorded" in missing.stderr
    check = gradflow(finished, "check", "study.yaml", "--json")
    document = json.loads(check.stdout)
    assert check.returncode == 0
    assert document["passed"] is True
    assert document["max_relative_error"] < document["bound"] == 1e-12
    assert len(document["layers"]) == 10


def test_a_run_reports_on_stdout_and_saves_what_show_shows(folder: Path) -> None:
    done = by_itself(folder, "run", "my study.yaml")
    assert done.returncode == 0, done.stderr
    assert "; over 4 layers c^4 = " in done.stdout
    assert "trained in" in done.stderr
    (saved,) = (folder / "runs").glob("study-*")
    assert "; over 4 layers c^4 = " in (saved / "report.md").read_text(encoding="utf-8")
    shown = by_itself(folder, "show", "@1")
    assert shown.stdout == done.stdout
    again = gradflow(folder, "run", "my study.yaml")
    assert again.stdout == done.stdout
    assert "--force computes it again" in again.stderr


def test_json_stands_alone_on_stdout_and_quiet_leaves_stderr_empty(folder: Path) -> None:
    done = by_itself(
        folder, "run", "my study.yaml", "--json", "--quiet", "depth=2", "--runs-dir", "elsewhere"
    )
    document = json.loads(done.stdout)
    assert document["config"]["model"]["depth"] == 2
    assert document["path"].startswith("elsewhere/study-")
    assert done.stderr == ""
    assert not (folder / "runs").exists()


def test_bad_input_is_a_line_a_problem_and_nothing_is_written(folder: Path) -> None:
    done = by_itself(folder, "run", "my study.yaml", "widht=3", "training.lr=\x1b[31m")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("error: command line: ") for line in lines)
    assert "did you mean" in lines[0]
    assert "\x1b" not in done.stderr
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run"], "Missing argument 'CONFIG'"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run", "x.yaml", "--jsn"], "No such option: --jsn"),
        (["run", "lr=1", "net.yaml"], "lr=1: does not exist: the config comes first, before KEY=VALUE"),
        (["run", "gone.yaml"], "gone.yaml: does not exist"),
        (["theory", "sigma_w=2"], "error: command line: model.activation: is required"),
        (["theory", "tanh"], "tanh: is a value, not a config: write activation=tanh"),
        (["theory", "swish"], "swish: is a value, not a config: write activation=swish"),
        (["show", "nothing"], "there are no runs in runs"),
        (["new", "\x1b[31mred"], "error: \\x1b[31mred is no starter config"),
        (["new", "quickstrat"], "did you mean quickstart?"),
        (["new", "quickstart", "-o", "my study.yaml"], "my study.yaml: is there already"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_2(folder: Path, args: list[str], said: str) -> None:
    done = gradflow(folder, *args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run"], "Missing argument 'CONFIG': see `gradflow run --help`"),
        (["plot", "X"], "Missing option '--output' / '-o': see `gradflow plot --help`"),
        (
            ["compare", "--top", "x"],
            "Invalid value for '--top': 'x' is no int: see `gradflow compare --help`",
        ),
        (["theory", "--html"], "Option '--html' requires an argument: see `gradflow theory --help`"),
        (["ls", "--frobnicate"], "No such option: --frobnicate: see `gradflow ls --help`"),
        (
            ["run", "x.yaml", "--workers", "0"],
            "Invalid value for '--workers': 0 is not at least 1: see `gradflow run --help`",
        ),
        (
            ["sweep", "x.yaml", "--timeout", "nan"],
            "Invalid value for '--timeout': nan is not at least 0.001: see `gradflow sweep --help`",
        ),
        (
            ["plot", "X", "-o", "x.svg", "--width", "41"],
            "Invalid value for '--width': 41.0 is not at most 40: see `gradflow plot --help`",
        ),
        (["frobnicate"], "No such command 'frobnicate': see `gradflow --help`"),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(tmp_path: Path, args: list[str], said: str) -> None:
    assert gradflow(tmp_path, *args).stderr == f"error: {said}\n"


def test_a_sweep_config_is_sent_to_sweep_with_the_command_quoted(folder: Path) -> None:
    with (folder / "my study.yaml").open("a") as file:
        file.write("sweep: {model.depth: [2, 3]}\n")
    done = gradflow(folder, "run", "my study.yaml", "lr=0.1")
    assert done.returncode == 2
    line = (folder / "my study.yaml").read_text().count("\n")
    told = "this config is many runs: leave the section out with sweep=null, or type"
    command = "gradflow sweep 'my study.yaml' lr=0.1"
    assert done.stderr == f"error: my study.yaml:{line}: sweep: {told} {command}\n"


def test_printed_commands_run_where_a_path_begins_with_a_dash(folder: Path) -> None:
    assert gradflow(folder, "new", "quickstart", "-o", "./-q.yaml").stderr.endswith(" run ./-q.yaml\n")
    (folder / "-s.yaml").write_text(f"{STUDY}name: many\nsweep: {{model.depth: [2, 3]}}\n")
    assert "type gradflow sweep ./-s.yaml\n" in gradflow(folder, "run", "./-s.yaml").stderr
    to = "--runs-dir", "./-r", "--json"
    first = json.loads(gradflow(folder, "sweep", "./-s.yaml", *to, "--executor", "serial").stdout)
    again = gradflow(folder, *shlex.split(first["command"])[1:], "--executor", "serial", "--json")
    assert json.loads(again.stdout)["points"] == first["points"], again.stderr
    poor = "activation=sigmoid", "depth=30", "width=20", "steps=0"
    told = json.loads(gradflow(folder, "run", "my study.yaml", *poor, *to).stdout)["advice"][-1]
    assert gradflow(folder, *shlex.split(told["command"])[1:], "--quiet").returncode == 0
    assert "gradflow compare ./-r/many-" in gradflow(folder, "show", "many", "--runs-dir", "./-r").stderr


def test_a_diverged_run_is_a_result_unless_it_is_asked_to_fail(folder: Path) -> None:
    explodes = ["run", "my study.yaml", "lr=1e30", "init=gaussian", "init.sigma_w=1e3", "activation=linear"]
    done = gradflow(folder, *explodes)
    assert (done.returncode, "Diverged at step" in done.stdout) == (0, True)
    assert by_itself(folder, *explodes, "--fail-on-diverged").returncode == 3


def test_a_reader_that_goes_away_ends_it_with_141(finished: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gradflow", "show", "@1"]
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            command, cwd=finished, env=environment(), stdout=stdout, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_code_and_no_traceback(folder: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "gradflow", "run", "my study.yaml", "steps=1000000", "every=10000"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "saving about" in process.stderr.readline()
        time.sleep(0.2)
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(30) == code
    assert rest == "error: interrupted: the same command goes on\n"
    assert not list((folder / "runs").glob("study-*"))


def test_output_fits_a_latin_1_pipe_and_is_never_cut(finished: Path) -> None:
    done = by_itself(finished, "show", "@1", PYTHONIOENCODING="latin-1", COLUMNS="30")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "; over 4 layers c^4 = " in done.stdout
    assert gradflow(finished, "show", "@1", "--layers", COLUMNS="0").stdout.count("\n") > 8


def test_a_starter_config_goes_to_stdout_or_to_a_new_file(folder: Path) -> None:
    printed = gradflow(folder, "new", "quickstart")
    written = gradflow(folder, "new", "quickstart", "-o", "its own.yaml")
    assert written.stderr == "next: gradflow run 'its own.yaml'\n"
    assert (folder / "its own.yaml").read_text(encoding="utf-8") == printed.stdout


def test_a_starter_script_is_imported_by_the_name_of_its_file(folder: Path) -> None:
    printed = gradflow(folder, "new", "torch-recorder").stdout
    for name, module in (("rec.py", "rec"), ("my-rec.py", "recorder"), ("recorder.py", "recorder")):
        gradflow(folder, "new", "torch-recorder", "-o", name)
        written = (folder / name).read_text(encoding="utf-8")
        assert written == printed.replace("from recorder import", f"from {module} import")
        assert f"#     from {module} import Recorder\n" in written
