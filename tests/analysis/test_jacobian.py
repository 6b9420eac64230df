"""The spectrum's moments over networks beside theory's, and why there is none."""

from math import inf, log, nan, sqrt
from pathlib import Path

import numpy as np
import pytest

from gradflow.analysis.jacobian import BROAD, EQUAL, UNEVEN, Jacobian, expected, summarize_spectra
from gradflow.config.load import load_data, parse_config
from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.nn.jacobian import Spectrum
from gradflow.nn.model import Model
from gradflow.report.pages import report_text
from gradflow.store import Run, open_run
from gradflow.trace import spectra as spectra_of
from gradflow.yaml_file import parse
from tests.store.small import small


def model_of(text: str) -> Model:
    config = parse_config(parse(f"{{name: x, model: {{{text}}}}}", "x.yaml"), Path())
    return config.network(load_data(config.data))


PLAIN = "depth: 3, width: 256, activation: relu, init: he_normal"


def spectra(*variances: float) -> list[Spectrum]:
    """Of ten values each, nine of which are equal: 1 - d and 1 + 9 d."""
    steps = [sqrt(variance / 9) for variance in variances]
    return [Spectrum(np.array([1 + 9 * d, *[1 - d] * 9]), log(100.0)) for d in steps]


@pytest.mark.parametrize(
    ("text", "variance"),
    [
        (PLAIN, 4.0),  # mu2 / mu1^2 = 2 for each transition
        ("depth: 9, width: 256, activation: linear, init: lecun_normal", 8.0),
        ("depth: 9, width: 256, activation: linear, init: orthogonal", 0.0),
        ("depth: 8, width: 256, activation: relu, init: orthogonal", 7.0),
        ("depth: 3, width: 256, activation: relu, init: he_normal, norm: rms", 4.0),
        ("depth: 9, width: 64, activation: tanh, init: he_normal, block: {name: residual, scale: 0}", 0.0),
    ],
)
def test_theory_adds_up_what_each_transition_spreads(text: str, variance: float) -> None:
    found = expected(model_of(text), 1.0)
    assert found.variance == pytest.approx(variance, abs=1e-9)
    assert found.variance is not None
    assert found.variance >= 0
    assert found.reason is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("depth: 30, width: 64, activation: relu, init: he_normal", BROAD),
        ("depth: 3, width: [64, 32, 64], activation: relu, init: he_normal", UNEVEN),
        ("depth: 3, width: 64, activation: relu, init: {name: constant, value: 0.1}", "constant weights"),
        ("depth: 3, width: 4, activation: relu, init: he_normal", "mean field needs wide layers"),
    ],
)
def test_theory_says_why_it_has_none(text: str, reason: str) -> None:
    found = expected(model_of(text), 1.0)
    assert found.variance is None
    assert (found.reason or "").startswith(reason)


def summarized(*variances: float) -> Jacobian:
    return summarize_spectra(model_of(PLAIN), 1.0, spectra(*variances))


def test_moments_are_means_over_networks_with_their_intervals() -> None:
    found = summarized(3.8, 4.0, 4.2)
    assert found.variance is not None
    assert found.largest is not None
    assert found.log10_mean is not None
    assert found.variance.mean == pytest.approx(4.0)
    assert (found.variance.high or 0) - 4.0 == pytest.approx(4.30265 * 0.2 / 3**0.5, rel=1e-5)
    assert found.largest.mean == pytest.approx(1 + 3 * np.mean(np.sqrt([3.8, 4.0, 4.2])))
    assert found.log10_mean.mean == pytest.approx(2)
    assert found.sigmas == pytest.approx(0, abs=1e-6)


def test_a_variance_beside_theorys_has_its_distance() -> None:
    assert (summarized(4.9, 5.0, 5.1).sigmas or 0) > 2
    assert (summarized(2.9, 3.0, 3.1).sigmas or 0) < -2


