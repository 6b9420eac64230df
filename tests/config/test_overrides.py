"""Overrides lose no value: choices come before keys below them, and what contradicts itself is refused."""

import re
import shlex
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradflow.config import Config, parse_config
from gradflow.config.load import begin, validate
from gradflow.config.overrides import parse, settled, without
from gradflow.errors import InputError
from gradflow.yaml_events import KeyPath
from gradflow.yaml_file import parse as parse_yaml

NET = """\
model:
  depth: 3
  width: 8
  activation: {name: leaky_relu, slope: 0.2}
  init: {name: orthogonal, gain: 2.0}
  bias: {name: constant, value: 0.1}
data: {name: gaussian, samples: 32, features: 8, classes: 3, seed: 7}
training:
  steps: 2
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
"""


def config(*overrides: str, text: str = NET) -> Config:
    return validate(*begin(parse_yaml(text, "net.yaml"), overrides))


def values(*overrides: str) -> dict[KeyPath, Any]:
    """The values of a config by their paths, that of a choice its name."""
    return dict(leaves(config(*overrides).plain(), ()))


def leaves(value: Any, path: KeyPath) -> list[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [(settled(path), value)]


def refused(*overrides: str) -> list[str]:
    with pytest.raises(InputError) as error:
        config(*overrides)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    "typed",
    [
        "lr=0.3 optimizer=adam",
        "training.optimizer.lr=0.3 optimizer.name=adam",
        "sigma_w=2 init=gaussian",
        "sigma_b=0.5 model.init=gaussian init.sigma_w=3",
        "samples=64 data=spirals",
        "data.seed=3 data=teacher data.depth=5",
        "slope=0.3 activation=leaky_relu",
        "activation.alpha=2 activation=elu",
        "bias.value=1 bias=constant",
        "beta1=0.5 optimizer=adamw weight_decay=0.1 lr=0.01",
        "lr=0.3 optimizer={name: adam, beta1: 0.5}",
        "model.bias.value=0.5 model={depth: 2, width: 4, activation: tanh, init: he_normal, bias: constant}",
        "depth=2 model={width: 4, activation: tanh, init: he_normal}",
        "gain=3 model={depth: 2, width: 4, activation: tanh, init: he_normal}",
        "lr=0.5 training={steps: 7, optimizer: adam}",
        "init={name: gaussian, sigma_w: 2} init={name: gaussian, sigma_b: 1}",
        "init=gaussian model.init={name: gaussian, sigma_w: 2}",
        "depth=5 model.depth=5",
        "optimizer=adam optimizer={name: adam, lr: 0.2}",
    ],
)
def test_every_value_that_is_given_holds_whatever_the_order(typed: str) -> None:
    overrides = re.findall(r"[\w.]+=(?:\{[^}]*\}|\S+)", typed)
    given_values = [
        (path, value) for one in parse(overrides)[0] for path, value in leaves(one.value, settled(one.path))
    ]
    found, *others = [config(*order) for order in permutations(overrides)]
    assert all(other == found for other in others)
    held = dict(leaves(found.plain(), ()))
    assert [held[path] for path, _ in given_values] == [value for _, value in given_values]


def test_the_old_choice_s_keys_go_with_it() -> None:
    found = values("optimizer=adam", "init=gaussian")
    assert found["training", "optimizer", "lr"] == 0.001
    assert ("training", "optimizer", "momentum") not in found
    assert found["model", "init", "sigma_w"] == 1.0
    assert values("optimizer=sgd")["training", "optimizer", "momentum"] == 0.0
    assert values("momentum=0.5")["training", "optimizer", "lr"] == 0.1


