"""The points of a sweep: what they are, in which order, and all that can be wrong with them, told at once."""

import json
import shlex
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from gradflow.analysis.commands import sweep_command, written
from gradflow.config import axes, parse_config
from gradflow.data.generated import GaussianSamples
from gradflow.errors import InputError
from gradflow.store.save import config_text
from gradflow.store.sweeps import swept_axes
from gradflow.sweeps import points
from gradflow.sweeps.points import Sweep, label, load_sweep, parse_sweep
from gradflow.yaml_file import parse
from tests.sweeps.small import NET, small

SECTION = NET + "sweep:\n  depth: [2, 4]\n  model.init: [orthogonal, {name: gaussian, sigma_w: 1.5}]\n"


def depths(sweep: Sweep) -> list[int]:
    return [point.config.model.depth for point in sweep.points]


def refused(*overrides: str, text: str = NET) -> list[str]:
    with pytest.raises(InputError) as error:
        small(*overrides, text=text)
    return str(error.value).split("\n")


def test_a_section_is_crossed_in_its_order_the_last_axis_fastest() -> None:
    sweep = small(text=SECTION)
    assert list(sweep.axes) == ["model.depth", "model.init"]
    assert depths(sweep) == [2, 2, 4, 4]
    assert [point.config.model.init.name for point in sweep.points] == ["orthogonal", "gaussian"] * 2
    assert [point.number for point in sweep.points] == [0, 1, 2, 3]
    assert sweep.points[1].values == {"model.depth": 2, "model.init": {"name": "gaussian", "sigma_w": 1.5}}


def test_a_point_is_the_run_that_its_values_would_give_alone() -> None:
    for point in small("depth=2,5", "lr=0.1,0.2").points:
        overrides = [f"{key}={value}" for key, value in point.values.items()]
        alone = parse_config(parse(NET, "net.yaml"), Path(), overrides)
        assert point.config == alone
        assert (point.id, point.digest) == (alone.id, alone.digest)


def test_typed_axes_follow_those_of_the_section_or_take_their_place() -> None:
    sweep = small("seed=1,2", "depth=3,5,7", text=SECTION)
    assert list(sweep.axes) == ["model.depth", "model.init", "seed"]
    assert sweep.axes["model.depth"] == (3, 5, 7)
    assert len(sweep.points) == 12


def test_one_typed_value_fixes_an_axis_of_the_section() -> None:
    sweep = small("depth=6", text=SECTION)
    assert depths(sweep) == [6, 6]
    assert sweep.axes["model.depth"] == (6,)


def held(sweep: Sweep, key: str) -> list[Any]:
    """The value of a dotted key in the config of each point, None where there is no such key."""
    return [
        reduce(lambda at, part: at.get(part), key.split("."), point.config.plain()) for point in sweep.points
    ]


@pytest.mark.parametrize(
    ("overrides", "key", "values"),
    [
        (["init=gaussian", "init.sigma_w=1,2"], "model.init.sigma_w", [1.0, 2.0]),
        (["init.sigma_w=1,2", "init=gaussian"], "model.init.sigma_w", [1.0, 2.0]),
        (["lr=0.3", "optimizer=sgd,adam"], "training.optimizer.lr", [0.3, 0.3]),
        (["optimizer=sgd,adam", "lr=0.3"], "training.optimizer.lr", [0.3, 0.3]),
        (["lr=0.3,0.1", "optimizer=sgd,adam"], "training.optimizer.lr", [0.3, 0.3, 0.1, 0.1]),
        (["lr=0.3", "optimizer={name: sgd, momentum: 0.9},adam"], "training.optimizer.lr", [0.3, 0.3]),
        (["lr=0.3", "optimizer={name: sgd, momentum: 0.9},adam"], "training.optimizer.momentum", [0.9, None]),
        (["gain=2", "init.name=orthogonal,he_normal"], "model.init.gain", [2.0, 2.0]),
        (["depth=2,4", "model={width: 8, activation: relu, init: he_normal}"], "model.depth", [2, 4]),
        (["depth=2,4", "model.depth=2,4"], "model.depth", [2, 4]),
    ],
)
def test_every_value_that_is_typed_holds_whatever_the_order(
    overrides: list[str], key: str, values: list[Any]
) -> None:
    assert held(small(*overrides), key) == values


