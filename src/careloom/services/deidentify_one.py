"""One text or one resource without identity, as a policy makes it: told to whoever asked, and kept nowhere.

Without a project the answer bears names, dates and surrogates that were made for it alone, so that nothing of it can be
found again in the research zone. With one it bears those of the project's current epoch, as a run would write it: who
asks so learns the pseudonym of a patient, and needs the right to make the research zone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from careloom.crypto.pseudonyms import KeyedNames
from careloom.crypto.sealed_values import SealedValues
from careloom.deid import findings
from careloom.deid.dates import shift_days
from careloom.deid.declared import noise
from careloom.deid.leaks import has_number, numbers_of
from careloom.deid.passing_texts import passing_texts, placed
from careloom.deid.policy import SHIPPED, Policy, packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.deid.surrogates import Draw
from careloom.deid.text import ScrubbedText
from careloom.deid.text_detectors import Team
from careloom.deid.text_known import Known, known_from
from careloom.deid.text_replace import Style
from careloom.deid.text_spans import LETTERS
from careloom.errors import AccessError, CareloomError, Erased, FormatError, NotFound, QueryError, SetupError, TooLarge
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.validate import check
from careloom.issues import Issue
from careloom.runtime import Runtime
from careloom.services.access import Principal, Verb
from careloom.services.admission import admit, note
from careloom.services.deidentify import ZONES
from careloom.services.deidentify_detectors import scrubber, teams
from careloom.services.deidentify_known import KnownPeople
from careloom.services.deidentify_text import RecordTexts, has_leak, surrogates_of
from careloom.services.platform import Platform
from careloom.services.sight import View, require_known, view_of
from careloom.services.vault_epochs import SEALED_FOR, Naming, find, naming
from careloom.settings import Settings
from careloom.store.search_links import Index
from careloom.store.search_sql import search as run_search
from careloom.store.zone_store import ZoneStore

OPERATION = "deidentify-one"
READS_TEXT = "safe-harbor"
"""The policy of a text where none is named and that of the settings lets no text pass."""
LONGEST_TEXT = 100_000
"""Characters of a text, and of all texts of a resource together: twice a long note.

