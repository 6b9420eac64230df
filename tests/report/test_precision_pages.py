"""The page of low precision, and what a report says of it from its norms alone."""

from dataclasses import replace

import numpy as np
import pytest

from gradflow.analysis.known_increments import NOTHING
from gradflow.analysis.low_precision import LowPrecision, summarize_casts
from gradflow.analysis.summarize import flow_at, samples_of
from gradflow.analysis.summary import Flows, Summary
from gradflow.analysis.summary_parts import Samples
from gradflow.config.load import load_data
from gradflow.nn.low_precision import FLOATS, SHARES, Casts
from gradflow.report.page import Command, Sentence
from gradflow.report.precision_pages import lost_in_training, precision_page
from gradflow.report.terminal import Look, render
from gradflow.trace import casts
from tests.report.examples import config, flow, summary
from tests.studies.lab import run


def casts_of(under: float, scale: tuple[float, float] = (3.0, 9.0), layers: int = 40) -> Casts:
    """Every format alike: delta of `under` in layer 1, nothing elsewhere."""
    shares = np.zeros((len(SHARES), layers))
    shares[0, 0] = under
    return Casts(
        {one.name: shares for one in FLOATS}, {one.name: scale for one in FLOATS}, np.zeros((2, layers))
    )


def text_of(found: LowPrecision) -> str:
    return render(precision_page("net", found), Look(columns=80))


def test_shares_are_means_and_scales_are_what_all_networks_take() -> None:
    found = summarize_casts([casts_of(0.2, (3, 9)), casts_of(0.4, (5, 7))], 64)
    assert found.shares["float16"]["delta_underflow"][0] == pytest.approx(0.3)
    assert found.loss_scale["float16"] == (5, 7)
    assert summarize_casts([casts_of(0, (3, 4)), casts_of(0, (5, 7))], 64).loss_scale["float16"] is None


@pytest.mark.parametrize(
    ("scale", "ends"),
    [
        ((-np.inf, np.inf), (0, 0)),
        ((-np.inf, 4), (0, 4)),
        ((-np.inf, -4), (-4, -4)),
        ((4, np.inf), (4, 4)),
        ((-4, np.inf), (-4, 0)),
        ((2, 1), None),
        ((np.inf, np.inf), None),
        ((3, -np.inf), None),
    ],
)
def test_an_end_that_nothing_limits_is_0_or_the_other(
    scale: tuple[float, float], ends: tuple[int, int] | None
) -> None:
    assert summarize_casts([casts_of(0, scale)], 64).loss_scale["float16"] == ends


def test_the_page_has_the_worst_layers_and_sixteen_of_many() -> None:
    text = text_of(summarize_casts([casts_of(0.25)], 64))
    assert "25.0%" in text
    assert "2^3 to 2^9" in text
    rows = [line.split()[0] for line in text.splitlines() if line.split()[-4:] == ["0"] * 4]
    assert (len(rows), rows[-1]) == (15, "40")  # beside layer 1
    assert "No format loses 1% of a in any layer." in text


def test_what_a_cast_needs_no_scale_for_and_what_none_helps() -> None:
    assert text_of(summarize_casts([casts_of(0, (-3, 9))], 64)).count("not needed") == 4
    text = text_of(summarize_casts([casts_of(0.5, (4, 3))], 64))
    assert "none: no one scale keeps 99%" in text
    few = casts_of(0.5)
    few.shares["float16"][1, 0] = 1e-5
    assert "50.0% / <0.1%" in text_of(summarize_casts([few], 64))


def shallow(c: float, depth: int, batch: int = 1, width: int | list[int] = 1) -> Summary:
    """delta of 1 in the last layer and c^l below, of batches of this size."""
    initial = flow(c, depth)
    made = config(depth=depth, width=width)
    made["training"]["batch_size"] = batch
    data = Samples(1000, 4, 3, 100, "classification")
    return replace(summary(), flow=Flows(initial, initial), config=made, data=data)


