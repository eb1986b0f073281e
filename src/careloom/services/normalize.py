"""Normalize: resources of the identified zone in the forms that analysis wants, each change told and undoable.

A changed resource is a new version; what came stays as the version before, and in landing. Per run and patient one
Provenance names the versions that were made and those that they were made of. The same source record stands behind the
new version, so that `careloom verify` still leads to its bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careloom.audit import AuditEvent
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.validate import check
from careloom.issues import Issue
from careloom.pipeline.batch import some_at_a_time
from careloom.quality.normalize import normalize as rewritten
from careloom.quality.normalize_policy import NormalizePolicy, packaged_policy, read_policy
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.normalize_report import Counts, named, read_counts
from careloom.services.platform import Platform
from careloom.store.kept_reports import KeptReports
from careloom.store.rows import Stored, Tally, Write, canonical, instant
from careloom.store.zone_store import Zone, ZoneStore
from careloom.terminology.concepts import Terminology

ZONE: Zone = "identified"
FOLDER_NAME = "normalizations"
MOST_RUNS = 200
PROVENANCE = "Provenance"
_ACTIVITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "UPDATE"}
Json = dict[str, Any]
Watch = Callable[[int, int, Json], None]
"""(resources done, in all, where the run stands): called before and after each transaction; may raise to stop it."""


@dataclass(frozen=True, slots=True)
class NormalizeAsk:
    """What to do.

    policy        a TOML file, as quality/normalization/first.toml; None for that of the settings, or that one
    is_rehearsal  tells what would change, and changes nothing
    run_id        of the run; empty for a new one
    stands        where a run of this id stood when it stopped, as its watch was told; None for a new one
    """

    policy: Path | None = None
    is_rehearsal: bool = False
    run_id: str = ""
    stands: Mapping[str, Any] | None = None


def normalize(
    platform: Platform, who: Principal, ask: NormalizeAsk = NormalizeAsk(), watch: Watch | None = None
) -> Json:
    """Rewrites what a policy asks for, in all resources of the identified zone; the report is kept.

    returns  ``run_id``, ``rehearsal``, ``read``, ``changed``, ``refused``, ``changes`` and ``warnings`` by code, and
             ``examples``: code -> resource, place and patient of the first few
    raises   AccessError; NotFound; SetupError if the policy is not usable; Conflict if the store is being written by
             another: what was committed is kept, and the same command goes on
    """
    admit(platform, who, "ingest", ZONE, operation="normalize")
    rules = policy_in_force(platform, ask.policy)
    started, run_id, store = platform.runtime.now(), ask.run_id or platform.run_id(), platform.store(ZONE)
    run = _Run(platform, who, store, rules, platform.terminologies.all, run_id, _Stand.of(store, ask.stands))
    total = sum(store.count().values()) - sum(map(_is_made_here, store.scan([PROVENANCE])))
    for batch in some_at_a_time(run.waiting(), platform.settings.ingest.batch_records):
        run.work_off(batch, is_rehearsal=ask.is_rehearsal, watch=watch, total=total)
    counts = run.stand.counts
    report: Json = {
        "id": run_id,
        "actor": who.name,
        "started": started.isoformat(),
        "ended": platform.runtime.now().isoformat(),
        "rehearsal": ask.is_rehearsal,
        **counts.as_json(),
    }
    kept_runs(platform).keep(report, most=MOST_RUNS)
    detail = {"run": run_id, "read": counts.read, "changed": counts.changed, "rehearsal": ask.is_rehearsal}
    note(platform, who, "normalize", ZONE, action="execute", detail=detail)
    told = {name: report[name] for name in ("rehearsal", "read", "changed", "refused", "changes", "warnings")}
    return {"run_id": run_id, **told, "examples": named(store, counts)}


def policy_in_force(platform: Platform, own: Path | None = None) -> NormalizePolicy:
    """The policy of a file, or that of the settings, or the one that ships. raises NotFound; SetupError."""
    file = own or platform.settings.normalize.policy
    return packaged_policy() if file is None else read_policy(platform.read_text(file))


def kept_runs(platform: Platform) -> KeptReports:
    """Where the reports of finished runs are kept."""
    return KeptReports(platform.settings.data.directory / FOLDER_NAME)


@dataclass(frozen=True, slots=True)
class _Made:
    """One resource that a run changes."""

    before: Stored
    content: Resource
    changes: tuple[Issue, ...]


@dataclass(slots=True)
class _Stand:
    """How far a run is: what it counted, and the last resource that it has done with.

    A transaction and what the queue keeps of a run are not one. So the counts of a batch are kept before it is
    committed, with one resource that it changes: whoever takes the run up again sees by its version whether it was.
    """

    counts: Counts = field(default_factory=Counts)
    last: tuple[str, str] = ("", "")

    def as_json(self, then: "_Stand | None" = None, first: Stored | None = None) -> Json:
        """Where the run stands; with what it will be `then`, once there is a newer version of `first`."""
        told: Json = {"counts": self.counts.as_json(), "last": self.last}
        if then is not None and first is not None:
            told |= {"then": then.as_json(), "first": [first.type, first.id, first.version]}
        return told

    @classmethod
    def of(cls, store: ZoneStore, told: Mapping[str, Any] | None) -> "_Stand":
        """Where a run of this JSON goes on."""
        if not told:
            return cls()
        if "first" in told:
            kind, name, version = told["first"]
            found = store.read_named(kind, (name,)).get(name)
            if found is not None and found.version > version:
                return cls.of(store, told["then"])
        return cls(read_counts(told["counts"]), (told["last"][0], told["last"][1]))


@dataclass(slots=True)
class _Run:
    platform: Platform
    who: Principal
    store: ZoneStore
    policy: NormalizePolicy
    terminology: Terminology
    run_id: str
    stand: _Stand

    def waiting(self) -> Iterator[Stored]:
        """The resources that are not done with, by type and id; what tells of a run's own changes is none of them."""
        kinds = [kind for kind in sorted(self.store.count()) if kind >= self.stand.last[0]]
        last = self.stand.last
        found = self.store.scan(kinds) if kinds else iter(())
        return (one for one in found if (one.type, one.id) > last and not _is_made_here(one))

    def work_off(self, batch: list[Stored], *, is_rehearsal: bool, watch: Watch | None, total: int) -> None:
        """Looks at a batch, commits what it changes, and tells where the run stands before and after."""
        counts = Counts(read=len(batch))
        made = [one for one in (self._look(stored, counts) for stored in batch) if one is not None]
        then = self._after(batch, counts, made)
        if made and not is_rehearsal:
            if watch is not None:
                watch(self.stand.counts.read, total, self.stand.as_json(then, made[0].before))
            committed = self._commit(made)
            then = self._after(batch, counts, committed)
        self.stand = then
        if watch is not None:
            watch(then.counts.read, max(total, then.counts.read), then.as_json())

    def _after(self, batch: list[Stored], looked: Counts, made: list[_Made]) -> _Stand:
        """Where the run will stand when it is done with a batch."""
        counts = read_counts(self.stand.counts.as_json())
        counts.add(looked)
        for one in made:
            counts.changed += 1
            counts.count(counts.changes, one.before, one.changes)
        return _Stand(counts, (batch[-1].type, batch[-1].id))

    def _look(self, stored: Stored, counts: Counts) -> _Made | None:
        """What becomes of one resource; None where nothing does."""
        resource = stored.resource()
        content, issues = rewritten(resource, self.terminology, self.policy)
        changes = tuple(issue for issue in issues if issue.severity == "information")
        counts.count(counts.warnings, stored, (issue for issue in issues if issue.severity == "warning"))
        if content is None:
            return None
        if any(issue.refuses for issue in check(content)) and not any(issue.refuses for issue in check(resource)):
            counts.refused += 1
            return None
        return _Made(stored, content, changes)

    def _commit(self, made: list[_Made]) -> list[_Made]:
        """Writes the new versions of a batch and their Provenances, in one transaction; returns what was written."""
        with self.store.transaction(self._event) as tx:
            made = [one for one in made if self._is_current(one)]
            numbers = tx.record_numbers([one.before.record_id for one in made if one.before.record_id])
            writes = [
                Write(
                    one.before.type, one.before.id, canonical(one.content), patients_of(one.content),
                    numbers.get(one.before.record_id), resource=one.content,
                )
                for one in made
            ]  # fmt: skip
            tx.write([*writes, *self._provenances(made)])
        return made

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
            key = f"{self.run_id}|{named[0]}"
            provenance: Resource = {
                "resourceType": PROVENANCE,
                "id": self.platform.names.resource_id("careloom-normalize", PROVENANCE, key),
                "target": [{"reference": _version(one.before, 1)} for one in group],
                "recorded": now,
                "activity": {"coding": [_ACTIVITY], "text": "normalize"},
                "reason": [{"text": code} for code in sorted({issue.code for one in group for issue in one.changes})],
                "agent": [{"who": {"display": self.who.name}}],
                "entity": [{"role": "revision", "what": {"reference": name}} for name in named],
            }
            yield Write(PROVENANCE, provenance["id"], canonical(provenance), patients, resource=provenance)

    def _event(self, tally: Tally) -> AuditEvent:
        detail = {"run": self.run_id, "resources": dict(sorted(tally.outcomes.items()))}
        return event(
            self.platform, self.who, "normalize", "identified",
            action="update", subjects=tally.pseudonyms, detail=detail,
        )  # fmt: skip


def _is_made_here(stored: Stored) -> bool:
    """True for a Provenance of a normalization or a decided link: it stands for no source record."""
    return stored.type == PROVENANCE and not stored.record_id


def _version(stored: Stored, later: int = 0) -> str:
    return f"{stored.type}/{stored.id}/_history/{stored.version + later}"
