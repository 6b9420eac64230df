"""Charts of runs and sweeps, each one description for HTML, SVG, PNG and PDF; they need the extra `plot`."""

from importlib.util import find_spec

from gradflow.errors import MissingExtra

if not (find_spec("altair") and find_spec("vl_convert")):
    raise MissingExtra("plot", "drawing charts")
