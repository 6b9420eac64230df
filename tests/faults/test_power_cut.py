"""A power cut: what is on the disk in the moment in which a run is reported done is all that is left.

The disk is an image in a file, mounted in loop; a copy of the file is what a cut would leave.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gradflow.store.names import OWN
from tests.faults.checks import whole
from tests.faults.commands import Warm
from tests.faults.places import make_image, mounted
from tests.small import NET

NOTHING_BY_ITSELF = "loop,commit=600"  # the system waits ten minutes before it writes on its own account
RUN = ["run", "net.yaml", "--json"]


def after_a_cut(image: Path, place: Path) -> dict[str, str]:
    """The runs that the disk shows when it is mounted again, after the check that a start makes."""
    checked = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, text=True, check=False)
    assert checked.returncode in (0, 1), checked.stdout
    with mounted(place, "-o", "loop", str(image)) as disk:
        return whole(disk / "runs")


def test_files_and_folders_are_brought_to_the_disk_around_the_rename(warm: Warm, folder: Path) -> None:
    """Not every file system brings the one with the other, as the one below does."""
    done = warm(folder, *RUN, strace=["-y", "-e", "trace=fsync,rename"])
    assert done.code == 0
    (run,) = whole(folder / "runs")
    calls = [line for line in done.trace.splitlines() if line.startswith(("fsync(", "rename("))]
    (shown,) = (number for number, call in enumerate(calls) if f'"runs/{run}")' in call)
    synced = [re.sub(r".*<(.*)>.*", r"\1", call) for call in calls]
    before, after = synced[:shown], synced[shown + 1 :]
    (staging,) = {str(Path(path).parent) for path in before if path.endswith("run.json")}
    assert Path(staging).parent.name == ".partial"
    assert {Path(path).name for path in before if path.startswith(f"{staging}/")} == {*OWN}
    assert before[-1] == staging
    assert after == [str(folder / "runs"), str(folder)]


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_what_is_reported_done_survives_a_power_cut(warm: Warm, tmp_path: Path, executor: str) -> None:
    workers = [] if executor == "serial" else ["--workers", "1"]
    sweep = ["sweep", "net.yaml", "seed=1,2", "--executor", executor, *workers, "--json", "--quiet"]
    image, shown = tmp_path / "image", []
    make_image(image)
    with mounted(tmp_path / "disk", "-o", NOTHING_BY_ITSELF, str(image)) as disk:
        (disk / "net.yaml").write_text(NET)
        for number, arguments in enumerate((RUN, [*RUN, "--force"], [*RUN, "name=other"], sweep)):
            assert warm(disk, *arguments).code == 0
            shutil.copyfile(image, tmp_path / f"cut-{number}")
            shown.append(whole(disk / "runs"))
    assert [len(runs) for runs in shown] == [1, 1, 2, 4]
    for number, runs in enumerate(shown):
        assert after_a_cut(tmp_path / f"cut-{number}", tmp_path / f"again-{number}") == runs
