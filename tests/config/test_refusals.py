"""Configs that must be refused: each problem with its line, its key and the words that help."""

from pathlib import Path

import pytest

from gradflow.config import parse_config
from gradflow.config.overrides import refuse_spaces
from gradflow.errors import InputError
from gradflow.yaml_file import parse

MODEL = (
    "model: {depth: 3, width: 10, activation: tanh, init: he_normal}\n"  # one line, so that more starts at 2
)
LINES = """\
model:
  depth: 3
  width: 10
  activation: tanh
  init: he_normal
"""  # more starts at 6


def problems_of(text: str, *overrides: str, source: str = "net.yaml") -> list[tuple[int | None, str, str]]:
    """(line, key, message) of everything that is wrong with a config; a None line is the command line's."""
    with pytest.raises(InputError) as error:
        parse_config(parse(text, source), Path(), overrides)
    assert error.value.exit_code == 2
    for problem in error.value.problems:
        assert problem.source == ("command line" if problem.line is None else source)
        assert str(problem).isprintable()
    return [(problem.line, problem.key, problem.message) for problem in error.value.problems]


WRONG_TYPES = [
    (LINES.replace("3", "three"), 2, "model.depth", 'should be a whole number, not the text "three"'),
    (LINES.replace("3", "3.0"), 2, "model.depth", "should be a whole number, not 3.0: write 3"),
    (LINES.replace("3", "1e3"), 2, "model.depth", "should be a whole number, not 1000.0: write 1000"),
    (LINES.replace("3", "2.5"), 2, "model.depth", "should be a whole number, not 2.5"),
    (LINES.replace("3", "'3'"), 2, "model.depth",
     'should be a whole number, not the text "3": remove the quotes'),
    (LINES.replace("10", "1_000"), 3, "model.width", 'not the text "1_000": write 1000'),
    (LINES.replace("10", "0b11"), 3, "model.width", 'not the text "0b11": write 3'),
    (LINES.replace("10", "1:30"), 3, "model.width",
     'not the text "1:30": only YAML 1.1 has numbers to base 60'),
    (LINES.replace("10", "true"), 3, "model.width", "should be a whole number, not true"),
    (LINES.replace("10", ""), 3, "model.width", "should be a whole number, not null"),
    (LINES.replace("10", "[10, a, 2]"), 3, "model.width[1]", "should be a whole number, not the text"),
    (LINES.replace("10", "\n    a: 1"), 3, "model.width", "should be a whole number, not a mapping"),
    (MODEL + "training: {optimizer: {name: sgd, lr: '1e-3'}}", 2, "training.optimizer.lr",
     "remove the quotes"),
    (MODEL + "training: {optimizer: {name: sgd, lr: '0,1'}}", 2, "training.optimizer.lr", "write 0.1"),
    (MODEL + "training: {optimizer: {name: sgd, lr: false}}", 2, "training.optimizer.lr",
     "a number, not false"),
    (MODEL + "training: {optimizer: {name: sgd, nesterov: yes}}", 2, "training.optimizer.nesterov",
     'should be true or false, not the text "yes": write true'),
    (MODEL + "training: {optimizer: {name: sgd, nesterov: off}}", 2, "training.optimizer.nesterov",
     "write false"),
    (MODEL + "training: {optimizer: {name: sgd, nesterov: 1}}", 2, "training.optimizer.nesterov",
     "or false, not 1"),
    (MODEL + "training: {clip_norm: all}", 2, "training.clip_norm", 'should be a number, not the text "all"'),
    (MODEL + "name: 5", 2, "name", "should be text, not 5: put it in quotes"),
    (MODEL + "name: true", 2, "name", "should be text, not true: put it in quotes"),
    (MODEL + "name: null", 2, "name", "should be text, not null"),
    (MODEL + "data: {name: csv, path: 5, target: y}", 2, "data.path",
     "should be text, not 5: put it in quotes"),
    (MODEL + "recording:\n", 2, "recording", "should be a mapping (key: value), not null"),
    (MODEL + "analysis: 1\n", 2, "analysis", "should be a mapping (key: value), not 1"),
    (MODEL + "training: [1]\n", 2, "training", "should be a mapping (key: value), not a list"),
    ("model: tanh\n", 1, "model", 'should be a mapping (key: value), not the text "tanh"'),
    ("- 1\n", 1, "", "should be a mapping (key: value), not a list"),
    ("text\n", 1, "", 'should be a mapping (key: value), not the text "text"'),
    (LINES.replace("he_normal", "{name: constant, value: [1, a]}"), 5, "model.init.value[1]",
     'should be a number, not the text "a"'),
    (LINES.replace("he_normal", "{name: constant, value: a}"), 5, "model.init.value",
     'should be a number or a list, not the text "a"'),
    (LINES.replace("he_normal", "{name: constant, value: true}"), 5, "model.init.value",
     "or a list, not true"),
    (MODEL + "data: {name: inline, x: [[1,\n 2], [3,\n b]], y: [0, 1]}", 4, "data.x[1][1]",
     "should be a number"),
    (MODEL + "data: {name: inline, x: [1], y: [0]}", 2, "data.x[0]", "should be a list, not 1"),
    (MODEL + "data: {name: inline, x: [[1]], y: [a]}", 2, "data.y[0]", "should be a number or a list"),
    (MODEL + "data: {name: inline, x: [[1]], y: [{a: 1}]}", 2, "data.y[0]", "or a list, not a mapping"),
    (MODEL + "sweep: depth\n", 2, "sweep", "should be a mapping (key: value)"),
    (MODEL + "sweep: {depth: 3}\n", 2, "sweep.depth", "should be a list, not 3"),
]  # fmt: skip

