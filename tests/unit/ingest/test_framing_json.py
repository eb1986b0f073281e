import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.ingest.detect import detect
from careloom.ingest.framing import frame
from careloom.ingest.framing_limits import FrameLimits
from careloom.ingest.source import Source, cut
from careloom.pipeline.record import Record


def framed(data: bytes, limits: FrameLimits | None = None, pieces: int = 1 << 20) -> list[Record]:
    source = Source(iter([data[start : start + pieces] for start in range(0, len(data), pieces)]))
    return list(frame(source, detect(data[: 1 << 16], lambda _: None), limits or FrameLimits()))


def code(record: Record) -> str | None:
    return record.problem[0] if record.problem else None


def entry(number: int) -> dict[str, object]:
    return {"fullUrl": f"urn:uuid:{number}", "resource": {"resourceType": "Patient", "id": f"p{number}"}}


def bundle(kind: str, count: int) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": kind, "entry": [entry(number) for number in range(count)]}


def test_lines_are_records_as_they_stand() -> None:
    lines = [b'{"resourceType":"Patient","id":"1"}', b'{ "resourceType": "Patient" }', b"{broken"]
    records = framed(b"\xef\xbb\xbf" + lines[0] + b"\r\n\n" + lines[1] + b"\n  \n" + lines[2] + b"\n" + lines[1])
    assert [(record.position, record.raw, record.place) for record in records] == [
        (0, lines[0], "line 1"), (1, lines[1], "line 3"), (2, lines[2], "line 5"), (3, lines[1], "line 6"),
    ]  # fmt: skip


def test_a_broken_first_line_does_not_spoil_the_others() -> None:
    records = framed(b'{"resourceType":"Patient",\n' + b'{"resourceType":"Patient"}\n' * 3)
    assert len(records) == 4
    assert [code(record) for record in records] == [None] * 4


def test_a_line_with_nul_bytes_is_refused_alone() -> None:
    records = framed(b'{"resourceType":"Patient"}\n{"resourceType":"Pa\x00"}\n{"resourceType":"Patient"}\n')
    assert [code(record) for record in records] == [None, "ingest.nul-bytes", None]


@pytest.mark.parametrize("indent", [None, 2])
def test_one_resource_is_one_record_whatever_its_layout(indent: int | None) -> None:
    data = json.dumps({"resourceType": "Patient", "name": [{"family": "A"}]}, indent=indent).encode()
    for end in (b"", b"\n", b"\n\n  \n"):
        [record] = framed(data + end)
        assert record.raw == data
        assert record.problem is None


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("pieces", [7, 1 << 20])
def test_a_bundle_is_its_envelope_and_its_entries(indent: int | None, pieces: int) -> None:
    data = json.dumps(bundle("transaction", 3), indent=indent).encode()
    records = framed(data, pieces=pieces)
    assert [record.place for record in records] == ["Bundle", "entry[0]", "entry[1]", "entry[2]"]
    assert json.loads(records[0].raw) == {"resourceType": "Bundle", "type": "transaction", "entry": []}
    assert [json.loads(record.raw) for record in records[1:]] == [entry(0), entry(1), entry(2)]
    assert sum(len(record.raw) for record in records[1:]) < len(data)
    for record in records:
        assert record.raw in data or record.position == 0
        assert record.context.targets == {f"urn:uuid:{number}": f"Patient/p{number}" for number in range(3)}
        assert record.context.options is not None
        assert record.context.options["bundle_type"] == "transaction"
    assert [record.context.options.get("part") for record in records if record.context.options] == [
        "envelope", None, None, None,
    ]  # fmt: skip


def test_a_resource_without_id_goes_by_its_full_url() -> None:
    document = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:9", "resource": {"resourceType": "Group"}}]}
    assert framed(json.dumps(document).encode())[1].context.targets == {"urn:uuid:9": "Group/urn:uuid:9"}


def test_an_entry_that_contradicts_an_earlier_one_of_the_same_name_is_refused() -> None:
    document = bundle("transaction", 2)
    first, second = entry(0), {**entry(0), "request": {"method": "PUT", "url": "Patient/p0"}}
    versioned = {"fullUrl": "urn:uuid:0", "resource": {"resourceType": "Patient", "meta": {"versionId": "2"}}}
    document["entry"] = [first, entry(1), first, second, versioned]
    records = framed(json.dumps(document).encode())
    assert [code(record) for record in records] == [
        None, None, None, None, "ingest.bundle-duplicate-entry", None,
    ]  # fmt: skip
    history = json.dumps(document | {"type": "history"}).encode()
    assert [code(record) for record in framed(history)] == [None] * 6


def test_a_history_comes_oldest_first_with_true_positions() -> None:
    records = framed(json.dumps(bundle("history", 3)).encode())
    assert [(record.position, record.place) for record in records] == [
        (0, "Bundle"), (3, "entry[2]"), (2, "entry[1]"), (1, "entry[0]"),
    ]  # fmt: skip


def test_each_line_may_be_a_bundle() -> None:
    line = json.dumps(bundle("collection", 2)).encode()
    single = b'{"resourceType":"Patient"}'
    records = framed(line + b"\n" + single + b"\n" + line + b"\n")
    assert [record.place for record in records] == [
        "line 1 Bundle", "line 1 entry[0]", "line 1 entry[1]", "line 2",
        "line 3 Bundle", "line 3 entry[0]", "line 3 entry[1]",
    ]  # fmt: skip
    assert [record.position for record in records] == list(range(7))


