"""How a benchmark measures and reports: CPU time, medians, one JSON line per measure.

A benchmark is a script ``bench/bench_<what>.py`` that runs alone (``python bench/bench_parse.py``), starts with
``from measure import cpu_seconds, report`` and calls `report` for each measure. What else it prints is shown as it is.
``make bench`` runs them all and makes one table.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable


def cpu_seconds(work: Callable[[], object], *, repeat: int = 5) -> float:
    """The median CPU time of one call, so that other work on the machine counts less; one call before warms up."""
    work()
    taken = []
    for _ in range(repeat):
        gc.collect()
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def report(
    measure: str,
    value: float,
    unit: str,
    *,
    must: float | None = None,
    aim: float | None = None,
    lower_is_better: bool = False,
) -> None:
    """Prints one measure for ``bench/run.py``.

    must, aim        the limits it is judged by, in the same unit; None where there is none
    lower_is_better  True for seconds and bytes, False for rates and shares
    """
    line = {"measure": measure, "value": value, "unit": unit, "must": must, "aim": aim, "lower": lower_is_better}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
