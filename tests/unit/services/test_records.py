"""What goes out of the store: the bytes are those that the store would have made, and every read is in the audit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, Erased, NotFound
from careloom.fhir.validate import check
from careloom.services.access import Principal, Scope
from careloom.services.erase import erase
from careloom.services.records import outgoing, read, read_version
from careloom.services.search import search
from tests.api.kit import OBSERVATION, PATIENT, Installation

DELETED = {"resourceType": "Observation", "id": "o2", "status": "final", "code": {"text": "gone"}}
CONTAINED: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o3",
    "status": "final",
    "code": {"text": 'a "meta": in a text'},
    "subject": {"reference": "Patient/p1"},
    "contained": [{"resourceType": "Device", "id": "d", "meta": {"tag": [{"code": "x"}]}}],
    "device": {"reference": "#d"},
}
WITH_META = {**OBSERVATION, "id": "o4", "meta": {"tag": [{"system": "urn:t", "code": "t"}]}}
NOBODY = {"resourceType": "Organization", "id": "g1", "name": "Ünit – Ω"}
LISTED = {"resourceType": "Group", "id": "g2", "type": "person", "actual": True, "member": [
    {"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}},
]}  # fmt: skip


def deletion(*names: str) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": name}} for name in names]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("records")) as made:
        made.ingest([PATIENT, {**PATIENT, "id": "p2"}, {**PATIENT, "id": "p3"}, OBSERVATION, DELETED, CONTAINED])
        made.ingest([WITH_META, NOBODY, LISTED, {**OBSERVATION, "status": "amended"}])
        made.ingest(deletion("Observation/o2"))
        erase(made.platform, made.operator, "Patient/p3")
        yield made


def test_what_goes_out_is_what_the_store_would_have_made(installation: Installation) -> None:
    store = installation.platform.store("identified")
    stored = list(store.scan())
    assert len(stored) >= 7
    for one in stored:
        assert orjson.loads(outgoing(store, one).found.content) == one.resource()
        assert check(outgoing(store, one).found.resource()) == []


CONCERNED = [("Patient", "p1", 1), ("Observation", "o1", 1), ("Organization", "g1", 0), ("Group", "g2", 2)]


@pytest.mark.parametrize(("kind", "name", "patients"), CONCERNED, ids=[row[0] for row in CONCERNED])
def test_a_read_names_its_patients_by_pseudonym(
    installation: Installation, kind: str, name: str, patients: int
) -> None:
    found = read(installation.platform, installation.operator, "identified", kind, installation.stored_id(kind, name))
    event = installation.events()[-1]
    assert (found.resource_type, found.resource()["resourceType"]) == (kind, kind)
    assert (event["operation"], event["outcome"], event["detail"]["type"]) == ("read", "success", kind)
    assert len(event["subjects"]) == patients
    assert found.id not in orjson.dumps(event).decode()


GONE = [
    ("deleted", "Observation", "o2", Erased, 0),
    ("erased", "Patient", "p3", Erased, 1),
    ("never there", "Patient", "p9", NotFound, 0),
    ("of another type", "Condition", "o1", NotFound, 0),
]


@pytest.mark.parametrize(("what", "kind", "name", "error", "patients"), GONE, ids=[row[0] for row in GONE])
def test_a_read_of_what_is_not_there_is_in_the_audit(
    installation: Installation, what: str, kind: str, name: str, error: type[Exception], patients: int
) -> None:
    before = len(installation.events())
    with pytest.raises(error):
        read(installation.platform, installation.operator, "identified", kind, installation.stored_id(kind, name))
    (event,) = installation.events()[before:]
    assert (event["operation"], event["outcome"], len(event["subjects"])) == ("read", "failed", patients)


def test_a_type_that_fhir_does_not_have_is_not_found(installation: Installation) -> None:
    with pytest.raises(NotFound):
        read(installation.platform, installation.operator, "identified", "Kitten", "k1")


def test_a_refused_read_is_in_the_audit_and_opens_nothing(installation: Installation) -> None:
    who = Principal("n", frozenset({"clinician"}), frozenset({"identified"}), frozenset({Scope("read", "Condition")}))
    with pytest.raises(AccessError):
        read(installation.platform, who, "identified", "Patient", installation.stored_id("Patient", "p1"))
    assert (installation.events()[-1]["actor"], installation.events()[-1]["outcome"]) == ("n", "refused")


def version(installation: Installation, kind: str, name: str, number: str) -> dict[str, Any]:
    stored = installation.stored_id(kind, name)
    return read_version(installation.platform, installation.operator, "identified", kind, stored, number).resource()


def test_each_version_can_be_read(installation: Installation) -> None:
    first, second = (version(installation, "Observation", "o1", number) for number in ("1", "2"))
    assert (first["status"], first["meta"]["versionId"]) == ("final", "1")
    assert (second["status"], second["meta"]["versionId"]) == ("amended", "2")
    assert version(installation, "Observation", "o2", "1")["code"] == {"text": "gone"}


@pytest.mark.parametrize("number", ["3", "0", "01", "-1", "1.0", "x", "٢", "9999999999999999999999"])
def test_a_version_that_is_not_there_is_not_found(installation: Installation, number: str) -> None:
    with pytest.raises(NotFound):
        version(installation, "Observation", "o1", number)


def test_the_version_that_was_a_deletion_is_gone(installation: Installation) -> None:
    with pytest.raises(Erased):
        version(installation, "Observation", "o2", "2")


def test_the_provenance_of_a_record_is_read_under_the_name_that_resources_give(installation: Installation) -> None:
    platform, who = installation.platform, installation.operator
    stored = installation.stored_id("Observation", "o1")
    record = version(installation, "Observation", "o1", "1")["meta"]["source"].removeprefix("urn:careloom:record:")
    found = read(platform, who, "identified", "Provenance", record)
    assert {"reference": f"Observation/{stored}/_history/1"} in found.resource()["target"]
    assert check(found.resource()) == []
    assert len(installation.events()[-1]["subjects"]) == 1
    assert read_version(platform, who, "identified", "Provenance", record, found.version) == found
    with pytest.raises(NotFound):
        read_version(platform, who, "identified", "Provenance", record, "1")
    assert search(platform, who, "identified", f"Provenance?_id={record}").found == (found,)


def test_the_version_of_a_provenance_changes_with_what_it_names(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest([PATIENT])
        stored = made.stored_id("Patient", "p1")
        first = read(made.platform, made.operator, "identified", "Patient", stored)
        record = first.resource()["meta"]["source"].removeprefix("urn:careloom:record:")
        before = read(made.platform, made.operator, "identified", "Provenance", record)
        made.ingest([OBSERVATION, PATIENT])  # the same record, in a second file
        after = read(made.platform, made.operator, "identified", "Provenance", record)
        assert (before.version != after.version) == (before.content != after.content)
        assert len(after.resource()["entity"]) == len(before.resource()["entity"]) + 1


def test_provenances_of_records_are_paged_to_the_last(installation: Installation) -> None:
    platform, who = installation.platform, installation.operator
    stored = installation.stored_id("Observation", "o1")
    query = f"Provenance?target=Observation/{stored}&_count=1&_total=accurate"
    shown, cursor = [], ""
    for _ in range(9):
        page = search(platform, who, "identified", query, cursor=cursor)
        assert page.total == 2
        shown += [one.id for one in page.found]
        cursor = page.next_cursor
        if not cursor:
            break
    assert len(shown) == len(set(shown)) == 2
