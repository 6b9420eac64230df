"""What theory is asked before advice is given."""

import pytest

from gradflow.analysis.theorist import Theorist
from gradflow.meanfield import balance
from gradflow.nn.initializers import Gaussian
from tests.small import config

DATA = {"samples": 64, "features": 32, "outputs": 10}


def theorist(q_0: float, *overrides: str) -> Theorist:
    return Theorist(config("width=64", "init=gaussian", *overrides), {**DATA, "q_0": q_0})


@pytest.mark.parametrize(
    ("name", "depth", "q_0"),
    [
        ("sigmoid", 40, 1e3), ("sigmoid", 16, 1e2), ("tanh", 20, 1e3), ("erf", 40, 1e4),
        ("softsign", 20, 1e3), ("hard_tanh", 20, 1e4),
    ],
)  # fmt: skip
def test_a_ratio_of_1_that_only_balances_two_wrongs_is_none(name: str, depth: int, q_0: float) -> None:
    """A first layer of saturated units that pass next to nothing, and later layers that each grow."""
    unscaled = theorist(q_0, f"activation={name}", f"depth={depth}")
    wrong = balance(unscaled.changed(Gaussian()), q_0, first=1)
    assert wrong is not None
    outlook = unscaled.expect(wrong)
    assert outlook.ratio == pytest.approx(0, abs=1e-6)
    assert outlook.profile_range >= 1 or outlook.steps[-1] > 0.095
    assert unscaled.balanced(Gaussian()) is None
    scaled = theorist(1.0, f"activation={name}", f"depth={depth}")
    right = scaled.balanced(Gaussian())
    assert right is not None
    assert scaled.expect(right).profile_range < 1


def test_wider_layers_stray_less() -> None:
    narrow = theorist(1.0, "depth=40", "activation=relu")
    wide = narrow.with_width(256)
    assert wide.expect().spread == pytest.approx(narrow.expect().spread / 2, rel=0.01)
