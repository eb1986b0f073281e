"""Deidentify: the research zone made from the identified one by a policy: pseudonymous FHIR and Delta tables.

A run makes the zone equal to what the policy lets through today: the rest leaves the store and the tables.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from careloom.audit import AuditEvent
from careloom.deid import findings
from careloom.deid.leak_look import holding
from careloom.deid.policy import Policy, packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.deid.text_detectors import Team
from careloom.errors import Conflict
from careloom.fhir.drafts import Resource
from careloom.fhir.flatten import Coding, drug_codes, flatten
from careloom.fhir.references import patients_of
from careloom.issues import Issue
from careloom.pipeline.batch import Batch, Outcome, Refusal, Schema, some_at_a_time
from careloom.pipeline.pipeline import Pipeline
from careloom.pipeline.runner import collector_resting
from careloom.pipeline.stage import Stage
from careloom.services import own_policies
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, event, note
from careloom.services.deidentify_detectors import teams
from careloom.services.deidentify_forget import forget_erased, patients_held
from careloom.services.deidentify_known import KnownPeople
from careloom.services.deidentify_report import keep_report
from careloom.services.deidentify_tables import drop_stale_rows, forget_positions, refresh_after_run
from careloom.services.deidentify_targets import risk_reached, targets_of
from careloom.services.deidentify_text import RecordTexts
from careloom.services.platform import Platform
from careloom.services.research_consent import left_out_of_research
from careloom.services.research_policy import mark_of
from careloom.services.vault_epochs import Naming, begin_run, current, end_run, naming, others_in_zone
from careloom.store.rows import Tally, Write, canonical, instant
from careloom.store.vault import Epoch
from careloom.store.zone_store import ZoneStore
from careloom.tables.research import RESEARCH

IDENTIFIED = Schema("identified resource")
RESEARCH_RESOURCE = Schema("research resource")
ZONES: tuple[Zone, ...] = ("identified", "research")
ROWS_PER_COMMIT = 100_000

Watch = Callable[[int, int, dict[str, Any]], None]
"""(resources done, in all, what was counted so far): called before the first and after each transaction of resources;
may raise to stop the run."""


@dataclass(slots=True)
class TypeCount:
    """One resource type: read in the identified zone, kept in the research zone, held back by the policy."""

    type: str
    read: int = 0
    kept: int = 0
    held_back: int = 0


@dataclass(slots=True)
class DeidentifyReport:
    """What a run did.

    left_out  resources of patients who objected, whose processing is restricted, or who withhold them by a Consent
    gone     resources that were in the research zone and no longer belong there
    tables   rows per Delta table afterwards
    issues   code -> count
    removed  letter of `careloom.deid.identifiers` -> how many were taken out or changed
    risk     `careloom.deid.risk_report.RiskReport` of the zone's patients as JSON; None without any
    targets  `careloom.deid.target_plan.TargetPlan` as JSON; None under a policy that asks for none
    ended    empty while it runs; `place`: where the signed report lies
    epoch    of the project's pseudonyms, see `careloom.services.vault_epochs`
    detectors  what looked for identity in texts: name, version, and whom texts were sent to
    recall   `careloom.deid.recall.Recall` on identifiers planted in copies of notes; None where no note was read
    """

    run_id: str
    policy: str
    policy_version: str
    policy_digest: str
    actor: str
    started: str
    project: str
    epoch: int
    types: list[TypeCount] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    issues: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    left_out: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    risk: dict[str, Any] | None = None
    targets: dict[str, Any] | None = None
    detectors: list[dict[str, str]] = field(default_factory=list)
    recall: dict[str, Any] | None = None
    ended: str = ""
    place: str = ""

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON, without its own place."""
        return {
            "run_id": self.run_id,
            "actor": self.actor,
            "started": self.started,
            "ended": self.ended,
            "policy": {"name": self.policy, "version": self.policy_version, "digest": self.policy_digest},
            "project": self.project,
            "epoch": self.epoch,
            "detectors": self.detectors,
            "recall": self.recall,
            "types": [{"type": t.type, "read": t.read, "kept": t.kept, "held_back": t.held_back} for t in self.types],
            "tables": self.tables,
            "issues": dict(self.issues.most_common()),
            "written": dict(self.written),
            "gone": self.gone,
            "left_out": self.left_out,
            "removed": {letter: count for letter, count in sorted(self.removed.items()) if count},
            "risk": self.risk,
            "targets": self.targets,
        }


