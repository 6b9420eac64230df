import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gradflow.errors import InputError
from gradflow.yaml_file import Document, dump, parse, parse_value, read

HUNDRED_KB = 100_000


def refused(text: str) -> list[tuple[int | None, str, str]]:
    """(line, key, message) of each problem of a text."""
    with pytest.raises(InputError) as error:
        parse(text, "f.yaml")
    assert {problem.source for problem in error.value.problems} == {"f.yaml"}
    assert all(str(problem).isprintable() for problem in error.value.problems)
    return [(problem.line, problem.key, problem.message) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False),
        ("0", 0), ("-12", -12), ("+7", 7), ("010", 10), ("0o17", 15), ("0x1F", 31),
        ("1e-3", 0.001), ("1E+3", 1000.0), (".5", 0.5), ("-.5e1", -5.0), ("1.", 1.0), ("12e03", 12000.0),
        ("-0.0", -0.0), (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("1e999", math.inf),
    ],
)  # fmt: skip
def test_unquoted_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = parse(f"key: {text}", "").value["key"]
    assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan_is_a_number_that_equals_nothing(text: str) -> None:
    assert math.isnan(parse(text, "").value)


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "OFF", "y", "tRUE", "nULL", "1:30", "1_000", "0b1", "2024-01-01", "-0x1", "1e", ".",
     "+", "inf", "nan", "-.nan", "0o8", "=", "<<", "1.5.2", "0x"],
)  # fmt: skip
def test_what_only_yaml_1_1_or_python_read_as_something_else_is_text(text: str) -> None:
    assert parse(f"- {text}", "").value == [text]


@pytest.mark.parametrize("text", ["'1'", '"1"', "|-\n  1", ">-\n  1"])
def test_a_number_in_quotes_or_a_block_is_text(text: str) -> None:
    assert parse(f"key: {text}", "").value == {"key": "1"}


