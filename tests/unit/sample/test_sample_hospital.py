"""The bundled hospital: reproducible, coded from real terminologies, refused only where it should be."""

import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.fhir.drafts import Draft
from careloom.fhir.validate import check
from careloom.ingest import delimited, fhir_json, hl7v2_to_fhir, notes
from careloom.ingest.containers import open_members
from careloom.ingest.detect import Match
from careloom.ingest.framing import detect_source, frame, refused_member
from careloom.issues import Issue
from careloom.pipeline.record import Record
from careloom.runtime import packaged

TOOLS = Path(__file__).parents[3] / "tools"
CONVERTERS = {
    "csv": delimited.convert,
    "fhir": fhir_json.convert,
    "hl7v2": hl7v2_to_fhir.convert,
    "notes": notes.convert,
}


@pytest.fixture(scope="module")
def maker() -> Iterator[object]:
    sys.path.insert(0, str(TOOLS))
    import make_sample_hospital

    yield make_sample_hospital
    sys.path.remove(str(TOOLS))


@pytest.fixture(scope="module")
def files(maker: object) -> dict[str, bytes]:
    return maker.unpacked(packaged("sample", "hospital.zip"))  # type: ignore[attr-defined, no-any-return]


def recognise(header: tuple[str, ...]) -> Match | None:
    name = delimited.recognise(header)
    return Match(name, delimited.patient_column(name, header)) if name else None


def records(name: str, data: bytes, around: list[Issue]) -> Iterator[Record]:
    """Each record; `around` gets the issues of the file around them."""
    for member in open_members(io.BytesIO(data), name):
        if member.issue:
            yield from refused_member(member.source, member.issue)
        else:
            yield from frame(member.source, detect_source(member.source, recognise), issues=around)


def converted(record: Record) -> tuple[list[Draft], list[str]]:
    """Drafts, and the codes of what refuses the record."""
    if record.problem:
        return [], [record.problem[0]]
    if (record.context.options or {}).get("part") == "header":
        return [], []
    conversion = CONVERTERS[record.context.format](record)
    return conversion.drafts, [issue.code for issue in conversion.issues if issue.refuses]


def test_the_same_seed_makes_the_bundled_files_again(maker: object, files: dict[str, bytes]) -> None:
    assert maker.comparable(maker.sample_files()) == maker.comparable(files), "run python tools/make_sample_hospital.py"  # type: ignore[attr-defined]


def test_another_seed_makes_other_people(maker: object) -> None:
    one, other = maker.simulate(1, 5), maker.simulate(2, 5)  # type: ignore[attr-defined]
    assert {person.ssn for person in one.people}.isdisjoint({person.ssn for person in other.people})


def test_it_is_small_and_holds_every_format(files: dict[str, bytes]) -> None:
    assert len(packaged("sample", "hospital.zip")) < 1_500_000
    folders = Counter(name.split("/")[0] for name in files)
    assert set(folders) == {"fhir", "hl7v2", "csv", "notes", "broken"}
    assert not any(".." in name or name.startswith("/") for name in files)


def test_there_are_a_hundred_people_and_some_come_through_two_feeds(maker: object) -> None:
    hospital = maker.simulate(maker.SEED, maker.PEOPLE)  # type: ignore[attr-defined]
    assert len({person.mrn for person in hospital.people}) == 100
    feeds = Counter(
        person.mrn
        for feed in (hospital.by_bundle, hospital.by_bulk, hospital.by_message, hospital.by_extract)
        for person in feed
    )
    assert len(feeds) == 100
    assert sum(count == 2 for count in feeds.values()) >= 8


def test_nothing_happens_before_birth_after_death_or_in_the_future(maker: object) -> None:
    hospital = maker.simulate(maker.SEED, maker.PEOPLE)  # type: ignore[attr-defined]
    for person in hospital.people:
        for visit in person.visits:
            assert person.birth <= visit.start.date()
            assert visit.start < visit.stop
            assert visit.stop.date() < maker.TODAY  # type: ignore[attr-defined]
            assert person.death is None or visit.stop < person.death
        for illness in person.illnesses:
            assert person.birth <= illness.onset
            assert illness.abatement is None or illness.onset < illness.abatement


