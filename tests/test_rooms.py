"""The floors of the house: every module has its place, and imports go down only."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gradflow"
FLOORS: list[set[str]] = [  # from the ground up; rooms of one floor do not see each other, unless of one name
    {"arrays", "errors", "formats", "interrupts", "natural", "streams", "threads", "units", "version"},
    {"files", "runs_folder", "starters", "yaml_events"},
    {"workers", "yaml_file"},
    {"nn"},
    {"data", "meanfield"},
    {"critical_rates", "evaluation", "recording", "stopping"},
    {"plan", "record"},
    {"crew"},
    {"side_by_side"},
    {"training"},
    {"trace"},
    {"config"},
    {"analysis"},
    {"store"},
    {"execution"},
    {"outside", "report", "sweeps"},
    {"telling"},
    {"api", "cli"},
    {"torch"},
    {"", "__main__"},
]
FLOOR = {room: height for height, floor in enumerate(FLOORS) for room in floor}
FILES = sorted(PACKAGE.rglob("*.py"))

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FUNCTION_LINES, FILE_LINES = 40, 320
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+").fullmatch  # no alias of a type
BY_CHANCE = {"DIGITS", "FEWEST", "REACH", "SHOWN"}  # one value for different things
TYPE = re.compile(r"_?[A-Z]+[a-z][A-Za-z]*").fullmatch


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(name_of(path))
    assert room in FLOOR, f"{name_of(path)} has no place: give its room a floor here"
    for module in imports_of(path):
        if module.startswith("gradflow."):
            below = room_of(module)
            assert below == room or FLOOR[below] < FLOOR[room], f"{room} may not see {module}"


def test_no_imports_go_round_in_a_circle_by_types_either() -> None:
    modules = {name_of(path) for path in FILES}
    graph = {name_of(path): {*imports_of(path)} & modules for path in FILES}
    for module, found in graph.items():  # a package is not meant where a module of it is imported
        graph[module] = {below for below in found if not any(each.startswith(f"{below}.") for each in found)}
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules)


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("typer", {"cli"}),
        ("rich", {"cli", "report.terminal", "telling.lines"}),
        ("yaml", {"yaml_file", "yaml_events"}),
        ("pydantic", {"config"}),
        ("msgspec", {"store"}),
        ("altair", {"report"}),
        ("dask", {"sweeps"}),
        ("distributed", {"sweeps"}),
        ("torch", {"torch"}),
        ("transformers", {"torch"}),
        ("lightning", {"torch"}),
    ],
)
def test_a_library_is_known_in_its_rooms_only(library: str, homes: set[str]) -> None:
    for path in FILES:
        if any(module.split(".")[0] == library for module in imports_of(path)):
            place = name_of(path).removeprefix("gradflow.")
            assert any(place == home or place.startswith(f"{home}.") for home in homes), place


def test_blocks_and_norms_are_known_by_name_to_tables_and_to_advice_alone() -> None:
    """The others read parts and boundaries, so that a new block or norm is one class."""
    homes = {"nn.blocks", "nn.norms", "nn.model", "config.sections", "analysis.architecture"}
    named = {"Plain", "Residual", "LayerNorm", "RmsNorm", "BatchNorm", "NoNorm"}
    for path in FILES:
        found = {module.rpartition(".")[2] for module in imports_of(path) if ".nn." in module} & named
        assert not found or name_of(path).removeprefix("gradflow.") in homes, f"{name_of(path)}: {found}"


def opens_a_file(call: ast.Call) -> bool:
    """Whether it opens, reads or writes one; an `open` that is told nothing is a pool's."""
    if any(ast.unparse(given) == "os.devnull" for given in call.args):
        return False
    owner, _, name = ast.unparse(call.func).rpartition(".")
    if name == "open":
        return bool(call.args or call.keywords)
    return name in {"read_text", "write_text", "read_bytes", "write_bytes", "ZipFile"} or (
        owner in {"np", "torch"} and name.startswith(("load", "save", "fromfile", "memmap"))
    )


@pytest.mark.parametrize(
    ("call", "opens"),
    [
        ("open(path)", True),
        ("os.open(path, flags)", True),
        ("path.open('w')", True),
        ("path.read_text()", True),
        ("zipfile.ZipFile(file)", True),
        ("np.savez(path, a=a)", True),
        ("os.open(os.devnull, os.O_WRONLY)", False),
        ("place.open()", False),
        ("archived.load(path)", False),
    ],
)
def test_what_opens_a_file_is_told_from_what_does_not(call: str, opens: bool) -> None:
    (found,) = (node for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Call))
    assert opens_a_file(found) == opens


def test_files_are_opened_in_a_few_rooms_only() -> None:
    opening = {
        room_of(name_of(path))
        for path in FILES
        if any(isinstance(node, ast.Call) and opens_a_file(node) for node in ast.walk(parsed(path)))
    }
    assert opening == {"store", "data", "files", "starters"}


def test_files_that_may_be_anything_are_opened_in_one_place() -> None:
    waiting = [name_of(path) for path in FILES if "O_NONBLOCK" in path.read_text(encoding="utf-8")]
    locking = {"gradflow.store.locks", "gradflow.store.owners", "gradflow.store.writing"}
    assert {*waiting} <= {"gradflow.files.regular", *locking}


def test_no_two_classes_bear_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name_of(path))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


@cache
def assignments(path: Path) -> list[tuple[str, str]]:
    """What a module states at its top: name and value."""
    tree = parsed(path)
    nested = [each for node in tree.body if isinstance(node, ast.If) for each in node.body]  # of types alone
    found = []
    for node in (*tree.body, *nested):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [(name, ast.unparse(node.value)) for name in names]
    return found


def test_the_name_of_a_type_means_one_thing() -> None:
    """But for options of the command line, which bear the names of what they take."""
    meanings: dict[str, set[str]] = {}
    for path in FILES:
        if room_of(name_of(path)) != "cli":
            for name, value in assignments(path):
                if TYPE(name):
                    meanings.setdefault(name, set()).add(value)
            for node in ast.walk(parsed(path)):
                if isinstance(node, ast.ClassDef):
                    meanings.setdefault(node.name, set()).add(f"class of {name_of(path)}")
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_no_constant_is_stated_twice() -> None:
    homes: dict[tuple[str, str], list[str]] = {}
    for path in FILES:
        for name, value in assignments(path):
            if CONSTANT(name):
                homes.setdefault((name, value), []).append(name_of(path))
    assert {one: found for one, found in homes.items() if len(found) > 1 and one[0] not in BY_CHANCE} == {}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """With what it says about itself."""
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    functions = (node for node in ast.walk(parsed(path)) if isinstance(node, FUNCTIONS))
    lengths = {node.name: lines_of(node) for node in functions}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


@pytest.mark.parametrize("name", ["run", "sweep", "theory", "fit", "compare", "load"])
def test_a_notebook_loads_nothing_of_the_command_line(name: str) -> None:
    code = f"import sys, gradflow; gradflow.{name}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"typer", "click", "rich", "gradflow.cli"} & set(out.split())


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys, gradflow, gradflow.analysis.summary; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pydantic", "yaml", "rich", "typer"} & set(out.split())
