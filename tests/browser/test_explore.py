"""The page on which theory is explored: at any place of its sliders it says what `gradflow theory` says."""

import random
import re
from collections.abc import Iterator
from math import log10, nan
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.explore import EXPLORED, Grid
from gradflow.cli.explore import page_of_grid
from gradflow.cli.theory import point_document
from gradflow.report.html import asset
from gradflow.sweeps.theory_points import NO_FILE, crossed
from gradflow.yaml_file import COMMAND_LINE, Document
from tests.browser.chromium import Browser, chromium
from tests.browser.test_report import CONTRASTS, READABLE

SMALL = Grid(("tanh", "relu", "gelu"), (0.5, 1.0, 1.5, 1.8, 3.0), (0.0, 0.1, 1.0), (2, 5, 20, 50))
KEYS = ("activation", "sigma_w", "sigma_b", "depth")
MOVE = """for (const [key, place] of Object.entries(arguments[0])) document.getElementById(key).value = place;
document.getElementById('depth').dispatchEvent(new Event('input', {bubbles: true}));
const data = [...document.querySelectorAll('dd data')].map(node => [node.id, node.value]);
const text = id => [id, document.getElementById(id).textContent];
const told = ['verdict', 'said', 'reason', 'command', 'facts'].map(text);
return {
  numbers: Object.fromEntries(data),
  ...Object.fromEntries(told),
  layers: [...document.querySelectorAll('#layers data')].map(node => Number(node.value)),
}"""
LARGEST = 300_000  # bytes
CLOSE = 1e-6


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(SMALL, tmp_path_factory.mktemp("explore"))


def written(grid: Grid, folder: Path) -> Path:
    file = folder / "explore.html"
    file.write_text(page_of_grid(grid, quiet=True), encoding="utf-8")
    return file


def opened(browser: Browser, page: Path, scheme: str = "light") -> None:
    browser.open(page, scheme)
    browser.wait("return document.body.dataset.ready === 'yes'")


def asked(grid: Grid, place: dict[str, int]) -> dict[str, Any]:
    """The document of `gradflow theory --json` there."""
    words = [f"{key}={getattr(grid, key)[place[key]]}" for key in KEYS]
    _, (config,), (inputs,) = crossed(Document(NO_FILE, {}, COMMAND_LINE), Path(), words, 1.0)
    return point_document(config, inputs)


def check(seen: dict[str, Any], told: dict[str, Any]) -> None:
    """That the page tells all numbers of the document to six digits, and its words."""
    theory, trains, depth = told["theory"], told["trainable"], len(told["layers"])
    numbers = {name: float(value) for name, value in seen["numbers"].items()}
    for name in ("c", "c_finite_width", "c_asymptotic", "xi", "xi_c", "q_star", "critical_sigma_w"):
        value = nan if theory[name] is None else theory[name]
        assert numbers[name] == pytest.approx(value, rel=CLOSE, nan_ok=True), name
    raised = depth * log10(theory["c_finite_width"])
    assert numbers["log10_power"] == pytest.approx(raised, abs=CLOSE)
    assert numbers["log10_ratio"] == pytest.approx(theory["log10_ratio"], abs=CLOSE)
    assert numbers["score"] == pytest.approx(trains["score"], abs=CLOSE)
    assert seen["layers"] == pytest.approx([row["log10_gradient"] for row in told["layers"]], abs=CLOSE)
    assert seen["said"].startswith(f"{seen['verdict']}: each layer is expected to ")
    ratio = theory["log10_ratio"]
    assert seen["verdict"] == ("vanishing" if ratio < -1 else "exploding" if ratio > 1 else "stable")
    assert seen["reason"] == (f"Note: {theory['reason']}." if theory["reason"] else "")
    assert theory["phase"] in seen["facts"]
    assert ": ".join(filter(None, (trains["verdict"], trains["reason"]))) in seen["facts"]


