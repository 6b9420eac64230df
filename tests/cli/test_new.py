"""gradflow new and gradflow schema: keys, starters, and what an editor needs beside them."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from gradflow.config.keys import FIELDS
from gradflow.config.load import load_config
from gradflow.starters import is_script, starter_names
from gradflow.yaml_events import dotted
from gradflow.yaml_file import parse
from tests.promises.calls import gradflow
from tests.sampling import each

FIRST = "# yaml-language-server: $schema=gradflow.schema.json\n"


def test_keys_are_listed_as_a_page_as_markdown_as_csv_and_as_json(tmp_path: Path) -> None:
    page, md, csv, document = (
        gradflow(tmp_path, "new", "--keys", *form).out for form in ([], ["--md"], ["--csv"], ["--json"])
    )
    keys = [line["key"] for line in json.loads(document)["rows"]]
    assert {dotted(path) for path in FIELDS} < set(keys)
    for key in keys:
        assert all(key in text for text in (page, csv, md.replace("\\", "")))
    sentence = "Units of each hidden layer, or a list with a number for each."
    assert all(sentence in text for text in (page, md, csv, document))
    assert not list(tmp_path.iterdir())


def test_the_page_of_keys_fits_a_narrow_terminal_by_folding(tmp_path: Path) -> None:
    from gradflow.report.keys_page import keys_page
    from gradflow.report.terminal import Look, render

    lines = render(keys_page(), Look(columns=80, wrap=True, colours=None, unicode=False)).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("seeds ") for line in lines)


def test_the_schema_is_printed_and_written(tmp_path: Path) -> None:
    printed = gradflow(tmp_path, "schema").out
    Draft7Validator.check_schema(json.loads(printed))
    assert gradflow(tmp_path, "schema", "-o", "s.json").err == "wrote s.json\n"
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == printed
    again = gradflow(tmp_path, "schema", "-o", "s.json")
    assert (again.code, again.err) == (
        2,
        "error: s.json: is there already: --force replaces it, or choose another name\n",
    )
    assert gradflow(tmp_path, "schema", "-o", "s.json", "--force", "--quiet").err == ""


@pytest.mark.parametrize("name", each(4, [name for name in starter_names() if not is_script(name)]))
def test_a_starter_names_the_schema_only_where_it_stands(tmp_path: Path, name: str) -> None:
    assert FIRST not in gradflow(tmp_path, "new", name).out
    gradflow(tmp_path, "new", name, "-o", "alone.yaml")
    (tmp_path / "gradflow.schema.json").write_text("{}")
    gradflow(tmp_path, "new", name, "-o", "beside.yaml")
    alone, beside = ((tmp_path / f"{name}.yaml").read_text(encoding="utf-8") for name in ("alone", "beside"))
    assert beside == FIRST + alone
    assert alone.startswith("# ")


def test_new_with_schema_writes_both_and_leaves_a_schema_that_is_the_same(tmp_path: Path) -> None:
    assert gradflow(tmp_path, "new", "quickstart", "-o", "a.yaml", "--schema").code == 0
    schema = json.loads((tmp_path / "gradflow.schema.json").read_text(encoding="utf-8"))
    text = (tmp_path / "a.yaml").read_text(encoding="utf-8")
    assert text.startswith(FIRST)
    assert Draft7Validator(schema).is_valid(parse(text, "a.yaml").value)
    assert load_config(tmp_path / "a.yaml").digest[:8] == "8be9170a"  # the first line is no part of it
    assert gradflow(tmp_path, "new", "he-relu", "-o", "b.yaml", "--schema").code == 0


def test_a_schema_that_is_another_one_is_not_replaced_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "gradflow.schema.json").write_text("{}")
    done = gradflow(tmp_path, "new", "quickstart", "-o", "a.yaml", "--schema")
    assert (done.code, done.err.startswith("error: gradflow.schema.json: is there already")) == (2, True)
    (tmp_path / "a.yaml").touch()
    done = gradflow(tmp_path, "new", "quickstart", "-o", "a.yaml", "--schema")
    assert done.err.startswith("error: a.yaml: is there already")
    assert (tmp_path / "gradflow.schema.json").read_text() == "{}"
    assert gradflow(tmp_path, "new", "quickstart", "-o", "a.yaml", "--schema", "--force").code == 0
    assert (tmp_path / "gradflow.schema.json").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("new --keys quickstart", "quickstart is of no use here: --keys lists keys alone"),
        ("new --keys -o keys.md", "--output is of no use here"),
        ("new --json", "--json is of no use here: it is a form of --keys"),
        ("new quickstart --schema", "--schema is of no use here: name a file with -o"),
        ("new -o a.yaml", "--output is of no use here: name a starter config"),
        ("new tutorial -o a.py --schema", "--schema is of no use here: tutorial is no config"),
        ("new --keys --json --md", "--json, --csv and --md exclude each other"),
        ("new nothing -o a.yaml --schema", "nothing is no starter config"),
    ],
)
def test_what_has_no_use_is_refused(tmp_path: Path, words: str, told: str) -> None:
    done = gradflow(tmp_path, *words.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {told}")
    assert not list(tmp_path.iterdir())
