"""The starter configs: in a checkout they stand in configs/, in an installed package beside its modules."""

from __future__ import annotations

from pathlib import Path

from gradflow.errors import InputError, did_you_mean

_PACKAGE = Path(__file__).parent


def starter_names() -> list[str]:
    """Every starter config, the quickstart first."""
    names = sorted(path.stem for path in _folder().glob("*.yaml"))
    return sorted(names, key=lambda name: name != "quickstart")


def starter_text(name: str) -> str:
    """The YAML text of a starter config. InputError for a name that is none."""
    names = starter_names()
    name = name.removesuffix(".yaml")
    if name not in names:
        raise InputError(f"{name} is no starter config{did_you_mean(name, names)}: see `gradflow new`")
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def starter_purpose(name: str) -> str:
    """The first sentence of a starter's comment: what it studies."""
    lines = starter_text(name).splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return comment.split(". ")[0].rstrip(".")


def _folder() -> Path:
    packaged = _PACKAGE / "configs"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "configs"