OUT_OF_BOUNDS = [
    (LINES.replace("3", "0"), 2, "model.depth", "should be at least 1, not 0"),
    (LINES.replace("10", "-1"), 3, "model.width", "should be at least 1, not -1"),
    (MODEL + "seed: -1", 2, "seed", "should be at least 0, not -1"),
    (MODEL + "seed: 9223372036854775808", 2, "seed", "should be less than 9223372036854775808"),
    (MODEL + "seeds: 0", 2, "seeds", "should be at least 1, not 0"),
    (MODEL + "training: {steps: -1}", 2, "training.steps", "should be at least 0, not -1"),
    (MODEL + "training: {batch_size: 0}", 2, "training.batch_size", "should be at least 1, not 0"),
    (MODEL + "training: {clip_norm: 0}", 2, "training.clip_norm", "should be greater than 0, not 0"),
    (MODEL + "training: {optimizer: {name: adam, beta1: 1}}", 2, "training.optimizer.beta1",
     "less than 1, not 1"),
    (MODEL + "training: {optimizer: {name: sgd, lr: .nan}}", 2, "training.optimizer.lr", "finite number"),
    (MODEL + "training: {optimizer: {name: sgd, lr: .inf}}", 2, "training.optimizer.lr", "finite number"),
    (MODEL + "training: {optimizer: {name: sgd, lr: 1e999}}", 2, "training.optimizer.lr", "not inf"),
    (MODEL + "training: {clip_norm: 1" + "0" * 350 + "}", 2, "training.clip_norm",
     "finite number below 1.8e+308"),
    (MODEL + "recording: {every: 0}", 2, "recording.every", "should be at least 1, not 0"),
    (MODEL + "analysis: {stable_decades: 0}", 2, "analysis.stable_decades",
     "should be greater than 0, not 0"),
    (LINES.replace("tanh", "{name: leaky_relu, slope: 1.5}"), 4, "model.activation.slope",
     "at most 1, not 1.5"),
    (MODEL + "sweep: {}\n", 2, "sweep", "should hold at least one value"),
    (MODEL + "sweep: {depth: []}\n", 2, "sweep.depth", "should hold at least one value"),
    (MODEL + "name: a/b", 2, "name", 'a letter or a digit first, not the text "a/b"'),
    (MODEL + "name: ''", 2, "name", 'not the text ""'),
    (MODEL + "name: ..", 2, "name", 'not the text ".."'),
    (MODEL + 'name: "a\\nb"', 2, "name", 'not the text "a\\nb"'),
    (MODEL + f"name: {'a' * 101}", 2, "name", "at most 100 letters, digits"),
]  # fmt: skip

