"""compare, ls, export and fit as a user's shell sees them."""

import csv
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from tests.cli.test_app import HEAVY, STUDY, environment, gradflow

ROWS = {"id", "path", "status", "c", "c_low", "c_high", "log10_ratio", "verdict", "loss_final"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two depths, a run beside it, and a damaged one; nothing may be written to it."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "study.yaml").write_text(STUDY)
    done = gradflow(folder, "sweep", "study.yaml", "depth=2,9", "--executor", "serial", "--quiet")
    assert done.returncode == 0, done.stderr
    assert gradflow(folder, "run", "study.yaml", "name=alone", "init=he_normal").returncode == 0
    damaged = folder / "runs" / "damaged-0123abcd"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    return folder


@pytest.mark.parametrize("command", ["ls", "compare"])
def test_a_light_command_loads_no_heavy_library(folder: Path, command: str) -> None:
    code = "from gradflow.cli import main; main(); import sys; print(*sys.modules)"
    started = [sys.executable, "-c", code, command]
    done = subprocess.run(started, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert "alone-" in done.stdout
    assert not HEAVY & set(done.stdout.split())


def test_a_document_is_made_without_what_draws_pages(folder: Path) -> None:
    code = "from gradflow.cli import main; main(); import sys; print(*sys.modules)"
    started = [sys.executable, "-c", code, "compare", "--json"]
    done = subprocess.run(started, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert not {"rich", "gradflow.report.page", "gradflow.analysis.summary"} & set(done.stdout.split())


def test_compare_prints_the_document_alone_and_warns_of_a_damaged_run(folder: Path) -> None:
    done = gradflow(folder, "compare", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, len(document["rows"]), len(document["damaged"])) == (0, 3, 1)
    assert {"model.depth", "model.init", *ROWS} <= set(document["rows"][0])
    assert document["constant"]["model.width"] == 8
    assert sum(line.startswith('    {"id": ') for line in done.stdout.splitlines()) == 3  # a line each
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("warning: runs/damaged-0123abcd")


def test_a_pipe_gets_every_column_whatever_its_width_is_said_to_be(folder: Path) -> None:
    done = gradflow(folder, "compare", "--quiet", COLUMNS="40")
    lines = done.stdout.splitlines()
    assert any("run" in line and "gradient" in line and "loss ratio" in line for line in lines)
    assert "hidden" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["ls", "compare", "export", "fit"])
def test_every_command_s_help_has_an_example(folder: Path, command: str) -> None:
    assert f"\n    gradflow {command}" in gradflow(folder, command, "--help").stdout


def on_a_terminal(folder: Path, *arguments: str, columns: int) -> str:
    """What a command prints on a terminal of so many columns."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "gradflow", *arguments]
    env = environment(COLUMNS=str(columns), TERM="xterm-256color")
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=follower, stderr=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # Linux's way of saying that the other end is closed
        pass
    process.wait(60)
    os.close(leader)
    return shown.decode()


def test_a_terminal_of_eighty_columns_gets_a_table_that_fits_in_colour(folder: Path) -> None:
    shown = on_a_terminal(folder, "compare", columns=80)
    assert "\x1b[" in shown
    assert "hidden for want of room" in shown
    assert "verdict" in shown


def test_sort_top_columns_and_csv_work_together(folder: Path) -> None:
    done = gradflow(folder, "compare", "--sort", "-depth", "--top", "2", "--csv")
    rows = list(csv.DictReader(StringIO(done.stdout)))
    assert [row["model.depth"] for row in rows] == ["9", "4"]
    done = gradflow(folder, "compare", "study-*", "--columns", "depth,verdict_final", "--md")
    assert "| depth | final verdict |" in done.stdout
    assert "| 2 | **" in done.stdout


def test_fail_if_ends_with_three_and_still_prints(folder: Path) -> None:
    done = gradflow(folder, "compare", "--fail-if", "depth > 8")
    assert done.returncode == 3
    assert "1 of 3 runs fulfil depth > 8" in done.stderr
    assert "verdict" in done.stdout
    assert gradflow(folder, "compare", "--fail-if", "depth > 9").returncode == 0


def test_a_condition_may_ask_how_the_loss_of_a_row_stands_to_the_others(folder: Path) -> None:
    rows = json.loads(gradflow(folder, "compare", "--json").stdout)["rows"]
    (best,) = [row["id"] for row in rows if row["relation"] == "best"]
    done = gradflow(folder, "compare", "--fail-if", "relation == 'best' and ratio == 1")
    told = f"1 of 3 runs fulfil relation == 'best' and ratio == 1, the first is {best}"
    assert (done.returncode, told in done.stderr) == (3, True)
    other = next(row["id"] for row in rows if row["id"] != best)
    below = gradflow(folder, "compare", "--baseline", other, "--fail-if", "ratio < 1", "--json")
    assert below.returncode == 3
    assert best in {row["id"] for row in json.loads(below.stdout)["rows"] if row["ratio"] < 1}
    where = gradflow(folder, "compare", "--where", "relation == 'best'")
    assert (where.returncode, "no run has relation" in where.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-if", "log10_rato > 2"], "did you mean log10_ratio?"),
        (["--sort", "los_final"], "did you mean loss_final?"),
        (["--pivot", "depth", "int"], "did you mean init?"),
        (["--pivot", "depth", "init", "--value", "loss_final", "--theory"], "--theory goes with"),
        (["--json", "--csv"], "exclude each other"),
        (["--top", "0"], "--top takes a number from 1 on"),
        (["--baseline", "nothing"], "nothing is no run"),
        (["nothing"], "nothing is no run"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    folder: Path, arguments: list[str], words: str
) -> None:
    done = gradflow(folder, "compare", *arguments, "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_pivot_and_its_document_say_the_same(folder: Path) -> None:
    arguments = ["compare", "study-*", "--pivot", "depth", "init", "--theory", "--quiet"]
    document = json.loads(gradflow(folder, *arguments, "--json").stdout)
    assert (document["row"], document["rows"]) == ("model.depth", [2, 9])
    shown = gradflow(folder, *arguments).stdout
    for (value,), (theory,) in zip(document["cells"]["value"], document["cells"]["theory"], strict=True):
        expected = "-" if theory is None else f"{theory:.4f}"
        assert f"{value:.4f} ({expected})" in shown


def test_ls_has_a_line_for_the_run_and_one_for_the_sweep(folder: Path) -> None:
    done = gradflow(folder, "ls", "--json")
    document = json.loads(done.stdout)
    run, sweep = document["rows"]
    assert (run["name"], run["depth"], run["points"]) == ("alone", 4, None)
    assert (sweep["name"], sweep["depth"], sweep["points"]) == ("study", None, {"completed": 2})
    assert len(document["damaged"]) == 1
    shown = gradflow(folder, "ls").stdout
    assert "sweep of 2" in shown
    assert "2..9" in shown
    (inside,) = (folder / "runs").glob("study-*")
    assert len(json.loads(gradflow(folder, "ls", str(inside), "--json").stdout)["rows"]) == 2


def test_ls_tells_a_folder_that_does_not_exist_from_one_without_runs(tmp_path: Path) -> None:
    for args in (["ls", "runz"], ["ls", "--runs-dir", "runz"], ["ls", "runz", "--json"]):
        done = gradflow(tmp_path, *args)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "error: runz: does not exist: name a folder of runs\n"
    assert "There are no runs in runs. Make one:" in gradflow(tmp_path, "ls").stdout
    (tmp_path / "empty").mkdir()
    assert "There are no runs in empty. Make one:" in gradflow(tmp_path, "ls", "empty").stdout
    assert json.loads(gradflow(tmp_path, "ls", "--json").stdout)["rows"] == []


def test_the_first_run_that_ls_advises_can_be_made_where_there_is_nothing(tmp_path: Path) -> None:
    page = gradflow(tmp_path, "ls").stdout.splitlines()
    new, run = [shlex.split(line)[1:] for line in page if line.strip().startswith("gradflow ")]
    assert gradflow(tmp_path, *new).returncode == 0
    done = gradflow(tmp_path, *run, "steps=0")
    assert done.returncode == 0, done.stderr


def test_ls_shows_what_was_interrupted_and_every_command_how_far_a_sweep_came(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    whole = ["sweep", "study.yaml", "depth=2,3,4", "--executor", "serial", "--quiet"]
    assert gradflow(tmp_path, *whole).returncode == 0
    (sweep,) = (tmp_path / "runs").glob("study-*")
    shutil.rmtree(next(sweep.glob("study-*")))
    (tmp_path / "runs" / ".partial").mkdir(exist_ok=True)
    (tmp_path / "runs" / ".partial" / "long-0123abcd-checkpoint").touch()
    shown = gradflow(tmp_path, "ls").stdout
    assert "2 of 3 points" in shown
    assert "interrupted" in shown
    rows = json.loads(gradflow(tmp_path, "ls", "--json").stdout)["rows"]
    assert [(row["name"], row["status"]) for row in rows] == [("long", "interrupted"), ("study", "completed")]
    assert rows[1]["planned"] == 3
    line = f"runs/{sweep.name}: 2 of 3 points: the same sweep goes on\n"
    for word, *output in (["compare"], ["report", "r.md"], ["plot", "f.svg"], ["export", "t.csv"]):
        words = [word, "study", *(["--force", "-o", *output] if output else [])]
        for quiet in ([], ["--quiet"]):
            done = gradflow(tmp_path, *words, *quiet)
            assert (done.returncode, done.stderr.count(line)) == (0, int(not quiet)), done.stderr


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(path.read_text(encoding="utf-8"))))


def test_export_writes_all_tables_or_one(folder: Path, tmp_path: Path) -> None:
    done = gradflow(folder, "export", "study-*", "-o", str(tmp_path / "tables"))
    assert done.returncode == 0, done.stderr
    names = ["evaluations", "layers", "runs", "steps"]
    assert sorted(path.stem for path in (tmp_path / "tables").iterdir()) == names
    evaluations = read(tmp_path / "tables" / "evaluations.csv")
    assert [line["step"] for line in evaluations] == 2 * ["0", "0", "3", "3"]  # of both runs, both seeds
    rows = read(tmp_path / "tables" / "layers.csv")
    assert len(rows) == 2 * 2 * (2 + 9)  # rows x seeds x layers
    gradflow(folder, "export", "alone", "-o", str(tmp_path / "all.csv"), "--rows", "all")
    assert len(read(tmp_path / "all.csv")) == 4 * 2 * 4
    gradflow(folder, "export", "alone", "-o", str(tmp_path / "both.json"))
    assert sorted(json.loads((tmp_path / "both.json").read_text())) == names


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["alone", "-o", "x.cvs"], 2, "--to cvs: there are csv, json"),
        (["alone", "-o", "x.csv", "--rows", "second"], 2, "--rows second"),
        (["alone", "-o", "x.csv", "--table", "layer"], 2, "did you mean layers"),
        (["alone", "-o", "none/x.csv"], 2, "make it first"),
        (["damaged-0123abcd", "-o", "x.csv"], 1, "damaged"),
    ],
)
def test_an_export_that_cannot_be_writes_nothing(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    done = gradflow(folder, "export", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert not list(folder.glob("x*"))


def test_fit_asks_what_the_norms_are_and_makes_a_run_of_them(tmp_path: Path) -> None:
    lines = [
        f"0,{layer},{seed},{0.5 ** (20 - layer) * (1 + seed / 10)}"
        for layer in range(1, 21)
        for seed in (0, 1)
    ]
    (tmp_path / "norms.csv").write_text("\n".join(["step,layer,seed,norm", *lines]))
    for name, command in (("out.html", "report"), ("out.SVG", "plot"), ("out.csv", "export")):
        refused = gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta", "-o", name)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
        assert f"give out, and then type gradflow {command} out -o {name}" in refused.stderr
    asked = gradflow(tmp_path, "fit", "norms.csv")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "--kind delta" in asked.stderr
    wrong = gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta", "--order", "back")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert "did you mean backward?" in wrong.stderr
    done = gradflow(tmp_path, "fit", "norms.csv", "--kind", "delta", "-o", "outside", "--json")
    flow = json.loads(done.stdout)
    assert flow["c"] == pytest.approx(0.5)
    assert flow["verdict"] == "vanishing"
    assert (flow["layer_names"], flow["order"]) == ([str(layer) for layer in range(1, 21)], "by number")
    (row,) = json.loads(gradflow(tmp_path, "compare", "--json").stdout)["rows"]
    assert row["c"] == flow["c"]
    shown = gradflow(tmp_path, "show", "@1")
    assert "vanishing: each layer passes 0.5" in shown.stdout
    assert "recorded  delta norms in" in shown.stdout
    assert "order     by number: 1, 2, 3, 4, ..., 18, 19, 20" in shown.stdout
    for name in ("report.html", "report.md", "flow.svg"):
        command = "plot" if name.endswith(".svg") else "report"
        assert gradflow(tmp_path, command, "@1", "-o", name).returncode == 0
        (tmp_path / name).unlink()
    fitted = gradflow(tmp_path, "fit", "norms.csv", "--kind", "weight")
    assert "undetermined: norms of weight gradients" in fitted.stdout
    assert ("saved in" in shown.stdout, "saved in" in fitted.stdout) == (True, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["norms.csv", "runs"]
