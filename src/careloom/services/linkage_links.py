"""Patient.link of those who are one person: written by us beside what the feed wrote, and taken back the same way.

One of a group is the main record: the others refer to it, it says seealso to them (FHIR R4, LinkType). Nothing else of
a Patient changes. What we wrote is told by the id of the element, so that a link of the feed is never touched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from careloom.crypto.pseudonyms import name_of
from careloom.fhir.drafts import Resource
from careloom.quality.golden import completeness
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.store.rows import Stored, Write, canonical, instant
from careloom.store.zone_store import Transaction, ZoneStore

OURS = "linkage-"
"""How the ids of our elements begin."""
PATIENTS_AT_ONCE = 500
_ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
Links = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why links change: as the Provenance tells it."""

    who: Principal
    activity: str


def links_of(patient: Resource) -> Links:
    """(type, stored id) of the links that we wrote."""
    return tuple((link.get("type", ""), _target(link)) for link in _listed(patient) if _is_ours(link))


def merged_into(patient: Resource) -> str:
    """The stored id of the Patient that the feed says replaces this one, "" if none does."""
    for link in _listed(patient):
        if link.get("type") == "replaced-by" and not _is_ours(link):
            return _target(link)
    return ""


def joined_with(patient: Resource) -> tuple[str, ...]:
    """The stored ids of the Patients whom the feed says to be the same person (HL7 v2 A40 and A24, links in FHIR)."""
    kinds = ("replaced-by", "seealso", "refer")
    named = [_target(link) for link in _listed(patient) if link.get("type") in kinds and not _is_ours(link)]
    return tuple(dict.fromkeys(name for name in named if name))


def with_links(patient: Resource, links: Iterable[tuple[str, str]]) -> Resource:
    """The Patient with exactly these links of ours beside those of the feed; no other byte differs.

    links  (type, stored id); one to a Patient whom the feed links already is left out
    """
    foreign = [link for link in patient.get("link", ()) if not (isinstance(link, dict) and _is_ours(link))]
    told = {_target(link) for link in foreign if isinstance(link, dict)}
    ours = [
        {"id": f"{OURS}{number}", "other": {"reference": f"Patient/{other}"}, "type": kind}
        for number, (kind, other) in enumerate(sorted(links, key=lambda one: one[1]), 1)
        if other not in told
    ]
    rest = {name: value for name, value in patient.items() if name != "link"}
    return rest | {"link": foreign + ours} if foreign or ours else rest


def expected_links(group: Sequence[str], patients: Mapping[str, Resource]) -> dict[str, Links]:
    """The links of each patient of a group, who are all there; a group of one has none."""
    present = [each for each in group if each in patients]
    if len(present) < 2:
        return dict.fromkeys(present, ())
    main = min(present, key=lambda each: (patients[each].get("active") is False, -completeness(patients[each]), each))
    links: dict[str, Links] = {each: (("refer", main),) for each in present if each != main}
    links[main] = tuple(("seealso", each) for each in present if each != main)
    return links


def relink(platform: Platform, step: Transaction, groups: Iterable[Sequence[str]], cause: Cause) -> int:
    """Writes the links of these groups, and a Provenance for each group that changes; returns how many Patients did.

    groups  patients who are one person; alone, those who are nobody else's any more
    """
    store = platform.store("identified")
    writes: list[Write] = []
    changed = 0
    for group in groups:
        found = {name: one for name, one in store.read_named("Patient", group).items() if not one.deleted}
        made = _writes(found, expected_links(group, {name: one.resource() for name, one in found.items()}))
        if made:
            changed += len(made)
            writes += [*made, _provenance(platform, store, found, made, cause)]
    _with_records(step, writes)
    step.write(writes)
    return changed


def write_patient(step: Transaction, patient: Resource) -> None:
    """Writes one Patient, as its newest record's."""
    writes = [_patient_write(patient)]
    _with_records(step, writes)
    step.write(writes)


def _writes(found: Mapping[str, Stored], links: Mapping[str, Links]) -> list[Write]:
    writes = []
    for name in sorted(links):
        before = found[name].resource()
        after = with_links(before, links[name])
        if after.get("link") != before.get("link"):
            writes.append(_patient_write(after))
    return writes


def _patient_write(patient: Resource) -> Write:
    name = patient["id"]
    return Write("Patient", name, canonical(patient), (name,), None, "put")


def _with_records(step: Transaction, writes: Sequence[Write]) -> None:
    """A Patient stays the fact of the record that it came in: the Provenance of linkage tells what else was done."""
    records = step.linkage.records_of_patients([write.id for write in writes if write.type == "Patient"])
    for write in writes:
        if write.type == "Patient":
            write.rec = records.get(write.id)


def _provenance(
    platform: Platform, store: ZoneStore, found: Mapping[str, Stored], made: Sequence[Write], cause: Cause
) -> Write:
    names = [write.id for write in made]
    versions = [f"Patient/{name}/_history/{found[name].version + 1}" for name in names]
    resource: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": name_of(store.keys.content_hash(" ".join(versions).encode())),
        "target": [{"reference": version} for version in versions],
        "recorded": instant(platform.runtime.now()),
        "activity": {"coding": [{"system": _ACTIVITIES, "code": "UPDATE"}], "text": cause.activity},
        "agent": [{"type": {"text": "author"}, "who": {"display": cause.who.name}}],
        "entity": [{"role": "revision", "what": {"reference": f"Patient/{name}/_history/{found[name].version}"}}
                   for name in names],
    }  # fmt: skip
    return Write("Provenance", resource["id"], canonical(resource), tuple(sorted(found)), None, "put")


def _listed(patient: Resource) -> list[dict[str, Any]]:
    links = patient.get("link")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []


def _is_ours(link: Mapping[str, Any]) -> bool:
    return str(link.get("id", "")).startswith(OURS)


def _target(link: Mapping[str, Any]) -> str:
    other = link.get("other")
    text = other.get("reference") if isinstance(other, dict) else None
    return text.removeprefix("Patient/") if isinstance(text, str) and text.startswith("Patient/") else ""