class Project:
    """The names and dates of one research project: nobody can link them to another project's without its keys.

    names  those of one epoch; of the current one where none are given
    """

    def __init__(self, platform: Platform, names: Naming | None = None) -> None:
        self._platform = platform
        self._names = naming(platform, current(platform)) if names is None else names

    def scrubber(self, policy: Policy, texts: RecordTexts | None = None) -> Scrubber:
        """Applies a policy under the names and dates of this project."""
        today = self._platform.runtime.now().date()
        scrub_text = texts.scrub if texts is not None else None
        return Scrubber(policy, self._names.rename, self._names.shift, today, scrub_text, self._names.secrets)

    def texts(
        self, policy: Policy, store: ZoneStore, people: KnownPeople, detectors: Sequence[Team]
    ) -> RecordTexts | None:
        """What takes identity out of texts under this project's key; None where the policy lets no text pass."""
        if not policy.reads_text:
            return None
        return RecordTexts(store, people, policy, self._names.surrogate, self._names.shift, detectors)

    def rename(self, kind: str, name: str) -> str:
        """The id in this project of a resource of the identified zone."""
        return self._names.rename(kind, name)


def deidentify(
    platform: Platform, who: Principal, policy: str = "", *, own: bytes = b"", run_id: str = "",
    watch: Watch | None = None,
) -> DeidentifyReport:  # fmt: skip
    """Makes the research zone anew and returns what it holds now.

    A run that was stopped may be begun again under its id: what is there already is not written twice.

    policy  one that ships, by its name; that of the settings where empty
    own     the file of one that extends such a policy, in place of `policy`
    run_id  empty for a new run
    raises  AccessError; SetupError if the policy is not usable; StateError if a store is being written by another
    """
    for zone in ZONES:
        admit(platform, who, "deidentify", zone)
    used = own_policies.used(platform, own) if own else policy_named(platform, policy)
    run = _Run(platform, who, used, run_id or platform.run_id())
    total = sum(run.source.count().values())
    if watch is not None:
        watch(0, total, run.so_far())
    with collector_resting() as step:
        for batch in some_at_a_time(run.left_out.others(run.source), run.at_once):
            run.take(batch)
            if watch is not None:
                watch(run.read, max(total, run.read), run.so_far())
            step()
    run.finish()
    return run.report


def policy_named(platform: Platform, name: str) -> Policy:
    """A policy that ships; that of the settings where the name is empty. raises SetupError if it is not usable."""
    return packaged_policy(name or platform.settings.deidentify.policy)