UNKNOWN = [
    (LINES + "  dept: 4\n", 6, "model.dept", "unknown key; did you mean depth?"),
    (LINES + "  foo: 4\n", 6, "model.foo", "unknown key: the keys here are depth, width, activation, init"),
    (LINES + "  lr: 4\n", 6, "model.lr", "unknown key here: it belongs to training.optimizer"),
    (MODEL + "modle: 4\n", 2, "modle", "unknown key; did you mean model?"),
    (MODEL + "depth: 4\n", 2, "depth", "unknown key here: it belongs to model"),
    (LINES + "  seed: 4\n", 6, "model.seed", "unknown key here: it belongs to the top level"),
    (MODEL + "model.depth: 4\n", 2, "model.depth", "unknown key here: it belongs to model"),
    (MODEL + "<<: 4\n", 2, "<<", "unknown key: the keys here are name, seed"),
    (MODEL + '"a\\tb": 4\n', 2, "a\\tb", "unknown key"),
    (LINES.replace("tanh", "{name: tanh, slope: 1}"), 4, "model.activation.slope",
     "unknown key here: it is a key of leaky_relu"),
    (LINES.replace("tanh", "{name: tanh, foo: 1}"), 4, "model.activation.foo",
     "unknown key: there are none here"),
    (LINES.replace("he_normal", "\n    name: gaussian\n    sigma: 1"), 7, "model.init.sigma",
     "unknown key; did you mean sigma_"),
    (LINES.replace("he_normal", "{name: gaussian, gain: 1}"), 5, "model.init.gain",
     "it is a key of xavier_normal"),
    (LINES.replace("he_normal", "{name: kaiming_normal, foo: 1}"), 5, "model.init.foo",
     "the keys here are gain"),
    (MODEL + "data: {name: spirals, samples: 1}", 2, "data.samples", "should be at least 2, not 1"),
    (MODEL + "data: {name: spirals, features: 3}", 2, "data.features", "it is a key of gaussian"),
    (LINES.replace("tanh", "tahn"), 4, "model.activation", "should be one of linear, tanh, sigmoid"),
    (LINES.replace("tanh", "ReLU"), 4, "model.activation", 'not the text "ReLU"; did you mean relu?'),
    (LINES.replace("tanh", "\n    name: tahn"), 5, "model.activation.name", "did you mean tanh?"),
    (LINES.replace("tanh", "3"), 4, "model.activation", "should be one of linear, tanh"),
    (LINES.replace("tanh", "{name: [a]}"), 4, "model.activation.name", "should be one of linear"),
    (LINES.replace("tanh", "{slope: 1}"), 4, "model.activation.name", "is required: one of linear, tanh"),
    (LINES.replace("tanh", "[tanh]"), 4, "model.activation", "not a list"),
    (LINES.replace("he_normal", "kaiming_norml"), 5, "model.init", "did you mean kaiming_normal?"),
    (LINES + "  bias: ones", 6, "model.bias", 'should be one of zeros, constant, not the text "ones"'),
    (LINES + "  readout: relu", 6, "model.readout", 'of linear, zeros, none, not the text "relu"'),
    (LINES + "  readout: null", 6, "model.readout", "should be one of linear, zeros, none, not null"),
    (MODEL + "data: digit", 2, "data", "did you mean digits?"),
    (MODEL + "training: {optimizer: sdg}", 2, "training.optimizer", "did you mean sgd?"),
    (MODEL + "training: {loss: msee}", 2, "training.loss", "did you mean mse?"),
    (MODEL + "training: {dtype: float16}", 2, "training.dtype", "should be one of float32, float64"),
    (MODEL + "sweep: {dpeth: [1]}\n", 2, "sweep.dpeth", "unknown key; did you mean depth?"),
    (MODEL + "sweep:\n  model.init: [he_normal]\n  model.foo: [1]\n", 4, "sweep.model.foo", "unknown key"),
    (MODEL + "sweep: {alpha: [1]}\n", 2, "sweep.alpha",
     "is ambiguous: write model.activation.alpha or training"),
    (MODEL + "sweep: {name: [a, b]}\n", 2, "sweep.name", "cannot be swept"),
    (MODEL + "sweep: {model.depth: [1], depth: [2]}\n", 2, "sweep.depth", "stands twice"),
]  # fmt: skip

