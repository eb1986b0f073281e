import copy

import pytest

from careloom.fhir.validate import check

BASE = "http://s.org/fhir/"
P, LAB = (
    {"resourceType": "Patient", "id": "p"},
    {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}},
)
DOCUMENT = {
    "resourceType": "Bundle",
    "type": "document",
    "identifier": {"system": "urn:oid:1.2.3", "value": "d"},
    "timestamp": "2020-01-01T00:00:00Z",
    "entry": [
        {
            "fullUrl": BASE + "Composition/c",
            "resource": {
                "resourceType": "Composition",
                "id": "c",
                "status": "final",
                "type": {"text": "t"},
                "date": "2020",
                "title": "t",
                "author": [{"reference": "Patient/p"}],
                "subject": {"reference": "Patient/p"},
                "section": [{"title": "s", "section": [{"entry": [{"reference": "Observation/o"}]}]}],
            },
        },
        {"fullUrl": BASE + "Patient/p", "resource": P},
        {"fullUrl": BASE + "Observation/o", "resource": {**LAB, "subject": {"reference": "Patient/p"}}},
    ],
}


def bundle(kind, *entries, **more):
    return {"resourceType": "Bundle", "type": kind, **more, "entry": list(entries)}


def codes(resource):
    return {issue.code for issue in check(resource)}


def test_a_good_document_is_accepted():
    assert check(DOCUMENT) == []


def without(**changes):
    found = {**copy.deepcopy(DOCUMENT), **changes}
    return {key: value for key, value in found.items() if value is not None}


def entry(url, resource, **more):
    return {"fullUrl": url, "resource": resource, **more}


REQUEST = {"request": {"method": "POST", "url": "Patient"}}
CASES = [
    ("total in a collection", bundle("collection", entry(BASE + "Patient/p", P), total=1), "fhir.invariant-bdl-1"),
    (
        "search in a collection",
        bundle("collection", entry(BASE + "Patient/p", P, search={"mode": "match"})),
        "fhir.invariant-bdl-2",
    ),
    ("transaction without request", bundle("transaction", entry(BASE + "Patient/p", P)), "fhir.invariant-bdl-3"),
    ("request in a collection", bundle("collection", entry(BASE + "Patient/p", P, **REQUEST)), "fhir.invariant-bdl-3"),
    (
        "response in a transaction",
        bundle("transaction", {"resource": P, **REQUEST, "response": {"status": "200"}}),
        "fhir.invariant-bdl-4",
    ),
    ("entry without content", bundle("collection", {"fullUrl": BASE + "Patient/p"}), "fhir.invariant-bdl-5"),
    (
        "same fullUrl twice",
        bundle("collection", entry(BASE + "Patient/p", P), entry(BASE + "Patient/p", P)),
        "fhir.invariant-bdl-7",
    ),
    ("versioned fullUrl", bundle("collection", entry(BASE + "Patient/p/_history/1", P)), "fhir.invariant-bdl-8"),
    ("document without identifier", without(identifier=None), "fhir.invariant-bdl-9"),
    ("document without time", without(timestamp=None), "fhir.invariant-bdl-10"),
    ("document without composition", without(entry=DOCUMENT["entry"][1:]), "fhir.invariant-bdl-11"),
    ("message without header", bundle("message", entry(BASE + "Patient/p", P)), "fhir.invariant-bdl-12"),
    ("relative fullUrl", bundle("collection", entry("Patient/p", P)), "fhir.bundle-full-url-relative"),
    ("fullUrl of another id", bundle("collection", entry(BASE + "Patient/q", P)), "fhir.bundle-full-url-mismatch"),
    ("fullUrl of another type", bundle("collection", entry(BASE + "Group/p", P)), "fhir.bundle-full-url-mismatch"),
    ("no fullUrl in a collection", bundle("collection", {"resource": P}), "fhir.bundle-full-url-missing"),
    (
        "self link twice",
        bundle("searchset", entry(BASE + "Patient/p", P), link=[{"relation": "self", "url": BASE + "Patient"}] * 2),
        "fhir.bundle-link-repeated",
    ),
    (
        "search result without id",
        bundle("searchset", entry("http://s.org/x", {"resourceType": "Patient"})),
        "fhir.bundle-search-without-id",
    ),
    (
        "search match of another type",
        bundle(
            "searchset",
            entry(BASE + "Observation/o", LAB, search={"mode": "match"}),
            link=[{"relation": "self", "url": BASE + "Patient?x=y"}],
        ),
        "fhir.bundle-search-type",
    ),
    (
        "document entry that nothing names",
        without(entry=[*DOCUMENT["entry"], entry(BASE + "Patient/z", {"resourceType": "Patient", "id": "z"})]),
        "fhir.bundle-entry-unreachable",
    ),
    ("document without what it names", without(entry=DOCUMENT["entry"][:2]), "fhir.bundle-reference-unresolved"),
    (
        "reference to an entry of the wrong type",
        bundle(
            "collection",
            entry("urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13", P),
            entry(
                BASE + "Observation/o",
                {**LAB, "encounter": {"reference": "urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13"}},
            ),
        ),
        "fhir.bundle-reference-target",
    ),
    ("fault in an entry", bundle("collection", entry(BASE + "Patient/p", {**P, "gender": "x"})), "fhir.binding"),
]


@pytest.mark.parametrize(("resource", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_broken_bundle_is_refused(resource, code):
    assert code in codes(resource)


GOOD = {
    "transaction of new resources": bundle(
        "transaction",
        entry("urn:uuid:8ce7db7b-9b9b-41ae-b1d7-3f2d1c728a13", P, **REQUEST),
        {"request": {"method": "DELETE", "url": "Patient/x"}},
    ),
    "search set": bundle(
        "searchset",
        entry(BASE + "Patient/p", P, search={"mode": "match"}),
        entry(BASE + "Observation/o", LAB, search={"mode": "include"}),
        total=1,
        link=[{"relation": "self", "url": BASE + "Patient?x=y"}],
    ),
    "empty search set": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    "two versions": bundle(
        "history",
        entry(BASE + "Patient/p", P, request={"method": "PUT", "url": "Patient/p"}, response={"status": "200"}),
        entry(BASE + "Patient/p", P, request={"method": "PUT", "url": "Patient/p"}, response={"status": "201"}),
    ),
}


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_a_good_bundle_is_accepted(resource):
    assert check(resource) == []