def test_equal_to_rounding_is_equal_however_narrow_the_interval() -> None:
    model = model_of("depth: 9, width: 256, activation: linear, init: orthogonal")
    assert summarize_spectra(model, 1.0, spectra(1e-30, 2e-30)).sigmas == 0
    assert summarize_spectra(model, 1.0, spectra(10 * EQUAL, 11 * EQUAL)).sigmas != 0


def test_networks_that_pass_nothing_are_counted_and_left_out() -> None:
    blocked = Spectrum(np.full(2, nan), -inf)
    found = summarize_spectra(model_of(PLAIN), 1.0, [blocked, *spectra(3.0, 5.0)])
    assert (found.networks, found.blocked) == (3, 1)
    assert found.document()["variance"] == pytest.approx(4)
    nothing = summarize_spectra(model_of(PLAIN), 1.0, [blocked])
    assert (nothing.variance, nothing.sigmas, nothing.share) == (None, None, ())


def test_the_document_has_a_mean_where_a_float_holds_it() -> None:
    assert summarized(4.0, 4.1).document()["mean"] == pytest.approx(100)
    far = [Spectrum(np.ones(2), 1e4)]
    assert summarize_spectra(model_of(PLAIN), 1.0, far).document()["mean"] is None


def test_the_histogram_holds_every_singular_value() -> None:
    found = summarized(0.25, 0.25)
    assert sum(found.share) == pytest.approx(1)
    assert (found.edges[0], found.edges[-1]) == (0, 2)
    assert [share for share in found.share if share] == [0.9, 0.1]


ASKED = "recording.jacobian=true"


def asked(folder: Path, *overrides: str) -> Run:
    return execute(small("steps=2", ASKED, *overrides), folder)


def test_a_run_that_is_asked_keeps_what_its_networks_have(tmp_path: Path) -> None:
    run = asked(tmp_path, "depth=2", "width=64")
    data = load_data(run.config.data)
    plan = run.config.plan(data)
    found = summarize_spectra(plan.model, float(np.mean(data.x[0] ** 2)), spectra_of(plan, data)).document()
    kept = run.summary.jacobian
    assert kept is not None
    assert (kept.networks, kept.blocked, kept.reason) == (2, 0, None)
    for name in ("mean", "log10_mean", "log10_mean_low", "variance", "variance_high", "largest", "sigmas"):
        assert getattr(kept, name) == pytest.approx(found[name], rel=1e-12)
    assert kept.expected_variance == found["theory"]["variance"]
    told = report_text(run.summary)
    assert "The singular values s of dz\\_2 / dz\\_1: log10 of the mean" in told
    assert "(theory " in told
    (run.path / "summary.json").unlink()
    assert open_run(run.path).summary.jacobian == kept


def test_a_run_that_is_not_asked_is_what_it_was(tmp_path: Path) -> None:
    run = execute(small("steps=2", "depth=4"), tmp_path)
    assert run.summary.jacobian is None
    assert "jacobian" not in run.info["measured"]
    assert "dz" not in report_text(run.summary)
    assert small("recording.jacobian=false").digest == small().digest != small(ASKED).digest


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            ["activation=relu", "init=constant", "init.value=-0.5"],
            "nothing passes from layer 1",
        ),
        (["activation=squared_relu", "init.gain=1e90", "depth=12"], "leaves float64"),
    ],
)
def test_a_run_without_singular_values_says_why(tmp_path: Path, overrides: list[str], reason: str) -> None:
    run = asked(tmp_path, *overrides)
    assert run.summary.jacobian is not None
    assert run.summary.jacobian.variance is None
    assert reason in str(run.summary.jacobian.reason)
    assert reason in report_text(run.summary)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["norm=batch"], "batch norm makes every sample depend on the others"),
        (["depth=1"], "needs two hidden layers"),
    ],
)
def test_networks_without_a_jacobian_are_not_asked_for_it(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"recording.jacobian: should be false: .*{said}"):
        small(ASKED, *overrides)
