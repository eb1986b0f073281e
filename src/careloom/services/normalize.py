"""Normalize: resources of the identified zone in the forms that analysis wants, each change told and undoable.

A changed resource is a new version; what came stays as the version before, and in landing. Per run and patient one
Provenance names the versions that were made and those that they were made of. The same source record stands behind the
new version, so that `careloom verify` still leads to its bytes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from careloom.audit import AuditEvent
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.validate import check
from careloom.issues import Issue
from careloom.quality.normalize import normalize as rewritten
from careloom.quality.normalize_policy import NormalizePolicy, packaged_policy, read_policy
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.platform import Platform
from careloom.store.rows import Stored, Tally, Write, canonical, instant
from careloom.store.zone_store import ZoneStore
from careloom.terminology.concepts import Terminology

BATCH = 1000
EXAMPLES = 5
"""Resources that a report names for each code."""
_ACTIVITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "UPDATE"}


@dataclass(slots=True)
class NormalizeReport:
    """What a run did.

    changes   code of an issue -> how many elements were rewritten for it; warnings likewise, of what could not be
    examples  code -> ``Type/id`` of the first few, place by place
    refused   resources that would not have been valid any more: left as they were (a defect worth reporting)
    """

    run_id: str
    read: int = 0
    changed: int = 0
    refused: int = 0
    is_rehearsal: bool = False
    changes: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {
            "run_id": self.run_id,
            "rehearsal": self.is_rehearsal,
            "read": self.read,
            "changed": self.changed,
            "refused": self.refused,
            "changes": dict(self.changes.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "examples": self.examples,
        }


@dataclass(frozen=True, slots=True)
class _Made:
    """One resource that a run changes."""

    before: Stored
    content: Resource
    changes: tuple[Issue, ...]


def normalize(
    platform: Platform, who: Principal, *, policy: Path | None = None, is_rehearsal: bool = False
) -> NormalizeReport:
    """Rewrites what a policy asks for, in all resources of the identified zone.

    policy        a TOML file, as quality/normalization/first.toml; None for that one
    is_rehearsal  tells what would change, and changes nothing

    raises  AccessError; NotFound; SetupError if the policy is not usable; Conflict if the store is being written by
            another: what was committed is kept, and the same command goes on
    """
    admit(platform, who, "ingest", "identified", operation="normalize")
    rules = packaged_policy() if policy is None else read_policy(platform.read_text(policy))
    report = NormalizeReport(platform.run_id(), is_rehearsal=is_rehearsal)
    store = platform.store("identified")
    run = _Run(platform, who, store, rules, platform.terminologies.all, report)
    for batch in _batches(store.scan()):
        made = [one for one in map(run.look, batch) if one is not None]
        if made and not is_rehearsal:
            run.commit(made)
    detail = {"run": report.run_id, "read": report.read, "changed": report.changed, "rehearsal": is_rehearsal}
    note(platform, who, "normalize", "identified", action="execute", detail=detail)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    platform: Platform
    who: Principal
    store: ZoneStore
    policy: NormalizePolicy
    terminology: Terminology
    report: NormalizeReport

    def look(self, stored: Stored) -> _Made | None:
        """What becomes of one resource; None where nothing does."""
        self.report.read += 1
        resource = stored.resource()
        content, issues = rewritten(resource, self.terminology, self.policy)
        changes = tuple(issue for issue in issues if issue.severity == "information")
        for issue in issues:
            if issue.severity == "warning":
                self._count(self.report.warnings, stored, issue)
        if content is None:
            return None
        if any(issue.refuses for issue in check(content)) and not any(issue.refuses for issue in check(resource)):
            self.report.refused += 1
            return None
        for issue in changes:
            self._count(self.report.changes, stored, issue)
        self.report.changed += self.report.is_rehearsal
        return _Made(stored, content, changes)

    def commit(self, made: list[_Made]) -> None:
        """Writes the new versions of a batch and their Provenances, in one transaction."""
        with self.store.transaction(self._event) as tx:
            made = [one for one in made if self._is_current(one)]
            self.report.changed += len(made)
            numbers = tx.record_numbers([one.before.record_id for one in made if one.before.record_id])
            writes = [
                Write(
                    one.before.type, one.before.id, canonical(one.content), patients_of(one.content),
                    numbers.get(one.before.record_id), resource=one.content,
                )
                for one in made
            ]  # fmt: skip
            tx.write([*writes, *self._provenances(made)])

    def _is_current(self, one: _Made) -> bool:
        """False for a resource that somebody else changed since it was read: the next run looks at it again."""
        found = self.store.read_named(one.before.type, (one.before.id,)).get(one.before.id)
        return found is not None and found.version == one.before.version

    def _provenances(self, made: list[_Made]) -> Iterator[Write]:
        """One for each set of patients: the versions made, the versions they were made of, and why."""
        groups: dict[tuple[str, ...], list[_Made]] = {}
        for one in made:
            groups.setdefault(patients_of(one.content), []).append(one)
        now = instant(self.platform.runtime.now())
        for patients, group in groups.items():
            named = [_version(one.before) for one in group]
            key = f"{self.report.run_id}|{named[0]}"
            provenance: Resource = {
                "resourceType": "Provenance",
                "id": self.platform.names.resource_id("careloom-normalize", "Provenance", key),
                "target": [{"reference": _version(one.before, 1)} for one in group],
                "recorded": now,
                "activity": {"coding": [_ACTIVITY], "text": "normalize"},
                "reason": [{"text": code} for code in sorted({issue.code for one in group for issue in one.changes})],
                "agent": [{"who": {"display": self.who.name}}],
                "entity": [{"role": "revision", "what": {"reference": name}} for name in named],
            }
            yield Write("Provenance", provenance["id"], canonical(provenance), patients, resource=provenance)

    def _event(self, tally: Tally) -> AuditEvent:
        detail = {"run": self.report.run_id, "resources": dict(sorted(tally.outcomes.items()))}
        return event(
            self.platform, self.who, "normalize", "identified",
            action="update", subjects=tally.pseudonyms, detail=detail,
        )  # fmt: skip

    def _count(self, counts: "Counter[str]", stored: Stored, issue: Issue) -> None:
        counts[issue.code] += 1
        shown = self.report.examples.setdefault(issue.code, [])
        if len(shown) < EXAMPLES:
            shown.append({"resource": f"{stored.type}/{stored.id}", "place": issue.place})


def _version(stored: Stored, later: int = 0) -> str:
    return f"{stored.type}/{stored.id}/_history/{stored.version + later}"


def _batches(stored: Iterable[Stored]) -> Iterator[list[Stored]]:
    waiting = iter(stored)
    while batch := list(islice(waiting, BATCH)):
        yield batch
