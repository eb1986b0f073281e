"""What an EHR tells of a patient with a call: prefetched, or fetched back from its FHIR server; checked, never kept.

source  CDS Hooks 2.0, Providing FHIR Resources to a CDS Service: keys are those of discovery; a key that has an
        OperationOutcome, or lacks, was not satisfied; null says that there is nothing
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from careloom.errors import InputError, Precondition
from careloom.fhir.references import patients_of
from careloom.fhir.validate import check
from careloom.risk.facts_one import facts_of_one
from careloom.services.cds_calls import HookAsk, is_about
from careloom.services.fetch_back import FhirServer
from careloom.services.platform import Platform
from careloom.services.score_facts import Record, RowReader

ZONE: Literal["identified"] = "identified"
REQUIREMENTS = (
    "Prefetch is needed for patients whose record is not sent here; null where there is nothing. Else fhirServer and "
    "fhirAuthorization of an allowed host."
)
BESIDE = ("Medication",)
"""Types that come along with others, and are about nobody."""
_PATIENT = "{{context.patientId}}"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the EHR tells of a patient.

    resources  valid, each about the patient, none twice
    sources    where they came from: prefetch, server
    """

    resources: tuple[Json, ...]
    sources: frozenset[str]

    def record(self, platform: Platform, patient: str) -> Record:
        """The same as a record that risks are computed from: of nobody who is here, and without versions."""
        reader = RowReader()
        for one in self.resources:
            reader.read(one)
        facts = tuple(facts_of_one(reader.rows, patient))
        subject = platform.store(ZONE).pseudonym(patient)
        return Record(patient, subject, facts, self.resources, {}, 0, reader.refused)


def templates(types: Iterable[str]) -> dict[str, str]:
    """Prefetch of a service that reads these types, as discovery tells it: the patient, and searches of the others."""
    wanted = {key_of(kind): f"{kind}?patient={_PATIENT}" for kind in types if kind not in BESIDE}
    return wanted | ({"patient": f"Patient/{_PATIENT}"} if "patient" in wanted else {})


def key_of(kind: str) -> str:
    """The key of prefetch for a type: ``medicationRequest``."""
    return kind[0].lower() + kind[1:]


def told_of(platform: Platform, ask: HookAsk, types: Iterable[str], *, server: FhirServer | None = None) -> Told:
    """Everything of these types that the EHR tells of a patient who is not here.

    server  the one to fetch from; by default that of the call
    raises  InputError for what is no valid FHIR, or about somebody else; Precondition where something was not sent,
            and cannot be fetched
    """
    if server is None and ask.server:
        server = FhirServer(platform.settings.cds, ask.server, ask.token)
    found: dict[str, Json] = {}
    sources: set[str] = set()
    for key, template in templates(types).items():
        if is_satisfied(ask.prefetch, key):
            source, place, brought = "prefetch", f"prefetch.{key}", _within(ask.prefetch[key], key)
        elif server is not None:
            source, place = "server", f"what fhirServer has as {key}"
            brought = (one for one in server.read(template.replace(_PATIENT, ask.patient)) if not _is_outcome(one))
        else:
            raise Precondition(f"cds: prefetch.{key} is missing", "Send it, or fhirServer with fhirAuthorization.")
        sources.add(source)
        found |= _checked(brought, place, ask.patient, key)
    if f"Patient/{ask.patient}" not in found:
        raise Precondition("cds: the patient is neither here nor among what was sent", "Send prefetch.patient.")
    return Told(tuple(found.values()), frozenset(sources))


def beside(ask: HookAsk, types: Iterable[str]) -> dict[str, Json]:
    """What the EHR sent along of a patient who is here, as far as it did, by reference. raises InputError"""
    found: dict[str, Json] = {}
    for key in templates(types):
        if is_satisfied(ask.prefetch, key):
            found |= _checked(_within(ask.prefetch[key], key), f"prefetch.{key}", ask.patient, key)
    return found


def is_satisfied(prefetch: Mapping[str, Json | None], key: str) -> bool:
    """Whether the EHR answered a template: also by null, but not by an OperationOutcome."""
    if key not in prefetch:
        return False
    told = prefetch[key]
    return told is None or not _is_outcome(told)


def _is_outcome(one: Mapping[str, Any]) -> bool:
    return one.get("resourceType") == "OperationOutcome"


def _within(told: Json | None, key: str) -> Iterator[Json]:
    """The resources of a key: itself, or those of its Bundle."""
    if told is None:
        return
    if told.get("resourceType") != "Bundle":
        yield told
        return
    entries = told.get("entry", [])
    for number, entry in enumerate(entries if isinstance(entries, list) else [None], 1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and _is_outcome(resource):
            continue
        if not isinstance(resource, dict):
            raise InputError(f"cds: prefetch.{key}, entry {number} has no resource", "Send a searchset Bundle.")
        yield resource


def _checked(told: Iterable[Json], place: str, patient: str, key: str) -> dict[str, Json]:
    """Valid resources of the key's type, or that come along, all about the patient, by reference. raises InputError"""
    found: dict[str, Json] = {}
    for number, one in enumerate(told, 1):
        kind, where = one.get("resourceType"), f"{place}, resource {number}"
        if kind not in BESIDE and (not isinstance(kind, str) or key_of(kind or " ") != key):
            raise InputError(f"cds: {where} is of another type", "Send under each key what its template asks for.")
        if faults := check(one):
            remedy = f"{faults[0].code} at {faults[0].place}: correct it at the source."
            raise InputError(f"cds: {where} is no valid FHIR R4", remedy)
        if kind not in BESIDE and not (patient in patients_of(one) and is_about(one, patient)):
            raise InputError(f"cds: {where} is not about context.patientId", "Send what is about this patient alone.")
        found[f"{kind}/{one.get('id', f'{key}-{number}')}"] = one
    return found
