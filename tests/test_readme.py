"""The README is true: its commands run, make its pictures, and are the ones that CI calls."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from gradflow.cli.app import app
from gradflow.config import parse_config
from gradflow.data import DATASETS
from gradflow.nn.activations import CHOICES
from gradflow.nn.blocks import BLOCKS
from gradflow.nn.initializers import INITIALIZERS
from gradflow.nn.losses import LOSSES
from gradflow.nn.optimizers import OPTIMIZERS
from gradflow.nn.schedules import SCHEDULES
from gradflow.yaml_file import parse
from tests.cli.test_app import by_itself, gradflow
from tests.sampling import rarely

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIRED = ["depth=50", "width=128", "activation=tanh", "init=xavier_normal"]
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in SHELL for line in block.splitlines() if line.startswith("gradflow ")]
INDENTED = re.findall(r"^    (gradflow .*)$", README, re.MULTILINE)
BASH = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
IN_TEXT = [one for line in [*INDENTED, *"".join(BASH).splitlines()] for one in line.split(" && ")]
AT_ONCE = ("ls", "compare", "plot")  # commands that the default runs
LONG = {
    "sweep-trainable.yaml": " steps=2",
    "--try": " --steps 5",
}  # trainings of minutes, and what shortens them
EXAMPLES = re.findall(r"^    \$ gradflow (.*)\n((?:    .*\n)+)", README, re.MULTILINE)
FRACTION = re.compile(r"\d+\.\d+")
LINKS = re.findall(r"[^!]\[[^]]*\]\(([^)]+)\)", README)
PICTURES = re.findall(r"!\[.*?\]\((\S+\.svg)\)", README)


def texts(picture: Path) -> list[str]:
    """The words of a picture: title, axes, legend."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command of the README has been run, in its order."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".github" / "gallery").mkdir(parents=True)
    (folder / "configs").symlink_to(ROOT / "configs")
    for line in COMMANDS:
        printed(line.removeprefix("gradflow "), folder)
    return folder


def printed(words: str, folder: Path, code: int = 0) -> str:
    """What a command writes on stdout, ending in `code`; those with workers have a process of their own."""
    arguments = shlex.split(words, comments=True)
    run = by_itself if arguments[0] == "sweep" else gradflow
    done = run(folder, *arguments)
    assert done.returncode == code, f"{words}: {done.stderr}"
    return done.stdout


def test_its_commands_run(ran: Path) -> None:
    assert len(COMMANDS) > 15
    assert any((ran / "runs").iterdir())


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_an_example_is_what_its_command_prints(ran: Path, command: str, shown: str) -> None:
    found = printed(command, ran)
    lines = [line.strip() for line in shown.splitlines() if line.strip() != "..."]
    places = [place(line, found) for line in lines]
    assert len(lines) > 5
    assert -1 not in places
    assert places == sorted(places)


def place(line: str, text: str) -> int:
    """Where it stands, but for a unit of each fraction's last digit, which a processor's rounding decides."""
    pattern = r"(\d+\.\d+)".join(map(re.escape, FRACTION.split(line)))
    shown = FRACTION.findall(line)
    alike = (at.start() for at in re.finditer(pattern, text) if all(map(close, shown, at.groups())))
    return next(alike, -1)


def close(a: str, b: str) -> bool:
    return len(a) == len(b) and abs(int(a.replace(".", "")) - int(b.replace(".", ""))) <= 1


@pytest.mark.parametrize(
    ("line", "found"),
    [("c 2.45 of 7", True), ("c 2.46 of 7", True), ("c 2.47 of 7", False), ("c 2.45 of 8", False)],
)
def test_a_line_is_found_to_a_unit_of_its_last_digits(line: str, found: bool) -> None:
    assert (place(line, "here c 2.45 of 7, and c 2.5 of 8") == 5) == found


@pytest.mark.parametrize("command", [one if one.split()[1] in AT_ONCE else rarely(one) for one in IN_TEXT])
def test_a_command_in_its_text_runs(ran: Path, command: str, thorough: bool) -> None:
    """Those that train something new with --thorough alone."""
    if "sweep-trainable" in command and not thorough:
        return  # a figure of a sweep that was not run
    if "@1" in command:
        printed("run configs/quickstart.yaml", ran)  # the latest one is no sweep
    if " in tags" in command:
        printed("note quickstart 'the baseline of figure 3' --tag paper", ran)
    words = command.removeprefix("gradflow ") + "".join(LONG[name] for name in LONG if name in command)
    printed(words, ran, 3 if "--fail-if" in words else 0)


def test_its_map_of_what_trained_says_what_it_says() -> None:
    (told,) = re.findall(r"(\d+ of \d+) places are told right", README)
    assert any(f"right in {told}" in text for text in texts(ROOT / ".github" / "gallery" / "trainable.svg"))


def test_its_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert len(LINKS) > 5
    assert all(link in anchors if link[0] == "#" else (ROOT / link).is_file() for link in LINKS)


@pytest.mark.parametrize("picture", PICTURES)
def test_its_commands_make_its_pictures(ran: Path, picture: str) -> None:
    assert texts(ran / picture) == texts(ROOT / picture)
    assert (ROOT / picture).stat().st_size < 80_000


def test_its_two_commands_set_up_and_test() -> None:
    setup, test = (block.strip() for block in SHELL[:2])
    assert setup.endswith("gradflow run configs/quickstart.yaml")
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("model.activation", CHOICES),
        ("model.init", INITIALIZERS),
        ("model.block", BLOCKS),
        ("data", DATASETS),
        ("training.optimizer", OPTIMIZERS),
        ("training.schedule", SCHEDULES),
        ("training.loss", LOSSES),
    ],
)
def test_it_lists_every_choice(key: str, table: dict[str, object]) -> None:
    (row,) = re.findall(rf"^\| `{key}` \| (.*) \|$", README, re.MULTILINE)
    assert row.split(", ") == list(table)


def test_its_config_shows_the_defaults() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    shown = parse_config(parse(text, "README.md"), ROOT)
    bare = parse_config(parse("{name: tanh-xavier}", "x.yaml"), ROOT, REQUIRED)
    assert shown.digest == bare.digest
    assert shown.analysis == bare.analysis


def test_it_names_every_command() -> None:
    commands = typer.main.get_group(app).commands
    assert set(re.findall(r"^\| `gradflow (\w+)", README, re.MULTILINE)) == set(commands)
