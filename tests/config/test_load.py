"""From text and overrides to a complete config."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gradflow.config import Config, config_from_plain, load_config, parse_config
from gradflow.config.biases import ConstantBias, Zeros
from gradflow.config.load import read_config
from gradflow.data.csv_file import Csv
from gradflow.data.digits import Digits
from gradflow.data.generated import Teacher
from gradflow.data.inline import Inline
from gradflow.errors import InputError
from gradflow.nn.activations import LeakyRelu, Tanh
from gradflow.nn.blocks import Plain
from gradflow.nn.initializers import Constant, Gaussian, HeNormal, Orthogonal, XavierNormal
from gradflow.nn.norms import NO_NORM
from gradflow.nn.optimizers import Adam, Sgd
from gradflow.yaml_file import dump, parse

NET = "model: {depth: 3, width: 10, activation: tanh, init: xavier_normal}\n"


def config(text: str = NET, *overrides: str) -> Config:
    return parse_config(parse(text, "net.yaml"), Path(), overrides)


def test_four_keys_make_a_complete_config() -> None:
    found = config()
    assert (found.name, found.seed, found.seeds, found.sweep) == ("net", 0, 4, None)
    model = found.model
    assert (model.depth, model.width, model.activation, model.init) == (3, 10, Tanh(), XavierNormal())
    assert (model.bias, model.readout, model.block, model.norm) == (Zeros(), "linear", Plain(), NO_NORM)
    assert found.data == Digits()
    training = found.training
    assert (training.steps, training.batch_size, training.loss) == (100, 128, "cross_entropy")
    assert (training.optimizer, training.clip_norm, training.dtype) == (Sgd(lr=0.01), None, "float32")
    assert (found.recording.every, found.analysis.stable_decades) == (1, 1.0)


def test_choices_take_their_fields_numbers_become_floats_and_lists_tuples() -> None:
    found = config(
        """
        model:
          depth: 2
          width: 1
          activation: {name: leaky_relu, slope: 1}
          init: {name: constant, value: [1, 0.9, 2]}
          bias: {name: constant, value: 0}
        data: {name: inline, x: [[1], [2]], y: [[0.2], [1]], standardize: false}
        training: {optimizer: {name: adam, lr: 1e-3, beta1: 0}, clip_norm: 5}
        """
    )
    model = found.model
    assert model.activation == LeakyRelu(slope=1.0)
    assert model.init == Constant(value=(1.0, 0.9, 2.0))
    assert model.bias == ConstantBias(value=0.0)
    assert found.data == Inline(x=((1.0,), (2.0,)), y=((0.2,), (1.0,)), standardize=False)
    assert found.training.optimizer == Adam(lr=0.001, beta1=0.0)
    assert "1.0, 0.9, 2.0" in repr(model.init)
    assert "slope=1.0" in repr(model.activation)
    assert "clip_norm=5.0" in repr(found.training)


@pytest.mark.parametrize(("data", "loss"), [("digits", "cross_entropy"), ("teacher", "mse")])
def test_the_loss_follows_the_kind_of_the_data(data: str, loss: str) -> None:
    assert config(NET, f"data={data}").training.loss == loss


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config().seed = 1


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["depth=20", "lr=0.1"], {"model.depth": 20, "training.optimizer": Sgd(lr=0.1)}),
        (["model.depth=20", " width = 7 "], {"model.depth": 20, "model.width": 7}),
        (["init=gaussian", "init.sigma_w=1.5"], {"model.init": Gaussian(sigma_w=1.5)}),
        (["init=gaussian", "sigma_w=1.5", "sigma_b=1"], {"model.init": Gaussian(sigma_w=1.5, sigma_b=1.0)}),
        (["init={name: gaussian, sigma_w: 2}"], {"model.init": Gaussian(sigma_w=2.0)}),
        (["model.init.gain=2"], {"model.init": XavierNormal(gain=2.0)}),
        (["init.gain=2", "init=he_normal"], {"model.init": HeNormal(gain=2.0)}),
        (["init.gain=2", "init.name=orthogonal"], {"model.init": Orthogonal(gain=2.0)}),
        (["init.name=orthogonal", "gain=2"], {"model.init": Orthogonal(gain=2.0)}),
        (["optimizer=adam", "lr=1"], {"training.optimizer": Adam(lr=1.0)}),
        (["lr=1", "optimizer=adam"], {"training.optimizer": Adam(lr=1.0)}),
        (["depth=2", "model.depth=2"], {"model.depth": 2}),
        (["name=a", "seed=5"], {"name": "a", "seed": 5, "data": Digits()}),
        (["data.seed=5"], {"seed": 0, "data": Digits(seed=5)}),
        (["data=teacher", "data.depth=3"], {"model.depth": 3, "data": Teacher(depth=3)}),
        (["clip_norm=1"], {"training.clip_norm": 1.0}),
        (["clip_norm=null"], {"training.clip_norm": None}),
        (["every=2", "stable_decades=3"], {"recording.every": 2, "analysis.stable_decades": 3.0}),
        (["bias=constant", "bias.value=1"], {"model.bias": ConstantBias(value=1.0)}),
        (["sweep={depth: [1, 2]}"], {"sweep": {"depth": (1, 2)}}),
    ],
)
def test_overrides_replace_what_the_file_says(overrides: list[str], expected: dict[str, Any]) -> None:
    found = config(NET, *overrides)
    for key, value in expected.items():
        at: Any = found
        for part in key.split("."):
            at = getattr(at, part)
        assert at == value


def test_overrides_can_stand_in_for_the_file() -> None:
    overrides = ["depth=3", "width=10", "init=xavier_normal"]
    leaky = ["slope=0.5", "activation=leaky_relu"]
    assert config("", *overrides, *leaky).model.activation == LeakyRelu(slope=0.5)
    assert config("", *overrides, "activation=tanh").digest == config().digest


def test_a_starter_config_that_is_not_there_yet_gets_the_command_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one-neuron", "one-neuron.yaml"):
        message = f"^{name}: does not exist: gradflow new one-neuron -o one-neuron.yaml writes it$"
        with pytest.raises(InputError, match=message):
            read_config(Path(name))
    for name in ("torch-recorder", "one-neuron.txt", "no/one-neuron"):
        with pytest.raises(InputError, match=r"^[^:]*: does not exist$"):
            read_config(Path(name))
    Path("one-neuron.yaml").touch()
    with pytest.raises(InputError, match=r"did you mean one-neuron.yaml\?$"):
        read_config(Path("one-neuron"))


def test_a_sweep_is_kept_as_it_is_written() -> None:
    found = config(NET + "sweep:\n  model.init: [he_normal, {name: gaussian, sigma_w: 2}]\n  lr: [0.1, 1]\n")
    assert found.sweep == {"model.init": ("he_normal", {"name": "gaussian", "sigma_w": 2}), "lr": (0.1, 1)}
    assert found.plain()["sweep"]["lr"] == [0.1, 1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(f"{number},{number % 7},{number % 3}\n" for number in range(60))
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text(f"a,b,y\n{rows}")
    (tmp_path / "here" / "net.yaml").write_text(NET + "data: {name: csv, path: x.csv, target: y}\n")
    return tmp_path


def path_of(config: Config) -> str:
    assert isinstance(config.data, Csv)
    return config.data.path


def test_a_relative_path_starts_at_the_file_and_on_the_command_line_at_the_current_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "there")
    net, here, there = Path("../here/net.yaml"), folder / "here" / "x.csv", folder / "there" / "x.csv"
    assert Path(path_of(load_config(net))).resolve() == here
    assert path_of(load_config(net, ["path=x.csv"])) == str(there)
    assert path_of(load_config(net, ["data=csv", "target=y", "data.path=x.csv"])) == str(there)
    assert path_of(load_config(net, ["data={name: csv, path: x.csv, target: y}"])) == str(there)
    assert Path(path_of(load_config(net, ["target=a"]))).resolve() == here
    assert path_of(load_config(net, [f"path={here}"])) == str(here)


def test_a_file_to_hold_out_starts_where_it_was_written_and_counts_by_its_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "there")
    net, here, there = folder / "here" / "net.yaml", folder / "here" / "x.csv", folder / "there" / "x.csv"
    typed = load_config(net, ["test_path=x.csv"])
    assert isinstance(typed.data, Csv)
    assert (typed.data.path, typed.data.test_path) == (str(here), str(there))
    assert typed.data.test_sha256 == sha256(there.read_bytes()).hexdigest()
    assert load_config(net, [f"test_path={here}"]).digest == typed.digest != load_config(net).digest
    saved = folder / "saved.yaml"
    saved.write_text(dump(typed.plain()))
    alone = load_config(saved, ["test_path=null"])
    assert alone.digest == load_config(net).digest
    assert isinstance(alone.data, Csv)
    assert alone.data.test_sha256 is None
    with pytest.raises(InputError, match=r"^command line: data.test_path: .*no.csv does not exist"):
        load_config(net, ["test_path=no.csv"])


def test_a_data_file_counts_by_its_bytes_wherever_it_lies(folder: Path) -> None:
    net, there = folder / "here" / "net.yaml", folder / "there" / "x.csv"
    before = load_config(net)
    assert load_config(net, [f"path={there}"]).digest == before.digest
    with there.open("a") as file:
        file.write("1,2,0\n")
    assert load_config(net, [f"path={there}"]).digest != before.digest
    with pytest.raises(InputError, match=r"^command line: data.sha256: the file has changed"):
        load_config(net, [f"path={there}", f"sha256={before.plain()['data']['sha256']}"])


def test_the_plain_config_is_readable_when_its_data_file_has_gone(folder: Path) -> None:
    before = load_config(folder / "here" / "net.yaml")
    (folder / "here" / "x.csv").unlink()
    after = config_from_plain(before.plain())
    assert after == before
    assert after.digest == before.digest


@pytest.mark.parametrize(
    ("plain", "key"),
    [({}, "model"), ({**config().plain(), "zzz": 1}, "zzz"), ({**config().plain(), "name": 1}, "name")],
)
def test_a_damaged_plain_config_is_refused_by_key(plain: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as error:
        config_from_plain(plain)
    assert key in {problem.key for problem in error.value.problems}


def test_a_problem_inside_a_data_file_names_that_file_and_its_line(folder: Path) -> None:
    with (folder / "here" / "x.csv").open("a") as file:
        file.write("1,?,0\n")
    with pytest.raises(InputError, match=r"x.csv:62: b: missing value"):
        load_config(folder / "here" / "net.yaml")
