"""What arrays are called in types, where their shapes are said in words."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Readings = Mapping[str, Array]  # of a record, or of a row of one, by name
