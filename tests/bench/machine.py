"""What a figure was measured on: the processor, its cores, and what NumPy makes use of."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath as umath

WIDE = ("AVX512F", "AVX512_SKX")  # any of them: NumPy's tanh is seven times as fast with it


def machine() -> dict[str, Any]:
    """The model, the cores that this process may use, whether NumPy uses AVX-512, its version and BLAS."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "avx512": any(umath.__cpu_features__.get(name, False) for name in WIDE),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas.get('version', '')}".strip(),
    }


def processor() -> str:
    """Its name as Linux tells it, else as Python does."""
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        told = None
    return told[1].strip() if told else platform.processor() or platform.machine()


def told(found: dict[str, Any]) -> str:
    """The machine in a line."""
    wide = "with" if found["avx512"] else "without"
    cores = f"{found['cores']} core{'s' if found['cores'] != 1 else ''}"
    return f"{found['processor']}, {cores}, {wide} AVX-512, NumPy {found['numpy']}, {found['blas']}"
