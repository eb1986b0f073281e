"""Runs the benchmarks and prints one table in Markdown, with the machine that it stands for.

Usage: python bench/run.py [--must] [WORD...]       only scripts with one of the words in their name
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Measure = dict[str, Any]


def measures_of(script: Path) -> tuple[list[Measure], int]:
    """Runs one script, shows what it says apart from its measures, and returns those and its exit status."""
    measures: list[Measure] = []
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        for line in process.stdout or ():
            if line.startswith('{"measure"'):
                measures.append(json.loads(line))
            else:
                sys.stderr.write(f"  {line}")
    return measures, process.returncode


def verdict(measure: Measure) -> str:
    """Where a value stands between its limits: aim, must, below, or nothing where it has none."""
    for name in ("aim", "must"):
        limit = measure[name]
        if limit is not None and (measure["value"] <= limit if measure["lower"] else measure["value"] >= limit):
            return name
    return "" if measure["must"] is None else "below"


def ratio(measure: Measure) -> str:
    """How many times better than the must; below 1 is worse."""
    must, value = measure["must"], measure["value"]
    if not must or not value:
        return ""
    return f"{must / value if measure['lower'] else value / must:.2f}"


def number(value: float | None) -> str:
    """A number as a person reads it: thousands apart, three significant digits below ten."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(measures: list[Measure]) -> str:
    """The measures as a Markdown table."""
    rows = ["| measure | value | unit | must | aim | value to must | stands at |", "|---|--:|---|--:|--:|--:|---|"]
    rows += [
        f"| {m['measure']} | {number(m['value'])} | {m['unit']} | {number(m['must'])} | {number(m['aim'])} "
        f"| {ratio(m)} | {verdict(m)} |"
        for m in measures
    ]
    return "\n".join(rows)


def machine() -> str:
    """The machine in one line: processor, cores, memory, Python."""
    model = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        names = [
            line.split(":", 1)[1].strip() for line in listing.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def main(arguments: list[str] | None = None) -> int:
    """Runs, prints and judges; returns 1 when a script failed, or with `--must` when a value is below its limit."""
    parser = argparse.ArgumentParser(description="Runs the benchmarks and prints one table.")
    parser.add_argument("words", nargs="*", help="only scripts with one of these words in their name")
    parser.add_argument("--must", action="store_true", help="fail when a value is below its must")
    parser.add_argument("--benchmarks", type=Path, default=HERE, help="where the scripts lie")
    options = parser.parse_args(arguments)
    measures: list[Measure] = []
    broken = []
    for script in sorted(options.benchmarks.glob("bench_*.py")):
        if options.words and not any(word in script.stem for word in options.words):
            continue
        sys.stderr.write(f"{script.name}\n")
        found, status = measures_of(script)
        measures += found
        if status:
            broken.append(script.name)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print(table(measures))
    if broken:
        print(f"\nfailed: {', '.join(broken)}", file=sys.stderr)
    below = [m for m in measures if verdict(m) == "below"]
    return 1 if broken or (options.must and below) else 0


if __name__ == "__main__":
    sys.exit(main())
