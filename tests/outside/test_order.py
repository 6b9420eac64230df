"""The order of recorded layers: by their numbers, by the file, or refused."""

import pytest

from gradflow.errors import InputError
from gradflow.outside.order import layer_order

NUMBER, FILE, BACK, WORDS = (
    "by number",
    "that of the file",
    "that of the file, backward",
    "what the names say",
)

BLOCKS = " ".join(f"blocks.{n}.attn blocks.{n}.mlp" for n in (0, 1, 10, 2))
IN_ORDER = " ".join(f"blocks.{n}.attn blocks.{n}.mlp" for n in (0, 1, 2, 10))
RESNET = "conv1 layer1.0.conv1 layer1.0.conv2 layer2.0.conv1 fc"
ORDERED = [  # as the file has them; from the input on; by what
    ("fc1 fc10 fc11 fc12 fc2 fc3 fc4 fc5 fc6 fc7 fc8 fc9", " ".join(f"fc{n}" for n in range(1, 13)), NUMBER),
    ("12.0 11.0 10.0 9.0", "9 10 11 12", NUMBER),
    ("1.20e+01 1.10e+01 2.00e+00", "2 11 12", NUMBER),
    ("01 02 10 09", "1 2 9 10", NUMBER),
    ("layer_010 layer_009 layer_100", "layer_009 layer_010 layer_100", NUMBER),
    ("net.10.weight net.2.weight net.0.weight", "net.0.weight net.2.weight net.10.weight", NUMBER),
    ("h.10.mlp.fc1 h.3.mlp.fc2 h.3.mlp.fc1", "h.3.mlp.fc1 h.3.mlp.fc2 h.10.mlp.fc1", NUMBER),
    ("block2_conv1 block1_conv2 block1_conv1", "block1_conv1 block1_conv2 block2_conv1", NUMBER),
    ("0.2 0.0 1.0 0.10", "0.0 0.2 0.10 1.0", None),  # decimals or a path
    ("0.0 1.2 0.2 1.0", "0.0 0.2 1.0 1.2", NUMBER),
    ("dense_10 dense_2 dense dense_1", "dense dense_1 dense_2 dense_10", NUMBER),
    ("l3 l1 l2", "l1 l2 l3", NUMBER),
    ("Conv2d_3 Conv2d_20 Conv2d_1", "Conv2d_1 Conv2d_3 Conv2d_20", NUMBER),
    ("grad_norm/h.10 grad_norm/h.9", "grad_norm/h.9 grad_norm/h.10", NUMBER),
    ("h10/kernel h9/kernel", "h9/kernel h10/kernel", NUMBER),
    ("couche-10 couche-9 couche-8", "couche-8 couche-9 couche-10", NUMBER),
    ("b a", "b a", FILE),
    ("pool west east", "pool west east", FILE),
    ("alpha beta gamma", "alpha beta gamma", FILE),
    ("encoder.0 encoder.1 decoder.0 decoder.1", "encoder.0 encoder.1 decoder.0 decoder.1", FILE),
    ("decoder.0 decoder.1 encoder.0 encoder.1", "encoder.0 encoder.1 decoder.0 decoder.1", WORDS),
    ("encoder.1 decoder.0 encoder.0 decoder.1", "encoder.0 encoder.1 decoder.0 decoder.1", WORDS),
    ("classifier.0 classifier.3 features.0 features.10 features.2",
     "features.0 features.2 features.10 classifier.0 classifier.3", WORDS),
    ("conv1 conv2 fc1 fc2 fc3", "conv1 conv2 fc1 fc2 fc3", WORDS),
    ("embed head h.0 h.1 h.10 h.2", "embed h.0 h.1 h.2 h.10 head", WORDS),
    ("stem layers.0 layers.1 head", "stem layers.0 layers.1 head", FILE),
    ("conv1 bn1 conv2 bn2 conv3 bn3", "conv1 bn1 conv2 bn2 conv3 bn3", FILE),
    (RESNET, RESNET, FILE),
    (BLOCKS, IN_ORDER, WORDS),
    ("pool.1 pool.0 west.1 west.0 north.1 north.0", "north.0 north.1 west.0 west.1 pool.0 pool.1", BACK),
    ("block_a.0 block_a.1 block_b.0 block_b.1", "block_a.0 block_a.1 block_b.0 block_b.1", FILE),
]  # fmt: skip


@pytest.mark.parametrize(("names", "expected", "told"), ORDERED, ids=[names for names, *_ in ORDERED])
def test_names_are_ordered_as_what_they_say(names: str, expected: str, told: str | None) -> None:
    if told is None:
        with pytest.raises(InputError, match="no whole numbers: number them"):
            layer_order(names.split())
        return
    found = layer_order(names.split())
    assert " ".join(found.layers) == expected
    assert sorted(found.places) == sorted(names.split())
    assert told in found.told