@pytest.mark.parametrize(
    ("overrides", "key", "said"),
    [
        (["optimizer.nesterov=true", "optimizer=adam"], "training.optimizer.nesterov",
         "unknown key with training.optimizer=adam: it is a key of sgd: leave it out, or give it there "
         "alone: training.optimizer={name: sgd, nesterov: true}"),
        (["sigma_w=2", "init=orthogonal"], "model.init.sigma_w",
         "unknown key with model.init=orthogonal: it is a key of gaussian: leave it out, or give it there "
         "alone: model.init={name: gaussian, sigma_w: 2}"),
        (["gain=2", "init={name: gaussian, sigma_w: 1}"], "model.init.gain",
         "unknown key with model.init=gaussian: it is a key of xavier_normal"),
        (["depth=1", "depth=2"], "model.depth",
         "model.depth=1 and model.depth=2 cannot both hold: leave one out"),
        (["clip_norm=1", "training.clip_norm=null"], "training.clip_norm",
         "training.clip_norm=1 and training.clip_norm=null cannot both hold: leave one out"),
        (["depth=1", "depth=true"], "model.depth", "model.depth=1 and model.depth=true cannot both hold"),
        (["init=gaussian", "init.name=orthogonal"], "model.init",
         "model.init=gaussian and model.init.name=orthogonal cannot both hold"),
        (["optimizer=adam", "optimizer=sgd"], "training.optimizer",
         "training.optimizer=adam and training.optimizer=sgd cannot both hold"),
        (["model.depth=3", "model={depth: 4, width: 8, activation: tanh, init: he_normal}"], "model.depth",
         "model={depth: 4, width: 8, activation: tanh... and model.depth=3 cannot both hold"),
        (["init={name: gaussian, sigma_w: 2}", "sigma_w=1"], "model.init.sigma_w",
         "model.init={name: gaussian, sigma_w: 2} and model.init.sigma_w=1 cannot both hold"),
        (["optimizer={name: sgd, lr: 1}", "training={steps: 1, optimizer: adam}"], "training.optimizer",
         "cannot both hold: leave one out"),
        (["name=a", "name=b"], "name", "name=a and name=b cannot both hold: leave one out"),
        (["width=[1, 2]", "width=[2, 1]"], "model.width",
         "model.width=[1, 2] and model.width=[2, 1] cannot both hold"),
        (["lr=0.3", "optimizer=null"], "training.optimizer.lr",
         "training.optimizer=null and training.optimizer.lr=0.3 cannot both hold"),
        (["depth=5", "model=7"], "model.depth", "model=7 and model.depth=5 cannot both hold"),
    ],
)  # fmt: skip
def test_an_override_that_another_wipes_out_is_refused_in_one_line_that_names_both(
    overrides: list[str], key: str, said: str
) -> None:
    for order in (overrides, overrides[::-1]):
        line = next(line for line in refused(*order) if line.startswith(f"command line: {key}: "))
        first, _, second = said.partition(" cannot both hold")[0].partition(" and ")
        assert said in line or f"{second} and {first} cannot both hold" in line
        assert line.isprintable()


def test_a_contradiction_hides_no_other_problem_and_makes_none() -> None:
    text = NET.replace("  depth: 3\n", "")
    with pytest.raises(InputError) as error:
        config("depth=1", "depth=2", "lr=a", text=text)
    assert [problem.key for problem in error.value.problems] == ["model.depth", "training.optimizer.lr"]


@pytest.mark.parametrize(
    ("overrides", "sentences"),
    [
        (["optimizer=adam"], [
            "training.optimizer is replaced whole, without the lr: 0.1, momentum: 0.9 that it had"]),
        (["optimizer=adam", "lr=0.3"], [
            "training.optimizer is replaced whole, without the momentum: 0.9 that it had"]),
        (["optimizer=sgd", "momentum=0.9", "lr=1"], []),
        (["init=orthogonal"], ["model.init is replaced whole, without the gain: 2.0 that it had"]),
        (["data.seed=3"], []),
        (["data=gaussian", "data.samples=32", "features=8", "classes=3", "data.seed=1"], []),
        (["training={steps: 9, optimizer: {name: sgd, lr: 0.1, momentum: 0.5}}"], []),
        (["training={steps: 9}"], [
            "training is replaced whole, without the optimizer.lr: 0.1, optimizer.momentum: 0.9 that it had"
        ]),
        (["model={depth: 2, width: 3, activation: tanh, init: he_normal}"], [
            "model.activation is replaced whole, without the slope: 0.2 that it had",
            "model.init is replaced whole, without the gain: 2.0 that it had",
            "model is replaced whole, without the bias: constant, bias.value: 0.1 that it had"]),
    ],
)  # fmt: skip
def test_what_a_replaced_mapping_had_beyond_the_defaults_is_told(
    overrides: list[str], sentences: list[str]
) -> None:
    told: list[str] = []
    parse_config(parse_yaml(NET, "net.yaml"), Path(), overrides, told.append)
    assert told == sentences