def said(found: Summary) -> str:
    blocks = lost_in_training(found)
    return " ".join(block.text for block in blocks if isinstance(block, Sentence | Command))


def test_a_report_names_the_layers_whose_delta_would_be_lost() -> None:
    text = said(shallow(2**-1.0, 40))  # 2^-(40 - l) in layer l
    assert "0 in float16 in layers 1 to 14." in text
    assert "bfloat16" not in text
    assert "gradflow precision" in text
    text = said(shallow(2**-4.0, 40))
    assert "0 in float16 in layers 1 to 33; 0 in bfloat16 in layers 1 to 6." in text
    assert "beyond float16 in layers 1 to 24." in said(shallow(2**1.0, 40))


def test_batch_and_width_make_entries_smaller() -> None:
    assert "layers 1 to 18." in said(shallow(2**-1.0, 40, batch=16))
    assert "layers 1 to 18." in said(shallow(2**-1.0, 40, width=256))
    assert "layers 1 to 18." in said(shallow(2**-1.0, 40, width=[256] * 40))
    assert "layers 1 to 24." in said(shallow(2**-1.0, 40, batch=10**6))  # of 1,000 samples


def test_where_half_precision_holds_delta_nothing_is_said() -> None:
    assert lost_in_training(shallow(0.9, 40)) == []
    assert lost_in_training(replace(shallow(0.1, 40), data=None)) == []


def test_a_report_says_whether_a_loss_scale_holds_all_layers() -> None:
    """float16 holds 2^-25 to 2^16, of which 99% of normal entries take 2^7.7: the layers have 2^33.3."""
    none = "No loss scale holds all layers in float16: from layer to layer they spread over 2^34."
    assert none in said(shallow(2**-1.0, 35))
    assert "A loss scale of about 2^14 holds all layers in float16." in said(shallow(2**-1.0, 33))


NET = """
model: {depth: 24, width: 48, activation: tanh, init: {name: gaussian, sigma_w: 0.5}}
training: {steps: 0, batch_size: 64}
seeds: 2
"""


def both_of(words: str) -> tuple[str, LowPrecision]:
    """What the report of a run says, and what is measured of its networks."""
    drawn, recording, info = run(NET, *words.split())
    initial, data = flow_at(recording, 0, drawn, None, NOTHING), load_data(drawn.data)
    samples = samples_of({**info["data"], "task": "classification"}, "cross_entropy")
    made = replace(summary(), flow=Flows(initial, initial), config=drawn.plain(), data=samples)
    return said(made), summarize_casts(casts(drawn.plan(data), data), 64)


@pytest.mark.parametrize(
    "words",
    [
        "depth=30",
        "activation=relu init.sigma_w=1 depth=40",
        "activation=gelu init=xavier_normal",
        "activation=relu init.sigma_w=2.5 depth=32",
        "activation=sigmoid init=lecun_normal",
    ],
)
def test_the_loss_scale_that_it_names_is_one_that_is_measured(words: str) -> None:
    found, low = both_of(words)
    measured = low.loss_scale["float16"]
    if measured is None:
        assert "No loss scale" in found
    else:
        named = int(found.split("about 2^")[1].split()[0])
        assert measured[0] <= named <= measured[1]


@pytest.mark.parametrize("words", ["", "activation=sigmoid init=lecun_normal", "block=residual"])
def test_the_layers_that_it_names_are_those_that_are_measured(words: str) -> None:
    """Most entries are lost in the layers named and, but for one whose norm lies at the edge, no others."""
    text, low = both_of(words)
    measured = low.shares["float16"]["delta_underflow"]
    last = int(text.split("float16 in layers 1 to ")[1].split(".")[0].split(";")[0]) if text else 0
    assert (measured[:last] > 0.5).all()
    assert (measured[last + 1 :] <= 0.5).all()
    assert bool(last) == ("residual" not in words)