def test_a_list_of_resources_gives_its_elements() -> None:
    records = framed(b'[ {"resourceType":"Patient"} ,\n {"resourceType":"Group"} ]')
    assert [record.raw for record in records] == [b'{"resourceType":"Patient"}', b'{"resourceType":"Group"}']


@pytest.mark.parametrize(
    "extra",
    [
        {"entry": []},
        {},
        {"meta": {"tag": [{"code": "entry"}]}, "entry": [{"resource": {"entry": [1]}}, 7, None, "text", [], {}]},
    ],
)
def test_odd_bundles_are_delivered_for_the_converter_to_judge(extra: dict[str, object]) -> None:
    records = framed(json.dumps({"resourceType": "Bundle", "type": "batch", **extra}, indent=1).encode())
    assert [code(record) for record in records] == [None] * (1 + len(extra.get("entry", [])))  # type: ignore[arg-type]


def test_an_entry_array_that_stands_twice_does_not_lose_bytes() -> None:
    data = b'{"other":[{"a":1}],"resourceType":"Bundle","entry":[{"a":1}]}'
    records = framed(data)
    assert sorted(b"".join(record.raw for record in records)) == sorted(data)
    assert json.loads(records[0].raw) == {"other": [{"a": 1}], "resourceType": "Bundle", "entry": []}
    doubled = b'{"resourceType":"Bundle","entry":[{"a":1}],"entry":[{"a":2}]}'
    assert [(record.raw, code(record)) for record in framed(doubled)] == [(doubled, "ingest.json-duplicate-key")]


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)


VALUES = st.recursive(st.none() | st.integers() | st.text(max_size=8), nested, max_leaves=8)


@given(entries=st.lists(VALUES, max_size=6), indent=st.sampled_from([None, 0, 3]), before=st.booleans())
@settings(max_examples=150)
def test_envelope_and_entries_are_the_bytes_of_the_bundle(
    entries: list[object], indent: int | None, before: bool
) -> None:
    document = {"resourceType": "Bundle", "entry": entries} if before else {"entry": entries, "resourceType": "Bundle"}
    data = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    records = framed(data)
    assert [json.loads(record.raw) for record in records[1:]] == entries
    separators = len(data) - sum(len(record.raw) for record in records)
    joined = data
    for record in records[1:]:
        joined = joined.replace(record.raw, b"", 1)
    assert separators <= len(joined)
    assert json.loads(records[0].raw)["entry"] == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"resourceType": "Patient",\n "name": [', "ingest.json-broken"),
        (b'{"resourceType": "Bundle", "entry": [{"resource": {}}', "ingest.json-broken"),
        (b"[" * 100_000, "ingest.json-too-deep"),
        (b'{"resourceType": "Bundle", "entry": [' + b'{"a":' * 100_000, "ingest.json-too-deep"),
        (b'{"resourceType":\n "Pat\x00ient"}', "ingest.nul-bytes"),
        (b'{"resourceType": "Patient"} trailing', "ingest.json-broken"),
    ],
)
def test_a_document_that_cannot_be_read_is_one_refused_record(data: bytes, problem: str) -> None:
    [record] = framed(data)
    assert (code(record), record.raw) == (problem, data)


def test_a_document_beyond_the_limit_is_refused_in_pieces() -> None:
    limits = FrameLimits(max_record_bytes=1000, max_document_bytes=5000)
    data = json.dumps(bundle("collection", 200), indent=1).encode()
    records = framed(data, limits, pieces=512)
    assert b"".join(record.raw for record in records) == data
    assert [code(record) for record in records][:2] == ["ingest.document-too-large", "ingest.record-continued"]
    large = json.dumps({"resourceType": "Binary", "data": "A" * 2000}, indent=1).encode()
    assert code(framed(large, limits)[0]) == "ingest.record-too-long"
    entries = json.dumps({"resourceType": "Bundle", "entry": [{"data": "A" * 2000}, {}]}, indent=1).encode()
    assert [code(record) for record in framed(entries, limits)] == [None, "ingest.record-too-long", None]


def test_ndjson_with_a_long_first_line_is_still_ndjson() -> None:
    long = json.dumps({"resourceType": "Binary", "data": "A" * 100_000}).encode()
    assert [record.place for record in framed(long + b'\n{"resourceType":"Patient"}\n')] == ["line 1", "line 2"]


def test_synthea_bundles_and_bulk_files_come_apart_without_loss(suites: Path) -> None:
    for path in sorted(suites.glob("synthea_bundles/ms-anonymizer/*.gz"))[:3]:
        data = gzip.decompress(path.read_bytes())
        document = json.loads(data)
        records = list(frame(Source(cut(data)), detect(data[: 1 << 16], lambda _: None)))
        assert [json.loads(record.raw) for record in records[1:]] == document["entry"]
        assert json.loads(records[0].raw) == {**document, "entry": []}
    for path in sorted(suites.glob("synthea_bulk_ndjson/10-patients/*.gz")):
        data = gzip.decompress(path.read_bytes())
        records = list(frame(Source(cut(data)), detect(data[: 1 << 16], lambda _: None)))
        assert [record.raw for record in records] == [line for line in data.split(b"\n") if line.strip()]
