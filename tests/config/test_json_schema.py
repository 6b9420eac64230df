"""The JSON Schema against what gradflow itself takes and refuses."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
from annotated_types import Gt, doc
from jsonschema import Draft7Validator

from gradflow.cli.schema import schema_text
from gradflow.config import parse_config
from gradflow.config.json_schema import config_schema
from gradflow.config.keys import FIELDS, OF_ENTRIES
from gradflow.config.reference import EntryLine, KeyLine, reference
from gradflow.errors import InputError
from gradflow.nn.activations import ACTIVATIONS, Activation
from gradflow.yaml_events import KeyPath, dotted
from gradflow.yaml_file import parse
from tests.config import test_refusals as refusals
from tests.promises import test_bad_config, test_wrong_keys
from tests.promises.generated import configs, hint_at, places, put, try_all, wrong_for

CONFIGS = Path(__file__).parents[2] / "configs"
MODEL = "model: {depth: 3, width: 10, activation: tanh, init: he_normal}\n"
ON_DISK = {"no.csv does not exist", "a device for data", "a NUL in a path", "a path of 5,000 characters",
           "the folder itself", "an empty path", "an address"}  # fmt: skip
BY_MEMORY = {"TB, this machine has ", "PB, this machine has ", "this machine has ", "a billion layers",
             "a billion units", "a billion networks", "a trillion steps", "hex that is too much"}  # fmt: skip
UNSAID = {  # wrong by their text alone, and beyond JSON Schema
    "should be a whole number, not 3.0: write 3",  # 3.0 is an integer there
    "should be a whole number, not 1000.0: write 1000",
    "should be 10, the size of",  # the last of a list
    "should be one number",  # a list of which all are alike is right
    "a stream of two widths",
    "a width that fits no target",  # as many as the classes that data states
    "1 target",  # as many as there are samples
    "should be below training.steps, which is 100: the cosine takes the updates after it, not 100",
}


@cache
def validator(relations: bool = True) -> Draft7Validator:
    schema = config_schema()
    if not relations:
        del schema["else"]["allOf"]
    return Draft7Validator(schema)


def accepts(text: str) -> bool:
    return bool(validator().is_valid(parse(text, "net.yaml").value or {}))


def is_refused(text: str) -> bool:
    with pytest.raises(InputError):
        parse_config(parse(text, "net.yaml"), Path())
    return not accepts(text)


@cache
def bad_texts() -> dict[str, str]:
    """Every bad config of the tests by what is wrong with it, if it is YAML."""
    rows = [(row[3], row[0]) for row in (*refusals.ALL, *refusals.MISSING)]
    rows += [(title, row[0]) for title, row in test_bad_config.TEXTS.items()]
    schedules, inits = (
        test.pytestmark[0].args[1]
        for test in (
            refusals.test_schedules_that_cannot_be_followed_are_refused,
            refusals.test_fields_that_an_initialization_does_not_take_are_refused,
        )
    )
    rows += [(said, f"{refusals.MODEL}training: {{schedule: {text}}}\n") for text, _, said in schedules]
    rows += [(said, refusals.LINES.replace("he_normal", text)) for text, _, said in inits]
    return {f"{number}: {what}": text for number, (what, text) in enumerate(rows) if is_yaml(text)}


def is_yaml(text: str) -> bool:
    try:
        parse(text, "net.yaml")
    except InputError:
        return False
    return True


def test_it_is_a_schema_of_draft_7() -> None:
    Draft7Validator.check_schema(config_schema())


def test_the_file_beside_the_starters_is_what_the_command_writes() -> None:
    there = (CONFIGS / "gradflow.schema.json").read_text(encoding="utf-8")
    assert there == schema_text(), "gradflow schema -o configs/gradflow.schema.json --force"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_starter_is_accepted_and_names_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=gradflow.schema.json\n")
    assert [error.message for error in validator().iter_errors(parse(text, path.name).value)] == []


@pytest.mark.parametrize("text", [row[0] for row in refusals.MEANING if row[3] is None])
def test_what_passes_beside_what_does_not_is_accepted(text: str) -> None:
    assert accepts(text)


def test_nearly_all_bad_configs_of_the_tests_are_refused() -> None:
    accepted = {name.partition(": ")[2] for name, text in bad_texts().items() if not is_refused(text)}
    assert accepted == {*ON_DISK, *BY_MEMORY, *UNSAID}
    by_text = [name for name in bad_texts() if name.partition(": ")[2] not in {*ON_DISK, *BY_MEMORY}]
    unsaid = [name for name in by_text if name.partition(": ")[2] in UNSAID]
    assert len(by_text) > 200
    assert len(unsaid) <= 0.05 * len(by_text)


@pytest.mark.parametrize(
    ("path", "name"),
    test_wrong_keys.ENTRIES,
    ids=lambda part: part if isinstance(part, str) else dotted(part),
)
def test_any_key_refuses_wrong_types_and_takes_right_ones(path: KeyPath, name: str) -> None:
    plain = json.loads(json.dumps(test_wrong_keys.whole(path, name)))
    assert validator(False).is_valid(plain)
    for key in places(plain):
        if name == "linear" or key[: len(path)] == path:
            for value in wrong_for(hint_at(plain, key)):
                if not (isinstance(value, float) and value.is_integer()):  # 2.0 is an integer there
                    assert not validator(False).is_valid(put(plain, key, value)), (key, value)


def test_any_config_is_accepted(thorough: bool) -> None:
    def check(plain: dict[str, Any]) -> None:
        plain = {key: value for key, value in plain.items() if key != "sweep"}  # of any values at all
        assert [error.message for error in validator(False).iter_errors(plain)] == []

    try_all(thorough, 15, check, configs())


@pytest.mark.parametrize(
    "text",
    [
        "model: {width: 10, activation: tanh, init: he_normal}\nsweep: {depth: [3, 4]}",
        "model: {width: 10, activation: tanh, init: he_normal}\nsweep: {model.depth: [3, 4]}",
        "sweep: {depth: [3], width: [8, [8, 8, 8]], model.init: [he_normal], activation: [tanh, relu]}",
        "sweep: {model: [{depth: 3, width: 10, activation: tanh, init: he_normal}]}",
        f"{MODEL}sweep: {{init.sigma_w: [1, 1.5], model.init.name: [gaussian]}}",
        f"{MODEL}sweep: {{init: [he_normal, {{name: gaussian, sigma_w: 2}}], optimizer.lr: [0.1]}}",
        "model: {depth: 3, width: 10, activation: tanh, init: constant}\nsweep: {init.value: [0.1, 1]}",
        f"{MODEL}sweep: {{model.norm: [batch], batch_size: [1, 64]}}\n",
        f"{MODEL}sweep: null",
    ],
)
def test_a_sweep_may_hold_what_its_points_need(text: str) -> None:
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "model: {width: 10, activation: tanh, init: he_normal}\nsweep: {seed: [3, 4]}",
        "model: {width: 10, activation: tanh, init: he_normal}\nsweep: null",
        f"{MODEL}sweep: {{depth: [3], model.depth: [4]}}",
        f"{MODEL}sweep: {{depth: 3}}",
        f"{MODEL}sweep: {{depth: [0]}}",
        f"{MODEL}sweep: {{alpha: [1]}}",
        f"{MODEL}sweep: {{name: [a]}}",
        f"{MODEL}sweep: {{model.init: [he]}}",
        f"{MODEL}sweep: {{init.sigma_w: [-1]}}",
    ],
)
def test_a_sweep_refuses_what_no_point_takes(text: str) -> None:
    assert not accepts(text)


def test_it_refuses_no_relation_that_gradflow_takes() -> None:
    right = [
        f"{MODEL.replace('he_normal', 'he_normal, norm: batch')}training: {{batch_size: 2}}",
        f"{MODEL}data: teacher\ntraining: {{loss: mse, stop: {{loss: 1}}}}",
        f"{MODEL}data: {{name: inline, x: [[1], [2]], y: [0.5, 1], task: regression}}",
        f"{MODEL}recording: {{jacobian: true}}",
        "model: {depth: 2, width: [4, 10], activation: tanh, init: he_normal, readout: none}",
        "model: {depth: 2, width: 4, activation: tanh, init: {name: constant, value: [1, 2, 3]}}",
        "model: {depth: 1, width: 10, activation: tanh, readout: none, init: {name: constant, value: [1]}}",
    ]
    for text in right:
        parse_config(parse(text, "net.yaml"), Path())
        assert accepts(text), text


@pytest.mark.parametrize(
    "text",
    [
        f"{MODEL}data: teacher\ntraining: {{stop: {{accuracy: 0.9}}}}",
        f"{MODEL}data: {{name: inline, x: [[1], [2]], y: [[1], [2]], task: regression}}\n"
        "training: {loss: cross_entropy}",
        "model: {depth: 1, width: 4, activation: tanh, init: he_normal}\nrecording: {jacobian: true}",
        f"{MODEL.replace('he_normal', 'he_normal, norm: batch')}recording: {{jacobian: true}}",
        "model: {depth: 33, width: 8, activation: tanh, init: he_normal, readout: none}\ndata: digits",
    ],
)
def test_relations_are_refused_by_both(text: str) -> None:
    assert is_refused(text)


def test_every_key_is_in_it_with_a_sentence() -> None:
    schema = config_schema()
    for path in FIELDS:
        node = schema
        for part in path:
            node = node["properties"][part]
        assert node["description"].endswith("."), dotted(path)
    found = {
        f"{name.rpartition('.')[0]}.{key}"
        for name, node in schema["definitions"].items()
        for key, inner in node.get("properties", {}).items()
        if key == "name" or inner["description"].endswith(".")
    }
    assert found == {dotted(path) for path in OF_ENTRIES}


@dataclass(frozen=True)
class Threefold(Activation):
    """phi(z) = 3 z.

    Not told.
    """

    name = "threefold"
    bend: Annotated[float, Gt(0), doc("How it bends.")] = 1.0
    unsaid: bool = False


def test_an_activation_that_is_added_to_the_table_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "threefold", Threefold)
    schema = config_schema()
    new = Draft7Validator(schema)
    config = parse(MODEL.replace("tanh", "{name: threefold, bend: 2}"), "net.yaml").value
    assert new.is_valid(config)
    assert not validator().is_valid(config)
    assert not new.is_valid(put(config, ("model", "activation", "bend"), 0))
    group = next(group for group in reference() if group.above == "model.activation")
    assert EntryLine(("threefold",), ("bend", "unsaid"), "phi(z) = 3 z.") in group.entries
    lines = {line.key: line for line in group.keys}
    own = "model.activation.bend", "a number above 0", "1", "How it bends.", ("threefold",)
    assert lines["model.activation.bend"] == KeyLine(*own)
    assert lines["model.activation.unsaid"].sentence == ""
