"""Digest, plain form and plan; and every table against the schema."""

import json
from dataclasses import MISSING, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gradflow.config import Config, config_from_plain, parse_config
from gradflow.config.keys import CHOICES
from gradflow.config.sections import RecordingKeys
from gradflow.formats import ADDED
from gradflow.nn.activations import ALIASES, Expression, Tanh
from gradflow.nn.initializers import XavierNormal
from gradflow.nn.losses import Mse
from gradflow.nn.parameters import Shape
from gradflow.training import Training
from gradflow.yaml_events import KeyPath, dotted
from gradflow.yaml_file import dump, parse

NET = "model: {depth: 3, width: 10, activation: tanh, init: xavier_normal}\n"


def config(*overrides: str, text: str = NET) -> Config:
    return parse_config(parse(text, "net.yaml"), Path(), overrides)


GIVEN = {"value": "1", "steps": "7", "x": "[[1], [2]]", "y": "[0, 1]"}  # for keys that have no default


def needs_of(path: KeyPath, cls: type[Any]) -> tuple[str, ...]:
    needed = [field.name for field in fields(cls) if field.default is field.default_factory is MISSING]
    given = {**GIVEN, "value": "z"} if cls is Expression else GIVEN
    return tuple(f"{dotted(path)}.{key}={given[key]}" for key in needed)


ENTRIES = [
    (path, name, needs_of(path, cls))
    for path, choice in CHOICES.items()
    for name, cls in choice.table.items()
    if name not in ("csv", "npz")
]


def entry(path: KeyPath, name: str, needs: tuple[str, ...]) -> Config:
    return config(f"{dotted(path)}={name}", *needs)


@pytest.mark.parametrize(("path", "name", "needs"), ENTRIES)
def test_every_entry_of_every_table_reads_back_from_its_dumped_plain_form(
    path: KeyPath, name: str, needs: tuple[str, ...]
) -> None:
    before = entry(path, name, needs)
    plain = parse(dump(before.plain()), "config.yaml").value
    assert plain == before.plain()
    assert config_from_plain(plain) == before
    again = parse_config(parse(dump(plain), "config.yaml"), Path())
    assert (again, again.digest) == (before, before.digest)


@pytest.mark.parametrize(("path", "name", "needs"), ENTRIES)
def test_the_plain_form_spells_out_every_field_of_an_entry(
    path: KeyPath, name: str, needs: tuple[str, ...]
) -> None:
    plain: Any = entry(path, name, needs).plain()
    for part in path:
        plain = plain[part]
    cls = CHOICES[path].table[name]
    if getattr(cls, "bare", False):  # as it was written when its key knew no other
        assert plain == name
        return
    assert list(plain) == ["name", *(field.name for field in fields(cls))]
    given = {need.split("=")[0].split(".")[-1] for need in needs}
    for field in fields(cls):
        if field.name not in given:
            assert field.default is not MISSING
            default = [*field.default] if isinstance(field.default, tuple) else field.default
            assert plain[field.name] == default


def test_no_two_entries_of_a_table_share_a_digest() -> None:
    for path in CHOICES:
        digests = [entry(at, name, needs).digest for at, name, needs in ENTRIES if at == path]
        assert len(set(digests)) == len(digests)


def test_the_digest_of_format_1_stays_what_it_is() -> None:
    """Runs on disk are found by it: a change here makes every old run a stranger."""
    assert config().digest == "e92c06e08849a104f318f1529a3efe757c37d49c8df51d6bf844f5590023837a"
    assert config("name=a-b").id == "a-b-e92c06e0"


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (
            "{name: csv, path: p.csv, target: y}",
            "9951f65d3d779cd5a8b3fb563766248d9b12847a5c235e0acc8fdb4ea7f2f190",
        ),
        (
            "{name: csv, path: q.csv, target: y, task: regression}",
            "56c117f09d36e7ce3b30be8f685ec0fa5ddb6c1adb89fc45ee0a0472a41c1a0f",
        ),
        (
            "{name: inline, x: [[1], [2]], y: [0, 1]}",
            "f681c4d15285a76f419ad5522cc7aa349eb7d24f80b443b8e265dfd619859865",
        ),
        (
            "{name: inline, x: [[1], [2]], y: [[0.5], [1]], classes: null}",
            "b8f8fe57f85b9d0eb47fb55d9d1d3767ccb67f7e18be670c0452d73fbee5d7ca",
        ),
    ],
)  # fmt: skip
def test_data_without_keys_added_later_keep_their_digest_of_format_1(
    tmp_path: Path, data: str, digest: str
) -> None:
    (tmp_path / "p.csv").write_text("a,y\n" + "".join(f"{i}.5,{'uv'[i % 2]}\n" for i in range(8)))
    (tmp_path / "q.csv").write_text("a,y\n" + "".join(f"{i}.5,{i * 0.3}\n" for i in range(8)))
    text = f"model: {{depth: 3, width: 8, activation: tanh, init: xavier_normal}}\ndata: {data}\n"
    assert parse_config(parse(text, "n.yaml"), tmp_path).digest == digest