@pytest.mark.parametrize(
    ("names", "uneven"),
    [("0 2 4 6", False), ("0 2 5 7", True), ("net.0.w net.2.w net.5.w", True), ("a.0 a.1 b.0 b.5", False)],
)
def test_uneven_numbers_are_said(names: str, uneven: bool) -> None:
    assert ("uneven, taken as every layer" in layer_order(names.split()).told) == uneven


UNSURE = [
    "head body.0 body.1 body.2",
    "fc1 fc2 conv1 conv2",
    "bn1 bn2 conv1 conv2",
    "bn2 conv1 bn1 conv2",
    "north.1 west.0 north.0 west.1",
    "layers.1.west layers.0.east layers.0.west layers.1.east",
    "alpha beta eps eta gamma zeta",
    "conv1 fc layer1.0.conv1 layer1.0.conv2",
    "1 2 3 foo",
    "first last second third",
    "west.1 west.0 trunk.1 trunk.0",
]


@pytest.mark.parametrize("names", UNSURE)
def test_an_order_that_is_not_sure_is_refused_with_the_way_to_state_one(names: str) -> None:
    with pytest.raises(InputError, match=r"--order file .*--order backward .*or number them") as refused:
        layer_order(names.split())
    assert names.split()[0] in str(refused.value)
    assert list(layer_order(names.split(), "file").layers) == names.split()


NO_LAYERS = [
    ("fc1 fc2 total", "total is no layer: remove it"),
    ("fc1 fc2 fc_total", "fc_total is no layer"),
    ("fc1 fc2 total_norm", "total_norm is no layer"),
    ("fc1 fc2 grad_norm", "grad_norm is no layer"),
    ("fc1 fc2 all", "all is no layer"),
    ("fc1 fc2 all_layers", "all_layers is no layer"),
    ("1 2 l2_norm", "l2_norm is no layer"),
    ("1 2 global", "global is no layer"),
    ("fc1 fc2 normalized_loss", "normalized_loss is no layer"),
    ("fc1 fc2 train_loss", "train_loss is no layer"),
    ("fc1 fc2 lr", "lr is no layer"),
    ("fc1 fc2 learning_rate", "learning_rate is no layer"),
    ("fc1 fc2 epoch", "epoch is no layer"),
    ("fc1 fc2 wall_time", "wall_time is no layer"),
    ("fc1 fc2 mean", "mean is no layer"),
    ("fc1 fc2 max_norm", "max_norm is no layer"),
    ("fc1 fc1.1 fc2 fc2.1", "fc1.1 is a second column fc1"),
    ("fc1 fc1_1 fc2", "fc1_1 is a second column fc1"),
    ("fc1 fc1_duplicated_0", "fc1_duplicated_0 is a second column fc1"),
    ("1 1.1 2 2.1", "1.1 is a second column 1"),
    ("dense dense.1 dense.2", "dense.1 is a second column dense"),
    (
        "layer1 layer1.0.conv1 layer2",
        "layer1.0.conv1 is a second column layer1 that a reader renamed, or a part",
    ),
    ("net.0.weight net.0.bias", "net.0.bias and its weight are of one layer"),
    ("h.0.q_proj h.0.k_proj h.0.o_proj", "h.0.k_proj and h.0.q_proj stand side by side"),
    ("l.0.mlp.gate_proj l.0.mlp.up_proj", "stand side by side"),
    ("layer1.0.conv1 layer1.0.downsample.0", "stands beside the layers"),
    ("fc1 fc_1", "fc1 and fc_1 have the same words and numbers"),
    ("01 1", "the layers 01 and 1 are one number"),
    ("12 12.0", "the layers 12 and 12.0 are one number"),
    ("-1 0 1", "the layer -1 is below 0"),
    ("1 2 nan", "nan is no layer"),
    ("a ...", "needs a short name with a letter"),
    (f"a {'b' * 201}", "needs a short name"),
]


@pytest.mark.parametrize(("names", "words"), NO_LAYERS, ids=[names[:40] for names, _ in NO_LAYERS])
def test_what_is_no_layer_of_its_own_is_refused_by_name(names: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        layer_order(names.split())
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "names", ["time_embed h.0 h.1", "stem max_pool", "loss_net.0 loss_net.1", "total.0 total.1"]
)
def test_a_layer_may_have_a_word_of_those_in_its_name(names: str) -> None:
    assert " ".join(layer_order(names.split()).layers) == names


def test_many_names_take_no_time() -> None:
    names = [f"w{chr(97 + i % 26)}{'x' * (i // 26 % 50)}{'y' * (i // 1300)}" for i in range(5_000)]
    assert len(layer_order(list(dict.fromkeys(names))).layers) == 5_000
