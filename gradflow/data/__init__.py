"""The data sets of a config as a table of frozen classes; `load` gives split and standardised Data."""

from gradflow.data.base import Data, Dataset
from gradflow.data.csv_file import Csv
from gradflow.data.digits import Digits
from gradflow.data.generated import GaussianSamples, Spirals, Teacher
from gradflow.data.inline import Inline
from gradflow.data.npz_file import Npz

DATASETS: dict[str, type[Dataset]] = {
    cls.name: cls for cls in (Digits, GaussianSamples, Teacher, Spirals, Inline, Csv, Npz)
}

__all__ = ["DATASETS", "Data", "Dataset"]
