"""Conditions on rows: what they mean, what a missing value does, and what they refuse."""

from typing import Any

import pytest

from gradflow.analysis.expression import parse_condition
from gradflow.errors import InputError

ROW: dict[str, Any] = {
    "c": 0.5, "log10_ratio": -7.5, "verdict": "vanishing", "loss_final": None, "borderline": False,
    "symptoms": "loss-stalled, saturated-units", "model.depth": 50, "model.init": "he_normal", "seed": 0,
    "model.width": [8, 8, 4], "data.x": [[-1.5], [2]], "data.drop": ["id"], "training.clip_norm": None,
    "tags": ("figure-3", "paper"),
}  # fmt: skip


def holds(condition: str, **changes: Any) -> bool:
    return parse_condition(condition, ROW)({**ROW, **changes})


@pytest.mark.parametrize(
    "condition",
    [
        "abs(log10_ratio) > 2",
        "c < 0.9 and verdict == 'vanishing'",
        'verdict != "stable"',
        "model.depth >= 50",
        "depth == 50 and init == 'he_normal'",
        "0.4 < c < 0.6",
        "not borderline",
        "log10(c) < -0.3",
        "(c + 1) * 2 - 3 / 2 == 1.5",
        "-c == -0.5 and +c == 0.5",
        "c > 1 or depth > 40",
        "'stalled' in symptoms",
        "'loss-stalled' in symptoms and 'dead-units' not in symptoms",
        "symptoms != ''",
        "'van' in verdict",
        "width == [8, 8, 4]",
        "width == [8.0, 8, +4] and width != [8, 4, 8] and width != 8",
        "data.x == [[-1.5], [2]]",
        "drop == ['id']",
        "tags == ['figure-3', 'paper'] and ['figure-3', 'paper'] == tags",
        "tags != ['paper'] and tags != [] and 'paper' in tags",
        "tags == tags and verdict != 1 and tags != 1",
        "loss_final == None and clip_norm == None",
        "c != None and width != None",
        "not (c == None)",
        "0.4 < c != None",
    ],
)
def test_a_condition_is_read_as_python_reads_it(condition: str) -> None:
    assert holds(condition)
    assert not holds(f"not ({condition})")


@pytest.mark.parametrize(
    "condition",
    [
        "loss_final > 0",
        "loss_final <= 0",
        "not loss_final > 0",
        "loss_final == 1",
        "loss_final != 1",
        "abs(loss_final) < 1",
        "loss_final + 1 > 0",
        "0 < loss_final < 1",
        "c < 1 and loss_final > 0",
        "1 / seed > 0",
        "log10(seed) < 0",
        "'a' in loss_final",
        "'a' not in loss_final",
    ],
)
def test_a_missing_value_fulfils_nothing(condition: str) -> None:
    assert parse_condition(condition, ROW)(ROW) is None


def test_what_does_not_need_the_missing_value_still_decides() -> None:
    assert holds("c < 1 or loss_final > 0")
    assert holds("not (c > 1 and loss_final > 0)")


def test_a_key_of_another_kind_than_elsewhere_is_missing() -> None:
    configs = [{"model.width": 64, "model.bias": "zeros"}, {"model.width": [8, 4], "model.bias": 0.1}]

    def found(condition: str) -> list[bool | None]:
        holds = parse_condition(condition, {**ROW, **configs[0]}, configs=configs)
        return [holds({**ROW, **config}) for config in configs]

    assert found("width > 4") == found("width + 1 > 4") == found("abs(width) > 4") == [True, None]
    assert found("width > 4 or c < 1") == [True, True]
    assert found("'zero' in bias") == [True, None]
    assert found("bias > 0") == [None, True]
    assert found("width == [8, 4]") == [False, True]
    assert found("width == None") == [False, False]
    for condition in ("width and c < 1", "'a' in width", "verdict > 2", "'a' in c"):
        with pytest.raises(InputError, match="cannot be tested"):
            found(condition)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("log10_rato > 2", "did you mean log10_ratio?"),
        (
            "verdict == vanishing",
            "a text stands in quotes ('vanishing'), and no run has vanishing: see the keys",
        ),
        ("verdict != stable or c > 1", "cannot be read: a text stands in quotes ('stable'), and"),
        ("model.dept > 2", "did you mean model.depth?"),
        ("abz(c) > 2", "did you mean abs?"),
        ("c", "compare it with something"),
        ("c + 1", "compare it with something"),
        ("verdict > 2", "verdict is no number"),
        ("borderline + 1 > 0", "borderline is no number"),
        ("c and c < 1", "c is neither true nor false"),
        ("", "is no condition"),
        ("c >", "is no condition"),
        ("c > 2; c", "is no condition"),
        ("c = 2", "is no condition: write == for ="),
        ("verdict === 'a=b'", "is no condition: write == for ==="),
        ("c <= 2 && depth = 3 || seed > 1", "write == for =, and for &&, or for ||"),
        ("c <> 2", "write != for <>"),
        ("verdict == 'a=b' c", "write one such as 'abs(log10_ratio) > 2'"),
        ("c is None", "compares in a way"),
        ("c in 'abc'", "c is no text"),
        ("'abc' in c", "c is no text"),
        ("1 in symptoms", "1 is no text"),
        ("symptoms > 0", "symptoms is no number"),
        ("9 ** 9 ** 9 > c", "holds 9 ** 9 ** 9"),
        ("'a' * 999999999 == verdict", "'a' is no number"),
        ("__import__('os').system('true') == 0", "holds __import__"),
        ("c.__class__ == 1", "no run has c.__class__"),
        ("[c for c in (1,)] == 1", "holds [c for c in"),
        ("(lambda: c)() > 1", "holds (lambda: c)()"),
        ("abs(c, c) > 1", "holds abs(c, c)"),
        ("verdict == b'x'", "holds b'x'"),
        ("c > None", "holds None"),
        ("None == c", "holds None"),
        ("width == [depth]", "holds [depth]"),
        ("width == [b'x']", "holds [b'x']"),
        ("width == [8, None]", "holds [8, None]"),
        ("width == (8, 4)", "holds (8, 4)"),
        ("width == [not 8]", "holds [not 8]"),
        ("symptoms == ['loss-stalled']", "compares a text with a list"),
        ("symptoms != []", "compares a text with a list"),
        ("[8] == verdict", "compares a text with a list"),
        ("tags == 'paper'", "`in` looks for one text in symptoms or tags"),
        ("width > 4", "width is no number"),
        ("[8] > 4", "[8] is no number"),
        ("width", "compare it with something"),
        (f"{'-' * 900}1 > c", "is no condition"),
        (f"{'(' * 500}c{')' * 500} > 1 ", "at most 1,000"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_remedy(condition: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        assert holds(condition)
    assert words in str(refused.value)
    assert condition[:20] in str(refused.value) or not condition or "at most" in words