def compare(browser: Browser, grid: Grid, count: int) -> None:
    draw = random.Random(0)
    for _ in range(count):
        place = {key: draw.randrange(len(getattr(grid, key))) for key in KEYS}
        seen = browser.run(MOVE, place)
        command = " ".join(f"{key}={getattr(grid, key)[place[key]]:g}" for key in KEYS[1:])
        assert (
            seen["command"] == f"gradflow theory activation={grid.activation[place['activation']]} {command}"
        )
        check(seen, asked(grid, place))


def test_at_random_places_the_page_says_what_theory_says(browser: Browser, page: Path) -> None:
    browser.look(1200)
    opened(browser, page)
    compare(browser, SMALL, 20)


@pytest.mark.thorough
def test_the_whole_page_is_small_and_right_at_a_thousand_places(browser: Browser, tmp_path: Path) -> None:
    file = written(Grid(), tmp_path)
    assert file.stat().st_size <= LARGEST
    opened(browser, file)
    compare(browser, Grid(), 1000)


def test_the_page_asks_for_nothing_and_complains_of_nothing(browser: Browser, page: Path) -> None:
    opened(browser, page)
    assert browser.console() == []
    assert browser.requests() == [page.as_uri()]
    assert page.stat().st_size < 60_000


def test_every_control_has_its_name_and_works_from_the_keyboard(browser: Browser, page: Path) -> None:
    opened(browser, page)
    names = "return [...document.querySelectorAll('select, input')].map(one => one.labels[0].textContent)"
    assert [name.split()[0] for name in browser.run(names)] == [*KEYS]
    value = "return [document.activeElement.id, document.activeElement.getAttribute('aria-valuetext')]"
    for key, after in (("sigma_w", 1.8), ("sigma_b", 1), ("depth", 50)):
        browser.run(f"document.getElementById('{key}').focus()")
        before = browser.run("return document.querySelector('[role=status]').textContent")
        press(browser, "ArrowRight")
        assert browser.run(value) == [key, str(after)]
        assert browser.run(f"return document.querySelector('output[for={key}]').textContent") == str(after)
        if key != "depth":  # which stood at its last value
            assert browser.run("return document.querySelector('[role=status]').textContent") != before
    browser.run("document.getElementById('activation').focus()")
    press(browser, "r")
    assert "activation=relu" in browser.run("return document.getElementById('command').textContent")


def press(browser: Browser, key: str) -> None:
    given = {"key": key, "windowsVirtualKeyCode": 39 if key == "ArrowRight" else ord(key.upper())}
    if len(key) == 1:
        given["text"] = key
    browser.cdp("Input.dispatchKeyEvent", type="keyDown", **given)
    browser.cdp("Input.dispatchKeyEvent", type="keyUp", **given)


def test_the_profile_is_drawn_anew_and_ends_where_the_gradient_does(browser: Browser, page: Path) -> None:
    opened(browser, page)
    points = "return document.querySelector('#profile polyline').getAttribute('points').split(' ').length"
    ends = "return document.querySelector('#profile g').getAttribute('class')"
    for depth, count in enumerate(SMALL.depth):
        seen = browser.run(MOVE, {"activation": 0, "sigma_w": 0, "sigma_b": 0, "depth": depth})
        assert browser.run(points) == count
        assert browser.run(ends) == seen["verdict"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_and_stands_out_on_every_screen(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    browser.look(width, scheme)
    opened(browser, page, scheme)
    assert browser.run("return document.documentElement.scrollWidth") == width
    assert [(word, ratio) for word, ratio in browser.run(CONTRASTS) if ratio < READABLE] == []
    inside = """const box = document.getElementById('profile').getBoundingClientRect();
    return [...document.querySelectorAll('#profile text')].every(node => {
      const one = node.getBoundingClientRect();
      return one.left >= box.left && one.right <= box.right && one.bottom <= box.bottom;
    })"""
    assert browser.run(inside)


def test_the_script_knows_no_formula_of_theory() -> None:
    script = asset("explore.js")
    assert {*re.findall(r"Math\.(\w+)", script)} <= {"abs", "ceil", "floor", "max", "min", "round"}
    assert not any(name in script.replace('"tanh"', "") for name in EXPLORED)
