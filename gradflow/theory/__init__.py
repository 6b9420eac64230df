"""Mean-field theory of deep networks at initialization: what c should be, and which sigma_w makes it 1."""

from gradflow.theory.balance import balance, gains, with_sigma_w
from gradflow.theory.critical import Critical, HalfStable, critical_point, half_stable
from gradflow.theory.expectations import Moments
from gradflow.theory.meanfield import MeanField
from gradflow.theory.phases import PhaseTable, phase_table
from gradflow.theory.prediction import Prediction, predict

__all__ = [
    "Critical", "HalfStable", "MeanField", "Moments", "PhaseTable", "Prediction",
    "balance", "critical_point", "gains", "half_stable", "phase_table", "predict", "with_sigma_w",
]  # fmt: skip
