"""The README's gallery: its commands still make its pictures."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GALLERY = Path(".github/gallery")
COMMANDS = {  # as they stand in the README
    "flow": """\
gradflow run configs/xavier-relu-vanishing.yaml steps=0
gradflow run configs/he-relu.yaml steps=0
gradflow run configs/gaussian-exploding.yaml steps=0
gradflow plot 'xavier-relu*' 'he-relu*' 'gaussian-ex*' -o .github/gallery/flow.svg""",
    "phase": """\
gradflow sweep configs/sweep-phase-tanh.yaml width=128 seeds=2
gradflow plot sweep-phase-tanh -o .github/gallery/phase.svg --figure phase""",
    "course": """\
gradflow run configs/quickstart.yaml
gradflow plot quickstart -o .github/gallery/course.svg --figure course""",
}


def texts(picture: Path) -> list[str]:
    """The words of a picture: title, axes, legend."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_commands_of_the_gallery_still_make_its_pictures(name: str, tmp_path: Path) -> None:
    (tmp_path / GALLERY).mkdir(parents=True)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for line in COMMANDS[name].splitlines():
        command = [sys.executable, "-m", "gradflow", *shlex.split(line)[1:], "--quiet"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    made, kept = tmp_path / GALLERY / f"{name}.svg", ROOT / GALLERY / f"{name}.svg"
    assert texts(made) == texts(kept)
    assert kept.stat().st_size < 80_000
