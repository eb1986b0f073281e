"""The judgement: which piece of planted dirt was found and how, and which resource was accused rightly."""

from collections import Counter
from dataclasses import dataclass, field

import orjson

from careloom.simulate.answers import DirtAnswer
from tests.journeys.simulated_quality import Found, Name
from tests.journeys.simulated_quality_said import name_of

_NUMBERS = {
    "value-not-too-low", "value-not-too-high", "unit-fits-code", "not-an-outlier", "usual-unit", "unit-fits-history",
    "unit-agrees-with-itself", "range-in-same-unit", "flag-agrees-with-value", "systolic-above-diastolic",
}  # fmt: skip
SECOND_SELF = {"identifier-once", "one-record-a-person", "patient-identified"}
TELLS = {
    "near-duplicate-record": {"no-duplicates"},
    "wrong-unit": _NUMBERS,
    "impossible-value": _NUMBERS,
    "impossible-date": {
        "right-datatype", "valid-resource", "event-time-present", "not-in-the-future", "birth-plausible",
        "age-plausible", "start-before-end", "onset-before-abatement", "performed-in-order", "measured-before-issued",
        "birth-before-death", "after-birth", "before-death", "during-life", "within-encounter", "finished-has-end",
        "patient-identified",
    },
    "missing-field": {
        "patient-identified", "subject-present", "event-time-present", "code-present", "status-present",
        "value-or-reason", "unit-present", "standard-code-present", "source-code-present", "valid-resource",
        "conditions-can-be-dated", "reference-resolves", "subject-resolves", "observation-code-from-domain",
        "medication-code-from-domain", "vaccine-code-from-domain", "procedure-code-from-domain", "code-from-domain",
    },
    "wrong-check-digit": {"codes-exist"},
    "mangled-encoding": {"text-intact"},
    "out-of-order-message": {"messages-in-order"},
}  # fmt: skip
"""Kind of dirt -> the rules that tell the truth about it. Any other rule on the same resource counts for nothing."""
WARNED = {
    "impossible-date": (
        "hl7v2.date", "hl7v2.period", "fhir.format", "fhir.invariant", "delimited.bad-date", "delimited.before-start",
        "ccda.date-invalid", "ccda.period-reversed",
    ),
    "mangled-encoding": (
        "hl7v2.control", "hl7v2.charset", "fhir.not-json", "delimited.encoding", "delimited.control-character", "xml.",
        "ccda.not-xml",
    ),
    "missing-field": (
        "hl7v2.patient-id-missing", "hl7v2.patient-by-ssn", "hl7v2.segment-missing", "hl7v2.observation-code-missing",
        "fhir.required-missing", "fhir.invariant", "delimited.missing-value", "delimited.missing-key",
    ),
    "truncated-message": (
        "hl7v2.segment-missing", "hl7v2.msh", "hl7v2.patient-id-missing", "fhir.not-json", "delimited.wrong-cell-count",
        "delimited.bad-row", "ingest.csv-unterminated-quote", "xml.", "ccda.not-xml",
    ),
}  # fmt: skip
"""Kind of dirt -> beginnings of the issue codes by which ingestion tells the truth about it."""


