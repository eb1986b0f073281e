"""Recall and precision of quality on the simulator's dirt, per feed and per kind.

    python -m tests.journeys.measure_simulated_quality [--feeds bulk,fhir,hl7v2,csv,ccda] [--patients 40] [--seed 5]

Prints, for each feed, the table of `Judged.counts` and both precisions; with --show also what was missed or accused
wrongly, by number.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import cast

from careloom.simulate.pieces import Feed
from tests.journeys.simulated_quality import Found, look, write_feeds
from tests.journeys.simulated_quality_judged import Accused, Judged, accused, judged, recall_of

FEEDS = ("bulk", "fhir", "hl7v2", "csv", "ccda")
_HOW = ("quality", "ingestion", "missed", "left no trace", "refused with others")


def measured(out: Path, feed: Feed, patients: int, seed: int) -> tuple[Judged, Accused, Found, Found]:
    """One feed of a hospital, with and without dirt, looked at: what was found, what was accused, and both stores."""
    answers = write_feeds(out / "much", patients, seed, feed, "much")
    write_feeds(out / "none", patients, seed, feed, "none")
    found, clean = look(out / "much", feed), look(out / "none", feed)
    told = judged(found, answers)
    return told, accused(found, clean, told.dirty), found, clean


def table(feed: str, told: Judged, listed: Accused) -> str:
    """The result in words: a line for each kind, then recall and precision."""
    lines = [f"{feed:22}" + "".join(f"{how:>20}" for how in _HOW) + f"{'recall':>10}"]
    for kind, by_how in told.by_kind().items():
        lines.append(f"{kind:22}" + "".join(f"{by_how[how]:>20}" for how in _HOW) + f"{recall_of(by_how)[0]:>10.4f}")
    recall, traced = told.recall()
    lines.append(
        f"{feed}: recall {recall:.4f} of {traced} pieces, precision {listed.precision:.4f} of {len(listed.flagged)} "
        f"resources, strict {listed.strict:.4f} ({len(listed.already)} that the clean feed shows too)"
    )
    return "\n".join(lines)


def _show(told: Judged, listed: Accused, found: Found, clean: Found) -> None:
    for one in told.missed:
        print("missed", one.kind, one.file, one.record, one.place, one.detail)
    for label, names in (("wrong", listed.wrong), ("already", listed.already)):
        rules = Counter(rule for name in names for rule in found.flagged[name])
        print(label, dict(rules), *sorted(names)[:20])
    everything = Counter(rule for rules in clean.flagged.values() for rule in rules)
    print("rules that list resources of the clean feed", dict(everything))


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", default=",".join(FEEDS))
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder to leave feeds and stores in")
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    for feed in cast(list[Feed], asked.feeds.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = asked.keep / feed if asked.keep else Path(name)
            told, listed, found, clean = measured(folder, feed, asked.patients, asked.seed)
            print(table(feed, told, listed), flush=True)
            if asked.show:
                _show(told, listed, found, clean)


if __name__ == "__main__":
    main()
