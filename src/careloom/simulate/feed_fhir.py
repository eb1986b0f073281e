"""A chart as FHIR R4: its resources, as one transaction Bundle, and as lines of a bulk export."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from careloom.fhir.drafts import Resource
from careloom.simulate import feed_fhir_clinical as clinical
from careloom.simulate import feed_fhir_people as people
from careloom.simulate.charts import Chart, Place
from careloom.simulate.feed_fhir_parts import location, organization, practitioner
from careloom.simulate.history import Observation, Site
from careloom.simulate.pieces import Piece
from careloom.simulate.stays import wards


def resources(chart: Chart) -> Iterator[Resource]:
    """Every resource of a chart: whatever is referred to comes before what refers to it, but for the clinicians."""
    history = chart.history
    yield people.patient(chart)
    for coverage in history.coverages:
        yield people.coverage(chart, coverage)
    for place, relative in enumerate(history.relatives, 1):
        yield people.family_history(chart, place, relative)
    for encounter in history.encounters:
        yield people.encounter(chart, encounter)
    for condition in history.conditions:
        yield clinical.condition(chart, condition)
    yield from _findings(chart)
    for medication in history.medications:
        yield from clinical.medication(chart, medication)
    for allergy in history.allergies:
        yield clinical.allergy(chart, allergy)
    for immunization in history.immunizations:
        yield clinical.immunization(chart, immunization)
    for procedure in history.procedures:
        yield clinical.procedure(chart, procedure)
    for appointment in history.appointments:
        yield people.appointment(chart, appointment)
    for note in chart.notes:
        yield clinical.note(chart, note)


def _findings(chart: Chart) -> Iterator[Resource]:
    by_report: dict[str, list[Observation]] = {}
    for observation in chart.history.observations:
        yield clinical.observation(chart, observation)
        if observation.report:
            by_report.setdefault(observation.report, []).append(observation)
    for report in chart.history.reports:
        yield from clinical.report(chart, report, by_report.get(report.key, []))


def base_of(site: Site) -> str:
    """The address of a site's FHIR server, that exists as little as the site."""
    return f"https://fhir.{site.site_id}.example.org"


def bundle(chart: Chart, made: Sequence[Resource]) -> Resource:
    """The transaction that puts resources of a chart, and the clinicians and places that they name, onto a server."""
    named = {one.clinician_id: one for one in (chart.attending(key) for key in chart.encounters)}
    named |= {one.clinician_id: one for one in (chart.clinician(a.clinician_id) for a in chart.history.appointments)}
    fallback = chart.attending("")
    named[fallback.clinician_id] = fallback
    units = sorted({bed.unit for one in chart.history.encounters for bed in one.stays})
    places = [location(chart.site, unit) for unit in (("", *units) if units or chart.history.appointments else ())]
    first = [organization(chart.site), *places, *(practitioner(named[key]) for key in sorted(named))]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(chart, one) for one in [*first, *made]]}


def _entry(chart: Chart, resource: Resource) -> dict[str, Any]:
    path = f"{resource['resourceType']}/{resource['id']}"
    return {
        "fullUrl": f"{base_of(chart.site)}/{path}",
        "resource": resource,
        "request": {"method": "PUT", "url": path},
    }


def bundle_path(chart: Chart) -> str:
    """The file of a chart's Bundle."""
    return f"feeds/{chart.site.site_id}/fhir/{chart.serial}.json"


def bundle_piece(chart: Chart, made: Sequence[Resource]) -> Piece:
    """The Bundle of a chart as the only piece of its file."""
    return Piece(bundle_path(chart), chart.serial, orjson.dumps(bundle(chart, made)) + b"\n")


def bulk_path(site: Site, kind: str) -> str:
    """The file of a resource type in a site's bulk export."""
    return f"feeds/{site.site_id}/bulk/{kind}.ndjson"


def bulk_opening(site: Site, place: Place) -> Iterator[Piece]:
    """What is the same from every patient: the site, its wards where it is a hospital, and its clinicians."""
    yield Piece(bulk_path(site, "Organization"), "", orjson.dumps(organization(site)) + b"\n")
    units = ("", *wards()) if site.kind == "hospital" else ("",)
    places = b"".join(orjson.dumps(location(site, unit)) + b"\n" for unit in units)
    yield Piece(bulk_path(site, "Location"), "", places)
    lines = b"".join(orjson.dumps(practitioner(one)) + b"\n" for one in place.clinicians.values())
    yield Piece(bulk_path(site, "Practitioner"), "", lines)


def bulk_manifest(site: Site, counts: Mapping[str, int], at: str) -> Piece:
    """The manifest of a site's export (Bulk Data Access 2.0) from its lines by type, made at `at`."""
    output = [
        {"type": kind, "url": f"{base_of(site)}/bulk/{kind}.ndjson", "count": counts[kind]} for kind in sorted(counts)
    ]
    manifest = {
        "transactionTime": at,
        "request": f"{base_of(site)}/$export",
        "requiresAccessToken": False,
        "output": output,
        "error": [],
    }
    return Piece(
        f"feeds/{site.site_id}/bulk/manifest.json", "", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n"
    )
