"""Every key of the schema with every wrong type, and right and wrong configs from the whole space."""

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest
from hypothesis import strategies as st

from gradflow.config import Config, config_from_plain
from gradflow.config.draft import Draft
from gradflow.config.keys import CHOICES, FIELDS, OF_ENTRIES
from gradflow.config.load import validate
from gradflow.errors import InputError, Problem
from gradflow.yaml_events import KeyPath, dotted
from gradflow.yaml_file import dump, parse
from tests.promises.generated import configs, hint_at, places, put, try_all, wrong_for

NET = """
name: net
model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}
training: {loss: mse}
"""
NEEDED = {
    "value": 1.0,
    "x": [[1.0]],
    "y": [0],
    "path": "x.csv",
    "target": "y",
    "steps": 3,
}
ENTRIES = [(path, name) for path, choice in CHOICES.items() for name in choice.table]
HOLE = "HOLE"


def config_of(text: str) -> Config:
    return validate(Draft.of(parse(text, "net.yaml")), [])


def whole(path: KeyPath, name: str) -> dict[str, Any]:
    """A plain config with every key spelt out, and with an entry of a table in it."""
    draft = Draft.of(parse(NET, "net.yaml"))
    needed = [field.name for field in fields(CHOICES[path].table[name]) if field.default is MISSING]
    given = {**NEEDED, "value": "tanh(z)"} if name == "expression" else NEEDED
    draft.override(path, {"name": name, **{key: given[key] for key in needed}})
    return validate(draft, []).plain()


def written(plain: Any, level: int = 0) -> str:
    """A mapping as YAML text, each key on a line of its own."""
    lines = []
    for key, value in plain.items():
        inner = f"\n{written(value, level + 1)}" if isinstance(value, dict) else f" {json.dumps(value)}"
        lines.append("  " * level + f"{key}:" + inner)
    return "\n".join(lines)


def problem_of(plain: dict[str, Any], path: KeyPath, value: Any) -> tuple[Problem, int]:
    """The first problem of a plain config with a wrong value at `path`, and the line where that stands."""
    text = written(put(plain, path, HOLE))
    line = text[: text.index(HOLE)].count("\n") + 1
    with pytest.raises(InputError) as refused:
        config_of(text.replace(f'"{HOLE}"', dump(value).removesuffix("...\n").strip()))
    assert len(refused.value.problems) == 1, refused.value
    return refused.value.problems[0], line


@pytest.mark.parametrize(
    ("path", "name"), ENTRIES, ids=lambda part: part if isinstance(part, str) else dotted(part)
)
def test_a_wrong_type_at_any_key_is_refused_at_that_key(path: KeyPath, name: str) -> None:
    plain = whole(path, name)
    for key in places(plain):
        if name == "linear" or key[: len(path)] == path:  # the keys of every config once
            for value in wrong_for(hint_at(plain, key)):
                problem, line = problem_of(plain, key, value)
                assert problem.key.startswith(dotted(key)), (key, value, problem)
                assert (problem.source, problem.line) == ("net.yaml", line)
                assert str(problem).isprintable()


def test_no_key_is_left_out() -> None:
    tried = {key for path, name in ENTRIES for key in places(whole(path, name))}
    assert tried == {*FIELDS, *OF_ENTRIES} - {("sweep",)} - {(*path, "name") for path in CHOICES}


def test_any_config_reads_back_from_its_text(thorough: bool) -> None:
    def check(plain: dict[str, Any]) -> None:
        config = config_from_plain(plain)
        again = config_of(dump(config.plain()))
        assert again == config
        assert (again.digest, again.plain()) == (config.digest, config.plain())

    try_all(thorough, 100, check, configs())


def test_any_config_with_one_key_wrong_names_that_key(thorough: bool) -> None:
    def check(plain: dict[str, Any], data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(places(plain)))
        wrong = put(plain, path, data.draw(st.sampled_from(wrong_for(hint_at(plain, path)))))
        with pytest.raises(InputError) as refused:
            config_of(dump(wrong))
        assert [problem.key.startswith(dotted(path)) for problem in refused.value.problems] == [True]

    try_all(thorough, 100, check, configs(), st.data())