MISSING = [
    ("", 1, "model", "is required: a mapping with depth, width, activation, init"),
    ("name: a\n", 1, "model", "is required"),
    (LINES.replace("  depth: 3\n", ""), 1, "model.depth", "is required"),
    ("seed: 1\n" + LINES.replace("  init: he_normal\n", ""), 2, "model.init", "is required"),
    (LINES.replace("he_normal", "constant"), 5, "model.init.value", "is required"),
    (LINES.replace("he_normal", "\n    name: constant\n"), 5, "model.init.value", "is required"),
    (MODEL + "data: csv", 2, "data.target", "is required"),
]  # fmt: skip

BLOCKS = [
    (LINES + "  block: skip\n", 6, "model.block", "should be one of plain, residual, not the text \"skip\""),
    (LINES + "  block: [plain]\n", 6, "model.block", "should be one of plain, residual, not a list"),
    (LINES + "  norm: 3\n", 6, "model.norm", "should be one of none, layer, rms, batch, not 3"),
    (LINES + "  norm: {name: rms, place: above}\n", 6, "model.norm.place", "should be one of before, after"),
    (LINES + "  norm: {name: layer, eps: -1}\n", 6, "model.norm.eps", "should be at least 0, not -1"),
    (LINES + "  block: {name: residual, scale: -1}\n", 6, "model.block.scale", "should be at least 0"),
    (LINES + "  block: {name: residual, scale: 1/depth}\n", 6, "model.block.scale",
     "should be a number or 1/sqrt(depth), not the"),
    (LINES.replace("width: 10", "width: [8, 0]"), 3, "model.width[1]", "should be at least 1, not 0"),
]  # fmt: skip

MEANING = [
    (LINES.replace("10", "[10, 8]"), 3, "model.width", "should hold 3 numbers, one for each hidden layer"),
    (LINES.replace("10", "[10, 8, 10]"), 3, "model.width", None),
    (LINES.replace("10", "[16, 8, 16]") + "  readout: none\n", 3, "model.width", "should be 10, the size of"),
    (LINES.replace("10", "[16, 8, 10]") + "  readout: none\n", 3, "model.width", None),
    (LINES.replace("10", "[10, 8, 10]") + "  block: residual\n", 3, "model.width", "should be one number"),
    (LINES.replace("10", "[8, 8, 8]") + "  block: residual\n", 3, "model.width", None),
    (LINES + "  norm: batch\ntraining: {batch_size: 1}", 7, "training.batch_size", "should be at least 2"),
    (LINES + "  norm: batch\ntraining: {batch_size: 2}", 7, "training.batch_size", None),
    (LINES + "  norm: layer\ntraining: {batch_size: 1}", 7, "training.batch_size", None),
    (LINES + "  readout: none\n", 3, "model.width", None),
    (LINES.replace("10", "16") + "  readout: none\n", 3, "model.width",
     "should be 10, the size of the target"),
    (LINES.replace("he_normal", "{name: constant, value: [1, 2, 3]}"), 5, "model.init.value",
     "should hold 4 numbers, one for each hidden layer, then the read-out, not 3"),
    (LINES.replace("he_normal", "{name: constant, value: [1, 2, 3, 4]}\n  readout: none"),
     5, "model.init.value", "should hold 3 numbers, one for each hidden layer, not 4"),
    (LINES.replace("he_normal", "{name: constant, value: [1, 2, 3, 4]}"), 5, "model.init.value", None),
    (MODEL + "data: teacher\ntraining: {loss: cross_entropy}", 3, "training.loss", "set mse"),
    (MODEL + "training: {loss: mse}", 2, "training.loss", None),
    (MODEL + "data: {name: csv, path: no.csv, target: y}", 2, "data.path", "no.csv does not exist"),
    (MODEL + "data: {name: inline,\n  x: [[1], [2]],\n  y: [1]}", 4, "data.y", "1 target"),
    (LINES.replace("3", "1000000000"), 2, "model.depth", "TB, this machine has "),
    (LINES.replace("10", "1" + "0" * 200), 3, "model.width", "this machine has "),
    (MODEL + "training: {steps: 1000000000000}", 2, "training.steps", "PB, this machine has "),
]  # fmt: skip