def test_a_value_that_is_typed_holds_at_every_choice_of_the_section_wherever_that_has_its_keys() -> None:
    sweep = small("init=gaussian", "init.sigma_w=1,2", "name=other")
    assert sweep.id.startswith("other-")
    text = NET + "sweep: {training.optimizer.lr: [0.1, 1], training.optimizer: [sgd, adam]}\n"
    assert held(small(text=text), "training.optimizer.lr") == [0.1, 0.1, 1.0, 1.0]
    assert held(small("lr=0.3", text=text), "training.optimizer.lr") == [0.3, 0.3]
    assert held(small("optimizer=adam", text=text), "training.optimizer.lr") == [0.1, 1.0]
    sweep = small("init.gain=0.5", text=NET + "sweep: {model.init: [orthogonal, he_normal]}\n")
    assert [point.config.plain()["model"]["init"]["gain"] for point in sweep.points] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["optimizer=sgd,adam", "optimizer.momentum=0.9"],
         "training.optimizer.momentum: unknown key with training.optimizer=adam: it is a key of sgd: leave "
         "it out, or give it there alone: training.optimizer={name: sgd, momentum: 0.9} "
         "(at training.optimizer=adam)"),
        (["lr=1,2", "lr=3"], "training.optimizer.lr: training.optimizer.lr=1,2 and training.optimizer.lr=3 "
         "cannot both hold: leave one out"),
        (["lr=1,2", "training.optimizer.lr=2,1"], "training.optimizer.lr: training.optimizer.lr=1,2 and "
         "training.optimizer.lr=2,1 cannot both hold: leave one out"),
        (["init=orthogonal,he_normal", "init.name=gaussian"], "model.init.name: "
         "model.init=orthogonal,he_normal and model.init.name=gaussian cannot both hold: leave one out"),
        (["optimizer={name: adam, lr: 3},sgd", "lr=2"], "training.optimizer.lr: training.optimizer="
         "{name: adam, lr: 3} and training.optimizer.lr=2 cannot both hold: leave one out "
         "(at training.optimizer={name: adam, lr: 3})"),
        (["seed=1,2", "depth=3", "depth=4"], "model.depth: model.depth=3 and model.depth=4 cannot both "
         "hold: leave one out"),
        (["sweep={depth: [1, 2]}", "depth=3"], "model.depth: model.depth=1 and model.depth=3 cannot "
         "both hold: leave one out"),
    ],
)  # fmt: skip
def test_an_override_that_another_wipes_out_is_refused_with_the_point(
    overrides: list[str], problem: str
) -> None:
    assert refused(*overrides)[0] == f"command line: {problem}"


def test_an_axis_of_the_file_is_not_wiped_out_either() -> None:
    text = NET + "sweep:\n  model.init: [{name: orthogonal, gain: 2}, he_normal]\n"
    assert refused("gain=3", text=text) == [
        "net.yaml:8: model.init.gain: model.init={name: orthogonal, gain: 2} and model.init.gain=3 cannot "
        "both hold: leave one out (at model.init={name: orthogonal, gain: 2})"
    ]
    text = NET + "sweep: {model.init: [he_normal], init.name: [orthogonal]}\n"
    assert refused(text=text) == ["net.yaml:7: sweep.init.name: stands twice"]


def test_what_an_axis_replaces_in_the_file_is_told_once() -> None:
    text = NET.replace("batch_size: 8}", "batch_size: 8, optimizer: {name: sgd, lr: 0.2, momentum: 0.9}}")
    told: list[str] = []
    parse_sweep(parse(text, "net.yaml"), Path(), ["optimizer=sgd,adam", "lr=0.3"], told.append)
    assert told == ["training.optimizer is replaced whole, without the momentum: 0.9 that it had"]


def test_a_file_that_is_no_mapping_is_refused_by_line() -> None:
    assert refused("depth=1,2", text="- 1\n") == ["net.yaml:1: should be a mapping (key: value), not a list"]


def test_the_axes_may_give_what_the_file_lacks() -> None:
    text = NET.replace("depth: 3, ", "")
    assert depths(small("depth=2,3", text=text)) == [2, 3]
    assert refused("seed=1,2", text=text) == ["net.yaml:4: model.depth: is required"]


