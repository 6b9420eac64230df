"""One contender in its own process: builds its step, then times as many steps as it is asked for.

Speaks lines of JSON: first the norms of step 1 and the memory that the contender took; then, for each count
read, the seconds that a step took.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from pathlib import Path
from time import perf_counter, process_time

from tests.bench.cases import Case
from tests.bench.contenders import CONTENDERS

CLOCKS = {"wall": perf_counter, "cpu": process_time}


def main(name: str, case: str, clock: str) -> None:
    """Serve until the input ends."""
    now, before = CLOCKS[clock], peak()
    step, norms = CONTENDERS[name](Case(**json.loads(case)))
    step()
    print(json.dumps({"norms": norms, "megabytes": peak() - before}), flush=True)
    for line in sys.stdin:
        size = getattr(step, "steps", 1)  # of a whole run's step, which is a block of many
        count = max(1, round(int(line) / size))
        start = now()
        for _ in range(count):
            step()
        print(json.dumps((now() - start) / count / size), flush=True)


def peak() -> float:
    """Megabytes of memory that the program has held at most.

    Linux tells that of the program alone: `ru_maxrss` begins at what the process that started it held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
