import pytest

from gradflow.config import override_key
from gradflow.config.keys import CHOICES, FIELDS, OF_ENTRIES, keys_below
from gradflow.errors import InputError
from gradflow.yaml_events import KeyPath, dotted


@pytest.mark.parametrize("path", [*FIELDS, *OF_ENTRIES], ids=dotted)
def test_every_full_key_stands_for_itself(path: KeyPath) -> None:
    assert override_key(dotted(path)) == dotted(path)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("depth", "model.depth"),  # every config has it, only one data set
        ("data.depth", "data.depth"),
        ("lr", "training.optimizer.lr"),
        ("sigma_w", "model.init.sigma_w"),
        ("init.sigma_w", "model.init.sigma_w"),
        ("activation.slope", "model.activation.slope"),
        ("optimizer.name", "training.optimizer.name"),
        ("name", "name"),
        ("seed", "seed"),
        ("every", "recording.every"),
        ("path", "data.path"),
        ("loss", "training.loss"),  # which stands above training.stop.loss
        ("stop.loss", "training.stop.loss"),
        ("plateau", "training.stop.plateau"),
    ],
)
def test_a_short_name_finds_its_key(name: str, key: str) -> None:
    assert override_key(name) == key


@pytest.mark.parametrize(
    "name", ["", ".", "depth.", ".depth", "model.", "depth.x", "init.", "data.x.y", "Depth"]
)
def test_what_is_no_key_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unknown key"):
        override_key(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("modle.depth", "model.depth"),
        ("Model.Depth", "model.depth"),
        ("training.lr", "training.optimizer.lr"),
        ("model.dpeth", "model.depth"),
        ("optimzer.lr", "training.optimizer.lr"),
        ("DEPTH", "depth"),
        ("dpeth", "depth"),
    ],
)
def test_a_key_that_is_misspelt_is_asked_after_as_a_whole(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=rf"unknown key; did you mean {meant}\?$"):
        override_key(name)


def test_an_ambiguous_name_is_refused_with_its_candidates() -> None:
    with pytest.raises(
        InputError, match=r"^command line: alpha: is ambiguous: write model.activation.alpha or"
    ):
        override_key("alpha")


def test_of_keys_that_every_config_has_and_that_end_alike_one_stands_above_the_others() -> None:
    for name in {path[-1] for path in FIELDS}:
        first, *others = sorted((path for path in FIELDS if path[-1] == name), key=len)
        assert override_key(str(name)) == dotted(first)
        assert all(len(first) < len(path) for path in others)


def test_the_choices_are_found_by_walking_the_schema() -> None:
    assert [dotted(path) for path in CHOICES] == [
        "model.activation", "model.init", "model.bias", "model.block", "model.norm",
        "data", "training.optimizer", "training.schedule",
    ]  # fmt: skip


def test_the_keys_below_a_choice_are_those_of_the_entry_that_is_named() -> None:
    assert keys_below(("model", "init"), "gaussian") == ["sigma_w", "sigma_b"]
    assert keys_below(("model", "init"), {"name": "glorot_normal"}) == ["gain"]
    assert keys_below(("recording",), {}) == ["every", "critical_lr", "jacobian", "precision"]
