"""One broken file of each kind: what must be refused, with a clear reason, while everything else goes on."""

import copy
import gzip
import io
import json
import zipfile
from typing import Any

from make_sample_hospital_bundles import lines, transaction
from make_sample_hospital_fhir import Links, moment, patient, record
from make_sample_hospital_hl7v2 import Feed
from make_sample_hospital_people import Person

Json = dict[str, Any]


def files(person: Person) -> dict[str, bytes]:
    """File name -> bytes; `person` lends the shape of a good record, under names of their own."""
    other = copy.deepcopy(person)
    other.id, other.mrn, other.last, other.first = "00000000-0000-4000-8000-00000000bad1", "0000001", "Broken", "Record"
    visit = other.visits[0]
    good = patient(other)
    feed = Feed()
    adt = feed.admission(other, visit, "A04")
    bulk = lines(record(other, Links(bulk=True)))
    return {
        "truncated.ndjson.gz": _packed(bulk)[:-400],
        "checksum.ndjson.gz": _flipped(_packed(lines([_numbered(good, "crc")]))),
        "empty.json": b"",
        "nul-bytes.ndjson": lines([_numbered(good, "nul-a")])
        + b'{"resourceType":"Patient","id":"nul\x00b"}\n'
        + lines([_numbered(good, "nul-c")]),
        "not-utf8.json": json.dumps(
            _numbered(good, "latin") | {"name": [{"family": "Mu\u0308ller".encode().decode("latin-1")}]},
            ensure_ascii=False,
        ).encode("cp1252", "replace"),
        "utf-16.json": json.dumps(_numbered(good, "wide")).encode("utf-16"),
        "cut-off.json": json.dumps(_numbered(good, "cut"), indent=1).encode()[:-120],
        "bad-status.json": _observation(other, status="sort-of-final"),
        "unknown-element.json": _observation(other, favouriteColour="blue"),
        "impossible-date.json": json.dumps(_numbered(good, "date") | {"birthDate": "1987-02-30"}).encode(),
        "missing-status.json": _observation(other, status=None),
        "recursive-bundle.json": _recursive(12),
        "deeply-nested.json": b'{"resourceType":"Basic","extension":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "duplicate-ids.json": _duplicates(good),
        "no-msh.hl7": b"\r".join(adt.split(b"\r")[1:]),
        "wrong-delimiters.hl7": adt.replace(b"MSH|^~\\&|", b"MSH||||||", 1),
        "no-patient-id.hl7": b"\r".join(
            s if not s.startswith(b"PID") else b"PID|1||||Broken^Record" for s in adt.split(b"\r")
        ),
        "miscounted.batch.hl7": b"BHS|^~\\&|EHR|SAMPLE\r" + adt + b"BTS|7\r",
        "bad-row.csv": _bad_rows(other),
        "unterminated-quote.csv": _open_quote(other),
        "unknown-header.csv": b"shoe_size,lucky_number,shirt\n42,7,blue\n39,13,red\n",
        "wrong-encoding.csv": _wrong_encoding(other),
        "path-in-name.zip": _zip({"../../outside.json": json.dumps(_numbered(good, "slip")).encode()}),
        "cut-off.zip": _zip({"one.json": json.dumps(_numbered(good, "zip")).encode(), "two.ndjson": bulk})[:-600],
        "bomb.json.gz": _packed(b'{"resourceType":"Binary","data":"' + b"A" * (80 << 20) + b'"}'),
        "entity-bomb.xml": _entity_bomb(),
        "external-entity.xml": b'<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hostname">]>\n<x>&file;</x>\n',
        "nobody.txt": b"A note about somebody. Nobody wrote down whom.\n",
        "picture.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00",
        "noise.bin": bytes((number * 97 + number // 7) % 256 for number in range(2048)),
    }


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _flipped(packed: bytes) -> bytes:
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


def _numbered(resource: Json, name: str) -> Json:
    return copy.deepcopy(resource) | {"id": f"broken-{name}"}


def _observation(person: Person, **changes: object) -> bytes:
    resource: Json = {
        "resourceType": "Observation",
        "id": "broken-observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{person.id}"},
        "effectiveDateTime": moment(person.visits[0].start),
        "valueQuantity": {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    } | changes
    return json.dumps({key: value for key, value in resource.items() if value is not None}, indent=2).encode()


def _recursive(depth: int) -> bytes:
    bundle: Json = {"resourceType": "Bundle", "type": "collection", "entry": []}
    for _ in range(depth):
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": bundle}]}
    return json.dumps(bundle).encode()


def _duplicates(good: Json) -> bytes:
    """Two entries with the same fullUrl and id that say different things."""
    first, second = _numbered(good, "twice"), _numbered(good, "twice") | {"gender": "unknown"}
    return transaction([first, second], indent=1)


def _bad_rows(person: Person) -> bytes:
    header = b"DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE\n"
    row = f"2025-03-04T09:00:00Z,{person.id},{person.visits[0].id},vital-signs,8867-4,Heart rate,70,/min,numeric\n"
    bad = row.replace("2025-03-04", "2025-02-31")
    short = f"2025-03-04T09:00:00Z,{person.mrn},\n"
    return header + (row + short + bad.replace(person.id, "nobody") + row).encode()


def _open_quote(person: Person) -> bytes:
    header = b"START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n"
    row = f"2025-03-04,,{person.id},{person.visits[0].id},44465007,Sprained ankle\n"
    return header + (row + row.replace("Sprained", '"Sprained').replace("2025", "2024") + row * 3).encode()


def _wrong_encoding(person: Person) -> bytes:
    """Begins as UTF-8 and goes on in cp1252."""
    header = "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n"
    row = f"2025-03-04,,{person.id},{person.visits[0].id},195967001,Asthma\n"
    rows = row * 900 + row.replace("Asthma", "Pollen – Überempfindlichkeit").replace("195967001", "418689008")
    return header.encode() + rows.encode("cp1252")


def _zip(content: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)
    return held.getvalue()


def _entity_bomb() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">\n' for n in range(1, 10))
    return f'<?xml version="1.0"?>\n<!DOCTYPE l [\n<!ENTITY l0 "lol">\n{levels}]>\n<l>&l9;</l>\n'.encode()
