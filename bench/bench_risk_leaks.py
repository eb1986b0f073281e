"""The leakage guard over seeded leaks and clean sets of many seeds: what is caught, and what is a false alarm.

python bench/risk_leaks.py [SEEDS]
"""

import sys
import time
from collections import Counter

from careloom.risk.leaks_guard import guard
from tests.unit.risk.leaky_sets import CLEAN, SEEDED


def main(seeds: int) -> None:
    """Prints a Markdown table a row for each kind of leak, and one a row for each kind of clean set."""
    begin = time.process_time()
    print("| seeded | found as | caught |\n|---|---|---|")
    for name, (made, kind, place) in SEEDED.items():
        caught = sum((kind, place) in {(one.kind, one.place) for one in guard(made(seed))} for seed in range(seeds))
        print(f"| {name} | `{kind}` | {caught} of {seeds} |", flush=True)
    print("\n| clean | sets | sets with a finding | findings |\n|---|---|---|---|")
    for name, made_clean in CLEAN.items():
        found = [[one.kind for one in guard(made_clean(seed))] for seed in range(seeds)]
        told = Counter(kind for one in found for kind in one)
        print(f"| {name} | {seeds} | {sum(map(bool, found))} | {dict(told) or 'none'} |", flush=True)
    print(f"\n{time.process_time() - begin:.0f} processor seconds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
