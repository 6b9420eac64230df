"""NPZ files made member by member, so that any of them can be wrong."""

import io
import zipfile
from typing import Any

import numpy as np


def npy(array: Any) -> bytes:
    """An array as a member, pickled if it holds objects."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def archive(method: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    """An archive of members by name, whatever their bytes; the time of day is in none of its own."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        for name, content in members.items():
            with out.open(f"{name}.npy", "w") as member:
                member.write(content)
    return file.getvalue()
