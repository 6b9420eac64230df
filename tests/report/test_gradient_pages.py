"""The chain rule on a page: the textbook's two layers by hand, and the check of backpropagation."""

from math import exp
from pathlib import Path

import pytest

from gradflow.config import load_config
from gradflow.config.load import load_data
from gradflow.nn.norms import BatchNorm, NoNorm
from gradflow.report.gradient_pages import check_page, trace_page
from gradflow.report.terminal import Look, render
from gradflow.trace import check_gradients, trace
from tests import small

CONFIGS = Path(__file__).parents[2] / "configs"


def text_of_chain(name: str, step: int = 0) -> str:
    config = load_config(CONFIGS / f"{name}.yaml")
    data = load_data(config.data)
    page = trace_page(config.id, trace(config.plan(data), data, step))
    return render(page, Look(wrap=False))


def shown(text: str, label: str) -> float:
    """The number behind a label."""
    line = next(line for line in text.splitlines() if line.split()[:1] == [label])
    return float(line.split()[1])


def test_the_textbook_s_two_layers_read_as_they_are_worked_out_by_hand() -> None:
    text = text_of_chain("two-layers")
    x, w1, w2, y = 1.0, 0.5, 0.9, 0.2
    a1 = 1 / (1 + exp(-w1 * x))
    a2 = 1 / (1 + exp(-w2 * a1))
    delta2 = 2 * (a2 - y) * a2 * (1 - a2)
    delta1 = delta2 * w2 * a1 * (1 - a1)
    by_hand = {"x": x, "w1": w1, "a1": a1, "f'(z1)": a1 * (1 - a1), "loss": (a2 - y) ** 2,
               "dLoss/da2": 2 * (a2 - y), "delta2": delta2, "delta1": delta1, "dL/dw2": delta2 * a1,
               "dL/dw1": delta1 * x}  # fmt: skip
    for label, value in by_hand.items():
        assert shown(text, label) == pytest.approx(value, rel=1e-9), label
    assert "= delta2 w2 f'(z1) =" in text
    assert f"a - y      {a2 - y:.10g} with a = a2" in text
    assert "= 2 (a - y) / n with n = 1" in text


def test_at_a_step_the_page_says_which_and_follows_the_updates() -> None:
    start, later = text_of_chain("two-layers"), text_of_chain("two-layers", step=1)
    assert "network 0 after 1 step, training sample 0, the first of minibatch 1" in later
    lr = load_config(CONFIGS / "two-layers.yaml").training.optimizer.lr
    assert shown(later, "w2") == pytest.approx(shown(start, "w2") - lr * shown(start, "dL/dw2"), rel=1e-8)


def test_of_many_outputs_each_has_its_steps_in_a_row() -> None:
    lines = text_of_chain("quickstart").splitlines()
    title = next(n for n, line in enumerate(lines) if line.startswith("loss cross_entropy, n = 10 outputs"))
    rows = [list(map(float, line.split())) for line in lines[title + 3 : title + 13]]
    total = sum(exp(row[1]) for row in rows)
    for output, a, y, _, softmax, derivative in rows:
        assert softmax == pytest.approx(exp(a) / total, rel=1e-4), output
        assert derivative == pytest.approx(softmax - y, abs=1e-5), output


def test_a_wide_network_shows_its_local_factors_from_the_last_layer_down() -> None:
    lines = text_of_chain("textbook-0.9").partition("Local factors")[2].splitlines()
    rows = [line.split() for line in lines if line.split() and line.split()[0].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(51, 0, -1))
    assert {row[1] for row in rows} == {"0.900"}
    assert float(rows[-1][4]) == pytest.approx(0.9**51, rel=0.05)
    assert "Forward" not in "\n".join(lines)


def test_norms_over_a_minibatch_are_said_to_be() -> None:
    data = small.data()
    over = "Norms are root mean squares over the 4 samples of minibatch 0"
    for norm, told in ((BatchNorm(), True), (NoNorm(), False)):
        chain = trace(small.fitted(small.plan(norm=norm), data), data)
        assert (over in render(trace_page("net", chain), Look(wrap=False))) is told


def test_the_check_says_that_it_passed_and_what_was_saved() -> None:
    config = load_config(CONFIGS / "two-layers.yaml")
    data = load_data(config.data)
    found = check_gradients(config.plan(data), data)
    text = render(check_page(config.name, found), Look(wrap=False))
    assert "passed: the largest error is" in text
    assert "for all of 4 parameters" in text