ALL = [*WRONG_TYPES, *OUT_OF_BOUNDS, *UNKNOWN, *BLOCKS, *(row for row in MEANING if row[3])]


@pytest.mark.parametrize(("text", "line", "key", "fragment"), ALL)
def test_a_bad_value_is_refused_with_its_line_its_key_and_the_remedy(
    text: str, line: int, key: str, fragment: str
) -> None:
    ((found_line, found_key, message),) = problems_of(text)
    assert fragment in message
    assert (found_line, found_key) == (line, key)


@pytest.mark.parametrize(("text", "line", "key", "fragment"), MISSING)
def test_a_missing_key_is_refused_at_the_mapping_that_lacks_it(
    text: str, line: int, key: str, fragment: str
) -> None:
    found = {found_key: (found_line, message) for found_line, found_key, message in problems_of(text)}
    assert found[key][0] == line
    assert found[key][1].startswith(fragment)


@pytest.mark.parametrize("text", [row[0] for row in MEANING if row[3] is None])
def test_their_right_counterparts_pass(text: str) -> None:
    parse_config(parse(text, "net.yaml"), Path())


def test_every_problem_of_a_file_and_of_the_command_line_is_reported_at_once() -> None:
    text = "sede: 1\nmodel:\n  depth: 0\n  init: he\n  width: a\nseeds: 0\ntraining: {steps: -1, loss: 3}\n"
    found = problems_of(text, "lr=a", "foo=1", "width=b")
    assert [(line, key) for line, key, _ in found] == [
        (1, "sede"), (2, "model.activation"), (3, "model.depth"), (4, "model.init"), (6, "seeds"),
        (7, "training.steps"), (7, "training.loss"), (None, "foo"), (None, "model.width"),
        (None, "training.optimizer.lr"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        "".join(f"key{number}: 1\n" for number in range(10_000)),
        f"data: {{name: inline, x: [{'[a],' * 10_000}], y: [0]}}",
        f"data: {{name: inline, x: [[0]], y: [{'a,' * 10_000}]}}",
    ],
)
def test_ten_thousand_problems_are_fifty_lines_and_their_number(more: str) -> None:
    with pytest.raises(InputError) as error:
        parse_config(parse(MODEL + more, "net.yaml"), Path())
    *first, last = error.value.problems
    assert len(first) == 50
    assert first[0].line == 2
    assert str(last) == "net.yaml: and 9,950 more problems"


def test_a_sweep_of_too_many_keys_is_refused_in_one_line() -> None:
    axes = ", ".join(f"key{number}: [1]" for number in range(10_000))
    ((line, key, message),) = problems_of(MODEL + f"sweep: {{{axes}}}")
    assert (line, key, message) == (2, "sweep", "has 10000 keys: at most 20 can be crossed")