def test_the_id_follows_axes_and_points_and_nothing_else() -> None:
    sweep = small("depth=2,4")
    assert sweep.id == small("depth=2,4").id == small("depth=range(2,5,2)").id
    assert sweep.id != small("depth=4,2").id
    assert sweep.id != small("depth=2,4", "seed=1").id
    assert sweep.digest == small("depth=2,4", "name=b").digest
    assert sweep.document() == small("depth=2,4").document()
    assert [point["id"] for point in sweep.document()["points"]] == [point.id for point in sweep.points]


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{depth: 5}", "sweep.depth: should be a list, not 5"),
        ("5", "sweep: should be a mapping (key: value), not 5"),
    ],
)
def test_a_bad_section_is_told_however_much_is_wrong_before_it(section: str, problem: str) -> None:
    names = "".join(f"  k{i}: 1\n" for i in range(60))
    text = f"{NET}recording:\n{names}sweep: {section}\n"
    assert refused("seed=1,2", text=text) == [f"net.yaml:68: {problem}"]


def test_every_problem_of_every_point_is_told_with_its_line() -> None:
    text = NET + "sweep:\n  depth:\n    - 2\n    - 0\n    - deep\n  width: [8, -1]\n"
    assert refused(text=text) == [
        "net.yaml:10: model.depth: should be at least 1, not 0 (at model.depth=0 model.width=8)",
        'net.yaml:11: model.depth: should be a whole number, not the text "deep" '
        "(at model.depth=deep model.width=8)",
        "net.yaml:12: model.width: should be at least 1, not -1 (at model.depth=2 model.width=-1)",
    ]


def test_a_problem_of_one_combination_names_the_combination() -> None:
    text = NET.replace("xavier_normal", "{name: constant, value: [1, 1, 1]}")
    found = refused("depth=2,3", "readout=linear,none", text=text)
    assert found == [
        "net.yaml:4: model.width: should be 3, the size of the target, because readout is none, not 8 "
        "(at model.depth=2 model.readout=none)",
        "net.yaml:4: model.init.value: should hold 2 numbers, one for each hidden layer, not 3 "
        "(at model.depth=2 model.readout=none)",
        "net.yaml:4: model.init.value: should hold 4 numbers, one for each hidden layer, then the read-out, "
        "not 3 (at model.depth=3 model.readout=linear)",
    ]


def test_a_problem_that_all_points_have_is_told_once() -> None:
    message = "command line: training.optimizer.lr: should be greater than 0, not -1"
    assert refused("depth=2,4", "lr=-1") == [message]


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("sweep: 5", "net.yaml:7: sweep: should be a mapping (key: value), not 5"),
        ("sweep: {}", "net.yaml:7: sweep: should hold at least one value"),
        ("sweep: {depth: 5}", "net.yaml:7: sweep.depth: should be a list, not 5"),
        ("sweep: {depth: []}", "net.yaml:7: sweep.depth: should hold at least one value"),
        ("sweep: {detph: [1]}", "net.yaml:7: sweep.detph: unknown key; did you mean depth?"),
        ("sweep: {depth: [1], model.depth: [2]}", "net.yaml:7: sweep.model.depth: stands twice"),
        ("sweep: {analysis.patience: [1, 2]}", "net.yaml:7: sweep.analysis.patience: cannot be swept"),
    ],
)
def test_a_bad_section_is_told_by_line(section: str, problem: str) -> None:
    assert refused(text=f"{NET}{section}\n") == [problem]


def test_nothing_to_sweep_points_to_run() -> None:
    assert refused("depth=4") == [
        "net.yaml: sweep: nothing is swept: give KEY=V1,V2 or a sweep section, or type gradflow run"
    ]


def test_two_points_that_are_the_same_run_are_refused() -> None:
    message = "sweep: model.init=xavier_normal and model.init=glorot_normal are the same run net-"
    assert refused("init=xavier_normal,glorot_normal")[0].startswith(message)