def test_a_key_added_later_counts_once_it_says_more_than_its_default(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("a,b,y\n" + "".join(f"{i}.5,1,{'uv'[i % 2]}\n" for i in range(8)))
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,u\n")
    csv = NET + "data: {name: csv, path: p.csv, target: y}\n"

    def digest(*overrides: str) -> str:
        return parse_config(parse(csv, "n.yaml"), tmp_path, overrides).digest

    same = [digest(), digest("delimiter=null", "decimal=null", "drop=null", "test_path=null")]
    assert same[0] == same[1]
    others = {digest("drop=[b]"), digest("drop=[]"), digest("delimiter=comma"), digest("decimal=point")}
    test = tmp_path / "t.csv"
    others |= {digest(f"test_path={test}")}
    test.write_text("a,b,y\n1,2,v\n")
    others |= {digest(f"test_path={test}")}
    assert len(others - {same[0]}) == 6


def test_a_section_may_get_keys_too(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, every_other = config().digest, config("every=2").digest
    monkeypatch.setattr(RecordingKeys.model_fields["every"], "json_schema_extra", ADDED)
    assert config().digest != usual
    assert config("every=2").digest == every_other


def test_the_digest_is_the_sha256_of_sorted_json_without_name_and_analysis() -> None:
    found = config("name=x", "stable_decades=2")
    kept = {key: value for key, value in found.plain().items() if key not in ("name", "analysis")}
    assert kept["training"].pop("evaluate") == "auto"  # which came after format 1
    assert kept["training"].pop("stop") == {"loss": None, "accuracy": None, "plateau": None}
    assert kept["training"].pop("schedule") == {"name": "constant"}
    assert kept["training"]["optimizer"].pop("weight_decay") == 0
    assert kept["recording"].pop("critical_lr") == "auto"
    assert kept["recording"].pop("jacobian") is False
    assert kept["recording"].pop("precision") is False
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    assert sha256(text.encode()).hexdigest() == found.digest


@pytest.mark.parametrize(
    "same",
    [
        ["evaluate=auto"], ["name=other"], ["stable_decades=2"], ["sweep={depth: [1]}"], ["seed=0"],
        ["gain=1"], ["gain=1.0"],
        ["loss=cross_entropy"], ["lr=1e-2"], ["depth=0x3"], ["clip_norm=~"], ["data=digits"],
        ["activation={name: tanh}"], ["init=glorot_normal"],
    ],
)  # fmt: skip
def test_what_changes_nothing_in_the_run_leaves_the_digest(same: list[str]) -> None:
    assert config(*same).digest == config().digest


@pytest.mark.parametrize(("other", "name"), ALIASES.items())
def test_another_name_of_an_activation_gives_the_same_run(other: str, name: str) -> None:
    assert config(f"activation={other}").digest == config(f"activation={name}").digest


@pytest.mark.parametrize(
    "other",
    [
        ["seed=1"], ["seeds=5"], ["depth=4"], ["width=11"], ["activation=relu"], ["gain=1.5"],
        ["bias=constant", "bias.value=0"], ["readout=none"], ["data.seed=1"], ["standardize=false"],
        ["steps=99"], ["batch_size=64"], ["loss=mse"], ["lr=0.02"], ["momentum=0.5"], ["clip_norm=1"],
        ["dtype=float64"], ["every=2"], ["evaluate=50"],
    ],
)  # fmt: skip
def test_what_changes_the_run_or_its_record_changes_the_digest(other: list[str]) -> None:
    assert config(*other).digest != config().digest


def test_the_plan_is_what_training_takes() -> None:
    found = config(
        "loss=mse", "bias=constant", "bias.value=0.5", "steps=2", "seed=3", "clip_norm=1", "every=2"
    )
    data = found.data.load(Path())
    plan = found.plan(data)
    model, shape = plan.model, plan.model.shape
    assert shape == Shape(data.features, 10, 3, data.outputs, min(128, data.samples), readout=True)
    assert (plan.steps, plan.every, plan.clip_norm, plan.seed) == (2, 2, 1.0, 3)
    assert (model.loss, model.bias, model.activation, model.init) == (Mse(), 0.5, Tanh(), XavierNormal())
    assert [progress.step for progress in Training(plan, data)] == [1, 2]
    assert not config("readout=none").plan(data).model.shape.readout
