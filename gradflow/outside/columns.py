"""What the name of a column, a key or a tag says: of which layer it is the norm, and of what.

norm_fc1  log_norm_fc1  grad_norm/fc1  fc1/grad_norm  delta_norm/fc1  train/grad_norm/fc1
grad_2.0_norm/fc1.weight (Lightning)  gradients/fc1.weight (wandb)  RUN - grad_norm/fc1 (a panel's export)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gradflow.errors import refused
from gradflow.outside.names import ASIDE, NEVER, QUANTITIES, SHOWN, parts_of, set_of
from gradflow.outside.only import ALL, Only

_LEADS = "train training trainer debug stats monitor metrics optim optimizer model"
_LEAD = rf"(?:(?:{_LEADS.replace(' ', '|')})/)?"
_OF = r"(?P<of>delta|dw|(?:weight_)?grad(?:ient)?s?)"
_P = r"(?:l?(?P<p>\d{1,9}(?:\.\d{1,9})?|inf)_)?"
_BEFORE = re.compile(
    rf"{_LEAD}(?P<log>log_)?(?:{_OF}_)?{_P}norms?(?:(?P<sep>[_.:/ -])(?P<name>.+)|(?P<number>\d.*))", re.I
).fullmatch
_AFTER = re.compile(rf"{_LEAD}(?P<name>.+?)(?P<sep>[/._: -])(?P<log>log_)?{_OF}[_./]{_P}norm", re.I).fullmatch
_OF_WANDB = re.compile(
    rf"{_LEAD}(?P<of>gradients?|grads?)(?P<sep>/)(?P<name>.+?)(?:[/._]norm)?", re.I
).fullmatch
_PARAMETER = re.compile(
    r"(?:.*[./_])?(?:weight|bias|kernel|scale|embedding|gamma|beta)(?:_[ih]h_l\d+(?:_reverse)?)?", re.I
).fullmatch
_KINDS = {"delta": "delta", "dw": "weight", "weight_grad": "weight", "weight_gradient": "weight"}
STATISTICS = set_of("mean avg std var min max abs median sum sign hist histogram")
_WHOLE_NETWORK = set_of("grad grads gradient gradients norm total global overall all l train")
PANEL = " - "  # between a run and its metric


@dataclass(frozen=True)
class Named:
    """A column that holds the norms of a layer; `kind` where its name tells, `run` in a panel's export."""

    title: str
    layer: str
    is_log: bool
    kind: str | None
    in_group: bool
    run: str = ""


def norm_columns(
    titles: Sequence[str], source: str, line: int | None = None, only: Only = ALL
) -> list[Named]:
    """The columns that hold the norm of a layer; [] if none does.

    What else stands there passes, unless it could be a layer's too: an InputError names it. Where all norms
    are of a group (grad_norm/...), only what belongs to the group could be. What was chosen by its name is a
    layer's norm, whatever it is called.
    """
    if only:
        return _chosen(titles, source, line, only)
    known = set(titles)
    named = {title: _named(title, source, line) for title in titles if not _is_copy(title, known)}
    found = [one for one in named.values() if one]
    groups = {one.title for one in found if one.in_group}
    if groups:
        return [one for one in found if one.in_group or not _says_nothing(one.layer)]
    for title, one in named.items():
        if found and one is None and _could_be_a_norm(title.rpartition(PANEL)[2]):
            words = (
                f"the column {title[:SHOWN]!r}: remove it, or call it norm_NAME if it is the norm of a layer"
            )
            raise refused(words, source=source, line=line)
    return found


def _chosen(titles: Sequence[str], source: str, line: int | None, only: Only) -> list[Named]:
    """The columns whose title, its part behind the run of a panel, or layer is chosen, without copies."""
    found = []
    for title in titles:
        run, panel, metric = title.rpartition(PANEL)
        named = _named(title, source, line) or Named(
            title, metric, metric.lower().startswith("log_"), None, False, run if panel else ""
        )
        if only.takes(title, metric, named.layer):
            found.append(named)
    known = {one.title for one in found}
    return [one for one in found if not _is_copy(one.title, known)]


