"""What a start costs: CPU time of ``import careloom`` and of ``careloom --help``, the empty interpreter included."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from measure import report


def child_cpu_seconds(*command: str, repeat: int = 9) -> float:
    """The median CPU time of a command, after one run that warms the disk's cache."""
    taken = []
    for _ in range(repeat + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    program = str(Path(sys.executable).with_name("careloom"))
    report(
        "import careloom",
        child_cpu_seconds(sys.executable, "-c", "import careloom"),
        "s",
        must=0.15,
        lower_is_better=True,
    )
    report("careloom --help", child_cpu_seconds(program, "--help"), "s", must=0.5, lower_is_better=True)
