"""Configs from the whole space of configs, by the types and bounds of the schema."""

import types
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, Predicate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gradflow.config.choices import AutoOr, Choice, OneOf
from gradflow.config.keys import CHOICES, FIELDS
from gradflow.config.schema import Config
from gradflow.config.sections import Section
from gradflow.yaml_events import KeyPath

Hint = Any
Strategy = st.SearchStrategy[Any]

LIKE_OTHERS = (
    "1e-3",
    "1E3",
    ".5",
    "010",
    "0o7",
    "0x1F",
    "1:30",
    "1_0",
    "no",
    "~",
    "null",
    "",
    "true",
    ".nan",
    "<<",
    "=",
    "- a",
)
FORMULAS = ("z", "tanh(z)", "where(z > 0, z, exp(z) - 1)", "z / (1 + exp(-z))", "max(z, 1e-3 * z)")
TEXTS = st.sampled_from(LIKE_OTHERS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
WRONG: dict[Hint, list[Any]] = {  # values that no key of the type takes
    int: ["some", 1.5, 2.0, True, None, [1], {"a": 1}, "1", "1e3", 10**350, float("nan")],
    float: ["some", True, None, {"a": 1}, "1.0", float("nan"), float("inf"), -(10**350)],
    bool: ["yes", 1, 0, 1.0, None, [True], {"a": 1}, "true"],
    str: [1, 1.5, True, None, ["a"], {"a": 1}],
    tuple: ["some", 1, True, None, {"a": 1}],
    Section: ["some", 1, 1.5, True, None, ["a"]],
    Choice: ["no such", "", 1, 1.5, True, None, ["tanh"], {}, {"a": 1}, {"name": 1}, {"name": "no such"}],
    dict: ["some", 1, True, ["a"], {}],
}


def hints_of(cls: type[Any]) -> dict[str, Hint]:
    """The annotation of each key of a section, or of an entry of a table."""
    hints = get_type_hints(cls, include_extras=True)
    names = cls.model_fields if issubclass(cls, Section) else [field.name for field in fields(cls)]
    return {name: hints[name] for name in names}


def hint_at(plain: Any, path: KeyPath) -> Hint:
    """The annotation of a key of a plain config."""
    if path[:-1] in CHOICES:
        chosen = entry_at(plain, path[:-1])["name"]
        return hints_of(CHOICES[path[:-1]].table[chosen])[str(path[-1])]
    owner: Any = Config
    for part in path[:-1]:
        owner = get_args(hints_of(owner)[str(part)])[0]  # with its sentence
    return hints_of(owner)[str(path[-1])]


def kind_of(hint: Hint) -> Hint:
    """The key of `WRONG` for an annotation."""
    if get_origin(hint) is Annotated:
        base, *marks = get_args(hint)
        if any(isinstance(mark, Choice) for mark in marks):
            return Choice
        return kind_of(base)
    if get_origin(hint) in (Union, types.UnionType):
        return kind_of(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return str
    if isinstance(hint, type) and issubclass(hint, Section):
        return Section
    return get_origin(hint) or hint


def wrong_for(hint: Hint) -> list[Any]:
    """Values that a key of the annotation must refuse."""
    parts = get_args(get_args(hint)[0] if get_origin(hint) is Annotated else hint)
    optional = type(None) in parts
    lists = any(get_origin(part) is tuple for part in parts)
    return [
        value
        for value in WRONG[kind_of(hint)]
        if not (value is None and optional) and not (isinstance(value, list) and lists)
    ]


def at(plain: Any, path: KeyPath) -> Any:
    """The value of a path."""
    for part in path:
        plain = plain[part]
    return plain


def entry_at(plain: Any, path: KeyPath) -> dict[str, Any]:
    """The entry of a table at a path, of which some are written as their name alone."""
    value = at(plain, path)
    return {"name": value} if isinstance(value, str) else value


def put(plain: Any, path: KeyPath, value: Any) -> Any:
    """A copy with the value of a path replaced."""
    if not path:
        return value
    return {**plain, path[0]: put(plain[path[0]], path[1:], value)}


def places(plain: Any) -> list[KeyPath]:
    """Every key of a plain config: those of the schema, and those of the entries that are chosen."""
    own = [path for path in FIELDS if path != ("sweep",)]
    return own + [(*path, key) for path in CHOICES for key in entry_at(plain, path) if key != "name"]


def values(hint: Hint, marks: tuple[Any, ...] = ()) -> Strategy:
    """Values that an annotation takes, as a YAML file holds them."""
    if get_origin(hint) is Annotated:
        base, *more = get_args(hint)
        return values(base, (*marks, *more))
    for mark in marks:
        if isinstance(mark, Choice):
            return st.one_of([_entry(name, cls) for name, cls in mark.table.items()])
        if isinstance(mark, AutoOr):
            return st.just("auto") | st.integers(1, 10**9)
        if isinstance(mark, OneOf):
            return st.sampled_from(mark.names)
        if isinstance(mark, Predicate):  # of a formula
            return st.sampled_from(FORMULAS)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of([values(part) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(values(parts[0]), min_size=1, max_size=3)
    return _of_type(hint, marks)


def _of_type(hint: Hint, marks: tuple[Any, ...]) -> Strategy:
    if isinstance(hint, type) and issubclass(hint, Section):
        return st.fixed_dictionaries({key: values(inner) for key, inner in hints_of(hint).items()})
    low = next(
        (mark.ge if isinstance(mark, Ge) else mark.gt for mark in marks if isinstance(mark, Ge | Gt)), None
    )
    high = next(
        (mark.le if isinstance(mark, Le) else mark.lt for mark in marks if isinstance(mark, Le | Lt)), None
    )
    if hint is int:
        return st.integers(low, high if any(isinstance(mark, Le) for mark in marks) else (high or 2**60) - 1)
    if hint is float:
        open_low, open_high = (any(isinstance(mark, kind) for mark in marks) for kind in (Gt, Lt))
        return st.floats(
            low, high, allow_nan=False, allow_infinity=False, exclude_min=open_low, exclude_max=open_high
        )
    return {bool: st.booleans(), str: TEXTS, type(None): st.none()}[hint]


def _entry(name: str, cls: type[Any]) -> Strategy:
    keys = {key: values(hint) for key, hint in hints_of(cls).items()}
    return st.fixed_dictionaries({"name": st.just(name), **keys})


def configs() -> Strategy:
    """Plain configs with every key of the schema in it."""
    own = {key: values(hint) for key, hint in hints_of(Config).items() if key not in ("name", "sweep")}
    axes = st.dictionaries(
        st.sampled_from(
            ["model.depth", "model.init", "model.activation.slope", "training.optimizer.lr", "seed"]
        ),
        st.lists(PLAIN | st.dictionaries(TEXTS, PLAIN, max_size=2), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    )
    name = st.sampled_from(("1e-3", "010", "no", "0x1F")) | st.from_regex(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True
    )
    return st.fixed_dictionaries({"name": name, **own}, optional={"sweep": axes})


def try_all(thorough: bool, usual: int, check: Callable[..., None], *strategies: Strategy) -> None:
    """Call `check` with values of the strategies: always the same `usual` ones, or 10,000 fresh ones."""
    run = settings(
        max_examples=10_000 if thorough else usual,
        derandomize=not thorough,
        database=None,
        phases=(Phase.generate,),  # shrinking a whole config takes minutes
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run(given(*strategies)(check))()
