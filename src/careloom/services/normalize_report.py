"""What a normalization did, as it is counted, kept, shown, and taken up again after its worker died."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from careloom.fhir.references import patients_of
from careloom.issues import Issue
from careloom.store.rows import Stored
from careloom.store.zone_store import ZoneStore

EXAMPLES = 5
"""Resources that a report names for each code."""
Json = dict[str, Any]


class Example(NamedTuple):
    """A resource that a code was met in: its row number, and the element."""

    row: int
    place: str


@dataclass(slots=True)
class Counts:
    """What became of some resources.

    changed   resources of which there are new versions, or would be
    refused   resources that would not have been valid any more: left as they were (a defect worth reporting)
    changes   code of an issue -> how many elements were rewritten for it; warnings likewise, of what could not be
    examples  code -> the first few, place by place
    words     code -> what it says, and what to do about it
    """

    read: int = 0
    changed: int = 0
    refused: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    words: dict[str, tuple[str, str]] = field(default_factory=dict)

    def count(self, counts: "Counter[str]", stored: Stored, issues: Iterable[Issue]) -> None:
        """Counts issues of one resource under `changes` or `warnings`."""
        for issue in issues:
            counts[issue.code] += 1
            self.words.setdefault(issue.code, (issue.message, issue.remedy))
            shown = self.examples.setdefault(issue.code, [])
            if len(shown) < EXAMPLES:
                shown.append(Example(stored.rid, issue.place))

    def add(self, other: "Counts") -> None:
        """Counts those of another, too."""
        self.read += other.read
        self.changed += other.changed
        self.refused += other.refused
        self.changes += other.changes
        self.warnings += other.warnings
        for code, examples in other.examples.items():
            self.examples[code] = [*self.examples.get(code, []), *examples][:EXAMPLES]
        self.words = other.words | self.words

    def as_json(self) -> Json:
        """Everything as JSON, without a name of a resource; `read_counts` reads it."""
        return {
            "read": self.read,
            "changed": self.changed,
            "refused": self.refused,
            "changes": dict(self.changes.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "examples": {code: [[one.row, one.place] for one in some] for code, some in self.examples.items()},
            "words": {code: list(said) for code, said in self.words.items()},
        }


def read_counts(told: Mapping[str, Any]) -> Counts:
    """Counts from their JSON."""
    return Counts(
        told["read"],
        told["changed"],
        told["refused"],
        Counter(told["changes"]),
        Counter(told["warnings"]),
        {code: [Example(row, place) for row, place in some] for code, some in told["examples"].items()},
        {code: (message, remedy) for code, (message, remedy) in told["words"].items()},
    )


def named(store: ZoneStore, counts: Counts) -> dict[str, list[Json]]:
    """Code -> its examples: ``resource``, ``place`` and ``patient``; what is gone since is left out."""
    rows = sorted({example.row for some in counts.examples.values() for example in some})
    found = {one.rid: one for one in store.read_many(rows)}
    patients = {row: next(iter(patients_of(one.resource())), "") for row, one in found.items()}
    return {
        code: [
            {
                "resource": f"{found[one.row].type}/{found[one.row].id}",
                "place": one.place,
                "patient": f"Patient/{patients[one.row]}" if patients[one.row] else "",
            }
            for one in some
            if one.row in found
        ]
        for code, some in counts.examples.items()
    }


def by_code(counts: Counts, examples: Mapping[str, list[Json]]) -> Json:
    """``changes`` and ``warnings``, most frequent first: ``code``, ``message``, ``remedy``, ``count``, ``examples``."""
    return {
        name: [
            {
                "code": code,
                "message": counts.words[code][0],
                "remedy": counts.words[code][1],
                "count": count,
                "examples": examples.get(code, []),
            }
            for code, count in counter.most_common()
        ]
        for name, counter in (("changes", counts.changes), ("warnings", counts.warnings))
    }