def test_a_data_set_is_loaded_once_for_all_points(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[GaussianSamples] = []
    load = GaussianSamples.load
    monkeypatch.setattr(GaussianSamples, "load", lambda self, base: loaded.append(self) or load(self, base))
    small("depth=range(2,12)", "data.samples=32,64")
    assert sorted(dataset.samples for dataset in loaded) == [32, 64]


def test_what_a_point_costs_is_what_its_run_takes(tmp_path: Path) -> None:
    cost = small("depth=2,4").points[1].cost
    assert cost.parameters == (4 + 1) * 8 + 3 * (8 + 1) * 8 + (8 + 1) * 3
    assert cost.steps == 4
    assert cost.disk >= 8 * 5 * 4 * 2 * 12


def test_relative_paths_start_at_the_file_and_typed_ones_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n2,3\n3,5\n")
    (tmp_path / "there" / "x.csv").write_text("a,b\n" + "1,9\n2,3\n3,5\n")
    text = NET.replace(
        "name: gaussian, samples: 32, features: 4, classes: 3", "name: csv, path: x.csv, target: b"
    )
    (tmp_path / "there" / "net.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    swept = load_sweep(Path("there/net.yaml"), ["depth=2,3", "training.loss=mse"])
    typed = load_sweep(Path("there/net.yaml"), ["depth=2,3", "training.loss=mse", "data.path=x.csv"])
    paths = [sweep.points[0].config.plain()["data"]["path"] for sweep in (swept, typed)]
    assert paths == [str(tmp_path / "there" / "x.csv"), str(tmp_path / "x.csv")]


def test_a_label_is_what_one_would_type() -> None:
    values = {
        "model.depth": 3,
        "model.init": {"name": "gaussian", "sigma_w": 1.5},
        "training.clip_norm": None,
    }
    assert label(values) == "model.depth=3 model.init={name: gaussian, sigma_w: 1.5} training.clip_norm=null"


def test_ids_that_begin_alike_by_chance_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points.Point, "id", property(lambda self: "net-00000000"))
    assert "their digests begin alike by chance: set another seed" in refused("depth=2,4")[0]


def test_parse_and_load_agree(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SECTION)
    assert load_sweep(tmp_path / "net.yaml").id == parse_sweep(parse(SECTION, "net.yaml"), tmp_path).id


@pytest.mark.parametrize(
    "overrides",
    [
        ("depth=range(2,5)", "lr=logspace(-3,-1,3)"),
        ("init=orthogonal,{name: gaussian, sigma_w: 1.5},he_normal", "depth=2,3"),
        ("activation=relu,leaky_relu", "optimizer=adam,sgd", "seed=7"),
        ("init=gaussian", "init.sigma_w=1,1e-5", "clip_norm=null,0.5"),
        ("optimizer=sgd,adam", "lr=0.3"),
        ("init.gain=1.2", "init=he_normal,orthogonal"),
        ("activation=relu,leaky_relu", "bias.value=0.1", "bias=constant"),
        ("training={steps: 3},{steps: 4}", "batch_size=8", "lr=0.3", "seeds=3"),
    ],
)
def test_the_command_to_sweep_again_names_the_same_points(overrides: tuple[str, ...], tmp_path: Path) -> None:
    sweep = small(*overrides)
    file = tmp_path / "config.yaml"
    file.write_text(config_text(sweep.points[0].config))
    folder = tmp_path / "runs" / sweep.id
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps(sweep.document()))
    words = shlex.split(sweep_command(str(tmp_path), swept_axes(folder)))
    assert words[:3] == ["gradflow", "sweep", str(file)]
    assert words[-2:] == ["--runs-dir", str(tmp_path.parent.parent)]
    again = load_sweep(file, words[3:-2])
    assert (again.id, again.digest) == (sweep.id, sweep.digest)


def test_one_point_has_no_command_to_sweep_again() -> None:
    assert sweep_command("runs/s/p", {"model.depth": [3]}) == ""


def test_values_stay_what_they_are_on_the_command_line() -> None:
    texts = "relu", "true", "1e3", "a, b", "", "no"
    for value in (*texts, 1, 1e-7, 1.0, True, None, [1, 2], {"name": "x: y"}):
        axis = axes.split([f"activation={written(value)},x"])[1][0]
        assert axis.values == (value, "x")
        assert type(axis.values[0]) is type(value)
