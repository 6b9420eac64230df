"""Mean-field theory of deep networks at initialization: what c should be, and which sigma_w makes it 1."""

from gradflow.meanfield.balance import balance, gains, with_sigma_w
from gradflow.meanfield.critical import Critical, HalfStable, critical_point, half_stable
from gradflow.meanfield.entering import Targets
from gradflow.meanfield.expectations import Moments
from gradflow.meanfield.field import MeanField
from gradflow.meanfield.networks import SMALLEST_WIDTH, mean_field, unpredicted
from gradflow.meanfield.phases import PhaseTable, gaussian_fields, phase_table
from gradflow.meanfield.prediction import Prediction, predict

__all__ = [
    "SMALLEST_WIDTH", "Critical", "HalfStable", "MeanField", "Moments", "PhaseTable", "Prediction", "Targets",
    "balance", "critical_point", "gains", "gaussian_fields", "half_stable", "mean_field", "phase_table",
    "predict", "unpredicted", "with_sigma_w",
]  # fmt: skip
