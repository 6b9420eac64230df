"""The order of recorded layers from the input on: by the numbers in their names, else as the file has them.

Between layers that no number tells apart (encoder.0, decoder.0), the order of the file counts only if the
numbers that there are follow it, and a few words that say where a layer stands must not contradict it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise

from gradflow.errors import InputError
from gradflow.outside.names import (
    SHOWN,
    Parts,
    Unsure,
    as_numbers,
    parts_of,
    require_distinct,
    require_layers,
    set_of,
)

STATED = ("file", "backward")
SORTED_BY_CHANCE = 4  # names without numbers that may well be in the order of the alphabet by themselves
MANY = 100  # groups of which each is compared with each
FIRST = set_of("first input in embed embedding embeddings emb stem wte wpe patch")
LAST = set_of("classifier head out output readout logits final last predictor")
CHAINS = {  # word -> (chain, place in it): these follow one another, whatever else stands between
    "conv": ("net", 1), "features": ("net", 1), "fc": ("net", 2), "linear": ("net", 2), "dense": ("net", 2),
    "encoder": ("code", 1), "decoder": ("code", 2),
}  # fmt: skip
BLOCK = {"attn": ("block", 1), "attention": ("block", 1), "mlp": ("block", 2), "ffn": ("block", 2)}
PARALLEL = ({"q", "k"}, {"query", "key"}, {"gate", "up"})


@dataclass(frozen=True)
class Order:
    """Where each name stands, from the input on: `layers` are their names as shown, `told` says by what."""

    places: tuple[str, ...]
    layers: tuple[str, ...]
    told: str


@dataclass(frozen=True)
class _Layer:
    """A name, what is left of its parts, and its place in the file."""

    name: str
    parts: Parts
    place: int

    def tail(self) -> _Layer:
        return _Layer(self.name, self.parts[1:], self.place)


@dataclass(frozen=True)
class _Found:
    """Layers in order.

    `chosen`: not by numbers alone; `decided`: but then by words, not by the file; `contradict`: words put a
    group before one that the file has before it.
    """

    layers: tuple[_Layer, ...]
    chosen: bool = False
    decided: bool = True
    contradict: bool = False

    @property
    def names(self) -> list[str]:
        return [layer.name for layer in self.layers]


def layer_order(names: Sequence[str], stated: str | None = None) -> Order:
    """The order of the layers of a file, in which they stand as in `names`; `stated` is file or backward.

    InputError for a name that is no layer's, or if no order is sure: it says how to state one.
    """
    numbers = as_numbers(names)
    if numbers is not None:
        return _of_numbers(names, numbers, stated)
    require_layers(names)
    if stated is not None:
        return _as_stated(names, names, stated)
    require_distinct(names)
    _require_path(names)
    found, told = _settled(names)
    return Order(tuple(found), tuple(found), told + _uneven(found))


def _of_numbers(names: Sequence[str], numbers: list[str], stated: str | None) -> Order:
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        same = " and ".join(n for n, number in zip(names, numbers, strict=True) if number == twice)
        raise InputError(f"the layers {same} are one number: write it in one way")
    if stated is not None:
        return _as_stated(names, numbers, stated)
    below = next((number for number in numbers if number.startswith("-")), None)
    if below is not None:
        raise InputError(f"the layer {below} is below 0: number them from the input on")
    pairs = sorted(zip(numbers, names, strict=True), key=lambda pair: int(pair[0]))
    layers, places = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    return Order(places, layers, "by number" + _uneven(layers))


def _as_stated(names: Sequence[str], layers: Sequence[str], stated: str) -> Order:
    way = slice(None, None, -1 if stated == "backward" else 1)
    told = f"that of the file{', backward' if stated == 'backward' else ''}, as stated"
    return Order(tuple(names[way]), tuple(layers[way]), told)


def _require_path(names: Sequence[str]) -> None:
    """Refuse 0.25 and 0.5, whose order depends on whether they are decimals or a path."""
    if not all(re.fullmatch(r"\d+\.\d+", name, re.ASCII) for name in names):
        return
    if sorted(names, key=float) != sorted(names, key=parts_of):
        raise InputError(
            f"the layers {', '.join(names[:4])}, ... are no whole numbers: number them from the input on"
        )


def _settled(names: Sequence[str]) -> tuple[list[str], str]:
    """The names in order, and by what; InputError if nothing decides."""
    found = _ordered(_listed(names))
    if not found.chosen:
        return found.names, "by number"
    file, told = _of_file(names, found)
    if file is None and found.decided:
        return found.names, "by number, and by what the names say"
    if file is None or _denied(file):
        raise _unsure(names, file)
    return file, told


def _denied(file: list[str]) -> bool:
    """Whether words put a layer elsewhere than the file has it."""
    return _ordered(_listed(file)).contradict


def _listed(names: Sequence[str]) -> list[_Layer]:
    return [_Layer(name, parts_of(name), place) for place, name in enumerate(names)]


def _unsure(names: Sequence[str], file: list[str] | None) -> Unsure:
    if file is not None:
        words = f"the file has the layers in the order {shown(file)}, their names say otherwise"
    else:
        words = f"no order of the layers is sure, they stand as {shown(names)}"
        words += " (sorted by their letters?)" if list(names) == sorted(names) else ""
    return Unsure(
        f"{words}: say --order file if the file has them from the input on, --order backward if from the "
        "output on, or number them"
    )


def _of_file(names: Sequence[str], found: _Found) -> tuple[list[str] | None, str]:
    """The order that the file itself shows, and how; None if a sort or a shuffle has made it."""
    listed, told = list(names), "that of the file"
    numbered = any(map(_numbers, names))
    if listed in (sorted(listed), sorted(listed, reverse=True)) and not _lettered(names):
        by_chance = not numbered and len(listed) <= SORTED_BY_CHANCE and not found.decided
        return (listed, told) if by_chance else (None, "")
    if not numbered or _follows_numbers(listed):
        return listed, told
    back = listed[::-1]
    return (back, f"{told}, backward") if _follows_numbers(back) else (None, "")


def _follows_numbers(names: list[str]) -> bool:
    """Whether numbers rise from each name to the next, within each group or over all of them."""
    return names in (_ordered(_listed(names), by_words=False).names, _by_number(names))


def _lettered(names: Sequence[str]) -> bool:
    """Whether single letters number the groups: block_a.0, block_b.0."""
    words = [[part for part in parts_of(name) if isinstance(part, str)] for name in names]
    differing = {tuple(set(a) ^ set(b)) for a, b in pairwise(words)}
    return all(len(word) == 1 for group in differing for word in group)


def _by_number(names: list[str]) -> list[str]:
    """conv1, bn1, conv2, bn2, ...: by number first, within one as they stand at first."""
    words = {name: tuple(part for part in parts_of(name) if isinstance(part, str)) for name in names}
    seen = {word: place for place, word in enumerate(dict.fromkeys(words.values()))}
    return sorted(names, key=lambda name: (_numbers(name), seen[words[name]]))


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(part for part in parts_of(name) if isinstance(part, int))


def _ordered(layers: Sequence[_Layer], by_words: bool = True) -> _Found:
    """By the first parts: numbers by size, words by what they say, else by where the file has them."""
    groups = _grouped(layers)
    if len(layers) == 1:
        return _Found(tuple(layers))
    if "#" in groups and set(groups) <= {"", "#"}:  # dense, dense_1, dense_2
        return _joined([_Found(tuple(groups.get("", ()))), _inner("#", groups["#"], by_words)])
    if len(groups) == 1:
        return _ordered([layer.tail() for layer in layers], by_words)
    _require_chain(groups)
    ordered = {key: _inner(key, group, by_words) for key, group in groups.items()}
    says = [_before(groups, a, b) for a, b in combinations(islice(groups, MANY), 2)]
    decided = None not in says and len(groups) <= MANY
    contradict = False in says  # groups stand in the order of the file
    keys = sorted(groups, key=lambda key: _rank(groups, key)[1]) if decided and by_words else list(groups)
    joined = _joined([ordered[key] for key in keys])
    return _Found(joined.layers, True, joined.decided and decided, joined.contradict or contradict)


def _inner(key: str, group: list[_Layer], by_words: bool) -> _Found:
    if key == "#":
        return _joined([_ordered(one, by_words) for one in _of_each_number(group)])
    return _ordered([layer.tail() for layer in group], by_words) if key else _Found(tuple(group))


def _joined(found: Sequence[_Found]) -> _Found:
    return _Found(
        tuple(layer for one in found for layer in one.layers),
        any(one.chosen for one in found),
        all(one.decided for one in found),
        any(one.contradict for one in found),
    )


def _grouped(layers: Sequence[_Layer]) -> dict[str, list[_Layer]]:
    """By the first word; "#" those that go on with a number, "" the one that ends."""
    groups: dict[str, list[_Layer]] = {}
    for layer in sorted(layers, key=lambda layer: layer.place):
        key = "" if not layer.parts else "#" if isinstance(layer.parts[0], int) else layer.parts[0]
        groups.setdefault(key, []).append(layer)
    return groups


def _of_each_number(layers: Sequence[_Layer]) -> Iterator[list[_Layer]]:
    numbers: dict[int | str, list[_Layer]] = {}
    for layer in layers:
        numbers.setdefault(layer.parts[0], []).append(layer.tail())
    size: Callable[[int | str], int] = int
    return (numbers[number] for number in sorted(numbers, key=size))


def _require_chain(groups: dict[str, list[_Layer]]) -> None:
    for pair in PARALLEL:
        if pair <= set(groups):
            both = " and ".join(groups[word][0].name[:SHOWN] for word in sorted(pair))
            raise Unsure(f"{both} stand side by side, not one after the other: keep one of them")


def _before(groups: dict[str, list[_Layer]], a: str, b: str) -> bool | None:
    """Whether their words put a before b; None where they do not say."""
    (chain_a, rank_a), (chain_b, rank_b) = _rank(groups, a), _rank(groups, b)
    if rank_a == rank_b or (chain_a != chain_b and {"first", "last"}.isdisjoint((chain_a, chain_b))):
        return None
    return rank_a < rank_b


def _rank(groups: dict[str, list[_Layer]], key: str) -> tuple[str | None, int]:
    """The chain that a group belongs to, and its place there; a single layer's words all count."""
    group = groups[key]
    words = group[0].parts if len(group) == 1 else (key,)
    numbered = any(isinstance(part, int) for part in group[0].parts)
    for word in (re.sub(r"[123]d$", "", str(word)) for word in words):
        if word in FIRST or word in LAST:
            return ("first", 0) if word in FIRST else ("last", 9)
        known = CHAINS.get(word) or (None if numbered else BLOCK.get(word))
        if known:
            return known
    return None, 1


def _uneven(layers: Sequence[str]) -> str:
    """What is said of numbers such as 0, 3, 5, 8: that every layer is taken to be there."""
    numbers = [_numbers(name) for name in layers]
    if len({re.sub(r"\d+", "#", name) for name in layers}) > 1:
        return ""
    varying = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(varying) != 1 or len({b - a for a, b in pairwise(varying[0])}) < 2:
        return ""
    return " (uneven, taken as every layer: c is the factor from each of them to the next)"


def shown(names: Sequence[str]) -> str:
    """A few of the names: the first and the last."""
    cut = [name[:SHOWN] for name in names]
    return ", ".join(cut if len(cut) <= 8 else [*cut[:4], "...", *cut[-3:]])