def test_every_code_stands_in_its_terminology(suites: Path, maker: object) -> None:
    assert maker.codes.unknown(suites) == []  # type: ignore[attr-defined]


def test_every_good_record_converts_and_every_resource_is_valid(files: dict[str, bytes]) -> None:
    kinds: Counter[str] = Counter()
    for name, data in files.items():
        if name.startswith("broken/"):
            continue
        for record in records(name, data, []):
            drafts, refused = converted(record)
            assert not refused, (name, record.place, refused)
            for draft in drafts:
                kinds[draft.resource["resourceType"]] += 1
                # Ids and references become FHIR's when they are keyed; all else must be right already.
                wrong = [i for i in check({"id": "x", **draft.resource}) if i.code != "fhir.reference-format"]
                assert not wrong, (name, record.place, wrong[0].place, wrong[0].message)
    assert kinds.keys() >= {
        "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "AllergyIntolerance", "Immunization",
        "Procedure", "DiagnosticReport", "DocumentReference", "Practitioner", "Organization",
    }  # fmt: skip
    assert kinds["Observation"] > 5000


FIRST_REASON = {
    "bad-row.csv": "delimited.wrong-cell-count",
    "bad-status.json": "fhir.binding",
    "bomb.json.gz": "ingest.archive-bomb",
    "checksum.ndjson.gz": "ingest.gzip-checksum",
    "cut-off.json": "ingest.json-broken",
    "cut-off.zip": "ingest.zip-truncated",
    "deeply-nested.json": "ingest.json-too-deep",
    "duplicate-ids.json": "ingest.bundle-duplicate-entry",
    "empty.json": "ingest.empty-file",
    "entity-bomb.xml": "ingest.xml-not-read",
    "external-entity.xml": "ingest.xml-not-read",
    "impossible-date.json": "fhir.format",
    "miscounted.batch.hl7": "hl7v2.batch-count",
    "missing-status.json": "fhir.required-missing",
    "no-msh.hl7": "ingest.hl7v2-no-msh",
    "no-patient-id.hl7": "hl7v2.patient-id-missing",
    "nobody.txt": "notes.no-patient",
    "noise.bin": "ingest.unknown-binary",
    "not-utf8.json": "fhir.not-json",
    "nul-bytes.ndjson": "ingest.nul-bytes",
    "path-in-name.zip": "ingest.zip-unsafe-name",
    "picture.png": "ingest.image-not-read",
    "recursive-bundle.json": "fhir.bundle-too-deep",
    "truncated.ndjson.gz": "ingest.gzip-truncated",
    "unknown-element.json": "fhir.unknown-element",
    "unknown-header.csv": "ingest.csv-unknown-header",
    "unterminated-quote.csv": "ingest.csv-unterminated-quote",
    "utf-16.json": "ingest.json-not-utf8",
    "wrong-delimiters.hl7": "hl7v2.message-type-not-mapped",
    "wrong-encoding.csv": "delimited.encoding",
}


def test_every_broken_file_has_a_known_reason(files: dict[str, bytes]) -> None:
    assert {name.removeprefix("broken/") for name in files if name.startswith("broken/")} == set(FIRST_REASON)


@pytest.mark.parametrize("name", sorted(FIRST_REASON))
def test_a_broken_file_is_refused_for_its_reason_and_what_is_good_in_it_is_kept(
    files: dict[str, bytes], name: str
) -> None:
    found: list[str] = []
    around: list[Issue] = []
    for record in records(name, files[f"broken/{name}"], around):
        drafts, refused = converted(record)
        found += refused
        for draft in drafts:
            issues = check({"id": "x", **draft.resource})
            found += [issue.code for issue in issues if issue.code != "fhir.reference-format"]
    found += [issue.code for issue in around]
    assert found[0] == FIRST_REASON[name]
