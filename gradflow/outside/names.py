"""The names of recorded layers: the words and numbers in them, and the names that are no layer's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from gradflow.errors import InputError

Parts = tuple[int | str, ...]

LONGEST = 200  # characters of a name
SHOWN = 40  # characters of a text of the file that an error shows
_PART = re.compile(r"[^\W\d_]*[123][dD](?![^\W_])|[0-9]{1,18}|[^\W\d_]+")  # conv2d is one word
_SURROGATE = re.compile("[\ud800-\udfff]").search  # half a character, which no file can hold
_WHOLE = re.compile(r"-?\d{1,18}(\.\d{0,18})?([eE][+-]?\d{1,2})?", re.ASCII).fullmatch
_COPY = re.compile(r"(.+?)(_|[ :-]+|_duplicated_| ?\()\d+\)?").fullmatch


def set_of(text: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(text.split())


NEVER = set_of("total totals all loss losses lr epoch accuracy perplexity nan none null")
ASIDE = set_of(
    "loss losses lr epoch accuracy acc time rate score"
)  # columns of a log, whatever their numbers
BESIDE = set_of("downsample shortcut")
QUANTITIES = set_of(
    "global overall sum mean avg average median max min std var iter iteration time timestamp runtime "
    "duration acc clip scale rate step batch wall norm norms grad grads gradient gradients model net network "
    "train training val valid validation test eval raw weight weights param params parameter parameters "
    "layers value of before after pre post unclipped clipped learning normalized log"
)
REMEDY = "remove it, choose the layers by --only PATTERN, or give it another name if it is a layer"


class Unsure(InputError):
    """Layers that are no chain, or have no order that is sure."""


def parts_of(name: str) -> Parts:
    """The words, in lower case, and the whole numbers of a name: layers.3.fc1 -> (layers, 3, fc, 1)."""
    return tuple(int(part) if part.isdecimal() else part.lower() for part in _PART.findall(name))


def as_numbers(names: Sequence[str]) -> list[str] | None:
    """The names as whole numbers, 12.0 as 12, if all of them are; else None."""
    if not names or not all(map(_WHOLE, names)):
        return None
    values = [int(name) if name.lstrip("-").isdigit() else float(name) for name in names]
    return [str(int(value)) for value in values] if all(value == int(value) for value in values) else None


def require_layers(names: Sequence[str]) -> None:
    """Refuse, by name, what is no layer's norm, and what stands there twice."""
    known = set(names)
    parts = {name: parts_of(name) for name in names}
    shared = set.intersection(*map(set, parts.values())) if len(known) > 1 else set()
    for name in names:
        if not parts[name] or len(name) > LONGEST or _SURROGATE(name):
            raise InputError(f"the layer {name[:SHOWN]!r} needs a short name with a letter or a digit")
        _require_once(name, known)
        _require_layer(name, {part for part in parts[name] if part not in shared}, known)


def _require_layer(name: str, own: set[int | str], known: set[str]) -> None:
    """`own` are the parts of its name that not all names have."""
    said = own - {"l", 1, 2, "delta"} if "norm" in own else own  # l2_norm
    lone = bool(said) and said <= QUANTITIES and not any(other.startswith(f"{name}_") for other in known)
    lone = lone and (_is_word(name) or "norm" in own)
    if own & NEVER or lone:
        raise InputError(f"{name[:SHOWN]} is no layer: {REMEDY}")
    if own & BESIDE:
        raise InputError(f"{name[:SHOWN]} stands beside the layers, not between two of them: remove it")


def _require_once(name: str, known: set[str]) -> None:
    """Refuse fc1.1 or fc1_1 beside fc1; dense and dense_1 are two layers."""
    above = next((name[:i] for i, sign in enumerate(name) if sign in "./" and name[:i] in known), None)
    copy = _COPY(name)
    if above is None and copy and copy[1] in known and not (copy[2] == "_" and _is_word(copy[1])):
        above = copy[1]
    if above is not None:
        both = f"{name[:SHOWN]} is a second column {above[:SHOWN]} that a reader renamed, or a part of it"
        raise InputError(f"{both}: remove one of them, or give it a name of its own")


def _is_word(name: str) -> bool:
    return not any(isinstance(part, int) for part in parts_of(name))


def require_distinct(names: Sequence[str]) -> None:
    """Refuse a bias beside its weight, and names of the same words and numbers: fc1 and fc_01."""
    known = set(names)
    bias = next((name for name in names if name.endswith("bias") and f"{name[:-4]}weight" in known), None)
    if bias is not None:
        raise Unsure(f"{bias[:SHOWN]} and its weight are of one layer: remove the bias")
    alike: defaultdict[Parts, list[str]] = defaultdict(list)
    for name in names:
        alike[parts_of(name)].append(name)
    for same in alike.values():
        if len(same) > 1:
            shown = " and ".join(name[:SHOWN] for name in same[:2])
            raise Unsure(f"{shown} have the same words and numbers: is it one layer? Name it in one way")