The most work that was found for one is 14 s of a busy core ("a.a.a."); names, numbers and dates without an end take 1
to 10 s (28 November 2026, rules and classifier).
"""
LARGEST_RESOURCE_BYTES = 1_000_000
_MOST_RELATIVES = 200
_MOST_ISSUES = 3
Json = dict[str, Any]
ScrubOne = Callable[[str, Mapping[str, Any], str], ScrubbedText | None]


@dataclass(frozen=True, slots=True)
class OneAsk:
    """What to de-identify: a text or a resource, one of them.

    policy   one that ships, by its name; that of the settings where empty
    style    what stands in texts in place of what identifies; as the policy says where None
    patient  id in the identified zone: what the record knows about that patient is looked for, too
    project  whose names, dates and surrogates the answer bears; empty: those of nothing but this answer
    """

    text: str | None = None
    resource: Mapping[str, Any] | None = None
    policy: str = ""
    style: Style | None = None
    patient: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class OneSpan:
    """Where something identified, never what.

    place, new_place  FHIRPath of the text in the resource and in what came out; both empty for a text alone, and the
                      second where the text did not pass
    start, end        code points of the old text, half-open; of an attachment, of what its data say
    new_start, new_end  where its replacement stands
    letter            of 45 CFR 164.514(b)(2)(i); empty for an organization
    """

    place: str
    new_place: str
    start: int
    end: int
    new_start: int
    new_end: int
    label: str
    letter: str
    part: str
    detector: str
    score: float


@dataclass(frozen=True, slots=True)
class OneReport:
    """What came out.

    text, resource  without identity; None where it was not asked, or did not pass: `issues` say why
    removed         letter of `careloom.deid.identifiers` -> how many were taken out or changed, in texts and beside
    detectors       what looked for identity in texts
    epoch           of the project; None without one
    """

    text: str | None
    resource: Json | None
    spans: tuple[OneSpan, ...]
    removed: Mapping[str, int]
    issues: tuple[Issue, ...]
    policy: Policy
    detectors: Sequence[Team]
    project: str = ""
    epoch: int | None = None

    @property
    def passed(self) -> bool:
        """True when there is something to read."""
        return self.text is not None or self.resource is not None

    def as_json(self) -> Json:
        """The report as plain JSON."""
        return {
            "text": self.text,
            "resource": self.resource,
            "spans": [{name: getattr(one, name) for name in OneSpan.__slots__} for one in self.spans],
            "counts": dict(sorted(Counter(one.label for one in self.spans).items())),
            "removed": dict(self.removed),
            "issues": [{name: getattr(one, name) for name in Issue.__slots__} for one in self.issues],
            "policy": {"name": self.policy.name, "version": self.policy.version, "digest": self.policy.digest},
            "style": self.policy.text,
            "detectors": [team.as_json() for team in self.detectors],
            "project": self.project,
            "epoch": self.epoch,
        }


def deidentify_one(platform: Platform, who: Principal, ask: OneAsk) -> OneReport:
    """One text or resource without identity. Nothing of it is kept; that it was asked is audited, without its content.

    raises  AccessError; QueryError for a question that means nothing; FormatError for a resource that is not valid;
            TooLarge; NotFound, Erased for the patient, NotFound also for one of whom a restriction or consent withholds
            something from the caller; NotFound for the project; SetupError for the policy
    """
    permitted(platform, who, ask.project, ask.patient)
    store = platform.store("identified")
    try:
        report, patient = _on_platform(platform, who, store, ask)
    except CareloomError as error:
        note(platform, who, OPERATION, "identified", outcome="failed", detail={"code": error.code})
        raise
    detail: Json = {
        "policy": report.policy.digest, "project": report.project, "epoch": report.epoch, "passed": report.passed,
        "found": len(report.spans), "record": bool(ask.patient),
    }  # fmt: skip
    subjects = (store.pseudonym(patient),) if patient else ()
    note(platform, who, OPERATION, "identified", subjects=subjects, detail=detail)
    return report


def permitted(platform: Platform, who: Principal, project: str = "", patient: str = "") -> None:
    """Returns when the caller may ask, with the names of a project and what the record knows of a patient.

    raises  AccessError, audited
    """
    verb: Verb = "deidentify" if project else "preview"
    for zone in ZONES:
        admit(platform, who, verb, zone, operation=OPERATION)
    if patient:
        admit(platform, who, "read", "identified", "Patient", operation=OPERATION)


def deidentify_alone(ask: OneAsk, settings: Settings, runtime: Runtime) -> OneReport:
    """The same where nothing is installed: no record and no project is there to ask, nor a chain to write to.

    raises  QueryError where a patient or project is named; SetupError where a detector would send texts elsewhere;
            otherwise as `deidentify_one`
    """
    if ask.patient or ask.project:
        raise QueryError("nothing is installed here", "Leave out patient and project, or ingest something first.")
    policy, given = _policy(settings, ask), _given(ask)
    detectors = _teams(settings, policy)
    if any(team.sends_to for team in detectors):
        raise SetupError("texts would be sent elsewhere, and no audit chain is here", "Ingest something first.")
    return _One(policy, once(runtime), runtime, given, detectors).made("", None)


def is_installed(settings: Settings) -> bool:
    """True when there is an identified zone to ask; looking makes none."""
    data = settings.data
    return bool(data.database) or (data.directory / "identified" / "store.db").is_file()


def once(runtime: Runtime) -> Naming:
    """Names, days and surrogates that nobody can make again."""
    names = KeyedNames(runtime.random_bytes(32))
    days = shift_days(runtime.random_bytes(32))
    drawn, sealed = noise(runtime.random_bytes(32)), SealedValues(runtime.random_bytes(64), SEALED_FOR)
    return Naming(lambda kind, name: names.resource_id("", kind, name), days, runtime.random_bytes(32), drawn, sealed)


def _on_platform(platform: Platform, who: Principal, store: ZoneStore, ask: OneAsk) -> tuple[OneReport, str]:
    """The report, and the patient whom it is about. Whom texts go to is in the audit chain before one is sent."""
    policy, given = _policy(platform.settings, ask), _given(ask)
    epoch = find(platform, ask.project) if ask.project else None
    names = once(platform.runtime) if epoch is None else naming(platform, epoch)
    detectors = _teams(platform.settings, policy)
    one = _One(policy, names, platform.runtime, given, detectors)
    known: Known | None = None
    if ask.patient:
        view = _view(platform, who, store, ask.patient)
        people = _people(platform, store, view, ask.patient)
        known = people.patient(ask.patient)
        texts = RecordTexts(store, people, policy, names.surrogate, names.shift, detectors)
        texts.shows = view.shows
        one.scrub_known = texts.scrubbed
    sent = [team.sends_to for team in detectors if team.sends_to]
    if sent:
        note(platform, who, OPERATION, "identified", action="execute", detail={"texts_sent_to": sent})
    report = one.made(ask.patient, known)
    if epoch is not None:
        report = replace(report, project=epoch.project, epoch=epoch.epoch)
    return report, one.patient


def _policy(settings: Settings, ask: OneAsk) -> Policy:
    """The policy, in the style that was asked. raises QueryError for one that is not there or lets the text not pass"""
    if ask.policy and ask.policy not in SHIPPED:
        raise QueryError("there is no such policy", f"Name one that ships: {', '.join(SHIPPED)}.")
    policy = packaged_policy(ask.policy or settings.deidentify.policy)
    if ask.text is not None and not policy.reads_text:
        if ask.policy:
            raise QueryError(f"under {policy.name} no text passes", f"Name a policy that reads text: {READS_TEXT}.")
        policy = packaged_policy(READS_TEXT)
    return policy if ask.style is None else replace(policy, text=ask.style)


def _teams(settings: Settings, policy: Policy) -> tuple[Team, ...]:
    """The detectors of texts. raises SetupError if one cannot be loaded."""
    return teams(settings.deidentify) if policy.reads_text else ()


def _given(ask: OneAsk) -> Json | str:
    """What was asked, checked. A resource is made anew of its JSON: nothing else can be in it."""
    if (ask.text is None) == (ask.resource is None):
        raise QueryError("there must be a text or a resource, one of them", "Send `text` or `resource`.")
    if ask.text is not None:
        if len(ask.text) > LONGEST_TEXT:
            raise TooLarge(f"the text has more than {LONGEST_TEXT:,} characters", "Send it in parts.")
        if any("\ud800" <= letter <= "\udfff" for letter in ask.text):
            raise FormatError("the text holds half of a character", "Send Unicode without lone surrogates.")
        return ask.text
    try:
        raw = orjson.dumps(ask.resource)
    except orjson.JSONEncodeError:
        raise FormatError("the resource cannot be written as JSON", "Send FHIR R4 as JSON.") from None
    if len(raw) > LARGEST_RESOURCE_BYTES:
        raise TooLarge(f"the resource has more than {LARGEST_RESOURCE_BYTES:,} bytes", "De-identify it by a run.")
    resource: Json = orjson.loads(raw)
    if faults := [f"{issue.code} at {issue.place}" for issue in check(resource)]:
        more = f" and {len(faults) - _MOST_ISSUES} more" if len(faults) > _MOST_ISSUES else ""
        told = "; ".join(faults[:_MOST_ISSUES]) + more
        raise FormatError(f"the resource is not valid FHIR R4: {told}", "Mend it there and send it again.")
    return resource


def _view(platform: Platform, who: Principal, store: ZoneStore, patient: str) -> View:
    """What the caller may know of the record; a patient of whom that is not everything is as one who is not there.

    raises  NotFound
    """
    try:
        require_known(platform, who, "identified", (store.pseudonym(patient),))
    except AccessError:
        raise _unknown() from None
    return view_of(platform, who, "identified")


def _unknown() -> NotFound:
    return NotFound("identified: there is no such patient", "Name it by its stored id: search for it.")


def _people(platform: Platform, store: ZoneStore, view: View, patient: str) -> KnownPeople:
    """What the record knows about one patient and those around. raises NotFound, Erased."""
    try:
        stored = store.read("Patient", patient)
    except NotFound:
        if store.is_erased(patient):
            raise Erased("identified: this patient was erased", "Nothing of it is left.") from None
        raise _unknown() from None
    if stored.deleted:
        raise Erased("identified: this patient was deleted", "Leave the patient out.")
    query = parse_search(f"RelatedPerson?patient={patient}")
    with store.connect() as connection:
        blind = platform.blind_index("identified")
        page = run_search(Index(connection, blind, lambda kind, name: (name,)), query, limit=_MOST_RELATIVES)
    around = [one.resource() for one in store.read_many(page.rids)]
    return KnownPeople(store, {patient: [known_from([one]) for one in around if view.shows(one)]})


class _One:
    """One text or resource on its way.

    scrub_known  scrubs a text with what the record knows; None where no record was named
    patient      whom it is about, as far as is known
    """

    def __init__(
        self, policy: Policy, names: Naming, runtime: Runtime, given: Json | str, detectors: Sequence[Team]
    ) -> None:
        self._policy = policy
        self._names = names
        self._runtime = runtime
        self._given = given
        self._detectors = detectors
        self._scrubber = scrubber(detectors)
        self._done: list[tuple[str, ScrubbedText]] = []
        self.scrub_known: ScrubOne | None = None
        self.patient = ""

    def made(self, patient: str, known: Known | None) -> OneReport:
        """What comes out. `known`: what the record says about `patient`; None where none was named."""
        if isinstance(self._given, str):
            return self._text(self._given, patient)
        return self._resource(self._given, patient, known)

    def _text(self, text: str, patient: str) -> OneReport:
        self.patient = patient
        done = self._scrub(patient, {}, text)
        issues = () if done is not None else (findings.leak(""),)
        return self._report(text=done, spans=self._spans([""], [""]), issues=issues)

    def _resource(self, resource: Json, patient: str, known: Known | None) -> OneReport:
        texts = list(passing_texts(self._policy, resource))
        if sum(len(one.text) for one in texts) > LONGEST_TEXT:
            raise TooLarge(f"the texts have more than {LONGEST_TEXT:,} characters", "De-identify it by a run.")
        today = self._runtime.now().date()
        rules = Scrubber(self._policy, self._names.rename, self._names.shift, today, self._scrub, self._names.secrets)
        self.patient = patient or rules.patient_of(resource) or ""
        tally: Counter[str] = Counter()
        passed, issues = rules.scrub(resource, self.patient or None, tally)
        numbers = numbers_of([known_from([resource]), *([] if known is None else [known])])
        if passed is not None and has_number(passed, numbers):
            passed, issues = None, [findings.leak(resource["resourceType"])]
        old = placed([text for text, _ in self._done], texts)
        new_texts = [] if passed is None else list(passing_texts(self._policy, passed))
        spans = self._spans(old, placed([done.text for _, done in self._done], new_texts))
        return self._report(resource=passed, spans=spans, issues=tuple(issues), tally=tally)

    def _scrub(self, patient: str | None, resource: Mapping[str, Any], text: str) -> str | None:
        """As the scrubber asks for it: None where the text is nobody's, though not for a text that came alone."""
        if patient is None:
            return None
        if self.scrub_known is not None:
            done = self.scrub_known(patient, resource, text)
        else:
            own = known_from([resource] if resource else [])
            draw, days = Draw(self._names.surrogate, patient), self._names.shift(patient)
            surrogates = surrogates_of(self._policy, draw, own, days, resource or None)
            done = self._scrubber.scrub(text, surrogates, self._policy.text)
            done = None if has_leak(done.text, own) else done
        if done is None:
            return None
        self._done.append((text, done))
        return done.text

    def _spans(self, places: list[str], new_places: list[str]) -> tuple[OneSpan, ...]:
        found = []
        for (_, done), place, new_place in zip(self._done, places, new_places, strict=False):
            for one, new in zip(done.found, done.replaced, strict=True):
                found.append(
                    OneSpan(
                        place, new_place, one.span.start, one.span.end, new.start, new.end, one.label,
                        LETTERS[one.label], one.part, one.detector, round(one.score, 4),
                    )
                )  # fmt: skip
        return tuple(found)

    def _report(
        self,
        *,
        spans: tuple[OneSpan, ...],
        issues: tuple[Issue, ...],
        text: str | None = None,
        resource: Json | None = None,
        tally: Counter[str] | None = None,
    ) -> OneReport:
        removed = Counter(tally or {}) + Counter(one.letter or "B" for one in spans)
        return OneReport(text, resource, spans, dict(sorted(removed.items())), issues, self._policy, self._detectors)
