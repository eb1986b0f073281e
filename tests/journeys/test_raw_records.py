"""Messages as they arrived are found by what they say of themselves, checked, and fetched by who may."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import AccessError, InputError, NotFound
from careloom.services.erase import erase
from tests.api.kit import BASE_URL, Installation
from tests.journeys.hospital import CommandLine

HEADER = "MSH|^~\\&|LAB|NORTH|X|Y|{time}||{kind}|{control}|P|2.5.1"
PID = "PID|1||{mrn}^^^NORTH^MR||Quillfeather^Oda||19610405|F"
MESSAGES = (
    ("20240102030405+0100", "ADT^A01^ADT_A01", "A-1", "m1", "EVN|A01|20240102\r{pid}\rPV1|1|I|W^1^1"),
    ("20240103", "ADT^A08^ADT_A01", "A-2", "m1", "{pid}\rPV1|1|I|W^1^1"),
    (
        "20240104",
        "ORU^R01^ORU_R01",
        "R-1",
        "m2",
        "{pid}\rOBR|1||F1|24323-8^CMP^LN\rOBX|1|NM|2345-7^Glucose^LN||90|mg/dL",
    ),
    ("20240105", "ZZZ^Z01", "Z-1", "m2", "{pid}"),
)


def feed() -> bytes:
    return b"".join(
        f"{HEADER.format(time=time, kind=kind, control=control)}\r{rest.format(pid=PID.format(mrn=mrn))}\r".encode()
        for time, kind, control, mrn, rest in MESSAGES
    )


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("records"))
    (made.folder / "feed.hl7").write_bytes(feed())
    made.run("ingest", "feed.hl7", "--source", "north")
    return made


def found(line: CommandLine, *words: str) -> list[str]:
    """The types that a list shows, newest first."""
    return [one["type"] for one in line.json("records", "list", "--source", "north", *words)["items"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["unknown", "ORU^R01", "ADT^A08", "ADT^A01"]),
        ("--control-id A-2", ["ADT^A08"]),
        ("--control-id a-2", []),
        ("--type ADT", ["ADT^A08", "ADT^A01"]),
        ("--type ADT^A01", ["ADT^A01"]),
        ("--since 2024-01-03 --until 2024-01-05", ["ORU^R01", "ADT^A08"]),
        ("--until 2024-01-02T02:04:05", []),
        ("--until 2024-01-02T02:04:06", ["ADT^A01"]),
        ("--faulty", ["ADT^A08"]),
        ("--patient Patient/{m1}", ["ADT^A08", "ADT^A01"]),
        ("--patient nobody", []),
        ("--type ADT --patient {m1} --faulty", ["ADT^A08"]),
    ],
)
def test_records_are_found_by_control_id_type_time_structure_and_patient(
    line: CommandLine, words: str, expected: list[str]
) -> None:
    (patient,) = line.json("search", "Patient?identifier=m1")["entry"]
    expected = ["ZZZ^Z01" if kind == "unknown" else kind for kind in expected]
    assert found(line, *words.format(m1=patient["resource"]["id"]).split()) == expected


def test_pages_follow_one_another_without_a_gap(line: CommandLine) -> None:
    first = line.json("records", "list", "--limit", "3")
    rest = line.json("records", "list", "--limit", "3", "--cursor", first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    assert not {one["record"] for one in first["items"]} & {one["record"] for one in rest["items"]}


def test_a_record_is_shown_with_what_its_structure_lacks_and_its_bytes_come_whole(line: CommandLine) -> None:
    (item,) = line.json("records", "list", "--control-id", "A-2")["items"]
    shown = line.json("records", "show", item["record"])
    assert (shown["structure"], shown["state"], shown["position"], shown["faults"]) == ("ADT_A01", "stored", 1, 1)
    assert [(one["code"], one["place"]) for one in shown["issues"]] == [("hl7v2.structure-segment-missing", "EVN")]
    raw = line.run("records", "show", item["record"], "--raw").stdout
    assert raw.encode() == feed().split(b"MSH")[2].join([b"MSH", b""]).rstrip(b"\r")
    assert "Quillfeather" not in line.run("records", "show", item["record"]).stdout
    assert "Structure ADT_A01" in line.run("records", "show", item["record"]).stdout


def test_what_was_refused_is_found_too_with_its_reason(line: CommandLine) -> None:
    (item,) = line.json("records", "list", "--control-id", "Z-1")["items"]
    assert (item["state"], item["reason"]) == ("waiting", "hl7v2.message-type-not-mapped")


@pytest.mark.parametrize(
    "words",
    ["--type Quillfeather", "--cursor x", "--type ADT^^A01", "--patient Patient/",
     "--since 2024-01-05 --until 2024-01-03"],
)  # fmt: skip
def test_what_means_nothing_is_refused(line: CommandLine, words: str) -> None:
    done = line.run("records", "list", *words.split(), expect=2)
    assert "Quillfeather" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("records", "list", "--patient", ""),
        ("records", "list", "--patient", "  "),
        ("records", "list", "--control-id", ""),
        ("records", "list", "--type="),
        ("linkage", "list", "--patient", ""),
        ("linkage", "list", "--patient", "Patient/"),
        ("audit", "report", "--patient", ""),
        ("quarantine", "list", "--code", ""),
        ("terminology", "search", "insulin", "--system", ""),
    ],
)
def test_a_condition_given_empty_shows_nobody(line: CommandLine, words: tuple[str, ...]) -> None:
    done = line.run(*words, expect=2)
    assert (done.stdout, "empty" in done.stderr) == ("", True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("served"), ingest={"source": "north"}) as made:
        made.ingest(feed())
        yield made


def patient_of(api: Careloom, number: str) -> str:
    return str(api.fhir("identified").search("Patient", {"identifier": number}).resources[0]["id"])


def sdk(served: Installation, **rights: object) -> Careloom:
    client = served.register(**rights)  # type: ignore[arg-type]
    credential = ClientSecret(client.client.id, client.secret)
    return Careloom(BASE_URL, credential, transport=httpx.WSGITransport(app=served.app))


def test_a_record_whose_structure_nobody_declares_is_not_called_sound(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "feed.xml").write_bytes(b"<strange/>")
    line.run("ingest", "feed.xml")
    (item,) = line.json("records", "list")["items"]
    assert "not checked" in line.run("records", "show", item["record"]).stdout


def test_the_sdk_finds_shows_and_fetches_records(served: Installation) -> None:
    with sdk(served) as api:
        page = api.records.find({"type": "ADT", "since": datetime(2024, 1, 3, tzinfo=UTC)})
        assert [one.type for one in page.items] == ["ADT^A08"]
        assert len(list(api.records.all())) == 4
        detail = api.records.get(page.items[0].record)
        assert (detail.structure, detail.issues[0].place) == ("ADT_A01", "EVN")
        assert api.records.raw(detail.record).startswith(b"MSH|^~\\&|LAB")
        assert [one.type for one in api.records.all({"patient": patient_of(api, "m1")})] == ["ADT^A08", "ADT^A01"]
        with pytest.raises(InputError):
            api.records.find({"type": "no type"})
        with pytest.raises(InputError):
            api.records.find({"patient": ""})
        with pytest.raises(InputError):
            api.records.find({"since": datetime(2024, 1, 5, tzinfo=UTC), "until": datetime(2024, 1, 3, tzinfo=UTC)})
        with pytest.raises(NotFound):
            api.records.get("a" * 26)


def test_bytes_are_for_those_who_may_read_patients_and_fetching_them_is_a_disclosure(served: Installation) -> None:
    with sdk(served) as api:
        (record,) = api.records.find({"control_id": "R-1"}).items
    with sdk(served, roles=("data-engineer",), zones=("landing",)) as api:
        assert api.records.get(record.record).type == "ORU^R01"
        with pytest.raises(AccessError):
            api.records.raw(record.record)
    with sdk(served) as api:
        api.records.raw(record.record)
    last = served.events("identified")[-1]
    assert (last["operation"], last["detail"]["disclosed"]) == ("records", True)
    assert len(last["subjects"]) == 1


def test_an_erased_patients_records_are_found_no_more(tmp_path: Path) -> None:
    with Installation(tmp_path, ingest={"source": "north"}) as made:
        made.ingest(feed())
        with sdk(made) as api:
            patient = patient_of(api, "m1")
        erase(made.platform, made.operator, f"Patient/{patient}")
        with sdk(made) as api:
            assert {one.type for one in api.records.all()} == {"ORU^R01"}, "the refused message names the same person"
            assert list(api.records.all({"control_id": "A-1"})) == []
