"""One contender in its own process: it builds its step, then times as many as it is asked to, in turn with others.

Speaks lines of JSON: the first one written holds the norms of step 1; each number read is a count of steps to time.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

from tests.bench.cases import Case
from tests.bench.contenders import CONTENDERS


def main(name: str, case: str) -> None:
    """Serve until the input ends."""
    step, norms = CONTENDERS[name](Case(**json.loads(case)))
    print(json.dumps(norms), flush=True)
    for line in sys.stdin:
        count = int(line)
        start = perf_counter()
        for _ in range(count):
            step()
        print(json.dumps((perf_counter() - start) / count), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