def test_a_file_name_that_cannot_name_a_run_asks_for_a_name() -> None:
    ((line, key, message),) = problems_of(MODEL, source="my net.yaml")
    assert (line, key) == (1, "name")
    assert message.startswith('give one, for the file\'s "my net" will not do')
    assert parse_config(parse(MODEL, "my net.yaml"), Path(), ["name=net"]).name == "net"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("net.yaml lr = 0.1", "lr = 0.1"),
        ("lr = 0.1 net.yaml", "lr = 0.1"),
        ("lr =0.1 net.yaml", "lr =0.1"),
        ("net.yaml seed=1 lr= 0.1 depth=3", "lr= 0.1"),
        ("x= 1,2", "x= 1,2"),
        ("a.b = =", "a.b = ="),
    ],
)
def test_spaces_around_an_equals_sign_are_one_problem_that_shows_the_word(words: str, shown: str) -> None:
    with pytest.raises(InputError) as error:
        refuse_spaces(words.split())
    (problem,) = error.value.problems
    assert (problem.source, problem.key) == ("command line", shown)
    assert problem.message == f"write it without spaces, as one word: {shown.replace(' ', '')}"


def test_each_word_that_was_written_with_spaces_is_a_problem() -> None:
    with pytest.raises(InputError) as error:
        refuse_spaces(["lr", "=", "0.1", "seed=1", "depth", "=", "3", "width", "=4"])
    assert [problem.key for problem in error.value.problems] == ["lr = 0.1", "depth = 3", "width =4"]


@pytest.mark.parametrize(
    "words", ["clip_norm=", "clip_norm= lr=1", "name=a=b", "clip_norm= net.yaml", "net.yaml = 3", "="]
)
def test_other_words_are_not_taken_for_one_that_was_written_with_spaces(words: str) -> None:
    refuse_spaces(words.split())


def test_a_problem_of_one_value_does_not_speak_of_several() -> None:
    assert "sweep" not in problems_of(MODEL, "depth=0", "width=1")[0][2]


@pytest.mark.parametrize("written", ["10,20", "1,5", "1_0.5"])
def test_a_number_that_is_not_whole_is_no_remedy_where_a_whole_one_is_wanted(written: str) -> None:
    ((_, _, message),) = problems_of(LINES.replace("10", written))
    assert message == f'should be a whole number, not the text "{written}"'


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("init.sigma_w=2", "gaussian: init=gaussian init.sigma_w=2"),
        ("slope=0.5", "leaky_relu: activation=leaky_relu activation.slope=0.5"),
        ("momentum=1e-3", "sgd: optimizer=sgd optimizer.momentum=0.001"),
    ],
)
def test_a_key_of_another_entry_comes_with_the_overrides_that_work(override: str, remedy: str) -> None:
    text = MODEL + "training: {optimizer: adam}\n"
    ((_, _, message),) = problems_of(text, override)
    assert message == f"unknown key here: it is a key of {remedy}"
    parse_config(parse(text, "net.yaml"), Path(), remedy.partition(": ")[2].split())


@pytest.mark.parametrize("override", ["depth=10,20", "lr=1,2", "lr=0,1"])
def test_several_values_are_taken_for_no_decimal_comma(override: str) -> None:
    message = problems_of(MODEL, override)[0][2]
    assert message.endswith('"; for several values type gradflow sweep instead')


