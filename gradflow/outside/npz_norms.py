"""Norms in NumPy's files: arrays norm or log_norm with step, layer and kind, an array a layer, or our own."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.analysis.outside import KINDS
from gradflow.arrays import Array
from gradflow.errors import InputError, refused
from gradflow.files.npz import open_npz, read_array
from gradflow.outside.columns import Named, norm_columns
from gradflow.outside.found import COLUMNS, LOG_NORM, NORM, Found, log_of, loss_of, whole
from gradflow.outside.names import SHOWN
from gradflow.outside.only import ALL, Only

Arrays = dict[str, Array]

INFLATED = 100_000_000  # bytes of the arrays
FREE, SWOLLEN = 10**6, 64  # a small file may hold so many bytes, and so many times its own
DENSE = 4  # numbers to a byte of the file, beyond a tenth of FREE
BESIDE = ("step", "seed", "kind", "depth", "loss")  # an array for each layer; one may be called layer
_OWN = {array: kind for kind, array in KINDS.items()}


def npz_norms(content: bytes, source: str, only: Only = ALL) -> Iterator[Found]:
    """The norms of an NPZ file: an array (..., layers, seeds), long, as in a CSV, or an array a layer."""
    arrays = _arrays(content, source)
    recorded = {name: array for name, array in arrays.items() if name in _OWN}
    own = [name for name, array in recorded.items() if not _is_unknown(array)] or [*recorded]
    named = [name for name in (LOG_NORM, NORM) if name in arrays]
    if not own and not named:
        yield from _of_layers(arrays, source, only)
    for name in own or named[:1]:
        kind = _OWN.get(name) or _kind_of(arrays)
        yield from _kept(_of_array(arrays[name], name != NORM, kind, arrays, source), only, source)


def _is_unknown(array: Array) -> bool:
    """Whether all of it is nan: what a recording has not."""
    return array.dtype.kind == "f" and bool(np.isnan(array).all())


def npy_norms(content: bytes, source: str, only: Only = ALL) -> Iterator[Found]:
    """The norms of an NPY file: (layers,), (steps, layers) or (steps, layers, seeds)."""
    try:
        array = read_array(BytesIO(content), len(content))
    except Exception as error:  # NumPy's header reader raises a dozen unrelated classes
        words = "is not a readable npy file of numbers: write it with numpy.save"
        raise refused(words, source=source) from error
    yield from _kept(_of_array(array, False, None, {}, source), only, source)


def _kept(norms: Iterator[Found], only: Only, source: str) -> Iterator[Found]:
    """Those of the layers that are chosen."""
    passed: dict[str, bool] = {}
    for norm in norms:
        passed[norm.layer] = only.takes(norm.layer)
        if passed[norm.layer]:
            yield norm
    if passed and not any(passed.values()):
        raise only.none_of(passed, source)


def _kind_of(arrays: Arrays) -> str | None:
    kind = arrays.get("kind")
    return _text(kind.item()) if kind is not None and kind.ndim == 0 else None


def _of_layers(arrays: Arrays, source: str, only: Only) -> Iterator[Found]:
    """An array a layer: (), (steps,) or (steps, seeds), which `step` numbers."""
    step, kind = arrays.get("step"), _kind_of(arrays)
    layers = {name: array for name, array in arrays.items() if name not in BESIDE}
    columns = norm_columns(list(layers), source, only=only)
    if only and layers and not columns:
        raise only.none_of(layers, source)
    columns = columns or [Named(name, name, False, None, False) for name in layers]
    shapes = {layers[column.title].shape for column in columns}
    numbers = all(layers[column.title].dtype.kind in "fiu" for column in columns)
    if len(shapes) != 1 or not numbers or len(shape := shapes.pop()) > (1 if step is None else 2):
        names = ", ".join(name[:SHOWN] for name in list(arrays)[:8])
        words = f"holds no array norm or log_norm; it holds {names or 'none'}: save one, or one shape a layer"
        raise refused(words, source=source)
    count = shape[0] if shape else 1
    steps = _named(step, "step", count, range(count), source)
    for column in columns:
        values = layers[column.title].reshape(count, -1)
        losses = _losses(arrays, *values.shape)
        for (i, k), value in np.ndenumerate(values):
            number, norm = whole(steps[i], source, None), log_of(str(value), column.is_log, source, None)
            loss = float(losses[i, k])
            yield Found(column.kind or kind, number, column.layer, str(k), norm, loss=loss)


def _of_array(array: Array, is_log: bool, kind: str | None, arrays: Arrays, source: str) -> Iterator[Found]:
    if array.dtype.kind not in "fiu" or not 1 <= array.ndim <= 3 or not array.size:
        raise refused(
            "norms are numbers: (layers,), (steps, layers) or (steps, layers, seeds)", source=source
        )
    step, layer = arrays.get("step"), arrays.get("layer")
    if (
        array.ndim == 1
        and step is not None
        and layer is not None
        and step.shape == layer.shape == array.shape
    ):
        yield from _of_long(array, is_log, kind, arrays, source)
        return
    cube = array.reshape((1,) * (array.ndim == 1) + array.shape + (1,) * (array.ndim < 3))
    steps = _named(step, "step", cube.shape[0], range(cube.shape[0]), source)
    losses = _losses(arrays, cube.shape[0], cube.shape[2])
    layers = _named(layer, "layer", cube.shape[1], range(1, cube.shape[1] + 1), source)
    for (i, j, k), value in np.ndenumerate(cube):
        number = whole(steps[i], source, None)
        norm = log_of(str(value), is_log, source, None)
        yield Found(kind, number, layers[j], str(k), norm, loss=float(losses[i, k]))


def _losses(arrays: Arrays, steps: int, seeds: int) -> NDArray[np.float64]:
    """(steps, seeds), from an array loss of that shape or (steps,); nan where it is none."""
    found = arrays.get("loss")
    if found is None or found.dtype.kind not in "fiu" or found.shape not in ((steps,), (steps, seeds)):
        return np.full((steps, seeds), np.nan)
    return np.broadcast_to(found.reshape(steps, -1).astype(float), (steps, seeds))


def _of_long(array: Array, is_log: bool, kind: str | None, arrays: Arrays, source: str) -> Iterator[Found]:
    columns = {name: arrays[name].tolist() for name in (*COLUMNS, "loss")
               if name in arrays and arrays[name].shape == array.shape}  # fmt: skip
    for i, value in enumerate(array.tolist()):
        at = {name: _text(column[i]) for name, column in columns.items()}
        number = whole(at["step"], source, None)
        value = log_of(str(value), is_log, source, None)
        yield Found(
            at.get("kind", kind), number, at["layer"], at.get("seed", "0"), value,
            depth=at.get("depth", ""), loss=loss_of(at.get("loss", "nan")),
        )  # fmt: skip


def _named(array: Array | None, name: str, count: int, numbers: range, source: str) -> list[str]:
    if array is None:
        return [str(number) for number in numbers]
    if array.size != count:
        raise refused(f"{name} has {array.size} entries for {count} {name}s", source=source)
    return [_text(value) for value in array.reshape(-1).tolist()]


def _text(value: Any) -> str:
    """Names may be bytes, as h5py gives them."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _arrays(content: bytes, source: str) -> Arrays:
    unreadable = refused("is not a readable npz file: write it with numpy.savez", source=source)
    with open_npz(BytesIO(content), unreadable) as archive:
        _require_bounds(archive.size, len(content), source)
        for name in archive.names:
            _require_values(name, archive.header(name).dtype, source)
        arrays = {name: archive.array(name) for name in archive.names}
    if sum(array.size for array in arrays.values()) > FREE // 10 + DENSE * len(content):
        raise _swollen(source)
    return arrays


def _require_bounds(declared: int, size: int, source: str) -> None:
    """Refuse what inflates without bound, before anything is read."""
    if declared > INFLATED:
        raise refused(f"holds more than {INFLATED // 10**6} MB", source=source)
    if declared > FREE + SWOLLEN * size:
        raise _swollen(source)


def _swollen(source: str) -> InputError:
    words = "holds far more than its size tells: save it with numpy.savez, not savez_compressed"
    return refused(words, source=source)


def _require_values(name: str, dtype: np.dtype[Any], source: str) -> None:
    if dtype.hasobject:
        how = "as text, with .astype(str)" if name in ("layer", "kind") else "as numbers, with .astype(float)"
        raise refused(f"the array {name[:SHOWN]} holds Python objects: save it {how}", source=source)
