"""The reference of keys: complete, in words, and the same in its page."""

from pathlib import Path
from typing import Any

import pytest

from gradflow.config import config_from_plain
from gradflow.config.keys import CHOICES, FIELDS, OF_ENTRIES
from gradflow.config.reference import reference, takes
from gradflow.report.keys_page import keys_document, keys_page
from gradflow.report.markdown import render
from gradflow.yaml_events import dotted
from gradflow.yaml_file import parse_value

PAGE = Path(__file__).parents[2] / ".github" / "KEYS.md"
LINES = {(line.key, of): line for group in reference() for line in group.keys for of in line.of or ("",)}


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(keys_page()), (
        "gradflow new --keys --md > .github/KEYS.md"
    )


def test_every_key_stands_in_it_once_for_each_entry_that_has_it() -> None:
    own = {(dotted(path), "") for path in FIELDS}
    owners = [(path, name) for path, choice in CHOICES.items() for name in choice.table]
    entries = {
        (f"{dotted(path)}.{key}", name) for path, name in owners for key in CHOICES[path].keys_of(name)
    }
    assert LINES.keys() == own | entries
    assert len(OF_ENTRIES) < len(entries)
    assert len(keys_document()["rows"]) == len({id(line) for line in LINES.values()})


def test_every_entry_of_every_choice_stands_in_it_with_its_other_names() -> None:
    names = {
        group.above: [entry.names[0] for entry in group.entries] for group in reference() if group.entries
    }
    assert names == {dotted(path): list(choice.table) for path, choice in CHOICES.items()}
    inits = next(group for group in reference() if group.above == "model.init")
    assert ("he_normal", "kaiming_normal") in [entry.names for entry in inits.entries]


def test_the_defaults_are_those_of_a_config() -> None:
    needed = {"depth": 3, "width": 8, "activation": "tanh", "init": "gaussian"}
    plain: Any = config_from_plain({"name": "net", "model": needed}).plain()
    for group in reference():
        for line in group.keys:
            if line.default not in ("", "required") and not line.of and line.key != "data":
                value = plain
                for part in line.key.split("."):
                    value = value[part]
                default = parse_value(line.default, line.key)
                assert (value["name"] if isinstance(value, dict) else value) == default, line
    assert LINES["model.init.sigma_w", "gaussian"].default == "1"
    assert LINES["training.optimizer.eps", "adam"].default == "1e-08"


def test_what_a_key_takes_is_said_with_its_bounds() -> None:
    said = {
        ("seed", ""): "a whole number at least 0 and below 2^63",
        ("model.width", ""): "a whole number at least 1, or a list of whole numbers at least 1",
        ("model.activation", ""): "see model.activation below",
        ("model.activation.kinks_at", "expression"): "a list of numbers, at most 20",
        ("model.block.scale", "residual"): "a number from 0 to 10^150, or 1/sqrt(depth)",
        ("training.clip_norm", ""): "a number above 0, or null",
        ("training.evaluate", ""): "auto, or a whole number from 1 to 10^9",
        ("recording.jacobian", ""): "true or false",
        ("data.y", "inline"): "a list of whole numbers, or numbers, or lists of numbers",
    }
    assert {key: LINES[key].takes for key in said} == said


@pytest.mark.parametrize("bound", [{"minimum": 2}, {"exclusiveMaximum": 2**53}])
def test_a_bound_is_never_lost(bound: dict[str, int]) -> None:
    assert takes({"type": "integer", **bound}) != takes({"type": "integer"})
