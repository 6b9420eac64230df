"""Charts of runs and sweeps, each one description for HTML, SVG, PNG and PDF; they need the extra `plot`."""

from importlib.util import find_spec

from gradflow.errors import MissingExtra

if not (find_spec("altair") and find_spec("vl_convert")):
    raise MissingExtra("plot", "drawing charts")

from gradflow.report.charts.figures import (
    FIGURES,
    compared_charts,
    draw,
    faceted,
    of_array,
    over_keys,
    recorded,
    run_charts,
    sweep_charts,
)
from gradflow.report.charts.maps import VALUES
from gradflow.report.charts.picture import document, picture
from gradflow.report.charts.plot import Drawn

__all__ = [
    "FIGURES", "VALUES", "Drawn", "compared_charts", "document", "draw", "faceted", "of_array", "over_keys",
    "picture", "recorded", "run_charts", "sweep_charts",
]  # fmt: skip