@pytest.mark.parametrize(
    ("override", "key", "fragment"),
    [
        ("depth", "depth", "is not of the form KEY=VALUE"),
        ("dpeth=3", "dpeth", "unknown key; did you mean depth?"),
        ("model.dpeth=3", "model.dpeth", "unknown key; did you mean model.depth?"),
        ("net.yaml", "net.yaml", "is not of the form KEY=VALUE: a config comes first"),
        ("=3", "=3", "is not of the form KEY=VALUE, without spaces"),
        (
            "value=3",
            "value",
            "is ambiguous: write model.activation.value or model.init.value or model.bias.value",
        ),
        ("alpha=3", "alpha", "is ambiguous: write model.activation.alpha or training.optimizer.alpha"),
        ("depth=0", "model.depth", "should be at least 1, not 0"),
        ("depth=", "model.depth", "should be a whole number, not null"),
        ("depth=[", "model.depth", "a bracket is not closed"),
        ("depth=*a", "model.depth", "aliases (*name) are not allowed"),
        ("init.sigma_w=1.5", "model.init.sigma_w", "unknown key here: it is a key of gaussian"),
        ("clip_norm=None", "training.clip_norm", 'not the text "None": write null'),
        ("stop.plateau=none", "training.stop.plateau", 'not the text "none": write null'),
        ("init=gausian", "model.init", "did you mean gaussian?"),
        ("sweep.depth=[1]", "sweep.depth", "unknown key"),
        ("model.depth.x=1", "model.depth.x", "unknown key"),
        ("norm=instance", "model.norm", "should be one of none, layer, rms, batch"),
        ("path=x.csv", "data.path", "unknown key here: it is a key of csv and npz"),
        ("data=csv", "data.path", "is required"),
        ("x" * 1000 + "=1", "x" * 37 + "...", "unknown key"),
        ("depth=1000000000", "model.depth", "this machine has"),
        ("steps=\udcff", "training.steps", "U+DCFF"),
        ("depth=5,6", "model.depth", "for several values type gradflow sweep"),
        ("init=he_normal,orthogonal", "model.init", "for several values type gradflow sweep"),
    ],
)
def test_a_bad_override_is_refused_with_its_key_and_the_remedy(
    override: str, key: str, fragment: str
) -> None:
    found = {found_key: (line, message) for line, found_key, message in problems_of(MODEL, override)}
    assert found[key][0] is None
    assert fragment in found[key][1]


@pytest.mark.parametrize(
    ("schedule", "key", "message"),
    [
        (
            "{name: cosine, warmup: 100}",
            "training.schedule.warmup",
            "should be below training.steps, which is 100: the cosine takes the updates after it, not 100",
        ),
        ("{name: cosine, final: 1.5}", "training.schedule.final", "should be at most 1, not 1.5"),
        ("{name: cosine, steps: 5}", "training.schedule.steps", "unknown key"),
        ("warmup", "training.schedule.steps", "is required"),
        ("{name: warmup, steps: 0}", "training.schedule.steps", "should be at least 1, not 0"),
        ("{name: warmup, steps: 2.5}", "training.schedule.steps", "should be a whole number, not 2.5"),
        ("linear", "training.schedule", "should be one of constant, warmup, cosine"),
    ],
)
def test_schedules_that_cannot_be_followed_are_refused(schedule: str, key: str, message: str) -> None:
    ((line, where, said),) = problems_of(f"{MODEL}training:\n  schedule: {schedule}\n")
    assert (line, where) == (3, key)
    assert said.startswith(message)


def test_a_look_at_initialization_alone_takes_any_schedule() -> None:
    text = f"{MODEL}training: {{steps: 0, schedule: {{name: cosine, warmup: 10}}}}\n"
    assert parse_config(parse(text, "net.yaml"), Path()).training.steps == 0


@pytest.mark.parametrize(
    ("init", "key", "message"),
    [
        ("{name: truncated_normal, mode: fan}", "mode", "should be one of fan_in, fan_out, fan_avg"),
        ("{name: he_normal, mode: fan_avg}", "mode", "should be one of fan_in, fan_out, not"),
        ("{name: truncated_normal, correct: 1}", "correct", "should be true or false"),
        ("{name: torch_trunc_normal, std: 3}", "std", "should be at most 2"),
        ("{name: torch_trunc_normal, std: 0}", "std", "should be greater than 0"),
        ("{name: lecun_normal, mode: fan_out}", "mode", "unknown key"),
    ],
)
def test_fields_that_an_initialization_does_not_take_are_refused(init: str, key: str, message: str) -> None:
    text = f"model:\n  depth: 3\n  width: 10\n  activation: tanh\n  init: {init}\n"
    ((line, where, said),) = problems_of(text)
    assert (line, where) == (5, f"model.init.{key}")
    assert said.startswith(message)