class _Run:
    """One run: what was seen, what waits to be committed."""

    def __init__(self, platform: Platform, who: Principal, policy: Policy, run_id: str) -> None:
        self._platform = platform
        self._who = who
        self.source = platform.store("identified")
        self.at_once = platform.settings.ingest.batch_records
        self._target = platform.store("research")
        self._lake = platform.lake("research")
        project = platform.settings.deidentify.project
        detectors = teams(platform.settings.deidentify) if policy.reads_text else ()
        self._sent_to = [team.sends_to for team in detectors if team.sends_to]
        self._tell_where_texts_go(run_id)
        self._policy = policy
        self._people, self._held = KnownPeople(self.source), patients_held(self.source)
        named = Project(platform, naming(platform, planned := current(platform, project)))
        self._texts = named.texts(policy, self.source, self._people, detectors)
        self._scrubber = named.scrubber(policy, self._texts)
        self.left_out = left_out_of_research(platform, who)
        self._targets = targets_of(policy, self._scrubber, self.source, self.left_out.patients)
        self._epoch = self._begun(planned, run_id)
        self._pipeline = self._made_pipeline(detectors)
        self.report = DeidentifyReport(
            run_id, policy.name, policy.version, policy.digest, who.name, instant(platform.runtime.now()), project,
            self._epoch.epoch, detectors=[team.as_json() for team in detectors],
            targets=None if self._targets is None else self._targets.report,
        )  # fmt: skip
        self._counts: dict[str, TypeCount] = {}
        self._seen: dict[str, set[str]] = {}
        self._keys: dict[str, list[pl.DataFrame]] = {table.name: [] for table in RESEARCH}
        self._waiting: dict[str, list[pl.DataFrame]] = {table.name: [] for table in RESEARCH}
        self._waiting_rows = 0
        self._drugs, self._mark = self._drug_codes(), mark_of(policy, run_id)
        self._is_changed = self._begin()

    def _made_pipeline(self, detectors: Sequence[Team]) -> Pipeline:
        configuration = {
            "policy": self._policy.digest,
            "as_of": self._platform.runtime.now().date().isoformat(),
            "epoch": f"{self._epoch.project}/{self._epoch.epoch}",
            "detectors": ", ".join(f"{team.name} {team.version}" for team in detectors),
        }
        return Pipeline("deidentify", [Stage("scrub", "2", IDENTIFIED, RESEARCH_RESOURCE, self._scrub)], configuration)

    def _begin(self) -> bool:
        """Writes the policy down and begins to measure; True where the zone may hold what another one made."""
        if self._texts is not None:
            self._texts.measure_recall(self.report.run_id)
        with self._target.transaction(self._event) as tx:
            return len(tx.policies.begin(self._mark, has_targets=self._targets is not None)) > 1

    def _tell_where_texts_go(self, run_id: str) -> None:
        if self._sent_to:
            detail = {"run": run_id, "texts_sent_to": self._sent_to}
            note(self._platform, self._who, "deidentify", "research", action="execute", detail=detail)

    def _begun(self, planned: Epoch, run_id: str) -> Epoch:
        """The epoch of the run, written down. raises Conflict if it is another than the one it was planned under"""
        begun = begin_run(self._platform, self._who, planned.project, run_id)
        if (begun.epoch, begun.salt) != (planned.epoch, planned.salt):
            raise Conflict("the keys of the project were rotated just now", "Run careloom deidentify again.")
        return begun

    @property
    def read(self) -> int:
        """The resources that it has done with."""
        return sum(count.read for count in self._counts.values())

    def so_far(self) -> dict[str, Any]:
        """The name of the policy, and what was counted."""
        kept, held_back = (sum(getattr(one, name) for one in self._counts.values()) for name in ("kept", "held_back"))
        return {"policy": self.report.policy, "read": self.read, "kept": kept, "held_back": held_back}

    def take(self, resources: list[Resource]) -> None:
        """De-identifies one batch; store and audit commit together."""
        result = self._pipeline.run(Batch.of(IDENTIFIED, resources))
        passed = result.batch.items
        self._count(resources, result.refused, set(result.batch.origins))
        self.report.issues.update(issue.code for _, issue in result.warnings)
        writes = [Write(r["resourceType"], r["id"], content, patients_of(r), resource=r) for r, content in passed]
        with self._target.transaction(self._event, self._mark) as tx:
            self.report.written.update(tx.write(writes))
        kept = [resource for resource, _ in passed]
        for resource in kept:
            self._seen.setdefault(resource["resourceType"], set()).add(resource["id"])
        self._to_tables(kept + self._outlines(resources, result.refused))

    def finish(self) -> None:
        """Commits what waits, removes what no longer belongs, and counts the tables."""
        self._commit_tables()
        forget_erased(self._platform, self._who, self._held)
        names = (name.partition("/") for name in self._target.all_names())
        gone = [Write(kind, one, b"", action="delete") for kind, _, one in names if one not in self._seen.get(kind, ())]
        for batch in some_at_a_time(gone, self.at_once):
            with self._target.transaction(self._event, self._mark) as tx:
                tx.write(batch)
        self.report.gone, self.report.left_out = len(gone), self.left_out.resources
        drop_stale_rows(self._lake, self._keys, self.report.run_id, is_anew=self._is_changed)
        risk = risk_reached(self._platform, self._policy)
        is_anew = self._is_changed or others_in_zone(self._platform, self._epoch)
        if is_anew:
            forget_positions(self._lake, self.report.run_id)
        with self._target.transaction(self._event, self._mark) as tx:
            if is_anew:
                tx.remove_deleted()
                tx.remove_earlier()
            tx.policies.settle(self._mark)
        if is_anew:
            self._target.scrub()
        refresh_after_run(self._platform, self._who, self.report.run_id)
        end_run(self._platform, self._who, self._epoch, self.report.run_id)
        self.report.types = sorted(self._counts.values(), key=lambda count: count.type)
        self.report.tables = {state.path: state.rows for state in self._lake.tables()}
        self.report.risk = None if risk is None else risk.as_json()
        self.report.ended = instant(self._platform.runtime.now())
        if self._texts is not None:
            self.report.removed.update(self._texts.found)
            self.report.recall = self._texts.recall.as_json() if self._texts.recall is not None else None
        self.report.place = str(keep_report(self._platform, self.report.as_json()))

    def _scrub(self, batch: Batch[Resource]) -> Outcome[tuple[Resource, bytes]]:
        """What passes, with what is written of it."""
        kept: list[tuple[Resource, bytes]] = []
        origins: list[int] = []
        refused: list[Refusal] = []
        outcome = Outcome(Batch(RESEARCH_RESOURCE, kept, origins), refused)
        patients = [self._scrubber.patient_of(resource) for resource in batch.items]
        numbers = self._numbers({patient for patient in patients if patient is not None})
        done = [self._passed(*pair) for pair in zip(batch.items, patients, strict=True)]
        written = [b"" if passed is None else canonical(passed) for passed, _ in done]
        leaking = holding([passed for passed, _ in done], numbers, written)
        for at, (origin, (passed, issues)) in enumerate(zip(batch.origins, done, strict=True)):
            if at in leaking:
                passed, issues = None, [findings.leak(batch.items[at]["resourceType"])]
            if passed is None:
                refused.append(Refusal(origin, tuple(issues)))
                continue
            kept.append((passed, written[at]))
            origins.append(origin)
            outcome.warnings += [(origin, issue) for issue in issues]
        return outcome

    def _passed(self, resource: Resource, patient: str | None) -> tuple[Resource | None, list[Issue]]:
        """What the policy lets pass of a resource, as its targets allow."""
        passed, issues = self._scrubber.scrub(resource, patient, self.report.removed)
        if passed is None or self._targets is None:
            return passed, issues
        return self._targets.judged(passed, patient, issues)

    def _numbers(self, patients: set[str]) -> frozenset[str]:
        """What of any patient of a batch must stand in nothing that passes."""
        self._people.fetch(patients)
        return frozenset[str]().union(*(self._people.numbers(patient) for patient in patients))

    def _count(self, resources: list[Resource], refused: list[Refusal], kept: set[int]) -> None:
        for number, resource in enumerate(resources):
            kind = resource["resourceType"]
            count = self._counts.setdefault(kind, TypeCount(kind))
            count.read += 1
            count.kept += number in kept
        for refusal in refused:
            self._counts[resources[refusal.origin]["resourceType"]].held_back += 1
            self.report.issues.update(issue.code for issue in refusal.issues if issue.refuses)

    def _outlines(self, resources: list[Resource], refused: list[Refusal]) -> list[Resource]:
        """What may be told, in tables only, of resources that did not pass: of a note all but what it says."""
        scrubber = self._scrubber
        told = [(resources[refusal.origin], scrubber.patient_of(resources[refusal.origin])) for refusal in refused]
        if self._targets is not None:
            told = [(resource, patient) for resource, patient in told if not self._targets.is_left_out(patient)]
        outlines = [scrubber.outline(resource, patient) for resource, patient in told]
        return [outline for outline in outlines if outline is not None]

    def _drug_codes(self) -> dict[str, Coding]:
        medications = (stored.resource() for stored in self.source.scan(["Medication"]))
        scrubbed = (self._scrubber.scrub(medication, None)[0] for medication in medications)
        return drug_codes([medication for medication in scrubbed if medication is not None])

    def _to_tables(self, resources: list[Resource]) -> None:
        for name, frame in flatten(resources, self._drugs).items():
            if frame.height:
                self._waiting[name].append(frame)
                self._waiting_rows += frame.height
        if self._waiting_rows >= ROWS_PER_COMMIT:
            self._commit_tables()

    def _commit_tables(self) -> None:
        for table in RESEARCH:
            frames = self._waiting[table.name]
            frame = pl.concat(frames) if frames else table.empty()
            self._lake.write(table, frame, self.report.run_id)
            self._keys[table.name].append(frame.select(table.key))
            self._waiting[table.name] = []
        self._waiting_rows = 0

    def _event(self, tally: Tally) -> AuditEvent:
        resources = dict(sorted(tally.outcomes.items()))
        detail: dict[str, Any] = {"run": self.report.run_id, "policy": self.report.policy_digest}
        detail |= {"project": self._epoch.project, "epoch": self._epoch.epoch}
        detail |= {"texts_sent_to": self._sent_to} if self._sent_to else {}
        return event(
            self._platform, self._who, "deidentify", "research",
            action="create", subjects=tally.pseudonyms, detail=detail | {"resources": resources},
        )  # fmt: skip
