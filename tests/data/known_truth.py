"""Data files written from a known truth: which columns, which task, which classes or values."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gradflow.data import DATASETS, Data
from gradflow.errors import InputError

Rng = np.random.Generator
Told = Literal["right", "refused", "wrong"]
WORDS = [
    "setosa",
    "virginica",
    "yes",
    "no",
    "Low",
    "mid",
    "high",
    "class 1",
    "class 2",
    "A",
    "B",
    "b",
    "+",
    "5th avenue",
]
NULLS = ["", "NA", "nan", "NULL", "?", "#N/A", "None", "missing", ".", "--", "N/A", "NaN"]
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass
class Target:
    """What a column means, and how it is written: `plain` if nobody could read it in another way."""

    task: str
    truth: np.ndarray  # the number of each sample's class in sorted order, or its values (samples, outputs)
    cells: list[str]
    plain: bool = False
    arrays: list[np.ndarray] = field(default_factory=list)  # for npz and inline; none: for CSV alone


@dataclass
class File:
    """A data set on disk or inline, with what must come out of it; `x` None: it must be refused."""

    keys: dict[str, Any]
    target: Target
    x: np.ndarray | None
    held_out: int = 0

    def told(self, folder: Path) -> Told:
        """What the data set makes of it."""
        name, keys = self.keys["name"], {key: value for key, value in self.keys.items() if key != "name"}
        try:
            data = DATASETS[name](**keys, standardize=False).load(folder)
        except InputError:
            return "refused"
        return "right" if self.x is not None and self._holds(data) else "wrong"

    def _holds(self, data: Data) -> bool:
        x, y = np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test])
        classes = self.target.task == "classification"
        same = data.classes == classes and len(data.x_test) == self.held_out and np.array_equal(x, self.x)
        truth = self.target.truth
        if not same or not classes:
            return same and np.array_equal(y, truth)
        used = y[:, y.any(axis=0)].argmax(axis=1)  # a class that no sample has may have a column of its own
        return np.array_equal(used, truth)


def labels(rng: Rng, samples: int, found: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """(the number of each sample's class, the labels), in which each of the sorted labels appears."""
    shares = rng.dirichlet(np.full(len(found), rng.choice([1.0, 5.0, 50.0])))
    codes = np.concatenate([np.arange(len(found)), rng.choice(len(found), samples - len(found), p=shares)])
    rng.shuffle(codes)
    return codes, [found[code] for code in codes]


def counted_classes(rng: Rng, samples: int) -> Target:
    """Labels 0.. or 1.., as integers or floats of whole numbers, or one-hot."""
    number, first = int(rng.integers(2, min(13, samples // 2))), int(rng.integers(0, 2))
    codes, _ = labels(rng, samples, list(range(number)))
    whole = codes + first
    often = np.bincount(codes).min() >= max(10, samples / number / 2)
    cells = [f"{value}.0" if rng.integers(2) else str(value) for value in whole]
    arrays = [whole, whole.astype(float), whole.astype(np.uint8)[:, None], np.eye(number)[codes]]
    return Target("classification", codes, cells, bool(often), [*arrays, np.eye(number, dtype=bool)[codes]])


def coded_classes(rng: Rng, samples: int) -> Target:
    """Labels that are whole numbers without order: 3 and 8, 11 to 31, -1 and 1, 101 to 130."""
    pools = [[-1, 1], [3, 8], [2, 4], [-1, 0, 1], [11, 12, 21, 22, 31], [10, 20, 30, 40], [100, 200]]
    pool = (
        pools[rng.integers(len(pools))] if rng.integers(4) else list(range(101, 101 + min(30, samples // 4)))
    )
    codes, found = labels(rng, samples, pool)
    return Target(
        "classification", codes, list(map(str, found)), arrays=[np.array(found), np.array(found, float)]
    )


def text_classes(rng: Rng, samples: int) -> Target:
    """Words, some with digits in them, or booleans."""
    pool = sorted({str(word) for word in rng.choice(WORDS, int(rng.integers(2, 8)))} | {"other"})
    if rng.integers(4) == 0:
        pool = ["False", "True"]
    codes, found = labels(rng, samples, pool)
    arrays = [codes.astype(bool)] if pool == ["False", "True"] else []
    return Target("classification", codes, found, True, arrays)


def written_classes(rng: Rng, samples: int) -> Target:
    """Classes in a notation of numbers: 5%, 4wd, $10, 007, 10-20, + and -."""
    pools = [["10%", "20%", "5%"], ["2wd", "4wd"], ["$10", "$20"], ["001", "002", "003"], ["+", "-"],
             ["0-9", "10-19", "20-29"], ["1/2", "1/4"], ["<5", ">5"], ["02139", "10115", "90210"],
             ["1.0.0", "1.1.0"], ["0x1F", "0x2A"], ["12:30", "18:00"]]  # fmt: skip
    codes, found = labels(rng, samples, pools[rng.integers(len(pools))])
    return Target("classification", codes, found)


def real_values(rng: Rng, samples: int) -> Target:
    """Floats of any scale, of one output or several."""
    outputs = int(rng.integers(1, 4))
    values = rng.normal(size=(samples, outputs)) * 10.0 ** rng.integers(-6, 7)
    column = values[:, :1]
    arrays = [values, values.astype(np.float32)] if outputs > 1 else [values, values[:, 0]]
    return Target("regression", column, list(map(repr, column[:, 0].tolist())), True, arrays)


def whole_values(rng: Rng, samples: int) -> Target:
    """Whole numbers that are measured: prices, years, ages, temperatures, counts, ranks, scores."""
    drawn: list[Callable[[], np.ndarray]] = [
        lambda: 100 * rng.integers(900, 9000, samples),
        lambda: rng.integers(-4000, 4000, samples),
        lambda: rng.integers(1950, 2025, samples),
        lambda: rng.normal(40, 12, samples).round().clip(18, 95).astype(int),
        lambda: rng.normal(10, 9, samples).round().astype(int),
        lambda: rng.poisson(rng.uniform(3, 60), samples),
        lambda: rng.permutation(samples) + rng.integers(0, 2),
        lambda: rng.integers(0, 101, samples),
        lambda: 200_000 + 1234 * np.arange(samples),
    ]
    kind = int(rng.integers(len(drawn)))
    values = drawn[kind]()
    return Target(
        "regression", values[:, None].astype(float), list(map(str, values.tolist())), kind in (0, 1, 8),
        [values, values.astype(float), values.astype(np.int32)[:, None]],
    )  # fmt: skip


def written_values(rng: Rng, samples: int) -> Target:
    """Values in a notation that is no plain number."""
    values = rng.integers(1000, 10**7, samples) / 100
    ways: list[Callable[[float], str]] = [
        "{:,.2f}".format, "${:,.0f}".format, "{:.1f}%".format, lambda v: f"{v:.2f}".replace(".", ","),
        lambda v: f"{v:.0f}".translate(ARABIC), "{:_.0f}".format, lambda v: f"{v:,.2f}".replace(",", " "),
        "{:.1f} kg".format, "€{:.2f}".format, "({:,.0f})".format, lambda v: f"−{v:.1f}", "{:,.0f} USD".format,
        lambda v: f"{v:,.2f}".replace(",", "'"), lambda v: hex(int(v)), "~{:.1f}".format, "{:.3f}k".format,
        lambda v: f"20{int(v) % 25:02}-0{int(v) % 9 + 1}-1{int(v) % 10}", "{:.2E}".format, "{:.2f}*".format,
    ]  # fmt: skip
    write = ways[rng.integers(len(ways))]
    cells = list(map(write, values.tolist()))
    try:
        truth = np.array([float(cell) for cell in cells])  # a plain number after all
    except ValueError:
        truth = np.full(samples, np.inf)  # nothing that could be taken is right
    if any("_" in cell for cell in cells):
        truth = np.full(samples, np.inf)
    return Target("regression", truth[:, None], cells)


TARGETS = [
    counted_classes, coded_classes, text_classes, written_classes, real_values, whole_values, written_values,
]  # fmt: skip


def drawn(rng: Rng, folder: Path) -> File:
    """A file of one kind or another, written into `folder`."""
    samples = int(rng.choice([rng.integers(8, 40), rng.integers(40, 400)]))
    target = TARGETS[rng.integers(len(TARGETS))](rng, samples)
    x = rng.normal(size=(samples, int(rng.integers(1, 6)))).round(int(rng.integers(1, 9)))
    if target.arrays and rng.integers(2):
        made = _as_arrays(rng, folder, x, target)
    else:
        made = _as_csv(rng, folder, x, target)
    if rng.integers(5) == 0:
        made.keys["task"] = target.task
    return made


def _as_arrays(rng: Rng, folder: Path, x: np.ndarray, target: Target) -> File:
    y = target.arrays[rng.integers(len(target.arrays))]
    if target.task == "regression":
        target.truth = y.reshape(len(y), -1).astype(float)
    if rng.integers(2) and y.dtype.kind != "b":
        rows = tuple(tuple(row) if isinstance(row, list) else row for row in y.tolist())
        documented = y.dtype.kind != "f" if target.task == "classification" else y.dtype.kind == "f"
        target.plain &= documented and y.ndim == (1 if target.task == "classification" else 2)
        return File({"name": "inline", "x": tuple(map(tuple, x.tolist())), "y": rows}, target, x)
    np.savez(folder / "d.npz", x=x, y=y)
    return File({"name": "npz", "path": "d.npz", "test_fraction": 0.0}, target, x)


def _as_csv(rng: Rng, folder: Path, x: np.ndarray, target: Target) -> File:
    """A CSV in one of many forms: order of columns, delimiter, line ends, a null, an index, two files."""
    names = [f"{name}{i}" for i, name in enumerate(rng.permutation(list("abcdefg"))[: x.shape[1]])]
    made = File({"name": "csv", "path": "d.csv", "target": "y", "test_fraction": 0.0}, target, x)
    columns = {name: [repr(value) for value in x[:, i].tolist()] for i, name in enumerate(names)}
    columns["y"] = list(target.cells)
    columns = _with_an_index(rng, made, columns) if rng.integers(5) == 0 else columns
    if rng.integers(8) == 0:
        columns[str(rng.choice([*names, "y"]))][rng.integers(len(x))] = str(rng.choice(NULLS))
        made.x, target.plain = None, False
    order = rng.permutation([*columns])
    made.x = None if made.x is None else x[:, [names.index(name) for name in order if name in names]]
    _write(rng, folder, made, {name: columns[name] for name in order})
    return made


def _with_an_index(rng: Rng, made: File, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    name, start = str(rng.choice(["", "Unnamed: 0", "id", "index", "PassengerId"])), int(rng.integers(2))
    if rng.integers(2):
        made.keys["drop"] = (name,)
    else:
        made.x, made.target.plain = None, False
    return {name: [str(start + i) for i in range(len(columns["y"]))], **columns}


def _write(rng: Rng, folder: Path, made: File, columns: dict[str, list[str]]) -> None:
    target, delimiter = made.target, str(rng.choice([",", ";", "\t", "|"]))
    if delimiter != "," or rng.integers(2):
        made.keys["delimiter"] = delimiter
    if made.x is not None and rng.integers(4) == 0 and (target.plain or target.task == "classification"):
        made.keys["decimal"] = rng.choice([",", "comma"])
        columns = {
            name: _with_commas(cells) if name != "y" or target.task == "regression" else cells
            for name, cells in columns.items()
        }
        target.plain &= target.task == "regression" or not any("." in cell for cell in columns["y"])
    rows = list(zip(*columns.values(), strict=True))
    split = len(rows)
    if made.x is not None and rng.integers(4) == 0:
        split = len(rows) * 3 // 4
        whole = {*target.truth[:split].flat} >= {*target.truth[split:].flat}
        made.keys["test_path"], made.held_out = "t.csv", len(rows) - split
        target.plain = False  # what is left to train on decides
        made.x = made.x if whole or target.task == "regression" else None
    end = str(rng.choice(["\n", "\r\n", "\r"]))
    other = rng.permutation(len(columns))  # the columns of the second file
    in_order = [[row[column] for column in other] for row in [tuple(columns), *rows[split:]]]
    for name, part in (("d.csv", [tuple(columns), *rows[:split]]), ("t.csv", in_order)):
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if rng.integers(4) == 0 else csv.QUOTE_MINIMAL
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows(part)
        mark = "\ufeff" if rng.integers(8) == 0 else ""
        (folder / name).write_bytes((mark + text.getvalue()).encode())


def _with_commas(cells: list[str]) -> list[str]:
    return [cell.replace(".", ",") for cell in cells]
