"""Hostile and wrong config files: one line with file, line, key and remedy; nothing is written."""

# ruff: noqa: E501 - rows of tables

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promises.calls import CPU_SECONDS, assert_refused, gradflow, in_half_a_gigabyte, tree
from tests.small import NET

MODEL = "model: {depth: 3, width: 8, activation: tanh, init: xavier_normal}\n"  # more starts at line 2
DATA = "data: {name: gaussian, samples: 32, features: 4, classes: 3}\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def net(old: str, new: str) -> str:
    assert old in NET
    return NET.replace(old, new)


# text, line, key, fragment of the message
TEXTS: dict[str, tuple[str, int, str, str]] = {
    # traps: what YAML 1.1 or a guess would read as something else
    "a number without a point": (net("seeds: 2", "seeds: 1e-3"), 2, "seeds", "not 0.001"),
    "a leading zero is no octal": (net("depth: 3", "depth: 0"), 3, "model.depth", "at least 1, not 0"),
    "base 60": (net("seeds: 2", "seeds: 1:30"), 2, "seeds", "numbers to base 60"),
    "underscores": (net("seeds: 2", "seeds: 1_0"), 2, "seeds", "write 10"),
    "binary": (net("seeds: 2", "seeds: 0b10"), 2, "seeds", "write 2"),
    "hex that is too much": (net("seeds: 2", "seeds: 0xFFFFFFFFFFFF"), 2, "seeds", "this machine has"),
    "no is no boolean": (MODEL + "training: {optimizer: {name: sgd, nesterov: no}}", 2,
                         "training.optimizer.nesterov", "write false"),
    "norway": (net("name: net", "name: no\nseed: no"), 2, "seed", "a whole number"),
    "a date": (net("seeds: 2", "seeds: 2024-01-01"), 2, "seeds", "a whole number"),
    "a quoted number": (net("seeds: 2", "seeds: '2'"), 2, "seeds", "remove the quotes"),
    "a decimal comma": (MODEL + "training: {clip_norm: '0,5'}", 2, "training.clip_norm", "write 0.5"),
    "null where a number is": (net("seeds: 2", "seeds: null"), 2, "seeds", "not null"),
    "a tilde": (net("seeds: 2", "seeds: ~"), 2, "seeds", "not null"),
    "true for a number": (net("seeds: 2", "seeds: true"), 2, "seeds", "not true"),
    # alias bombs, tags, anchors, merge keys, documents
    "an alias bomb": (BOMB + MODEL, 1, "", "anchors (&a) are not allowed"),
    "an anchor": (net("seeds: 2", "seeds: &s 2"), 2, "", "anchors (&s)"),
    "an alias to nothing": (net("seeds: 2", "seeds: *s"), 2, "", "aliases (*name)"),
    "an alias to itself": ("a: &a [*a]\n" + MODEL, 1, "", "anchors (&a)"),
    "a merge key": (NET + "<<: {seed: 1}\n", 6, "<<", "unknown key"),
    "python/object/apply": (net("seeds: 2", "seeds: !!python/object/apply:os.system ['touch owned']"), 2, "",
                            "tags (!!python/object/apply:os.system) are not"),
    "python/object/new": (net("seeds: 2", "seeds: !!python/object/new:os.mkdir [owned]"), 2, "", "tags (!!python"),
    "python/name": (net("seeds: 2", "seeds: !!python/name:os.system ''"), 2, "", "tags (!!python/name:os.system)"),
    "python/module": (net("seeds: 2", "seeds: !!python/module:antigravity ''"), 2, "", "tags (!!python/module"),
    "a tag of its own": (net("seeds: 2", "seeds: !env HOME"), 2, "", "tags (!env)"),
    "a tag with control characters": (net("seeds: 2", "seeds: !a%1b%5b31m 2"), 2, "", "tags (!a\\x1b[31m)"),
    "binary data": (net("seeds: 2", "seeds: !!binary aGk="), 2, "", "tags (!!binary)"),
    "a set": (net("seeds: 2", "seeds: !!set {a}"), 2, "", "tags (!!set)"),
    "a redefined tag": ("%TAG ! tag:yaml.org,2002:python/\n---\n" + net("seeds: 2", "seeds: !name:os.system 2"), 4,
                        "", "tags (!!python/name:os.system)"),
    "two documents": (NET + "---\n" + NET, 6, "", "a second document starts here"),
    "text after the end": (NET + "...\nseed: 1\n", 7, "", "one document"),
    "YAML 3": ("%YAML 3.0\n---\n" + NET, 1, "", "incompatible YAML"),
    # depth, width, length
    "30,000 brackets": (NET + "sweep: {depth: " + "[" * 30_000 + "]" * 30_000 + "}\n", 6, "", "50 levels of nesting"),
    "30,000 open brackets": ("[" * 30_000, 1, "", "50 levels of nesting"),
    "30,000 braces": ("{a: " * 30_000, 1, "", "50 levels of nesting"),
    "30,000 dashes": ("- " * 30_000 + "1", 1, "", "50 levels of nesting"),
    "30,000 explicit keys": ("? " * 30_000 + "a", 1, "", "cannot be a key"),
    "51 levels": ("[" * 51 + "]" * 51, 1, "", "50 levels of nesting"),
    "30,000 unknown keys": (MODEL + "".join(f"k{i}: 1\n" for i in range(10_000)), 2, "k0", "unknown key"),
    "a key of 90 kB": (MODEL + f"? {'k' * 90_000}\n: 1\n", 3, "k" * 37 + "...", "unknown key"),
    "a value of 90 kB": (net("tanh", "t" * 90_000), 3, "model.activation", '"' + "t" * 37 + '..."'),
    "a name of 90 kB": (net("name: net", "name: " + "n" * 90_000), 1, "name", "at most 100 letters"),
    "90 kB of spaces": (" " * 90_000 + "]", 1, "", "a bracket is one too many"),
    "90 kB of a quote": (net("seeds: 2", "seeds: '" + "x" * 90_000), 2, "", "the quote that opens here"),
    "90 kB of list": (net("seeds: 2", f"seeds: [{'1,' * 40_000}1]"), 2, "seeds", "not a list"),
    "50 kB of comment and nothing": ("# nothing\n" * 5_000, 1, "model", "is required"),
    # numbers
    "401 digits": (net("seeds: 2", "seeds: " + "9" * 401), 2, "", "an integer of 401 characters"),
    "90,000 digits": (net("seeds: 2", "seeds: " + "9" * 90_000), 2, "", "an integer of 90000 characters"),
    "400 digits": (net("seeds: 2", "seeds: " + "9" * 400), 2, "seeds", "finite number below 1.8e+308"),
    "hex of 20,000 digits": (net("seeds: 2", "seeds: 0x" + "f" * 20_000), 2, "", "an integer of 20002 characters"),
    "a rate beyond floats": (MODEL + "training: {optimizer: {name: sgd, lr: 1e999}}", 2, "training.optimizer.lr",
                             "finite number"),
    "an integer beyond floats": (MODEL + f"training: {{clip_norm: {'9' * 399}}}", 2, "training.clip_norm",
                                 "finite number below"),
    "nan": (MODEL + "training: {optimizer: {name: sgd, lr: .nan}}", 2, "training.optimizer.lr", "finite number"),
    "-inf": (MODEL + "training: {clip_norm: -.inf}", 2, "training.clip_norm", "-inf"),
    "a seed beyond 63 bits": (net("seeds: 2", "seed: 9223372036854775808"), 2, "seed", "should be less than 9223"),
    "a gain whose square is no float": (
        net("xavier_normal", "{name: xavier_normal, gain: 1e300}"),
        3,
        "model.init.gain",
        "at most 1e+150",
    ),
    "a negative seed": (net("seeds: 2", "seed: -1"), 2, "seed", "at least 0, not -1"),
    "a billion layers": (net("depth: 3", "depth: 1000000000"), 3, "model.depth", "this machine has"),
    "a billion units": (net("width: 8", "width: 1000000000"), 3, "model.width", "this machine has"),
    "a billion networks": (net("seeds: 2", "seeds: 1000000000"), 2, "seeds", "this machine has"),
    "a trillion steps": (net("steps: 2", "steps: 1000000000000"), 5, "training.steps", "this machine has"),
    "a trillion samples": (net("samples: 32", "samples: 1000000000000"), 4, "data.samples", "at most 1000000000"),
    "a trillion features": (net("features: 4", "features: 1000000000000"), 4, "data.features", "at most 1000000000"),
    "a trillion classes": (net("classes: 3", "classes: 1000000000000"), 4, "data.classes", "at most 1000000,"),
    "a batch of 10^30": (net("batch_size: 8", "batch_size: 0"), 5, "training.batch_size", "at least 1, not 0"),
    # characters
    "NUL": (net("tanh", "ta\x00nh"), 3, "", "U+0000"),
    "escape": (net("tanh", "\x1b[31mtanh"), 3, "", "U+001B"),
    "bell": (net("tanh", "\x07"), 3, "", "U+0007"),
    "delete": (net("tanh", "\x7f"), 3, "", "U+007F"),
    "NEL": (net("tanh", "\x85"), 3, "", "U+0085"),
    "CSI of C1": (net("tanh", "\x9b31m"), 3, "", "U+009B"),
    "line separator": (net("tanh", "\u2028"), 3, "", "U+2028"),
    "a second byte order mark": ("\ufeff" + NET.replace("tanh", "\ufefftanh"), 3, "", "U+FEFF"),
    "a noncharacter": (net("tanh", "\uffff"), 3, "", "U+FFFF"),
    "escaped control characters": (net("tanh", '"\\e[31m\\0\\a"'), 3, "model.activation", '"\\x1b[31m\\x00\\x07"'),
    "escaped bidi": (net("tanh", '"\\u202etanh"'), 3, "model.activation", '"\\u202etanh"'),
    "bidi": (net("tanh", "\u202ehnat"), 3, "model.activation", 'not the text "\\u202ehnat"'),
    "an escaped surrogate": (net("tanh", '"\\ud800"'), 3, "", "unknown escape"),
    "full-width letters": (net("tanh", "ｔａｎｈ"), 3, "model.activation", "ｔａｎｈ"),
    "a cyrillic a": (net("tanh", "t\u0430nh"), 3, "model.activation", "did you mean tanh?"),
    "a no-break space": (net("depth: 3", "depth:\u00a03"), 3, "model.depth", "is required"),
    # form
    "a tab": (MODEL + "training:\n\tsteps: 1\n", 3, "", "a tab where YAML wants spaces"),
    "a key twice": (NET + "seeds: 3\n", 6, "seeds", "already stands in line"),
    "a key twice in a mapping": (net("width: 8", "width: 8, depth: 4"), 3, "model.depth", "already stands in line"),
    "a key twice in quotes": (NET + '"seeds": 3\n', 6, "seeds", "already stands in line 2: remove one"),
    "a number for a key": (NET + "1: 2\n", 6, "", "the key 1 is not text"),
    "true for a key": (NET + "true: 2\n", 6, "", "the key true is not text"),
    "null for a key": (NET + "null: 2\n", 6, "", "the key null is not text"),
    "a list for a key": (NET + "[1, 2]: 2\n", 6, "", "cannot be a key"),
    "a mapping for a key": (NET + "{a: 2}: 2\n", 6, "", "cannot be a key"),
    "an open bracket": (net("normal}", "normal"), 4, "", "not closed"),
    "an open quote": (net("tanh", "'tanh"), 3, "", "quote that opens here is never closed"),
    "a wrong bracket": (net("batch_size: 8}", "batch_size: 8]"), 5, "", "not closed"),
    "a stray bracket": (NET + "]\n", 6, "", "the indentation does not fit"),
    "a colon too many": (net("seeds: 2", "seeds: 2: 3"), 2, "", "': ' is not expected here"),
    "a colon too few": (net("seeds: 2", "seeds 2"), 3, "", "a key without its colon"),
    "a percent sign": (net("seeds: 2", "seeds: %2"), 2, "", "cannot start with %"),
    "a backtick": (net("seeds: 2", "seeds: `2`"), 2, "", "cannot start with `"),
    "an at sign": (net("seeds: 2", "seeds: @2"), 2, "", "cannot start with @"),
    "an indent too many": (net("seeds: 2", " seeds: 2"), 2, "", "align the keys"),
    "JSON with a comment": ('{"model": 1} // no\n', 1, "", "one document"),
    "python": ("import os\nos.system('touch owned')\n", 1, "", "should be a mapping"),
    "HTML": ("<!DOCTYPE html>\n<html><body>404</body></html>\n", 1, "", "should be a mapping (key: value), not the text"),
    "jinja": (net("seeds: 2", "seeds: {{ 2 }}"), 2, "", "cannot be a key"),
    "interpolation": (net("seeds: 2", "seeds: ${oc.env:HOME}"), 2, "seeds", "a whole number"),
    # names that are paths, devices, options, hidden, too long
    **{f"the name {name!r}": (net("name: net", f"name: {json.dumps(name)}"), 1, "name", "a letter or a digit first")
       for name in ("../up", "/etc/passwd", "a/b", "..", ".", ".hidden", "-rf", "--help", "C:\\con", "a\\b", "a\nb",
                    "\x1b[2J", "n" * 101, "", " ", "a b", "é", "nul\x00l", "$(id)", "`id`", "%s%n", "a:b", "~", "*")},
    "a device for data": (MODEL + "data: {name: csv, path: /dev/zero, target: y}", 2, "data.path",
                          "/dev/zero is not a regular file"),
    "a NUL in a path": (MODEL + 'data: {name: csv, path: "a\\0b", target: y}', 2, "data.path", "cannot be"),
    "a path of 5,000 characters": (MODEL + f"data: {{name: csv, path: {'p' * 5000}, target: y}}", 2, "data.path",
                                   "name too long"),
    "the folder itself": (MODEL + "data: {name: csv, path: ., target: y}", 2, "data.path", "Is a directory"),
    "an empty path": (MODEL + "data: {name: csv, path: '', target: y}", 2, "data.path", "Is a directory"),
    "an address": (MODEL + "data: {name: csv, path: 'http://127.0.0.1:1/x.csv', target: y}", 2, "data.path",
                   "does not exist"),
    # meaning
    "no model": ("name: x\n", 1, "model", "is required: a mapping with depth"),
    "an empty file": ("", 1, "model", "is required"),
    "only text": ("gradflow\n", 1, "", "should be a mapping"),
    "only a list": ("- model\n", 1, "", "should be a mapping"),
    "only a number": ("42\n", 1, "", "should be a mapping"),
    "a misspelt section": (NET + "trainig: {}\n", 6, "trainig", "did you mean training?"),
    "a misspelt key": (net("batch_size", "batchsize"), 5, "training.batchsize", "did you mean batch_size?"),
    "a key in the wrong section": (net("steps: 2", "lr: 1"), 5, "training.lr", "it belongs to training.optimizer"),
    "a key of another choice": (net("tanh", "{name: tanh, slope: 1}"), 3, "model.activation.slope", "leaky_relu"),
    "a misspelt block": (net("width: 8", "width: 8, block: residul"), 3, "model.block", "did you mean residual?"),
    "a stream of two widths": (net("width: 8", "width: [8, 8, 4], block: residual"), 3, "model.width", "for a residual block"),
    "a width that fits no target": (net("width: 8", "width: 8, readout: none"), 3, "model.width", "should be 3"),
    "a loss that fits no target": (net("gaussian, samples: 32, features: 4, classes: 3", "teacher").replace(
        "steps: 2", "loss: cross_entropy"), 5, "training.loss", "set mse"),
    "constants for other layers": (net("xavier_normal", "{name: constant, value: [1, 2]}"), 3, "model.init.value",
                                   "should hold 4 numbers"),
    "one class": (net("classes: 3", "classes: 1"), 4, "data.classes", "at least 2"),
    "no sample to train on": (net("samples: 32", "samples: 0"), 4, "data.samples", "at least 1"),
    "an empty axis": (NET + "sweep: {depth: []}\n", 6, "sweep.depth", "at least one value"),
    "an axis of names": (NET + "sweep: {name: [a, b]}\n", 6, "sweep.name", "cannot be swept"),
    "30 axes": (NET + f"sweep: {{{', '.join(f'a{i}: [1]' for i in range(30))}}}\n", 6, "sweep", "at most 20"),
}  # fmt: skip


