"""Planted names, numbers, dates and addresses never pass de-identification, wherever in a resource they stand."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.crypto.pseudonyms import KeyedNames
from careloom.deid.dates import shift_days
from careloom.deid.policy import packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.fhir.flatten import flatten
from careloom.fhir.validate import check
from careloom.fhir.validate_tables import plain_codes, type_table
from careloom.tables.research import RESEARCH

Json = dict[str, Any]

POLICY = packaged_policy()
NAMES = KeyedNames(bytes(range(32)))
SCRUBBER = Scrubber(
    POLICY, lambda kind, name: NAMES.resource_id("", kind, name), shift_days(bytes(range(32))), date(2026, 11, 21)
)
DAY = "1931-04-17"
PLANTED = [
    *(
        "Zaphod",
        "Beeblebrox",
        "078-05-1120",
        "617-555-0142",
        "zaphod@heart-of-gold.example",
        "MRN84210377",
        "42 Galaxy Way",
    ),
    *("02139-4307", "http://zaphod.example/home", "10.20.30.40", "VIN1HGCM82633A004352", "canary-patient", "canary-id"),
]
NUMBERS = ["6175550142", "84210377"]
TYPES = [*sorted(POLICY.passing), "DocumentReference"]
GOOD = [
    {"system": "http://snomed.info/sct", "code": "38341003"},
    {"system": "http://loinc.org", "code": "8480-6"},
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
]


def planted(structure: str, rng: random.Random, depth: int = 0) -> Json:
    """A resource or part of one with something planted in every place that can hold text, a number or a date."""
    found: Json = {}
    for key, element in type_table(structure).properties.items():
        if key in ("modifierExtension", "implicitRules", "resourceType") or depth > 4 or rng.random() < 0.25:
            continue
        count = rng.randint(1, 2) if element.many else 1
        values = [value(element.kind, element.codes, rng, depth) for _ in range(count)]
        found[key] = values if element.many else values[0]
        if element.primitive and rng.random() < 0.2:
            found[f"_{key}"] = {
                "id": rng.choice(PLANTED),
                "extension": [{"url": "x", "valueString": rng.choice(PLANTED)}],
            }
    if rng.random() < 0.3:
        found[rng.choice(PLANTED)] = rng.choice(PLANTED)
    return found


def value(kind: str, codes: str, rng: random.Random, depth: int) -> Any:
    if kind == "code" and codes and rng.random() < 0.7:
        return rng.choice(sorted(plain_codes(codes)))
    if kind in ("integer", "positiveInt", "unsignedInt"):
        return rng.choice([3, int(NUMBERS[0]), int(NUMBERS[1])])
    if kind == "decimal":
        return rng.choice([1.5, int(NUMBERS[0])])
    if kind == "boolean":
        return True
    if kind == "date":
        return DAY
    if kind in ("dateTime", "instant"):
        return rng.choice(
            [DAY, f"{DAY}T10:11:12-05:00", f"{DAY}T10:11:12.131Z"] if kind == "dateTime" else [f"{DAY}T10:11:12Z"]
        )
    if kind == "Coding":
        return rng.choice(GOOD) | {"display": rng.choice(PLANTED), "version": rng.choice(PLANTED), "id": "Zaphod"}
    if kind == "CodeableConcept" and rng.random() < 0.7:
        return {"coding": [value("Coding", "", rng, depth), planted("Coding", rng, 4)], "text": rng.choice(PLANTED)}
    if kind == "Reference":
        target = rng.choice(
            ["Patient/canary-patient", f"{rng.choice(TYPES)}/canary-id", "#canary-id", "urn:uuid:canary-id"]
        )
        return {"reference": target, "display": rng.choice(PLANTED), "identifier": {"value": rng.choice(PLANTED)}}
    if kind == "Resource":
        inner = rng.choice(TYPES)
        return planted(inner, rng, depth + 2) | {"resourceType": inner, "id": "canary-id"}
    if kind == "Extension":
        url = rng.choice([*POLICY.extensions["Patient"], "http://zaphod.example/home"])
        return {
            "url": url,
            "valueString": "Zaphod",
            "valueCode": "Zaphod",
            "extension": [{"url": "text", "valueString": "Zaphod"}],
        }
    if type_known(kind):
        return planted(kind, rng, depth + 1)
    return rng.choice(PLANTED)


def type_known(kind: str) -> bool:
    try:
        type_table(kind)
    except KeyError:
        return False
    return True


def whole(kind: str, seed: int) -> Json:
    """A planted resource that passes as far as its patient and id go."""
    resource = planted(kind, random.Random(f"{kind} {seed}")) | {"resourceType": kind, "id": "canary-id"}
    if kind == "Patient":
        resource["id"] = "canary-patient"
    elif kind in POLICY.patient:
        first, _, inner = POLICY.patient[kind][0].partition(".")
        own = {"reference": "Patient/canary-patient", "display": "Zaphod Beeblebrox"}
        others = [part for part in resource.get(first, []) if not is_of_patient(part.get(inner, {}))] if inner else []
        resource[first] = [*others, {inner: own}] if inner else own
    return resource


def is_of_patient(reference: Json) -> bool:
    """True for what may name another patient: of two nothing passes."""
    return str(reference.get("reference", "")).startswith(("Patient/", "#", "urn:"))


def traces(text: str) -> list[str]:
    return [word for word in [*PLANTED, *NUMBERS, DAY] if word in text]


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_planted_in_a_resource_passes_nor_is_it_told_in_an_issue_or_a_table(kind: str) -> None:
    passed = 0
    for seed in range(40):
        resource = whole(kind, seed)
        patient_id = SCRUBBER.patient_of(resource)
        found, issues = SCRUBBER.scrub(resource, patient_id)
        outline = SCRUBBER.outline(resource, patient_id)
        assert traces(json.dumps([found, outline], ensure_ascii=False)) == []
        assert traces(str(issues)) == []
        frames = flatten([part for part in (found, outline) if part is not None])
        assert traces("".join(frame.write_csv() for frame in frames.values())) == []
        passed += found is not None or outline is not None
    assert passed == 40, "nothing passed, so nothing was proved"


def strings(
    node: Any, path: tuple[str, ...] = (), beside: Json | None = None
) -> Iterator[tuple[tuple[str, ...], str, Json]]:
    """Every string of a resource with the path to it and the object that holds it."""
    if isinstance(node, dict):
        for key, child in node.items():
            assert re.fullmatch(r"_?[A-Za-z]+", key), "a key of its own making"
            yield from strings(child, (*path, key), node)
    elif isinstance(node, list):
        for child in node:
            yield from strings(child, path, beside)
    elif isinstance(node, str):
        yield path, node, beside or {}


KEPT_CODES = {
    code for structure in POLICY.structures.values() for kept in structure.kept.values() for code in kept.codes
}
URLS = {
    *POLICY.extensions["Patient"],
    *("ombCategory", "detailed", "http://hl7.org/fhir/StructureDefinition/data-absent-reason"),
}
SHAPES = {
    "id": re.compile(r"[a-z2-7]{26}|c[0-9]+"),
    "reference": re.compile(r"[A-Z][A-Za-z]+/[a-z2-7]{26}|#c[0-9]+"),
}
MOMENT = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:]{8}Z)?)?)?|[0-9]{2}:[0-9]{2}:[0-9]{2}")


def is_allowed(path: tuple[str, ...], text: str, beside: Json) -> bool:
    key = path[-1]
    if key in SHAPES:
        return SHAPES[key].fullmatch(text) is not None
    if key == "url":
        return text in URLS
    if key in ("unit", "system", "code") and "value" in beside:
        return text == "http://unitsofmeasure.org" or POLICY.codes.passes_unit(text)
    if key in ("system", "code"):
        return (
            POLICY.codes.passes(beside["system"], beside["code"])
            or beside["code"] == "PSEUDED"
            or "system" not in beside
        )
    if key == "comparator":
        return text in plain_codes("quantity-comparator")
    return text in KEPT_CODES or text in ("masked", "unknown", *POLICY.passing) or MOMENT.fullmatch(text) is not None


@pytest.mark.parametrize("kind", sorted(POLICY.passing))
def test_every_string_that_passes_is_a_code_a_unit_a_moved_moment_or_a_keyed_name(kind: str) -> None:
    for seed in range(40):
        resource = whole(kind, seed)
        found, _ = SCRUBBER.scrub(resource, SCRUBBER.patient_of(resource))
        for path, text, beside in strings(found):
            if path[-1] == "code" and "system" not in beside and "value" not in beside:
                assert text in KEPT_CODES, path
            else:
                assert is_allowed(path, text, beside), path


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([*PLANTED, DAY, "final", "#canary-id"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*PLANTED, "coding", "code", "system"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(TYPES), st.randoms(use_true_random=False), st.data())
def test_whatever_json_stands_where_nothing_raises_and_nothing_planted_passes(
    kind: str, rng: random.Random, data: st.DataObject
) -> None:
    keys = rng.sample(sorted(type_table(kind).properties), 5)
    resource = {key: data.draw(JSON) for key in keys} | {"resourceType": kind, "id": "canary-id"}
    for patient_id in (None, "canary-patient", "canary-id"):
        found, issues = SCRUBBER.scrub(resource, patient_id)
        assert traces(json.dumps([found, SCRUBBER.outline(resource, patient_id)], ensure_ascii=False)) == []
        assert traces(str(issues)) == []
        assert found is not None or any(issue.refuses for issue in issues)


# --- other people's data -----------------------------------------------------------------------------------------


def bundles(folder: Path, count: int) -> Iterator[list[Json]]:
    """The resources of the first bundles, with their references resolved as ingestion resolves them."""
    for file in sorted(folder.glob("*.json.gz"))[:count]:
        entries = json.loads(gzip.decompress(file.read_bytes())).get("entry", [])
        text = json.dumps([entry["resource"] for entry in entries])
        for entry in entries:
            text = text.replace(
                f'"{entry["fullUrl"]}"', f'"{entry["resource"]["resourceType"]}/{entry["resource"]["id"]}"'
            )
        yield json.loads(text)


@pytest.mark.parametrize("count", [4, pytest.param(12, marks=pytest.mark.long)])
def test_nothing_that_names_a_synthea_patient_passes(suites: Path, count: int) -> None:
    patients = 0
    for resources in bundles(suites / "synthea_bundles" / "ms-anonymizer", count):
        identifying = {
            item for resource in resources if resource["resourceType"] == "Patient" for item in identifiers(resource)
        }
        out = [SCRUBBER.scrub(resource, SCRUBBER.patient_of(resource))[0] for resource in resources]
        text = json.dumps(out)
        patients += bool(identifying)
        assert [word for word in identifying if word in text] == []
        ids = {resource["id"] for resource in resources}
        assert [name for name in ids if name in text] == []
        moved = {days_between(part, found) for part, found in zip(resources, out, strict=True)} - {None}
        assert 0 not in moved
        assert len(moved) <= 1, "one patient, one shift"
    assert patients >= count // 3


def days_between(source: Json, found: Json | None) -> int | None:
    """By how many days the start of an encounter moved; None for everything else."""
    if found is None or source["resourceType"] != "Encounter":
        return None
    moments = [datetime.fromisoformat(part["period"]["start"]) for part in (source, found)]
    return (moments[1] - moments[0]).days


def identifiers(patient: Json) -> Iterator[str]:
    for name in patient.get("name", ()):
        yield from (part for part in [name.get("family", ""), *name.get("given", ())] if len(part) > 3)
    for address in patient.get("address", ()):
        yield from (
            part for part in [*address.get("line", ()), address.get("city", ""), address.get("postalCode", "")] if part
        )
    yield from (item["value"] for item in [*patient.get("telecom", ()), *patient.get("identifier", ())])
    yield patient["birthDate"]


@pytest.mark.parametrize("folder", ["fhir_r4_examples", "us_core_examples", "synthea_bulk_ndjson/10-patients"])
def test_what_passes_is_valid_fhir(suites: Path, folder: str) -> None:
    tried = 0
    for resource in examples(suites / folder):
        found, _ = SCRUBBER.scrub(resource, SCRUBBER.patient_of(resource))
        if found is not None and not any(issue.refuses for issue in check(resource)):
            tried += 1
            assert [issue for issue in check(found) if issue.refuses] == []
    assert tried > 80


def examples(folder: Path) -> Iterator[Json]:
    for file in sorted(folder.glob("*.json*")) + sorted(folder.glob("*.ndjson*")):
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        lines = raw.splitlines()[:200] if ".ndjson" in file.name else [raw]
        for line in lines:
            resource = json.loads(line)
            if isinstance(resource, dict):
                yield resource


@pytest.mark.parametrize("count", [4, pytest.param(12, marks=pytest.mark.long)])
def test_a_research_table_of_real_records_holds_no_text_but_codes(suites: Path, count: int) -> None:
    folder = suites / "synthea_bundles" / "ms-anonymizer"
    resources = [resource for bundle in bundles(folder, count) for resource in bundle]
    kept = [
        (
            SCRUBBER.scrub(resource, SCRUBBER.patient_of(resource))[0]
            or SCRUBBER.outline(resource, SCRUBBER.patient_of(resource))
        )
        for resource in resources
    ]
    frames = flatten({(part["resourceType"], part["id"]): part for part in kept if part is not None}.values())
    for table in RESEARCH:
        frame = table.require(frames[table.name])
        for column in table.columns:
            if column.dtype == "String":
                values = frame[column.name].drop_nulls().unique().to_list()
                assert all(re.fullmatch(r"\S{1,80}", text) for text in values), column.name
    assert frames["observations"].height > 80 * count
    assert frames["notes"].height > 0
