"""No text does anything but be refused, in one line, at once."""

from __future__ import annotations

import builtins
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from gradflow.config import load_config
from gradflow.errors import InputError
from gradflow.nn.activations import Expression
from gradflow.nn.expressions.grammar import ARITIES, parse_formula
from gradflow.nn.expressions.tree import ExpressionError
from tests.counted import calls_at_most
from tests.nn.hostile import hostile

TEXTS = hostile()
REFUSED, READ = 200_000, 1_000_000  # calls, a quarter of a second and one; what grows without bound has more
NET = "model: {depth: 3, width: 8, activation: {name: expression, value: %s}, init: xavier_normal}\n"


def test_there_are_five_hundred_of_them() -> None:
    assert len(TEXTS) >= 500


def test_none_is_run_and_each_is_refused_in_one_line_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.yaml"
    monkeypatch.chdir(tmp_path)
    load_config(_written(path, "tanh(z)"))  # what is imported when first needed

    def never(*words: Any, **more: Any) -> None:
        raise AssertionError(f"was run: {words}")

    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(builtins, name, never)
    for text in TEXTS:
        _written(path, text)
        with pytest.raises(InputError) as error, calls_at_most(REFUSED, text):
            load_config(path)
        line = str(error.value)
        assert line.isprintable(), ascii(text)
        assert line.startswith((f"{path}:1: model.activation.value: ", f"{path}: ", f"{path}:1: ")), line
        assert len(line) < 600
    assert [each.name for each in tmp_path.iterdir()] == ["net.yaml"]


def _written(path: Path, text: str) -> Path:
    quoted = yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=False).strip()
    path.write_text(NET % quoted)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "+".join(f"tanh(z-{i})" for i in range(40)),
        "*".join(f"tanh(z-{i})" for i in range(20)),
        "abs(" * 12 + "z" + "-1)" * 12,
        "tanh(" * 39 + "z" + ")" * 39,
        "/".join(f"(1+exp(z-{i}))" for i in range(24)),
        "max(" * 25 + "z" + "".join(f",{i}*z)" for i in range(25)),
        "exp(-z**2/(1+z**2))*sin(z*tanh(z**2))+" * 9 + "z",
    ],
)
def test_what_is_long_takes_a_second_at_most_be_it_taken_or_refused(text: str) -> None:
    with suppress(ExpressionError), calls_at_most(READ):
        Expression(text)


def test_every_function_has_a_meaning() -> None:
    arguments = {1: "(1 + z**2)", 2: "(z, 0)", 3: "(z, -1, 1)"}
    for name, arity in ARITIES.items():
        text = "where(z > 0, z, 2*z)" if name == "where" else name + arguments[arity]
        assert parse_formula(text).constant is None, name
