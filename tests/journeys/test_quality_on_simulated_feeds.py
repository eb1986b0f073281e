"""Recall and precision of quality on the simulator's dirt, level ``much``, against its answer key."""

import re
from pathlib import Path

import orjson
import pytest

from careloom.simulate.pieces import Feed
from tests.journeys.simulated_quality import Found, Name, judged, look, shares, write_feeds

ONLY_LOST = {"reference-resolves", "subject-resolves"}


def is_right(found: Found, name: Name, dirty: set[Name]) -> bool:
    """Dirty itself, or rightly said to refer to what was refused."""
    if name in dirty:
        return True
    content = orjson.dumps(found.platform.store("identified").read(*name).resource()).decode()
    refers = {resource_id for _, resource_id in re.findall(r'"reference":"([A-Za-z]+)/([a-z2-7]{26})"', content)}
    return found.flagged[name] <= ONLY_LOST and not refers.isdisjoint({resource_id for _, resource_id in dirty})


@pytest.mark.long
@pytest.mark.parametrize(("feed", "patients", "seed"), [("bulk", 12, 3), ("bulk", 12, 4), ("hl7v2", 12, 3)])
def test_planted_dirt_is_found_or_refused_and_little_else(tmp_path: Path, feed: Feed, patients: int, seed: int) -> None:
    answers = write_feeds(tmp_path / "much", patients, seed, feed, "much")
    write_feeds(tmp_path / "none", patients, seed, feed, "none")
    found, clean = look(tmp_path / "much", feed), look(tmp_path / "none", feed)
    counts, dirty = judged(found, answers)
    recall, traced = shares(counts)
    people = {name for name, rules in found.flagged.items() if rules & {"identifier-once", "one-record-a-person"}}
    flagged = set(found.flagged) - people
    already = {key for key in clean.flagged if key in flagged and key not in dirty}
    wrong = {name for name in flagged - already if not is_right(found, name, dirty)}
    strict = 1 - len(wrong | already) / len(flagged)
    precision = 1 - len(wrong) / len(flagged - already)
    print(
        f"\n{feed}, {patients} patients, seed {seed}: {traced} pieces, recall {recall:.4f}, precision {precision:.4f} "
        f"({strict:.4f} with the {len(already)} that the clean feed shows too), {sorted(counts.items())}"
    )
    assert recall >= 0.95, counts
    assert precision >= 0.95, sorted((name, found.flagged[name]) for name in wrong)[:20]
