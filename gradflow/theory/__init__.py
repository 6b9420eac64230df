"""Mean-field theory of deep networks at initialization: what c should be, and which sigma_w makes it 1."""

from gradflow.theory.meanfield import MeanField
from gradflow.theory.prediction import Prediction, predict

__all__ = ["MeanField", "Prediction", "predict"]