@pytest.mark.parametrize("title", TEXTS)
def test_a_bad_text_is_refused_by_line_and_key(tmp_path: Path, title: str) -> None:
    text, line, key, fragment = TEXTS[title]
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8", newline="")
    before = tree(tmp_path)
    done = gradflow(tmp_path, "run", "net.yaml", seconds=CPU_SECONDS)
    assert_refused(
        tmp_path, done, 2, f"net.yaml:{line}: {key}" if key else f"net.yaml:{line}", fragment, before
    )


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _sparse(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


# what stands where the file should, line, fragment
FILES: dict[str, tuple[Callable[[Path], None], int | None, str]] = {
    "nothing": (lambda path: None, None, "does not exist"),
    "a folder": (Path.mkdir, None, "is a directory: name a YAML file in it"),
    "a FIFO": (os.mkfifo, None, "is not a regular file"),
    "a link to nothing": (_link("nowhere"), None, "does not exist"),
    "a link to itself": (_link("net.yaml"), None, "Too many levels of symbolic links"),
    "a link to zeros": (_link("/dev/zero"), None, "is not a regular file"),
    "a link to random bytes": (_link("/dev/urandom"), None, "is not a regular file"),
    "a link to the terminal": (_link("/dev/stdin"), None, ""),
    "a link to memory": (_link("/proc/self/mem"), None, "cannot be read"),
    "a link below a file": (_link("/etc/passwd/net.yaml"), None, "cannot be read: Not a directory"),
    "2 GB": (_sparse(2 * 10**9), None, "is larger than 1 MB"),
    "1 TB": (_sparse(10**12), None, "is larger than 1 MB"),
    "one byte too many": (_bytes(NET.encode().ljust(1_000_001)), None, "is larger than 1 MB"),
    "UTF-16": (_bytes(NET.encode("utf-16")), 1, "the byte 0xff is not UTF-8: save the file as UTF-8"),
    "UTF-16 without its mark": (_bytes(NET.encode("utf-16-be")), 1, "U+0000"),
    "UTF-32": (_bytes(NET.encode("utf-32")), 1, "is not UTF-8"),
    "Latin-1": (_bytes(net("tanh", "tänh").encode("latin-1")), 3, "the byte 0xe4 is not UTF-8"),
    "half a character": (_bytes(NET.encode() + "ä".encode()[:1]), 6, "is not UTF-8"),
    "an overlong NUL": (_bytes(NET.encode() + b"\xc0\x80"), 6, "the byte 0xc0 is not UTF-8"),
    "an encoded surrogate": (_bytes(NET.encode() + b"\xed\xa0\x80"), 6, "is not UTF-8"),
    "gzip": (_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00"), 1, "is not UTF-8"),
    "a picture": (_bytes(b"\x89PNG\r\n\x1a\n"), 1, "is not UTF-8"),
    "a program": (_bytes(b"\x7fELF\x02\x01\x01\x00"), 1, "U+007F"),
    "zeros": (_bytes(bytes(100_000)), 1, "U+0000"),
}


@pytest.mark.parametrize("title", FILES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, title: str) -> None:
    make, line, fragment = FILES[title]
    make(tmp_path / "net.yaml")
    before = tree(tmp_path)
    done = gradflow(tmp_path, "run", "net.yaml", seconds=CPU_SECONDS)
    assert_refused(tmp_path, done, 2, f"net.yaml:{line}" if line else "net.yaml", fragment, before)


@pytest.mark.parametrize(
    "command",
    [["sweep", "net.yaml", "depth=1,2"], ["theory", "net.yaml"], ["check", "net.yaml"]],
    ids=lambda args: args[0],
)
@pytest.mark.parametrize(
    "title", ["30,000 brackets", "a tab", "python/object/apply", "a misspelt key", "NUL"]
)
def test_every_command_that_takes_a_config_refuses_it_alike(
    tmp_path: Path, command: list[str], title: str
) -> None:
    text, line, key, fragment = TEXTS[title]
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8", newline="")
    before = tree(tmp_path)
    done = gradflow(tmp_path, *command, seconds=CPU_SECONDS)
    assert_refused(
        tmp_path, done, 2, f"net.yaml:{line}: {key}" if key else f"net.yaml:{line}", fragment, before
    )


@pytest.mark.parametrize(
    "command",
    [
        "run net.yaml lr = 0.1",
        "run lr = 0.1 net.yaml",
        "sweep net.yaml seed=1,2 lr = 0.1",
        "sweep lr = 0.1 net.yaml",
        "check lr = 0.1 net.yaml",
        "theory lr = 0.1",
        "theory activation=tanh lr = 0.1",
        "theory net.yaml lr = 0.1",
    ],
)
def test_spaces_around_an_equals_sign_are_one_line_wherever_they_stand(tmp_path: Path, command: str) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    before = tree(tmp_path)
    done = gradflow(tmp_path, *command.split(), seconds=CPU_SECONDS)
    assert_refused(tmp_path, done, 2, "command line: lr = 0.1", "as one word: lr=0.1", before)
    assert done.err.count("\n") == 1


def test_the_untouched_config_passes(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("\ufeff" + NET.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert gradflow(tmp_path, "run", "net.yaml", "--quiet").code == 0


def test_bombs_take_less_than_half_a_gigabyte(tmp_path: Path) -> None:
    bombs = [title for title in TEXTS if title[0].isdigit() or "bomb" in title or "trillion" in title]
    for number, title in enumerate(bombs):
        (tmp_path / f"{number}.yaml").write_text(TEXTS[title][0], encoding="utf-8")
    for name, title in (("zeros", "a link to zeros"), ("sparse", "1 TB"), ("fifo", "a FIFO")):
        FILES[title][0](tmp_path / f"{name}.yaml")
    ended = in_half_a_gigabyte(tmp_path, sorted(path.name for path in tmp_path.iterdir()))
    assert len(ended) > 15
    assert set(ended.values()) == {2}, ended