@dataclass
class Judged:
    """What became of the planted dirt.

    counts  (kind, how) -> pieces. How: ``quality``; ``ingestion`` (refused, kept once, or warned of truly); ``missed``;
            ``left no trace`` (overwritten by a later record, or never part of the data); ``refused with others`` (its
            record waits in quarantine for something else that is wrong in it, so that it is in nobody's data)
    dirty   resources that are dirty in truth
    missed  the pieces that nobody found
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    dirty: set[Name] = field(default_factory=set)
    missed: list[DirtAnswer] = field(default_factory=list)

    def by_kind(self) -> dict[str, Counter[str]]:
        """Kind -> how -> pieces."""
        found: dict[str, Counter[str]] = {}
        for (kind, how), count in sorted(self.counts.items()):
            found.setdefault(kind, Counter())[how] += count
        return found

    def recall_of(self, kind: str) -> float:
        """Recall of one kind; 1 where none of it left a trace."""
        recall, traced = recall_of(self.by_kind()[kind])
        return recall if traced else 1.0

    def recall(self) -> tuple[float, int]:
        """Recall, and how many pieces it is of: those that left a trace."""
        return recall_of(sum(self.by_kind().values(), Counter()))


def recall_of(by_how: Counter[str]) -> tuple[float, int]:
    """Recall, and how many pieces it is of."""
    right = by_how["quality"] + by_how["ingestion"]
    return (right / (right + by_how["missed"]) if right else float(not by_how["missed"])), right + by_how["missed"]


def judged(found: Found, answers: list[DirtAnswer]) -> Judged:
    """Holds what was found against the answer key."""
    out = Judged()
    for answer in answers:
        if answer.kind == "duplicate-patient":
            continue  # linkage answers for it
        name = name_of(answer, found.feed)
        records = found.named.get(name, set())
        made = _made(found, answer, records)
        out.dirty |= made
        how = _how(found, answer, name, made)
        out.counts[answer.kind, how] += 1
        if how == "missed":
            out.missed.append(answer)
    return out


def _made(found: Found, answer: DirtAnswer, records: set[str]) -> set[Name]:
    """The resources that came of what was soiled, in the store or refused."""
    site = answer.file.split("/")[1]
    numbers = {answer.record, answer.record.removesuffix("-2")}
    if found.feed in ("fhir", "bulk"):
        kind = answer.record.partition("/")[0]
        return {(kind, found.platform.names.resource_id(site, kind, one.partition("/")[2])) for one in numbers}
    if found.feed == "hl7v2":
        return found.made_of(records - found.refused)
    if answer.place.startswith("patient/"):
        return {name for name in found.made_of(records - found.refused) if name[0] == "Patient"}
    made = set().union(*(found.identified.get((site, number), set()) for number in numbers))
    return made | {report for one in made for report in found.reports.get(one, ())}


def _how(found: Found, answer: DirtAnswer, name: str, made: set[Name]) -> str:
    records, kind = found.named.get(name, set()), answer.kind
    rules = set().union(*(found.flagged.get(one, set()) for one in made)) & TELLS.get(kind, set())
    if kind == "missing-field" and not rules:
        subjects = {found.subject_of(one) for one in made if one in found.newest} - {None}
        rules = {rule for one in subjects if one for rule in found.flagged.get(one, set())} & SECOND_SELF
    if rules:
        return "quality"
    if any(code.startswith(WARNED.get(kind, ("-",))) for code in found.said.get(name, ())):
        return "ingestion"
    if kind == "duplicate-record":
        return "ingestion"  # the store keeps it once
    if not records:
        broken = ("truncated-message", "mangled-encoding", "missing-field")
        return "ingestion" if kind in broken else "missed"  # it names nothing any more: it waits in quarantine
    if not records - found.refused:
        return "refused with others"
    dated_by_it = {report for one in made for report in found.reports.get(one, ())}
    if not any(found.newest.get(one) in records for one in made - dated_by_it):
        return "left no trace"
    if kind == "mangled-encoding" and not any(one[0] == "Patient" and found.newest.get(one) in records for one in made):
        return "left no trace"  # a name in a message that tells nothing of its patient
    return "missed"


ONLY_LOST = {"reference-resolves", "subject-resolves"}
ONLY_OWN = {"standard-code-present", "observation-code-from-domain"}
PEOPLE = {"identifier-once", "one-record-a-person"}


@dataclass(frozen=True, slots=True)
class Accused:
    """Which of the listed resources are listed rightly.

    already  clean, and listed in the clean feed too
    wrong    clean, and listed for no reason that the key knows
    """

    flagged: set[Name]
    already: set[Name]
    wrong: set[Name]

    @property
    def precision(self) -> float:
        """Among what the clean feed does not show."""
        return 1 - len(self.wrong) / max(1, len(self.flagged - self.already))

    @property
    def strict(self) -> float:
        """What the clean feed shows counts as wrong too."""
        return 1 - len(self.wrong | self.already) / max(1, len(self.flagged))


def accused(found: Found, clean: Found, dirty: set[Name]) -> Accused:
    """Listed resources, but for two kinds that are listed rightly and are no dirt of the key.

    Left out are people who are registered twice (linkage answers for those), and results that their site codes in its
    own words (the style of its CSV extract says so) until somebody maps them.
    """
    reasons = {name: _reasons(found, name) for name in found.flagged}
    flagged = {name for name, rules in reasons.items() if rules}
    already = {name for name in flagged - dirty if name in clean.flagged and _reasons(clean, name)}
    lost = {f"{kind}/{number}" for kind, number in (clean.newest.keys() | _refused(found)) - found.newest.keys()}
    wrong = {one for one in flagged - dirty - already if not _refers_to_lost(found, one, reasons[one], lost)}
    return Accused(flagged, already, wrong)


def _reasons(found: Found, name: Name) -> set[str]:
    """What is said of a resource, less what linkage answers for, less that its site's own code is no standard one."""
    rules = found.flagged[name] - PEOPLE
    if found.feed != "csv" or not rules & ONLY_OWN:
        return rules
    resource = found.platform.store("identified").read(*name).resource()
    systems = {coding.get("system", "") for coding in resource.get("code", {}).get("coding", ())}
    return rules - ONLY_OWN if systems and systems <= found.own_systems else rules


_REFERRED_TO = ("Patient", "Encounter", "Condition", "DiagnosticReport")


def _refused(found: Found) -> set[Name]:
    """Resources that would have come of what was refused, where the feed names them."""
    names: set[Name] = set()
    if found.feed not in ("fhir", "bulk", "csv"):
        return names
    for name, records in found.named.items():
        site, kind, *_, number = name.split("/")
        if records & found.refused:
            kinds = _REFERRED_TO if found.feed == "csv" else (kind,)
            text = f"{site}|{number}" if found.feed == "csv" else number
            names |= {(one, found.platform.names.resource_id(site, one, text)) for one in kinds}
    return names


def _refers_to_lost(found: Found, name: Name, rules: set[str], lost: set[str]) -> bool:
    """Whether it is rightly said to refer to what was refused."""
    if not rules <= ONLY_LOST:
        return False
    content = orjson.dumps(found.platform.store("identified").read(*name).resource()).decode()
    return any(f'"{one}"' in content for one in lost)