def test_a_replaced_default_is_not_worth_a_word() -> None:
    text = NET.replace("lr: 0.1, momentum: 0.9", "lr: 0.01, momentum: 0")
    told: list[str] = []
    parse_config(parse_yaml(text, "net.yaml"), Path(), ["optimizer=adam"], told.append)
    assert told == []


POOL = shlex.split(
    "depth=2 depth=5 model.depth=5 width=8 activation=tanh activation=leaky_relu slope=0.1 alpha=2 "
    "activation.alpha=2 activation=elu init=gaussian init=orthogonal init.name=gaussian sigma_w=2 sigma_w=3 "
    "init.sigma_b=0.5 gain=2 optimizer=adam optimizer=sgd lr=0.3 training.optimizer.lr=0.3 lr=1 momentum=0.5 "
    "beta1=0.5 nesterov=true bias=constant bias.value=1 bias=zeros data=spirals data=gaussian data.seed=3 "
    "seed=3 steps=5 clip_norm=null clip_norm=1 'init={name: gaussian, sigma_w: 2}' 'bias={name: constant}' "
    "'init={name: gaussian, sigma_b: 0.5}' 'optimizer={name: sgd, lr: 0.3}' 'training={steps: 5}' "
    "'training={optimizer: {name: adam, lr: 0.3}}' 'training={optimizer: adam}' training=3 optimizer=null "
    "'model={depth: 2, width: 8, activation: tanh, init: gaussian}' "
    "'model={depth: 5, width: 8, activation: elu, init: {name: gaussian, sigma_w: 2}}' 'optimizer={}' "
    "'model={init: {name: gaussian, gain: 1}}' 'data={name: gaussian, seed: 3}' 'model={}' 'depth={a: 1}' "
    "'init={name: {name: gaussian}}'"
)
TYPED = st.lists(st.sampled_from(POOL), min_size=1, max_size=6, unique=True)


@settings(max_examples=300, deadline=None)
@given(TYPED, st.data())
def test_any_order_gives_the_same_config_that_holds_every_value_or_a_refusal(
    overrides: list[str], data: st.DataObject
) -> None:
    found = outcome(overrides)
    assert outcome(data.draw(st.permutations(overrides))) == found
    if found is not None:
        held = dict(leaves(found.plain(), ()))
        for setting in parse(overrides)[0]:
            for path, value in leaves(setting.value, settled(setting.path)):
                assert held[path] == value, setting


def outcome(overrides: list[str]) -> Config | None:
    """The config, None if it is refused."""
    try:
        return config(*overrides)
    except InputError:
        return None


@pytest.mark.parametrize(
    ("replaced", "left"),
    [
        (["model.init=gaussian"], ["lr=0.1", "model.depth=4"]),
        (["model.init.sigma_w=2"], ["init=orthogonal", "lr=0.1", "model.depth=4"]),
        (["training.optimizer.lr=1"], ["init=orthogonal", "init.sigma_w=1", "model.depth=4"]),
        (["training.optimizer=adam", "depth=5"], ["init=orthogonal", "init.sigma_w=1"]),
        (["training.optimizer.name=adam"], ["init=orthogonal", "init.sigma_w=1", "model.depth=4"]),
        ([], ["init=orthogonal", "init.sigma_w=1", "lr=0.1", "model.depth=4"]),
    ],
)
def test_overrides_go_that_others_give_anew_or_wipe_out(replaced: list[str], left: list[str]) -> None:
    given = ["init=orthogonal", "init.sigma_w=1", "lr=0.1", "model.depth=4"]
    assert without(given, replaced) == left