def test_every_value_has_the_line_where_it_stands_and_a_block_that_of_its_key() -> None:
    text = """name: a
model:
  depth:
    5
  width:

  list:
  - 1
  - {x: 2,
     y: [3]}
'last': |
  text
"""
    values = {"depth": 5, "width": None, "list": [1, {"x": 2, "y": [3]}]}
    lines = {
        (): 1, ("name",): 1, ("model",): 2, ("model", "depth"): 4, ("model", "width"): 5,
        ("model", "list"): 7, ("model", "list", 0): 8, ("model", "list", 1): 9, ("model", "list", 1, "x"): 9,
        ("model", "list", 1, "y"): 10, ("model", "list", 1, "y", 0): 10, ("last",): 11,
    }  # fmt: skip
    assert parse(text, "f.yaml") == Document(
        {"name": "a", "model": values, "last": "text\n"}, lines, "f.yaml"
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\n\n"])
def test_an_empty_text_is_null(text: str) -> None:
    assert parse(text, "").value is None


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        ("a: 1\nb: *a\n", 2, "aliases"),
        ("a: &x 1\n", 1, "anchors (&x)"),
        ("a: !!str 1\n", 1, "tags (!!str)"),
        ("\n- !python/object:os.system {}\n", 2, "tags (!python/object:os.system)"),
        ("a: ! 1\n", 1, "tags (!)"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\n...\nb: 2\n", 3, "one document"),
        ("1: a\n", 1, "the key 1 is not text: put it in quotes"),
        ("a: 1\n2: b\n", 2, "the key 2 is not text: put it in quotes"),
        ("a: {lr: 0,01}\n", 1, "the key 01 is not text: write 0.01 if it is a number, else put it in quotes"),
        ("a: 1\ntrue: 2\n", 2, "the key true is not text"),
        ("? [a]\n: b\n", 1, "cannot be a key"),
        ("{a: 1}: b\n", 1, "cannot be a key"),
        ("a:\n\tb: 1\n", 2, "a tab"),
        ("a: @x\n", 1, "cannot start with @: put it in quotes"),
        ("a: `x`\n", 1, "cannot start with `"),
        ("a: %x\n", 1, "cannot start with %"),
        ("a: b: c\n", 1, "': ' is not expected here"),
        ("a: 1\n b: 2\n", 2, "align the keys"),
        ("a:1\nb: 2\n", 2, "put a space after each colon"),
        ("a: [1,\n", 1, "not closed"),
        ("a: [1\nb: 2\n", 2, "not closed"),
        ("a: {b: 1\n", 1, "not closed"),
        ("a: [1}\n", 1, "not closed"),
        ("a: ]\n", 1, "a bracket is one too many"),
        ("a: 1\nb: 'x\n", 2, "the quote that opens here is never closed"),
        ("a: 1\nb: 'it's'\n", 2, "a quote ends early"),
        ('a: "\\q"\n', 1, "unknown escape"),
        ('a: "\\ud800"\n', 1, "unknown escape"),
        ("- a\nb: 1\n", 2, "starts with '- '"),
        ("a: 1\nb\n", 2, "a key without its colon"),
        (": 1\n", 1, "a key is missing"),
        ("a: 1\nb: " + "9" * 401, 2, "an integer of 401 characters"),
        ("a: 1\r\nb: \x00\r\n", 2, "U+0000"),
        ("a: 1\rb: \x1b[31m", 2, "U+001B"),
        ("a: \x85", 1, "U+0085"),
        ("a: \u2028", 1, "U+2028"),
        ("a: \udcff", 1, "U+DCFF"),
        ("\ufeffa: 1", 1, "U+FEFF"),
        ("- " * 51 + "1", 1, "more than 50 levels"),
        ("[" * HUNDRED_KB, 1, "more than 50 levels"),
        ("{a: " * (HUNDRED_KB // 4), 1, "more than 50 levels"),
        ("\n".join(" " * level + "a:" for level in range(60)), 51, "more than 50 levels"),
        ("%FOO\n---\na: 1", 1, "is not YAML: found unknown directive name"),
    ],
)
def test_a_bad_text_is_refused_in_one_line_with_the_remedy(text: str, line: int, fragment: str) -> None:
    ((found_line, _, message),) = refused(text)
    assert fragment in message
    assert found_line == line


def test_fifty_levels_are_not_too_deep() -> None:
    assert parse("[" * 50 + "]" * 50, "").lines[(0,) * 49] == 1


def test_a_key_that_stands_twice_is_refused_with_both_lines_and_its_path() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: [{e: 1,\n        e: 2}]\n  c: 2\na: 3\n"
    assert refused(text) == [
        (5, "b.d[0].e", "already stands in line 4: remove one of the two"),
        (6, "b.c", "already stands in line 3: remove one of the two"),
        (7, "a", "already stands in line 1: remove one of the two"),
    ]


def test_all_problems_are_reported_at_once_up_to_fifty() -> None:
    assert [line for line, _, _ in refused("a: !x 1\n2: *a\na: 3\nd: *a\nc: [")] == [1, 2, 2, 3, 4, 5]
    assert [line for line, _, _ in refused("a: !x 1\n---\nb: !x 1\n---\nc: 1\n")] == [1, 2]
    many = refused("a: 1\n" * 20_000)
    assert len(many) == 51
    assert many[-1] == (None, "", "and 19,949 more problems")


def test_a_key_is_shown_on_one_line_and_cut() -> None:
    (_, key, _), *_ = refused(f'"a\\n\\e{"b" * 100}": 1\n"a\\n\\e{"b" * 100}": 2\n')
    assert key.startswith("a\\n\\x1bbbb")
    assert key.endswith("bbb...")
    assert len(key) < 60
    for length, shown in ((40, "b" * 40), (41, "b" * 37 + "...")):
        assert refused(f"{'b' * length}: 1\n{'b' * length}: 2\n")[0][1] == shown


def test_a_value_on_the_command_line_follows_the_same_rules() -> None:
    values = [parse_value(text, "key") for text in ("1e-3", "no", "", "[1, {a: 2}]")]
    assert values == [0.001, "no", None, [1, {"a": 2}]]
    with pytest.raises(InputError, match=r"^command line: model.depth: a bracket is not closed") as error:
        parse_value("[1", "model.depth")
    assert error.value.problems[0].line is None


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + "a: é\r\nb: 1\r\n".encode())
        document = read(path)
        assert (document.value, document.source) == ({"a": "é", "b": 1}, str(path))
        assert document.lines["b",] == 2


@pytest.mark.parametrize(
    ("data", "line", "fragment"),
    [
        (b"a: 1\nb: \xff\n", 2, "the byte 0xff is not UTF-8: save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\n" + b"#" * 1_000_000, None, "larger than 1 MB"),
        (b"a: \0\n", 1, "U+0000"),
    ],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, data: bytes, line: int | None, fragment: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=fragment.replace("+", r"\+")) as error:
        read(path)
    assert (error.value.problems[0].source, error.value.problems[0].line) == (str(path), line)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, fragment in (
        (tmp_path / "pipe", "is not a regular file"),
        (tmp_path, "is a directory"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path / "pipe" / "x", "cannot be read: Not a directory"),
        (Path("a\0b"), "cannot be read: embedded null byte"),
    ):
        with pytest.raises(InputError, match=fragment):
            read(path)


def test_a_missing_file_gets_the_name_of_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "tanh.yaml").touch()
    with pytest.raises(InputError, match=r"tanh.yml: does not exist; did you mean tanh.yaml\?$"):
        read(tmp_path / "tanh.yml")
    (tmp_path / "tanh.csv").touch()
    for typed in ("tanh", "tahn.yaml", "tanh.yml"):
        with pytest.raises(InputError, match=r"does not exist; did you mean tanh.(yaml|csv)\?$"):
            read(tmp_path / typed)
    with pytest.raises(InputError, match=r"did you mean tanh.yaml\?$"):
        read(tmp_path / "tahn.yaml")
    for typed in ("nope.yaml", "no/tanh.yml"):
        with pytest.raises(InputError, match=r"does not exist$"):
            read(tmp_path / typed)