def is_parameter(name: str) -> bool:
    """Whether a layer's name is that of a weight or a bias: fc1.weight, Dense_0/kernel."""
    return _PARAMETER(name) is not None


def is_bias(name: str) -> bool:
    """Whether a layer's name is that of a bias."""
    return name.lower().endswith("bias")


def of_whole_network(titles: Iterable[str]) -> str:
    """The first column that holds one norm of the whole network (grad_norm, total_norm), or ""."""
    return next((title for title in titles if _is_whole(title.rpartition(PANEL)[2])), "")


def _is_whole(title: str) -> bool:
    parts = parts_of(re.sub(_LEAD, "", title, count=1, flags=re.I))
    words = [part for part in parts if isinstance(part, str)]
    return "norm" in words and len(words) > 1 and set(words) <= _WHOLE_NETWORK


def _is_copy(title: str, known: set[str]) -> bool:
    """The lowest and highest of a panel's column, or the mean over an epoch of one that is there by step."""
    base, _, end = title.rpartition("__")
    if base in known and end in ("MIN", "MAX"):
        return True
    return title.endswith("_epoch") and f"{title.removesuffix('epoch')}step" in known


def _named(title: str, source: str, line: int | None) -> Named | None:
    run, panel, metric = title.rpartition(PANEL)
    found = _of_metric(metric, source, line)  # not the title: runs of one norm each would be layers
    return replace(found, title=title, run=run if panel else "") if found else None


def _of_metric(title: str, source: str, line: int | None) -> Named | None:
    for match in _matches(title):
        parts = match.groupdict()
        layer = parts["name"] or parts["number"]
        if layer.endswith("_step"):  # as Lightning calls what it also has by epoch
            layer = layer.removesuffix("_step")
        if parts.get("p") and float(parts["p"]) != 2:
            words = f"{title[:SHOWN]} is no Euclidean norm: record norms of type 2"
            raise refused(words, source=source, line=line)
        return Named(title, layer, bool(parts.get("log")), _kind(parts, layer), parts["sep"] == "/")
    return None


def _matches(title: str) -> Iterator[re.Match[str]]:
    """How a title can be read, the surest first."""
    after, before = _AFTER(title), _BEFORE(title)
    if after and after["name"].lower() in _LEADS.split():  # train/grad_norm: the whole network's
        after = None
    if before and before["of"]:
        yield before
    if after and not _says_nothing(after["name"]):
        yield after
    if before:
        yield before
    if after and after["sep"] == "/":
        yield after
    if (of_wandb := _OF_WANDB(title)) and not _is_statistic(of_wandb["name"]):
        yield of_wandb


def _kind(parts: dict[str, str], layer: str) -> str | None:
    """delta or weight, where the name leaves no doubt: Lightning and wandb log gradients of parameters."""
    of = (parts.get("of") or "").lower().rstrip("s")
    if of in _KINDS:
        return _KINDS[of]
    by_logger = "p" not in parts or parts["p"]  # wandb's names have no type of norm, Lightning's have
    return "weight" if of and by_logger and is_parameter(layer) else None


def _is_statistic(name: str) -> bool:
    words = re.split(r"[/._]", name.lower())
    return not STATISTICS.isdisjoint((words[0], words[-1]))


def _says_nothing(name: str) -> bool:
    """Whether a name holds words of quantities alone: total, before_clip."""
    return set(parts_of(name)) <= QUANTITIES | ASIDE | NEVER


def _could_be_a_norm(title: str) -> bool:
    """fc3, 7, total_norm or normalized_loss; not lr, top1_acc or the index that pandas writes."""
    parts = parts_of(title)
    numbered = any(isinstance(part, int) for part in parts) and not title.startswith("Unnamed:")
    return (numbered and ASIDE.isdisjoint(parts)) or any(str(part).startswith("norm") for part in parts)
