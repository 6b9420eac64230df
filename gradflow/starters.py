"""The starter configs and scripts: in a checkout in configs/, in an installed package beside its modules."""

from __future__ import annotations

import re
from pathlib import Path

from gradflow.errors import InputError, did_you_mean

CELL = "\n# %%\n"  # begins one in a notebook that is kept as text
SCHEMA = "gradflow.schema.json"  # the JSON Schema of a config, beside the starters and beside a user's
_EDITORS = f"# yaml-language-server: $schema={SCHEMA}\n"  # tells an editor where it is
_PACKAGE = Path(__file__).parent


def starter_names() -> list[str]:
    """Every starter, the quickstart first, scripts last."""
    return sorted(_paths(), key=lambda name: (name != "quickstart", is_script(name), name))


def is_script(name: str) -> bool:
    """Whether a starter is a Python script, not a config."""
    return _paths()[name.removesuffix(".py").removesuffix(".yaml")].suffix == ".py"


def is_notebook(name: str) -> bool:
    """Whether a starter is a script in cells."""
    return is_script(name) and CELL in starter_text(name)


def is_starter_config(name: str) -> bool:
    """Whether a starter config, not a script, has this name."""
    return name in _paths() and not is_script(name)


def starter_text(name: str) -> str:
    """The text of a starter. InputError for a name that is none."""
    paths = _paths()
    name = name.removesuffix(".yaml").removesuffix(".py")
    if name not in paths:
        raise InputError(f"{name} is no starter config{did_you_mean(name, paths)}: see `gradflow new`")
    return paths[name].read_text(encoding="utf-8")


def without_schema(text: str) -> str:
    """A starter without the line that tells an editor of a schema beside it."""
    return text.removeprefix(_EDITORS)


def starter_for(name: str, path: Path, schema: bool) -> str:
    """The text of a starter as it stands in the file `path`: a script says how to import it from there.

    A config tells of the schema if that stands beside it.
    """
    text = starter_text(name) if schema else without_schema(starter_text(name))
    if is_script(name) and path.stem.isidentifier():
        text = text.replace("#     from recorder import", f"#     from {path.stem} import", 1)
    return text


def starter_purpose(name: str) -> str:
    """The first sentence of a starter's comment: what it studies."""
    lines = without_schema(starter_text(name)).splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return re.split(r"(?<!et al)\. ", comment)[0].rstrip(".")


def _paths() -> dict[str, Path]:
    packaged = _PACKAGE / "configs"
    folder = packaged if packaged.is_dir() else _PACKAGE.parent / "configs"
    return {path.stem: path for path in folder.iterdir() if path.suffix in (".yaml", ".py")}
