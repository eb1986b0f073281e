"""Record linkage: pairwise F1 where the answer is known, pairs compared per second, and a town of 100,000 or a million.

``python bench/bench_linkage.py``                    FEBRL 1 to 4, simulated duplicates, pairs per second (2 minutes)
``python bench/bench_linkage.py --people 1000000``   time and memory of a whole run over so many people, beside it
"""

import argparse
import math
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from careloom.quality.linkage import link
from careloom.quality.linkage_model import Block, default_model
from careloom.quality.linkage_splink import comparing
from careloom.quality.linkage_traits import Traits, traits_of
from measure import report
from tests.linkage_people import People
from tests.linkage_scores import febrl, score, simulated

SEED = 20261128


def main() -> None:
    """Runs what the options ask for."""
    options = argparse.ArgumentParser()
    options.add_argument("--people", type=int, default=0)
    people = options.parse_args().people
    if people:
        town(people)
        return
    for number in (1, 2, 3, 4):
        keys, patients = febrl(number)
        found = score(keys, patients, link(patients))
        limits = {"must": 0.98, "aim": 0.995} if number == 4 else {}
        report(f"linkage, FEBRL {number}: pairwise F1, unsupervised", found.f1, "F1", **limits)
        report(f"linkage, FEBRL {number}: precision", found.precision, "share")
    keys, patients = drawn(10_000)
    found = score(keys, patients, link(patients))
    report("linkage, 10,000 people by our generator of duplicates: pairwise F1", found.f1, "F1", must=0.97, aim=0.99)
    report("linkage, the same: precision", found.precision, "share")
    keys, patients = simulated(1_000, SEED)
    found = score(keys, patients, link(patients))
    report("linkage, 1,000 people of careloom.simulate, much dirt: pairwise F1", found.f1, "F1", must=0.97, aim=0.99)
    report(
        "linkage, pairs compared after blocking, a second of one core", pairs_per_second(patients), "1/s", must=100_000
    )


def drawn(people: int) -> tuple[list[str], list[Traits]]:
    """(person, traits) of so many people of the generator in tests/linkage_people.py."""
    records = People(SEED).records(people)
    return [key for key, _ in records], [replace(traits_of(one), id=f"{at:07d}") for at, (_, one) in enumerate(records)]


def pairs_per_second(patients: list[Traits], pairs: int = 2_000_000) -> float:
    """Pairs per second of CPU time, so of one core: levels, weights and frequencies of each pair.

    The block is a bucket of a hash, so that nothing agrees by construction and no pair is cheap.
    """
    model = default_model()
    people = max(3_000, len(patients))
    _, patients = drawn(people)
    count = len(patients)
    buckets = max(1, math.ceil(count * (count - 1) / 2 / pairs))
    with comparing(patients) as comparer:
        comparer.frequencies(model)
        comparer._database.execute(
            f"CREATE OR REPLACE TABLE patients AS SELECT *, md5_number_lower(unique_id::VARCHAR) % {buckets} AS bucket "
            "FROM patients"
        )
        every = replace(model, blocks=(Block(("bucket",), ("bucket",)),))
        start = time.process_time()
        sum(1 for _ in comparer.scored(every, -10.0))
        return comparer.compared / (time.process_time() - start)


def town(people: int) -> None:
    """One whole run: traits, training, comparing, deciding."""
    start = time.perf_counter()
    keys, patients = drawn(people)
    made = time.perf_counter()
    found = link(patients)
    seconds = time.perf_counter() - made
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{len(patients):,} patients drawn in {made - start:.0f} s")
    report(f"linkage, {len(patients):,} patients: a full run", seconds, "s", lower_is_better=True)
    report(f"linkage, {len(patients):,} patients: pairs compared", found.compared, "pairs")
    report(f"linkage, {len(patients):,} patients: most memory of the process", gigabytes, "GB", lower_is_better=True)
    judged = score(keys, patients, found)
    report(f"linkage, {len(patients):,} patients: pairwise F1", judged.f1, "F1")
    report(f"linkage, {len(patients):,} patients: precision", judged.precision, "share")


if __name__ == "__main__":
    main()