CHARACTERS = st.characters(exclude_categories=["Cs"])
MISREAD = st.sampled_from(
    ["1e-3", "1e5", "no", "010", "~", "null", "True", ".5", "0x1", "0o7", "1_0", "1:30", "=", "<<", "-", "?",
     "- a", "a: b", "{", "!", "&a", "*a", "%", "@", "`", "'", '"', "\n", "\t", "\r\n", " a", "a ", "a #b",
     "---", "...", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", ".inf", ".nan", "2024-01-01"]
)  # fmt: skip
TEXT = st.text(CHARACTERS) | MISREAD
LEAF = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12)


@given(VALUE)
@example([1e-05, 1e16, 5e-324, -0.0, math.inf, 0.1, 1.0, 1])
@example({"long": "word " * 100, "x" * 200: ["y"] * 100, "key: ": {}})
def test_dumped_text_reads_back_to_the_same_value_as_yaml_1_2_and_1_1(value: Any) -> None:
    text = dump(value)
    assert repr(parse(text, "").value) == repr(value)
    assert repr(yaml.safe_load(text)) == repr(value)


def test_dumped_text_is_readable_and_keeps_the_order_of_keys() -> None:
    shared = [1.5, 2]
    init = {"name": "gaussian", "sigma_w": 1e-5}
    assert dump({"m": {"init": init, "a": "1e-3", "c": "é"}, "b": [shared, shared]}) == (
        "m:\n  init: {name: gaussian, sigma_w: 1.0e-05}\n  a: '1e-3'\n  c: é\nb:\n- [1.5, 2]\n- [1.5, 2]\n"
    )
