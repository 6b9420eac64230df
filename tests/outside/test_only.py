"""`--only PATTERN`: the columns, tags or layers of a log that count, in every form of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.errors import InputError
from gradflow.outside import read_norms
from tests.outside.events import event_file, scalar

LAYERS = ("fc1", "fc2", "fc3")
Parts = dict[str, Any]

TEXTS = {
    "long": "step,layer,norm\n0,fc1,1\n0,fc2,2\n0,fc3,3\n0,total,9\n0,conv1,-4\n",
    "wide": "step,norm_fc1,norm_fc2,norm_fc3,total_norm,norm_conv1\n0,1,2,3,9,4\n",
    "wide, of no name": "step,loss,fc1,fc2,fc3,head7,total\n0,0.1,1,2,3,7,9\n",
    "by tag": "step,tag,value\n0,grad_norm/fc1,1\n0,grad_norm/fc2,2\n0,grad_norm/fc3,3\n0,grad_norm/all,9\n",
    "panel": "Step,a - grad_norm/fc1,a - grad_norm/fc2,a - grad_norm/fc3,a - grad_norm/conv9\n0,1,2,3,9\n",
    "json": json.dumps({"step": 0, "loss": 1, "fc1": 1, "fc2": 2, "fc3": 3, "fcx": "high", "clip7": 3}),
    "json, inner": json.dumps({"step": 0, "grad_norm": {"fc1": 1, "fc2": 2, "fc3": 3, "total": 9}}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_only_what_matches_counts(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(TEXTS[name])
    with pytest.raises(InputError):
        read_norms(path, "delta", only="fc*z")
    norms = read_norms(path, "delta", only="fc[0-9]")
    assert norms.layers == LAYERS
    assert np.exp(norms.logs["delta"][0, :, 0]) == pytest.approx([1, 2, 3])


def test_tags_of_events_are_chosen_by_their_whole_name(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    tags = [f"{part}/{layer}" for part in ("actor", "critic") for layer in LAYERS]
    path.write_bytes(event_file([scalar(0, tag, i + 1.0) for i, tag in enumerate(tags)]))
    assert read_norms(path, "delta", only="critic/*").layers == tuple(tags[3:])


@pytest.mark.parametrize(
    ("title", "copies"),
    [("run - delta_norm/{}", ("", "__MIN", "__MAX")), ("delta_norm/{}", ("_step", "_epoch"))],
)
def test_what_a_logger_writes_beside_a_column_is_not_chosen_with_it(
    title: str, copies: tuple[str, ...], tmp_path: Path
) -> None:
    columns = {
        title.format(layer) + copy: 2.0**i * (1 + at)
        for i, layer in enumerate(LAYERS)
        for at, copy in enumerate(copies)
    }
    path = tmp_path / "log.csv"
    path.write_text(",".join(["step", *columns]) + "\n" + ",".join(["0", *map(str, columns.values())]) + "\n")
    norms = read_norms(path, only="*fc*")
    assert norms.layers == LAYERS
    assert np.exp(norms.logs["delta"][0, :, 0]) == pytest.approx([1, 2, 4])


@pytest.mark.parametrize("how", ["by layer", "in one array", "long"])
def test_arrays_are_chosen_by_their_layer(how: str, tmp_path: Path) -> None:
    path, names = tmp_path / "log.npz", [*LAYERS, "total"]
    norms = np.array([1.0, 2, 3, 9])
    arrays = {
        "by layer": dict(zip(names, norms, strict=True)),
        "in one array": {"norm": norms[None], "layer": np.array(names)},
        "long": {"norm": norms, "layer": np.array(names), "step": np.zeros(4)},
    }
    np.savez(path, **arrays[how])
    assert read_norms(path, "delta", only="fc?").layers == LAYERS
    with pytest.raises(InputError, match=r"--only x\*: no layer, column or tag is called so; there are fc1"):
        read_norms(path, "delta", only="x*")


@pytest.mark.parametrize("name", TEXTS)
def test_a_pattern_that_matches_nothing_lists_what_there_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(TEXTS[name])
    with pytest.raises(
        InputError, match=r"--only nothing: no layer, column or tag is called so; there are .*fc1"
    ):
        read_norms(path, "delta", only="nothing")


def test_a_chosen_column_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(TEXTS["json"])
    with pytest.raises(InputError, match="the norm 'high' is no number"):
        read_norms(path, "delta", only="fc*")
