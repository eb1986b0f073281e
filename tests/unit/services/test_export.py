"""Exports under trouble: stopped, written to, erased from, damaged; and the lines that are made unparsed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import Conflict, IntegrityError
from careloom.services import export as module
from careloom.services.erase import erase
from careloom.services.export import export, exports_of
from careloom.services.export_ask import ExportAsk
from careloom.services.export_files import export_to_folder
from careloom.services.records import outgoing
from careloom.store import export_scan
from careloom.store.audit_log import time_of
from careloom.store.rows import Stored, canonical, instant
from tests.api.kit import OBSERVATION, PATIENT, Installation

COUNT = 9
ALL = ExportAsk("identified")
WARD = [PATIENT | {"id": f"p{number}"} for number in range(COUNT)] + [
    OBSERVATION | {"id": f"o{number}", "subject": {"reference": f"Patient/p{number}"}} for number in range(COUNT)
]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation whose exports are kept after every second resource."""
    monkeypatch.setattr(module, "CHECKPOINT_LINES", 2)
    monkeypatch.setattr(export_scan, "PAGE", 2)
    with Installation(tmp_path, export={"file_resources": 4}) as one:
        one.ingest(WARD)
        yield one


def read_all(made: Installation) -> list[bytes]:
    store = made.platform.store("identified")
    return sorted(outgoing(store, stored).found.content for stored in store.scan())


def lines(made: Installation, export_id: str = "x") -> list[bytes]:
    folder = exports_of(made.platform)
    state = folder.find(export_id)
    assert state is not None
    assert state.ended
    texts = [text for file in state.files for _, text in folder.frames(export_id, state, file)]
    return sorted(b"".join(texts).splitlines())


def stop_after(calls: int) -> Any:
    left = iter(range(calls))

    def watch(done: int, total: int) -> None:
        if next(left, None) is None:
            raise Conflict("stopped", "")

    return watch


@pytest.mark.parametrize("calls", [1, 3, 8])
def test_an_interrupted_export_goes_on_and_shows_the_state_of_its_beginning(made: Installation, calls: int) -> None:
    before = read_all(made)
    with pytest.raises(Conflict):
        export(made.platform, made.operator, ALL, "x", stop_after(calls))
    made.ingest(
        [PATIENT | {"id": f"p{number}", "active": False} for number in range(COUNT)] + [PATIENT | {"id": "new"}]
    )
    assert read_all(made) != before
    export(made.platform, made.operator, ALL, "x")
    assert lines(made) == before


def test_an_export_amid_an_erasure_begins_anew_without_the_patient(made: Installation) -> None:
    with pytest.raises(Conflict):
        export(made.platform, made.operator, ALL, "x", stop_after(5))
    erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'p0')}")
    assert exports_of(made.platform).find("x") is None
    export(made.platform, made.operator, ALL, "x")
    assert lines(made) == read_all(made)
    assert len(lines(made)) == 2 * COUNT - 2


def test_an_erasure_takes_the_lines_of_one_patient_out_and_leaves_all_others(made: Installation) -> None:
    export(made.platform, made.operator, ALL, "x")
    erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'p3')}")
    assert lines(made) == read_all(made)
    assert len(lines(made)) == 2 * COUNT - 2


def test_a_changed_byte_of_a_file_is_found(made: Installation) -> None:
    export(made.platform, made.operator, ALL, "x")
    (file, *_) = sorted((made.platform.settings.data.directory / "exports" / "x").glob("*.ndjson.0"))
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(IntegrityError):
        lines(made)


def test_a_folder_holds_the_same_lines_with_a_manifest_and_nothing_stays_sealed(made: Installation) -> None:
    target = made.folder / "out"
    manifest = export_to_folder(made.platform, made.operator, ALL, target)
    assert orjson.loads((target / "manifest.json").read_bytes()) == manifest
    found = b"".join((target / file["url"]).read_bytes() for file in manifest["output"])
    assert sorted(found.splitlines()) == read_all(made)
    assert exports_of(made.platform).listed() == []


META = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.lists(st.text(), min_size=1, max_size=2),
        "tag": st.lists(st.fixed_dictionaries({"code": st.text()}), min_size=1, max_size=2),
        "source": st.text(),
    },
)
RESOURCES = st.fixed_dictionaries(
    {"resourceType": st.just("Basic"), "id": st.just("b1")},
    optional={
        "meta": META,
        "contained": st.lists(st.fixed_dictionaries({"resourceType": st.just("Basic"), "meta": META}), max_size=2),
        "code": st.fixed_dictionaries({"text": st.text(), "valueMeta": META}),
        "author": st.text(alphabet='{}"\\:meta,[]'),
    },
)


@given(resource=RESOURCES, record_id=st.sampled_from(["", "4q2c7lq6m5v3wyf4d2y7z2k7xa"]))
def test_a_line_made_unparsed_is_the_line_made_parsed(resource: dict[str, Any], record_id: str) -> None:
    content, updated = canonical(resource), 1_700_000_000_123_456
    made = export_scan.line_of(content, 3, instant(time_of(updated)).encode(), record_id)
    parsed = Stored(1, "Basic", "b1", 3, time_of(updated), False, record_id, content).resource()
    assert made in (None, orjson.dumps(parsed) + b"\n")
